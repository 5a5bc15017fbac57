//! The methods we know, as a closed set.

use radius::eap::method;
use std::fmt;

/// One method of EAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EapMethod {
    /// EAP-MD5: for wires; no keys, no proof of us.
    Md5,
    /// EAP-GTC: the password as it is; inside a tunnel only, unless it is listed.
    Gtc,
    /// EAP-MSCHAPv2.
    MsChap2,
    /// EAP-TLS: a certificate of the subscriber.
    Tls,
    /// EAP-TTLS: a password inside TLS.
    Ttls,
    /// PEAP version 0: a method inside TLS.
    Peap,
}

impl EapMethod {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Md5,
        Self::Gtc,
        Self::MsChap2,
        Self::Tls,
        Self::Ttls,
        Self::Peap,
    ];

    /// Its number in a packet.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Md5 => method::MD5_CHALLENGE,
            Self::Gtc => method::GTC,
            Self::MsChap2 => method::MSCHAPV2,
            Self::Tls => method::TLS,
            Self::Ttls => method::TTLS,
            Self::Peap => method::PEAP,
        }
    }

    /// The method of a number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.number() == number)
    }

    /// Its name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Gtc => "gtc",
            Self::MsChap2 => "mschapv2",
            Self::Tls => "tls",
            Self::Ttls => "ttls",
            Self::Peap => "peap",
        }
    }

    /// The method of a name in the configuration.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether it begins with a TLS handshake, hence is worked on away from the workers.
    #[must_use]
    pub const fn is_tunnel(self) -> bool {
        matches!(self, Self::Tls | Self::Ttls | Self::Peap)
    }

    /// Its bit in a set of methods.
    #[must_use]
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for EapMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "EAP-MD5",
            Self::Gtc => "EAP-GTC",
            Self::MsChap2 => "EAP-MSCHAPv2",
            Self::Tls => "EAP-TLS",
            Self::Ttls => "EAP-TTLS",
            Self::Peap => "PEAP",
        })
    }
}
