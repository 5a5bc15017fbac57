//! Where the program may connect to when somebody else has named the place: a partner's URL must not become a way into
//! our own network. Never connects by itself, and never says to the caller which address a name has.
//!
//! A place is looked at twice: [`Target::parse`] reads the URL where it is entered, and [`Reach`] judges the addresses where
//! they are used. The resolver that [`Reach::resolver`] gives hands a connection the addresses it has judged, so that a name
//! cannot mean one address when it is looked at and another when it is used.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::error::Error;

/// The longest URL, in octets.
pub const URL_OCTETS_MAX: usize = 2048;
/// How long a name may take to become addresses.
const RESOLVE_WAIT_MAX: Duration = Duration::from_secs(5);
/// The most addresses of a name that are looked at; one with more is refused.
const ADDRESSES_MAX: usize = 32;
/// Networks a platform may open at most.
pub const ALLOWED_MAX: usize = 64;

/// IPv4 that is nobody's on the Internet (IANA's registry of special purposes, and multicast).
const SPECIAL_V4: [(Ipv4Net, &str); 15] = [
    (v4(0, 0, 0, 0, 8), "of this host"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "of a carrier's inside"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "reserved"),
    (v4(192, 0, 2, 0, 24), "for documentation"),
    (v4(192, 88, 99, 0, 24), "reserved"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "for benchmarks"),
    (v4(198, 51, 100, 0, 24), "for documentation"),
    (v4(203, 0, 113, 0, 24), "for documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// IPv6 inside of 2000::/3 that is nobody's on the Internet, or an IPv4 address in disguise. Outside of 2000::/3 nothing is
/// taken for public: not loopback, not fc00::/7, not fe80::/10, not ff00::/8, not 64:ff9b::/96.
const SPECIAL_V6: [(Ipv6Net, &str); 4] = [
    (v6([0x2001, 0, 0, 0], 23), "reserved"),
    (v6([0x2001, 0xdb8, 0, 0], 32), "for documentation"),
    (v6([0x2002, 0, 0, 0], 16), "an IPv4 address in disguise"),
    (v6([0x3fff, 0, 0, 0], 20), "for documentation"),
];

/// What is public of IPv6.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// A network of the table.
const fn v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len)
}

/// A network of the table, by its first half.
const fn v6([a, b, c, d]: [u16; 4], len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), len)
}

/// Why a place is not connected to. Says nothing a partner may not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No URL of the kind that is taken.
    #[error("use a URL such as https://host.example/path, with neither a password nor a fragment in it")]
    NotAUrl,
    /// Longer than a URL is here.
    #[error("use a URL of at most {URL_OCTETS_MAX} characters")]
    TooLong,
    /// The name has no address.
    #[error("the name {host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The name servers did not answer, or not in time.
    #[error("the name {host} could not be looked up")]
    NotLookedUp {
        /// The name.
        host: String,
    },
    /// An address that only the platform's operator may open.
    #[error(
        "{host} is an address that is {kind}; the platform's operator opens such networks with outbound.allow"
    )]
    Refused {
        /// The name or address as it was given.
        host: String,
        /// What kind of address it is.
        kind: &'static str,
    },
}

impl TargetError {
    /// The same about a field of the caller's input.
    pub fn into_invalid(self, pointer: &str) -> Error {
        Error::invalid(pointer, self.to_string())
    }
}

/// A place on the network, as somebody has written it: `http` or `https`, a host, no password, no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The URL.
    url: Url,
}

impl Target {
    /// Reads a URL. An address in it is not judged here, because what may be reached can change afterwards.
    ///
    /// # Errors
    /// [`TargetError::NotAUrl`]; [`TargetError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > URL_OCTETS_MAX {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| TargetError::NotAUrl)?;
        let spoken = matches!(url.scheme(), "http" | "https");
        let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let somewhere = url.host_str().is_some_and(|host| !host.is_empty()) && url.port() != Some(0);
        // What the parser would silently take out has no business in an address somebody means.
        let plain = !text
            .chars()
            .any(|found| found.is_control() || found.is_whitespace());
        match spoken && bare && somewhere && plain {
            true => Ok(Self { url }),
            false => Err(TargetError::NotAUrl),
        }
    }

    /// As it is used.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port, the scheme's own where none is written.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// Whether what is said there cannot be read on the way.
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The address, when the host is one.
    pub fn literal(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.url, f)
    }
}

