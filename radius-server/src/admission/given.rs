//! What an Access-Accept carries of admission: the addresses. Never decides which.

use crate::addresses::PoolKind;
use crate::class::Login;
use crate::id::{PoolId, SubscriberId};
use ipnet::IpNet;
use radius::{ReplyWriter, WriteError, kind};
use std::net::IpAddr;

/// An address of a pool or of a subscriber's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GivenAddress {
    /// Said how.
    pub(crate) kind: PoolKind,
    /// It.
    pub(crate) net: IpNet,
    /// Of which pool; `None`: assigned for good.
    pub(crate) pool: Option<PoolId>,
}

/// A login that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// Whose place it holds.
    pub(crate) subscriber: SubscriberId,
    /// Under which login.
    pub(crate) login: Login,
    /// What it gets.
    pub(crate) addresses: Vec<GivenAddress>,
}

impl Admitted {
    /// Of which kinds it gets an address.
    pub(crate) fn kinds(&self) -> [bool; PoolKind::ALL.len()] {
        PoolKind::ALL.map(|kind| self.addresses.iter().any(|given| given.kind == kind))
    }

    /// Writes the addresses.
    pub(crate) fn write(&self, reply: &mut ReplyWriter<'_>) -> Result<(), WriteError> {
        for given in &self.addresses {
            match (given.kind, given.net.addr()) {
                (PoolKind::Ipv4, IpAddr::V4(address)) => {
                    reply.attribute(kind::FRAMED_IP_ADDRESS, &address.octets())?;
                }
                (PoolKind::Prefix, IpAddr::V6(address)) => {
                    reply.attribute(
                        kind::FRAMED_IPV6_PREFIX,
                        &prefix(given.net.prefix_len(), address.octets()),
                    )?;
                }
                (PoolKind::Delegated, IpAddr::V6(address)) => {
                    reply.attribute(
                        kind::DELEGATED_IPV6_PREFIX,
                        &prefix(given.net.prefix_len(), address.octets()),
                    )?;
                }
                _ => {} // never: an address has the family of its kind
            }
        }
        Ok(())
    }
}

/// A prefix as RFC 3162 section 2.3 writes it, all 16 octets: what some NAS insist on.
fn prefix(len: u8, address: [u8; 16]) -> [u8; 18] {
    let mut octets = [0; 18];
    octets[1] = len;
    octets[2..].copy_from_slice(&address);
    octets
}
