//! The Code field: which kind of packet this is, and how each kind is signed.
//!
//! Knows nothing of what a packet contains. Next: [`crate::packet`].

use std::fmt;

/// The kinds of packet this crate understands; the first octet of every datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Code {
    /// A NAS asks whether a subscriber may come in (RFC 2865 section 4.1).
    AccessRequest = 1,
    /// The subscriber may come in, with these attributes (RFC 2865 section 4.2).
    AccessAccept = 2,
    /// The subscriber may not come in (RFC 2865 section 4.3).
    AccessReject = 3,
    /// A session began, goes on or ended (RFC 2866 section 4.1).
    AccountingRequest = 4,
    /// The accounting record is safe (RFC 2866 section 4.2).
    AccountingResponse = 5,
    /// The server has a question first (RFC 2865 section 4.4).
    AccessChallenge = 11,
    /// Are you there? (RFC 5997).
    StatusServer = 12,
    /// End these sessions (RFC 5176 section 2.1).
    DisconnectRequest = 40,
    /// They are being ended (RFC 5176 section 2.1).
    DisconnectAck = 41,
    /// They are not, see Error-Cause (RFC 5176 section 2.1).
    DisconnectNak = 42,
    /// Change these sessions (RFC 5176 section 2.2).
    CoaRequest = 43,
    /// They are changed (RFC 5176 section 2.2).
    CoaAck = 44,
    /// They are not, see Error-Cause (RFC 5176 section 2.2).
    CoaNak = 45,
}

/// How the sixteen octets of the Authenticator field come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    /// Random octets that prove nothing: Access-Request, Status-Server.
    Random,
    /// MD5 over the packet with zeros in the field, and the secret: Accounting-, Disconnect-, CoA-Request.
    OverZeros,
    /// MD5 over the packet with the request's authenticator in the field, and the secret: all replies.
    OverRequest,
}

impl Code {
    /// The name the RFCs use, such as `Access-Request`.
    pub const fn name(self) -> &'static str {
        match self {
            Code::AccessRequest => "Access-Request",
            Code::AccessAccept => "Access-Accept",
            Code::AccessReject => "Access-Reject",
            Code::AccountingRequest => "Accounting-Request",
            Code::AccountingResponse => "Accounting-Response",
            Code::AccessChallenge => "Access-Challenge",
            Code::StatusServer => "Status-Server",
            Code::DisconnectRequest => "Disconnect-Request",
            Code::DisconnectAck => "Disconnect-ACK",
            Code::DisconnectNak => "Disconnect-NAK",
            Code::CoaRequest => "CoA-Request",
            Code::CoaAck => "CoA-ACK",
            Code::CoaNak => "CoA-NAK",
        }
    }

    /// Whether packets of this kind answer another packet.
    pub const fn is_reply(self) -> bool {
        matches!(self.signing(), Signing::OverRequest)
    }

    /// How the Authenticator field of this kind is made.
    pub(crate) const fn signing(self) -> Signing {
        match self {
            Code::AccessRequest | Code::StatusServer => Signing::Random,
            Code::AccountingRequest | Code::DisconnectRequest | Code::CoaRequest => Signing::OverZeros,
            Code::AccessAccept
            | Code::AccessReject
            | Code::AccountingResponse
            | Code::AccessChallenge
            | Code::DisconnectAck
            | Code::DisconnectNak
            | Code::CoaAck
            | Code::CoaNak => Signing::OverRequest,
        }
    }
}

/// A first octet that names no packet we understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("code {0} is no RADIUS packet this program understands")]
pub struct UnknownCode(pub u8);

impl TryFrom<u8> for Code {
    type Error = UnknownCode;

    fn try_from(code: u8) -> Result<Self, UnknownCode> {
        Ok(match code {
            1 => Code::AccessRequest,
            2 => Code::AccessAccept,
            3 => Code::AccessReject,
            4 => Code::AccountingRequest,
            5 => Code::AccountingResponse,
            11 => Code::AccessChallenge,
            12 => Code::StatusServer,
            40 => Code::DisconnectRequest,
            41 => Code::DisconnectAck,
            42 => Code::DisconnectNak,
            43 => Code::CoaRequest,
            44 => Code::CoaAck,
            45 => Code::CoaNak,
            other => return Err(UnknownCode(other)),
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