/// Which addresses may be connected to: what is public, and what the platform's operator has opened. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// What the operator has opened.
    allowed: Arc<[IpNet]>,
}

impl Reach {
    /// What is public, and these networks.
    pub fn with(allowed: &[IpNet]) -> Self {
        Self {
            allowed: allowed.iter().take(ALLOWED_MAX).copied().collect(),
        }
    }

    /// Anywhere: for places that the platform's operator has named, who may send the program where he likes.
    pub fn anywhere() -> Self {
        let all = |net| IpNet::new_assert(net, 0);
        Self::with(&[
            all(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            all(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        ])
    }

    /// Judges one address; the error is what kind of address it is.
    ///
    /// # Errors
    /// The kind of address, in words.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        // An IPv4 address written as IPv6 reaches the same host.
        let address = address.to_canonical();
        match kind_of(address) {
            Some(kind) if !self.allowed.iter().any(|net| net.contains(&address)) => Err(kind),
            _ => Ok(()),
        }
    }

    /// Judges a host where it is an address; a name is judged by its addresses when it is used.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub fn check_literal(&self, target: &Target) -> Result<(), TargetError> {
        let Some(address) = target.literal() else {
            return Ok(());
        };
        self.check(address).map_err(|kind| TargetError::Refused {
            host: target.host().to_owned(),
            kind,
        })
    }

    /// The addresses of a host, all of them allowed, none of them twice asked for.
    ///
    /// One that is not allowed refuses the whole name: a name with both kinds is a trick or a mistake.
    ///
    /// # Errors
    /// [`TargetError`], but for what is wrong with a URL.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, TargetError> {
        let not_looked_up = || TargetError::NotLookedUp {
            host: host.to_owned(),
        };
        let found = tokio::time::timeout(RESOLVE_WAIT_MAX, tokio::net::lookup_host((host, port)))
            .await
            .map_err(|_| not_looked_up())?
            .map_err(|_| not_looked_up())?;
        let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX + 1).collect();
        if found.is_empty() {
            return Err(TargetError::NoAddress {
                host: host.to_owned(),
            });
        }
        if found.len() > ADDRESSES_MAX {
            return Err(not_looked_up());
        }
        for address in &found {
            if let Err(kind) = self.check(address.ip()) {
                tracing::debug!(host, address = %address.ip(), kind, "an address is not connected to");
                return Err(TargetError::Refused {
                    host: host.to_owned(),
                    kind,
                });
            }
        }
        Ok(found)
    }

    /// The same for an HTTP client, which then connects to what was judged and to nothing else. A host that is an address
    /// never comes here: ask [`Reach::check_literal`] before each request.
    pub fn resolver(&self) -> Arc<Judging> {
        Arc::new(Judging(self.clone()))
    }
}

