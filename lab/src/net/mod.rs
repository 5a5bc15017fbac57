//! The wires of the lab: two network namespaces, joined to each other and to us by veth pairs.
//!
//! ```text
//!   root namespace                 namespace …-nas                     namespace …-cpe
//!   headend                        hostapd                             wpa_supplicant
//!   hl<pid> 198.18.x.y/30 <-veth-> core0 198.18.x.y+1/30
//!                                  port0 <-----------------veth------> eth0      (EAPOL only, no addresses)
//! ```
//!
//! Everything carries the process id of the lab in its name and goes away with the value ([`Wires`]); what a lab left
//! behind that was killed is removed by the next one ([`Wires::remove_stale`]). Never shells out, and never touches an
//! interface, an address or a route that it did not make.

mod address;
mod link;
mod namespace;

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};

pub use namespace::Namespace;

/// The interface towards the core, inside the namespace of the NAS.
pub const CORE_LINK: &str = "core0";
/// The port of the NAS that the subscriber is plugged into.
pub const PORT_LINK: &str = "port0";
/// The interface of the subscriber.
pub const SUBSCRIBER_LINK: &str = "eth0";
/// On which a NAS and a proxy beside it speak to each other.
const LOOPBACK: &str = "lo";
/// The subscriber's MAC address: locally administered, so that it can be nobody's.
pub const SUBSCRIBER_MAC: [u8; 6] = [0x02, 0x1a, 0xb0, 0x00, 0x00, 0x01];

/// The two namespaces and what joins them.
#[derive(Debug)]
pub struct Wires {
    /// Where the NAS runs.
    pub nas: Namespace,
    /// Where the subscriber runs.
    pub cpe: Namespace,
    /// Our end of the wire to the NAS.
    pub core_address: Ipv4Addr,
    /// The end of the NAS.
    pub nas_address: Ipv4Addr,
}

impl Wires {
    /// Makes namespaces and wires.
    ///
    /// # Errors
    /// Not root, no free address, or the kernel refuses; then nothing is left behind.
    pub fn lay() -> Result<Wires> {
        let pid = std::process::id();
        let nas = Namespace::create("nas", pid)?;
        let cpe = Namespace::create("cpe", pid)?;
        let (core_address, nas_address) = address::free_pair()?;
        let ours = link::root_name(pid);
        link::pair(&ours, CORE_LINK, &nas).context("cannot join the core with the namespace of the NAS")?;
        link::up_with_address(&ours, core_address)?;
        nas.enter(move || link::up_with_address(CORE_LINK, nas_address))??;
        let port = cpe.handle()?;
        nas.enter(move || link::pair_across(PORT_LINK, SUBSCRIBER_LINK, &port))??;
        nas.enter(|| link::up(PORT_LINK, None))??;
        nas.enter(|| link::up(LOOPBACK, None))??;
        cpe.enter(|| link::up(SUBSCRIBER_LINK, Some(SUBSCRIBER_MAC)))??;
        Ok(Wires {
            nas,
            cpe,
            core_address,
            nas_address,
        })
    }

    /// Removes what labs left behind whose process is gone; gives the names of the namespaces.
    ///
    /// # Errors
    /// The directory of namespaces cannot be read.
    pub fn remove_stale() -> Result<Vec<String>> {
        namespace::remove_stale()
    }
}

/// The subscriber's MAC address as RADIUS clients write it.
pub fn subscriber_mac() -> String {
    SUBSCRIBER_MAC.map(|octet| format!("{octet:02X}")).join("-")
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::path::Path;

    use super::*;
    use crate::rundir;

    #[test]
    fn wires_carry_packets_and_nothing_of_them_stays() -> Result<()> {
        let laid = Wires::lay();
        if !rundir::is_root() {
            assert!(laid.is_err(), "namespaces without root");
            return Ok(());
        }
        let wires = laid?;
        let (core, nas) = (wires.core_address, wires.nas_address);
        let ours = UdpSocket::bind((core, 0))?;
        ours.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
        let to = ours.local_addr()?;
        wires
            .nas
            .enter(move || UdpSocket::bind((nas, 0))?.send_to(b"hello", to))??;
        let mut room = [0; 16];
        let (length, from) = ours.recv_from(&mut room)?;
        assert_eq!((&room[..length], from.ip()), (b"hello".as_slice(), nas.into()));

        let names = [wires.nas.name().to_owned(), wires.cpe.name().to_owned()];
        assert!(
            names
                .iter()
                .all(|name| Path::new("/run/netns").join(name).exists())
        );
        drop(wires);
        assert!(
            !names
                .iter()
                .any(|name| Path::new("/run/netns").join(name).exists())
        );
        // The kernel takes the wire down once the namespace at its other end is gone, which it does in its own time.
        let link = Path::new("/sys/class/net").join(link::root_name(std::process::id()));
        crate::wait::until("the wire to go", std::time::Duration::from_secs(20), || {
            Ok(if link.exists() {
                crate::wait::Look::Not(format!("{} exists", link.display()))
            } else {
                crate::wait::Look::Found(())
            })
        })
    }
}
