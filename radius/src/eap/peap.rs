//! What is inside the tunnel of PEAP version 0 (MS-PEAP section 2.2): EAP packets without their headers, and at the end the
//! Extensions packet, with its header, in which both sides say how it went.

use super::packet::{EapCode, EapView, HEADER_LEN, method};

/// Octets of a Result TLV within its packet: header, type, and the TLV itself.
const RESULT_LEN: usize = HEADER_LEN + 1 + 4 + 2;
/// The TLV's type with its mandatory bit.
const RESULT_TLV: [u8; 4] = [0x80, 0x03, 0x00, 0x02];

/// What a peer sent through the tunnel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inner<'a> {
    /// An answer of a method.
    Method {
        /// Which method.
        method: u8,
        /// Its data.
        data: &'a [u8],
    },
    /// How it went, as the peer sees it.
    Result {
        /// Whether it went well.
        success: bool,
    },
}

impl<'a> Inner<'a> {
    /// Reads what came; `None` when it is nothing.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        if let Some(eap) = with_header(octets) {
            return match eap.method()? {
                method::EXTENSIONS => result(eap.data()).map(|success| Inner::Result { success }),
                method => Some(Inner::Method {
                    method,
                    data: eap.data(),
                }),
            };
        }
        let (method, data) = octets.split_first()?;
        Some(Inner::Method {
            method: *method,
            data,
        })
    }
}

impl std::fmt::Debug for Inner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Inner::Method { method, .. } => write!(f, "Method({method})"),
            Inner::Result { success } => write!(f, "Result({success})"),
        }
    }
}

/// A packet that came with its header: the length fits to the octet.
fn with_header(octets: &[u8]) -> Option<EapView<'_>> {
    let eap = EapView::parse(octets).ok()?;
    let length = u16::from_be_bytes([*octets.get(2)?, *octets.get(3)?]);
    (eap.code() == EapCode::Response && usize::from(length) == octets.len()).then_some(eap)
}

/// The Result TLV among others.
fn result(mut tlvs: &[u8]) -> Option<bool> {
    loop {
        let (&[high, low, len_high, len_low], rest) = tlvs.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([len_high, len_low])))?;
        if u16::from_be_bytes([high, low]) & 0x3fff == 3 {
            return match value {
                [0, 1] => Some(true),
                [0, 2] => Some(false),
                _ => None,
            };
        }
        tlvs = rest;
    }
}

/// Appends the packet that says how it went.
pub fn write_result(identifier: u8, success: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&[
        EapCode::Request as u8,
        identifier,
        0,
        RESULT_LEN as u8,
        method::EXTENSIONS,
    ]);
    out.extend_from_slice(&RESULT_TLV);
    out.extend_from_slice(&[0, if success { 1 } else { 2 }]);
}