/// Resolves names for an HTTP client, as far as they may be reached.
#[derive(Debug)]
pub struct Judging(Reach);

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            // Port 0 becomes the one of the URL.
            let found = reach.resolve(name.as_str(), 0).await?;
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// What is special about an address; `None`: it is public.
fn kind_of(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => SPECIAL_V4
            .iter()
            .find(|(net, _)| net.contains(&address))
            .map(|(_, kind)| *kind),
        IpAddr::V6(address) if address.is_loopback() => Some("loopback"),
        IpAddr::V6(address) if address.is_unicast_link_local() => Some("link-local"),
        IpAddr::V6(address) if address.is_unique_local() => Some("private"),
        IpAddr::V6(address) if address.is_multicast() => Some("multicast"),
        IpAddr::V6(address) if !PUBLIC_V6.contains(&address) => Some("reserved"),
        IpAddr::V6(address) => SPECIAL_V6
            .iter()
            .find(|(net, _)| net.contains(&address))
            .map(|(_, kind)| *kind),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(url: &str, kind: Option<&str>) {
        let target = Target::parse(url).expect("a URL");
        let judged = Reach::default().check_literal(&target);
        match (judged, kind) {
            (Ok(()), None) => {}
            (Err(TargetError::Refused { kind: found, .. }), Some(kind)) => assert_eq!(found, kind, "{url}"),
            (judged, kind) => panic!("{url}: {judged:?} instead of {kind:?}"),
        }
    }

    #[test]
    fn addresses_that_lead_inside_are_refused_however_they_are_written() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1:8200/",
            "http://0x7f.0.0.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
        ] {
            check(url, Some("loopback"));
        }
        check("http://169.254.169.254/latest/meta-data", Some("link-local"));
        check("http://[fe80::1]/", Some("link-local"));
        check("http://0.0.0.0/", Some("of this host"));
        check("http://[::]/", Some("reserved"));
        check("http://10.1.2.3/", Some("private"));
        check("http://172.31.255.255/", Some("private"));
        check("http://192.168.0.1/", Some("private"));
        check("http://100.64.0.1/", Some("of a carrier's inside"));
        check("http://[fd00::1]/", Some("private"));
        check("http://[64:ff9b::7f00:1]/", Some("reserved"));
        check("http://[::127.0.0.1]/", Some("reserved"));
        check("http://[2002:7f00:1::]/", Some("an IPv4 address in disguise"));
        check("http://[2001:0:7f00:1::]/", Some("reserved"));
        check("http://224.0.0.1/", Some("multicast"));
        check("http://[ff02::1]/", Some("multicast"));
        check("http://255.255.255.255/", Some("reserved"));
    }

    #[test]
    fn what_is_public_is_not_refused() {
        for url in [
            "https://1.1.1.1/",
            "https://9.9.9.9:8443/x?y=z",
            "https://172.32.0.1/",
            "https://[2606:4700::1111]/",
            "https://[2001:200::1]/",
            "https://[::ffff:9.9.9.9]/",
        ] {
            check(url, None);
        }
    }

    #[test]
    fn what_the_operator_has_opened_may_be_reached() {
        let net = |text: &str| text.parse::<IpNet>().expect("a network");
        let reach = Reach::with(&[net("10.20.0.0/16"), net("fd00:1::/32")]);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(reach.check(address("10.20.3.4")), Ok(()));
        assert_eq!(reach.check(address("::ffff:10.20.3.4")), Ok(()));
        assert_eq!(reach.check(address("fd00:1::7")), Ok(()));
        assert_eq!(reach.check(address("10.21.0.1")), Err("private"));
        assert_eq!(reach.check(address("127.0.0.1")), Err("loopback"));
        assert_eq!(Reach::anywhere().check(address("127.0.0.1")), Ok(()));
        assert_eq!(Reach::anywhere().check(address("fe80::1")), Ok(()));
    }

    #[test]
    fn only_plain_urls_of_http_are_taken() {
        for text in [
            "",
            "host",
            "//host/",
            "ftp://host/",
            "file:///etc/passwd",
            "https://",
            "https://user@host/",
            "https://:secret@host/",
            "https://host/#part",
            "https://host:0/",
            "https://ho st/",
            "https://host/a\tb",
            "https://host\n/",
            "https://256.1.1.1/",
        ] {
            assert_eq!(Target::parse(text), Err(TargetError::NotAUrl), "{text:?}");
        }
        let long = format!("https://host/{}", "a".repeat(URL_OCTETS_MAX));
        assert_eq!(Target::parse(&long), Err(TargetError::TooLong));
        let target = Target::parse("http://[2606:4700::1111]/a").expect("a URL");
        assert_eq!((target.host(), target.port()), ("2606:4700::1111", 80));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_the_addresses_it_has() {
        let refused = Reach::default().resolve("localhost", 80).await;
        assert!(
            matches!(refused, Err(TargetError::Refused { kind: "loopback", .. })),
            "{refused:?}"
        );
        let nets = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a network"));
        let found = Reach::with(&nets)
            .resolve("localhost", 80)
            .await
            .expect("addresses");
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        let Err(error) = refused else { return };
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }

    proptest! {
        /// Whatever is written: no URL that is taken carries a password, and no address that is judged well is inside.
        #[test]
        fn no_text_leads_inside(text in "(https?://)?[a-z0-9.:\\[\\]@/#%x-]{0,40}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert!(target.url().password().is_none());
                if let (Some(address), Ok(())) = (target.literal(), Reach::default().check_literal(&target)) {
                    let address = address.to_canonical();
                    prop_assert!(!address.is_loopback() && !address.is_unspecified() && !address.is_multicast());
                }
            }
        }

        /// Every address is judged, and an opened network opens exactly itself.
        #[test]
        fn an_opened_network_opens_itself_only(octets: [u8; 4], len in 8u8..=32, other: [u8; 4]) {
            let net = Ipv4Net::new(octets.into(), len).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let reach = Reach::with(&[net.into()]);
            let other = Ipv4Addr::from(other);
            let open = reach.check(other.into()).is_ok();
            prop_assert_eq!(open, net.contains(&other) || Reach::default().check(other.into()).is_ok());
        }
    }
}
