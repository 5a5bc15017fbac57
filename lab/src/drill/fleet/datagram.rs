//! The octets of an Accounting-Request of the drill, and their digest. No socket, no state.

use std::net::Ipv4Addr;

use anyhow::Result;
use md5::{Digest as _, Md5};
use radius::{Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, StatusType, kind};

use crate::drill::ledger::{Tale, Usage};

/// What stands for the octets of a datagram.
pub type Digest = [u8; 16];

/// Octets of one filling attribute, as many as one can have.
const FILLING_LEN: usize = 253;
/// Attributes that fill a fat datagram; with the others it stays under 4,096 octets.
const FILLINGS: usize = 14;

/// What goes into a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The NAS.
    pub nas: Ipv4Addr,
    /// The identifier of the request.
    pub identifier: u8,
    /// What it tells, of which session; none is an Accounting-On.
    pub told: Option<(&'a str, &'a str, Tale)>,
    /// When it happened, in seconds since 1970.
    pub happened_unix_s: u32,
    /// Acct-Delay-Time, if the NAS says it.
    pub delay_s: Option<u32>,
    /// Whether it is filled up to nearly the longest packet.
    pub fat: bool,
}

/// Builds the octets.
///
/// # Errors
/// They do not fit.
pub fn build(content: &Content<'_>, secret: &SharedSecret) -> Result<Vec<u8>> {
    let mut room = [0; PACKET_LEN_MAX];
    let mut request = RequestWriter::signed(&mut room, Code::AccountingRequest, content.identifier)?;
    let status = match content.told {
        None => StatusType::On,
        Some((_, _, Tale::Start)) => StatusType::Start,
        Some((_, _, Tale::Interim(_))) => StatusType::Interim,
        Some((_, _, Tale::Stop(..))) => StatusType::Stop,
    };
    request.u32(kind::ACCT_STATUS_TYPE, status.number())?;
    request.ipv4(kind::NAS_IP_ADDRESS, content.nas)?;
    request.u32(kind::EVENT_TIMESTAMP, content.happened_unix_s)?;
    if let Some(delay_s) = content.delay_s {
        request.u32(kind::ACCT_DELAY_TIME, delay_s)?;
    }
    if let Some((session, username, tale)) = content.told {
        request.text(kind::ACCT_SESSION_ID, session)?;
        request.text(kind::USER_NAME, username)?;
        match tale {
            Tale::Start => {}
            Tale::Interim(usage) => used(&mut request, usage)?,
            Tale::Stop(usage, cause) => {
                used(&mut request, usage)?;
                request.u32(kind::ACCT_TERMINATE_CAUSE, cause.number())?;
            }
        }
    }
    if content.fat {
        for number in 0..FILLINGS {
            // Connect-Info and the like are kept in columns; a State is kept nowhere but in the journal.
            request.attribute(kind::STATE, &[u8::try_from(number).unwrap_or(0); FILLING_LEN])?;
        }
    }
    Ok(request.finish(secret).to_vec())
}

/// Adds counters.
fn used(request: &mut RequestWriter<'_>, usage: Usage) -> Result<()> {
    let low = |octets: u64| u32::try_from(octets & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    request.u32(kind::ACCT_SESSION_TIME, usage.seconds)?;
    request.u32(kind::ACCT_INPUT_OCTETS, low(usage.octets_in))?;
    request.u32(kind::ACCT_INPUT_GIGAWORDS, low(usage.octets_in >> 32))?;
    request.u32(kind::ACCT_OUTPUT_OCTETS, low(usage.octets_out))?;
    request.u32(kind::ACCT_OUTPUT_GIGAWORDS, low(usage.octets_out >> 32))?;
    Ok(())
}

/// The digest of a datagram.
pub fn digest(octets: &[u8]) -> Digest {
    Md5::digest(octets).into()
}
