//! Who we are to a browser: the name passkeys are bound to, and the page they are used on.

use std::net::IpAddr;

/// The relying party, from the address under which browsers reach us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The host name.
    id: String,
    /// Scheme, host and port.
    origin: String,
}

impl Party {
    /// Of a public URL; `None` when its host is an address: browsers bind passkeys to names only.
    pub fn of(public_url: &str) -> Option<Self> {
        let url = public_url.to_ascii_lowercase();
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = match authority.strip_prefix('[') {
            // An IPv6 address in brackets is an address.
            Some(_) => return None,
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() || host.contains('@') || host.parse::<IpAddr>().is_ok() {
            return None;
        }
        let usual = match scheme {
            "https" => "443",
            "http" => "80",
            _ => return None,
        };
        let origin = match port.filter(|port| *port != usual) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        Some(Self {
            id: host.to_owned(),
            origin,
        })
    }

    /// The host name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Scheme, host and port as a browser says them.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Option<(&str, &str)>) {
        let party = Party::of(url);
        assert_eq!(
            party.as_ref().map(|party| (party.id(), party.origin())),
            expect,
            "{url}"
        );
    }

    #[test]
    fn a_party_is_a_host_name_and_an_origin() {
        check(
            "https://OSS.isp.example/console/",
            Some(("oss.isp.example", "https://oss.isp.example")),
        );
        check(
            "https://oss.isp.example:443",
            Some(("oss.isp.example", "https://oss.isp.example")),
        );
        check(
            "http://localhost:8080",
            Some(("localhost", "http://localhost:8080")),
        );
    }

    #[test]
    fn an_address_is_no_party() {
        for url in [
            "http://127.0.0.1:8080",
            "https://[2001:db8::1]/",
            "ftp://isp.example",
            "isp.example",
            "https://",
            "https://isp@evil.example",
        ] {
            check(url, None);
        }
    }
}
