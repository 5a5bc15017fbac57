//! Two addresses for the wire between core and NAS that nobody on this machine uses.
//!
//! They come from 198.18.0.0/15, which is set aside for tests between devices (RFC 2544) and so is nobody's on the Internet.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, Result, bail};
use futures_util::TryStreamExt as _;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::route::{RouteAddress, RouteAttribute};
use rtnetlink::RouteMessageBuilder;

use super::link::{self, PREFIX_LEN};

/// The first address set aside for tests.
const POOL: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
/// How many networks of four addresses fit into the pool.
const NETWORKS: u32 = 1 << 15;
/// How many of them are tried.
const TRIES_MAX: u32 = 64;
/// Routes shorter than this are defaults in disguise and do not claim the pool.
const CLAIM_PREFIX_LEN_MIN: u8 = 8;

/// An address range that something on this machine uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Used {
    /// Any address in it.
    address: Ipv4Addr,
    /// Length of its prefix.
    prefix_len: u8,
}

/// Picks two neighbouring addresses: ours, and the one of the NAS.
///
/// # Errors
/// The kernel does not tell what is in use, or everything tried is.
pub(super) fn free_pair() -> Result<(Ipv4Addr, Ipv4Addr)> {
    let used = in_use().context("cannot find out which addresses are in use")?;
    let mut octets = [0; 4];
    getrandom::fill(&mut octets).context("the operating system gives no random numbers")?;
    let start = u32::from_be_bytes(octets);
    let candidates = (0..TRIES_MAX).map(|step| network(start.wrapping_add(step.wrapping_mul(509))));
    let Some(base) = candidates
        .into_iter()
        .find(|base| used.iter().all(|range| !overlap(*range, *base)))
    else {
        bail!("no free network in {POOL}/15 after {TRIES_MAX} tries; something routes all of it");
    };
    let base = u32::from(base);
    Ok((Ipv4Addr::from(base + 1), Ipv4Addr::from(base + 2)))
}

/// The network with this number, counted round and round.
fn network(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(POOL) + (number % NETWORKS) * 4)
}

/// Whether a range in use and one of our networks have an address in common.
fn overlap(used: Used, base: Ipv4Addr) -> bool {
    let bits = u32::from(used.prefix_len.min(PREFIX_LEN));
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    u32::from(used.address) & mask == u32::from(base) & mask
}

/// All addresses and routes of this namespace.
fn in_use() -> Result<Vec<Used>> {
    link::speak(async |netlink| {
        let mut used = Vec::new();
        let mut addresses = netlink.address().get().execute();
        while let Some(message) = addresses.try_next().await? {
            let prefix_len = message.header.prefix_len;
            used.extend(message.attributes.iter().filter_map(|attribute| match attribute {
                AddressAttribute::Address(IpAddr::V4(address))
                | AddressAttribute::Local(IpAddr::V4(address)) => Some(Used {
                    address: *address,
                    prefix_len,
                }),
                _ => None,
            }));
        }
        let mut routes = netlink
            .route()
            .get(RouteMessageBuilder::<Ipv4Addr>::new().build())
            .execute();
        while let Some(message) = routes.try_next().await? {
            let prefix_len = message.header.destination_prefix_length;
            used.extend(message.attributes.iter().filter_map(|attribute| match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address))
                    if prefix_len >= CLAIM_PREFIX_LEN_MIN =>
                {
                    Some(Used {
                        address: *address,
                        prefix_len,
                    })
                }
                _ => None,
            }));
        }
        Ok(used)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_stay_in_the_pool_and_start_at_multiples_of_four() {
        for number in [0, 1, NETWORKS - 1, NETWORKS, u32::MAX] {
            let base = network(number);
            assert_eq!(base.octets()[0], 198);
            assert!(matches!(base.octets()[1], 18 | 19), "{base}");
            assert_eq!(base.octets()[3] % 4, 0);
        }
    }

    #[test]
    fn an_address_inside_our_network_and_a_route_around_it_overlap() {
        let base = Ipv4Addr::new(198, 18, 4, 8);
        assert!(overlap(
            Used {
                address: Ipv4Addr::new(198, 18, 4, 10),
                prefix_len: 32
            },
            base
        ));
        assert!(overlap(
            Used {
                address: Ipv4Addr::new(198, 18, 0, 0),
                prefix_len: 16
            },
            base
        ));
        assert!(!overlap(
            Used {
                address: Ipv4Addr::new(198, 18, 4, 12),
                prefix_len: 30
            },
            base
        ));
        assert!(!overlap(
            Used {
                address: Ipv4Addr::new(10, 0, 0, 0),
                prefix_len: 8
            },
            base
        ));
    }
}
