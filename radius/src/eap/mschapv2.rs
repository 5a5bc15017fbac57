//! EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02): MS-CHAP version 2 in packets of EAP. The arithmetic is in
//! [`crate::mschap`]; here are only the frames.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    OpCode     | MS-CHAPv2-ID  |           MS-Length           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Value-Size  |  Value ...      Name or message ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! ```

use crate::mschap::Response2;
use crate::mschap::failure::{FAILURE_LEN_MAX, Failure};
use crate::mschap::v2::{NT_RESPONSE_LEN, SUCCESS_LEN};

/// Octets of the value of a response: both halves, reserved octets, flags.
const RESPONSE_LEN: usize = 49;
/// Octets before a value or a message.
const HEADER_LEN: usize = 4;

/// What the data of a peer say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// He answers the challenge.
    Response {
        /// Repeats that of the challenge.
        ident: u8,
        /// His own challenge.
        peer_challenge: &'a [u8; 16],
        /// What proves him.
        nt_response: &'a [u8; NT_RESPONSE_LEN],
        /// Who he says he is.
        name: &'a [u8],
    },
    /// He is convinced of us.
    Success,
    /// He heard that it failed.
    Failure,
    /// He sends a changed password.
    ChangePassword,
}

impl<'a> Said<'a> {
    /// Reads the data of a Response of this method; `None` when they are none.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        match data.split_first()? {
            (3, _) => Some(Said::Success),
            (4, _) => Some(Said::Failure),
            (7, _) => Some(Said::ChangePassword),
            (2, _) => {
                let (&[_, ident, _, _], rest) = data.split_first_chunk::<HEADER_LEN>()?;
                let (size, rest) = rest.split_first()?;
                if usize::from(*size) != RESPONSE_LEN {
                    return None;
                }
                let (value, name) = rest.split_first_chunk::<RESPONSE_LEN>()?;
                let (peer_challenge, value) = value.split_first_chunk::<16>()?;
                let (_reserved, value) = value.split_first_chunk::<8>()?;
                let (nt_response, _flags) = value.split_first_chunk::<NT_RESPONSE_LEN>()?;
                Some(Said::Response {
                    ident,
                    peer_challenge,
                    nt_response,
                    name,
                })
            }
            _ => None,
        }
    }

    /// The response as [`crate::mschap::v2::check`] takes it.
    pub fn response(&self) -> Option<Response2<'a>> {
        match *self {
            Said::Response {
                ident,
                peer_challenge,
                nt_response,
                ..
            } => Some(Response2 {
                ident,
                peer_challenge,
                nt_response,
            }),
            _ => None,
        }
    }
}

/// Appends the data of a challenge; `name` is what we call ourselves.
pub fn write_challenge(ident: u8, challenge: &[u8; 16], name: &[u8], out: &mut Vec<u8>) {
    let value_size = [16];
    write(1, ident, &[&value_size, challenge, name], out);
}

/// Appends the data of what proves us to the peer.
pub fn write_success(ident: u8, proof: &[u8; SUCCESS_LEN], out: &mut Vec<u8>) {
    write(3, ident, &[proof, b" M=OK"], out);
}

/// Appends the data of a refusal.
pub fn write_failure(failure: &Failure<'_>, out: &mut Vec<u8>) {
    let mut room = [0; FAILURE_LEN_MAX];
    // What RADIUS writes begins with the identifier, which stands in the header here.
    let words = failure.write(&mut room).get(1..).unwrap_or_default();
    write(4, failure.ident, &[words], out);
}

/// Appends a frame.
fn write(op: u8, ident: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let len: usize = HEADER_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&[op, ident, high, low]);
    for part in parts {
        out.extend_from_slice(part);
    }
}
