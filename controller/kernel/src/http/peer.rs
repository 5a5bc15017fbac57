//! From where a request came.
//! Never believes a header of somebody who is not a named proxy.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The header proxies append their peer to.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client: the peer, or what a trusted proxy says was its peer.
pub fn source_ip(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let values = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    // From the nearest hop outwards; the first that is not ours is the client. What stands before it he may have made up.
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        if !is_trusted(&address.to_canonical()) {
            return Some(address.to_canonical());
        }
    }
    Some(peer)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: Option<&'static str>, expect: &str) {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().expect("an address"), 1)));
        let mut headers = HeaderMap::new();
        if let Some(forwarded) = forwarded {
            headers.insert(FORWARDED_FOR, HeaderValue::from_static(forwarded));
        }
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        assert_eq!(source_ip(&extensions, &headers, &trusted), expect.parse().ok());
    }

    #[test]
    fn a_stranger_cannot_name_another_address() {
        check("192.0.2.1", Some("198.51.100.7"), "192.0.2.1");
    }

    #[test]
    fn behind_a_trusted_proxy_the_nearest_stranger_is_the_client() {
        check("10.0.0.1", Some("198.51.100.7, 192.0.2.9, 10.0.0.2"), "192.0.2.9");
        check("10.0.0.1", None, "10.0.0.1");
        check("10.0.0.1", Some("garbage"), "10.0.0.1");
    }
}
