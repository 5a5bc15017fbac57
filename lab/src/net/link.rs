//! Interfaces: making veth pairs, moving an end into a namespace, bringing ends up.
//!
//! Each function speaks rtnetlink from the calling thread, hence in the network namespace that thread lives in.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};

use super::Namespace;

/// Length of the network between core and NAS: two hosts.
pub(super) const PREFIX_LEN: u8 = 30;

/// What the end in the root namespace is called. Fits into the 15 characters Linux allows.
pub(super) fn root_name(pid: u32) -> String {
    format!("hl{pid}")
}

/// Makes a pair with one end here and the other one inside a namespace.
///
/// # Errors
/// The kernel refuses, for example because a name is taken.
pub(super) fn pair(here: &str, there: &str, namespace: &Namespace) -> Result<()> {
    let handle = namespace.handle()?;
    let parked = format!("{here}p");
    speak(async |netlink| {
        let pair = LinkVeth::new(here, &parked).build();
        netlink
            .link()
            .add(pair)
            .execute()
            .await
            .with_context(|| format!("cannot make the veth pair {here}"))?;
        hand_over(&netlink, &parked, there, &handle).await
    })
}

/// Makes a pair with one end in the caller's namespace and the other one in the namespace behind `handle`.
///
/// # Errors
/// As for [`pair`].
pub(super) fn pair_across(here: &str, there: &str, handle: &OwnedFd) -> Result<()> {
    let parked = format!("{here}p");
    speak(async |netlink| {
        let pair = LinkVeth::new(here, &parked).build();
        netlink
            .link()
            .add(pair)
            .execute()
            .await
            .with_context(|| format!("cannot make the veth pair {here}"))?;
        hand_over(&netlink, &parked, there, handle).await
    })
}

/// Moves an end into another namespace, where it gets its name.
async fn hand_over(netlink: &Handle, parked: &str, there: &str, namespace: &OwnedFd) -> Result<()> {
    let index = index(netlink, parked).await?;
    let moved: LinkMessage = LinkUnspec::new_with_index(index)
        .name(there)
        .setns_by_fd(namespace.as_raw_fd())
        .build();
    let moved = netlink.link().set(moved).execute().await;
    moved.with_context(|| format!("cannot move {parked} into a namespace as {there}"))
}

/// Brings an interface up, with another MAC address if one is given.
///
/// # Errors
/// No such interface, or the kernel refuses.
pub(super) fn up(name: &str, mac: Option<[u8; 6]>) -> Result<()> {
    speak(async |netlink| bring_up(&netlink, name, mac).await.map(drop))
}

/// Gives an interface its address in a [`PREFIX_LEN`] network and brings it up.
///
/// # Errors
/// No such interface, or the kernel refuses.
pub(super) fn up_with_address(name: &str, address: Ipv4Addr) -> Result<()> {
    speak(async |netlink| {
        let index = bring_up(&netlink, name, None).await?;
        let added = netlink
            .address()
            .add(index, IpAddr::V4(address), PREFIX_LEN)
            .execute()
            .await;
        added.with_context(|| format!("cannot give {name} the address {address}/{PREFIX_LEN}"))
    })
}

/// Brings an interface up and gives its index.
async fn bring_up(netlink: &Handle, name: &str, mac: Option<[u8; 6]>) -> Result<u32> {
    let index = index(netlink, name).await?;
    let mut wanted: LinkMessageBuilder<LinkUnspec> = LinkUnspec::new_with_index(index);
    if let Some(mac) = mac {
        wanted = wanted.address(mac.to_vec());
    }
    let set = netlink.link().set(wanted.up().build()).execute().await;
    set.with_context(|| format!("cannot bring {name} up"))?;
    Ok(index)
}

/// Finds an interface.
async fn index(netlink: &Handle, name: &str) -> Result<u32> {
    let mut links = netlink.link().get().match_name(name.to_owned()).execute();
    let link = links
        .try_next()
        .await
        .with_context(|| format!("cannot look for interface {name}"))?;
    Ok(link
        .with_context(|| format!("there is no interface {name}"))?
        .header
        .index)
}

/// Opens a netlink connection for a while and does something with it.
///
/// # Errors
/// No connection, or what was done failed.
pub(super) fn speak<T>(job: impl AsyncFnOnce(Handle) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start a runtime")?.block_on(async {
        let (connection, netlink, _messages) =
            new_connection().context("cannot open a netlink connection")?;
        tokio::spawn(connection);
        job(netlink).await
    })
}
