//! A name that the certificate of a NAS must carry when somebody else's authority issued it: a DNS name, an address or a URI of
//! its alternative names, or its common name. Written `dns:`, `ip:`, `uri:` or `cn:` and the name. It never says which NAS a
//! certificate belongs to: that is known before it is asked (`crate::radsec::identity`).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Octets of a name.
pub const CERTIFICATE_NAME_OCTETS_MAX: usize = 253;

/// See the module's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// A DNS name among the alternative names, whatever its case. A wildcard in a certificate stands for itself only.
    Dns(Box<str>),
    /// An address among the alternative names.
    Ip(IpAddr),
    /// A URI among the alternative names, octet for octet.
    Uri(Box<str>),
    /// The common name of the subject, octet for octet.
    Cn(Box<str>),
}

/// A text that is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be dns:NAME, ip:ADDRESS, uri:URI or cn:NAME")]
pub struct NoCertificateName;

impl FromStr for CertificateName {
    type Err = NoCertificateName;

    fn from_str(text: &str) -> Result<Self, NoCertificateName> {
        let (kind, name) = text.split_once(':').ok_or(NoCertificateName)?;
        if name.is_empty() || name.len() > CERTIFICATE_NAME_OCTETS_MAX || name.contains(char::is_control) {
            return Err(NoCertificateName);
        }
        match kind {
            "dns" if name.is_ascii() && !name.contains(char::is_whitespace) => Ok(Self::Dns(name.into())),
            "ip" => name
                .parse::<IpAddr>()
                .map(|ip| Self::Ip(ip.to_canonical()))
                .map_err(|_| NoCertificateName),
            "uri" if !name.contains(char::is_whitespace) => Ok(Self::Uri(name.into())),
            "cn" => Ok(Self::Cn(name.into())),
            _ => Err(NoCertificateName),
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Ip(ip) => write!(f, "ip:{ip}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Cn(name) => write!(f, "cn:{name}"),
        }
    }
}

impl CertificateName {
    /// Whether a certificate, in DER, carries it. One that cannot be read carries nothing.
    #[must_use]
    pub fn is_on(&self, certificate: &[u8]) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return false;
        };
        if let Self::Cn(wanted) = self {
            let mut names = certificate.subject().iter_common_name();
            return names.any(|name| name.as_str().is_ok_and(|name| name == &**wanted));
        }
        let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
            return false;
        };
        alternative
            .value
            .general_names
            .iter()
            .any(|name| match (self, name) {
                (Self::Dns(wanted), GeneralName::DNSName(name)) => name.eq_ignore_ascii_case(wanted),
                (Self::Uri(wanted), GeneralName::URI(name)) => *name == &**wanted,
                (Self::Ip(wanted), GeneralName::IPAddress(octets)) => address(octets) == Some(*wanted),
                _ => false,
            })
    }
}

/// An address as a certificate has it.
fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(octets).map(IpAddr::from);
    Some(v4.or(v6).ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    /// A certificate with one name of each kind.
    fn certificate() -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.distinguished_name.push(DnType::CommonName, "BNG one");
        params.subject_alt_names = vec![
            SanType::DnsName("bng-1.example".try_into().expect("a name")),
            SanType::DnsName("*.wild.example".try_into().expect("a name")),
            SanType::IpAddress("192.0.2.7".parse().expect("an address")),
            SanType::URI("urn:example:bng-1".try_into().expect("a URI")),
        ];
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("signed").der().to_vec()
    }

    #[test]
    fn each_kind_is_looked_for_where_it_belongs() {
        let certificate = certificate();
        let is_on = |name: &str| {
            name.parse::<CertificateName>()
                .expect("a name")
                .is_on(&certificate)
        };
        for there in [
            "dns:BNG-1.example",
            "ip:192.0.2.7",
            "ip:::ffff:192.0.2.7",
            "uri:urn:example:bng-1",
            "cn:BNG one",
        ] {
            assert!(is_on(there), "{there}");
        }
        for absent in [
            "dns:BNG",
            "cn:bng-1.example",
            "dns:a.wild.example",
            "ip:192.0.2.8",
            "uri:urn:example:bng-2",
            "cn:bng one",
        ] {
            assert!(!is_on(absent), "{absent}");
        }
    }

    #[test]
    fn a_name_says_its_kind_and_nothing_else_is_one() {
        for name in [
            "dns:bng-1.example",
            "ip:192.0.2.7",
            "ip:2001:db8::7",
            "uri:urn:x:y",
            "cn:BNG one",
        ] {
            assert_eq!(name.parse::<CertificateName>().expect("a name").to_string(), name);
        }
        for none in [
            "bng-1.example",
            "dns:",
            "ip:bng",
            "mail:a@b",
            "dns:a b",
            "cn:a\nb",
            "",
        ] {
            assert_eq!(
                none.parse::<CertificateName>(),
                Err(NoCertificateName),
                "{none:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_no_certificate_carries_nothing(octets in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
            prop_assert!(!CertificateName::Cn("x".into()).is_on(&octets));
            if let Ok(name) = text.parse::<CertificateName>() {
                prop_assert_eq!(name.to_string().parse::<CertificateName>(), Ok(name));
            }
        }
    }
}
