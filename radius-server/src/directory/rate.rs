//! How a speed is said to each make of NAS. Directions are the trap: what is "up" for the subscriber is "rx" for the
//! router. A make without numbers of its own gets the WISPr attributes, which most understand.

use serde::{Deserialize, Serialize};

/// Vendor-Specific (RFC 2865 section 5.26).
const VENDOR_SPECIFIC: u8 = 26;
/// MikroTik's enterprise number.
const VENDOR_MIKROTIK: u32 = 14_988;
/// `Mikrotik-Rate-Limit`: "rx/tx" seen from the router, so rx is the subscriber's upload; `0` is no limit.
const MIKROTIK_RATE_LIMIT: u8 = 8;
/// The Wi-Fi Alliance's enterprise number.
const VENDOR_WISPR: u32 = 14_122;
/// `WISPr-Bandwidth-Max-Up`: bit/s from the subscriber, 32 bit.
const WISPR_BANDWIDTH_MAX_UP: u8 = 7;
/// `WISPr-Bandwidth-Max-Down`: bit/s to the subscriber, 32 bit.
const WISPR_BANDWIDTH_MAX_DOWN: u8 = 8;

/// Speeds of a plan, seen from the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Towards the subscriber, bit/s; `None`: not limited by us.
    pub download_bps: Option<u64>,
    /// From the subscriber, bit/s; `None`: not limited by us.
    pub upload_bps: Option<u64>,
}

/// The attributes in which a NAS wants to hear a speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateDialect {
    /// One text, `Mikrotik-Rate-Limit`.
    Mikrotik,
    /// Two integers, `WISPr-Bandwidth-Max-Up` and `-Down`; they cannot say more than 4.29 Gbit/s.
    Wispr,
}

impl RateDialect {
    /// Which dialect a make (FreeRADIUS's `nas.type`) speaks.
    #[must_use]
    pub fn of_make(make: &str) -> Self {
        if make.eq_ignore_ascii_case("mikrotik") || make.eq_ignore_ascii_case("routeros") {
            Self::Mikrotik
        } else {
            Self::Wispr
        }
    }

    /// The attributes by name, for explanations.
    #[must_use]
    pub const fn attribute_names(self) -> &'static str {
        match self {
            Self::Mikrotik => "Mikrotik-Rate-Limit",
            Self::Wispr => "WISPr-Bandwidth-Max-Up/Down",
        }
    }
}

impl Rate {
    /// The speeds as encoded attributes; empty when there are none.
    #[must_use]
    pub fn encode(self, dialect: RateDialect) -> Box<[u8]> {
        let mut out = Vec::new();
        match dialect {
            RateDialect::Mikrotik => self.encode_mikrotik(&mut out),
            RateDialect::Wispr => self.encode_wispr(&mut out),
        }
        out.into_boxed_slice()
    }

    /// `Mikrotik-Rate-Limit` = "upload/download".
    fn encode_mikrotik(self, out: &mut Vec<u8>) {
        if self.download_bps.is_none() && self.upload_bps.is_none() {
            return;
        }
        let text = format!(
            "{}/{}",
            mikrotik_speed(self.upload_bps),
            mikrotik_speed(self.download_bps)
        );
        vendor_attribute(VENDOR_MIKROTIK, MIKROTIK_RATE_LIMIT, text.as_bytes(), out);
    }

    /// The two WISPr integers, each capped at what 32 bits can say.
    fn encode_wispr(self, out: &mut Vec<u8>) {
        let both = [
            (WISPR_BANDWIDTH_MAX_UP, self.upload_bps),
            (WISPR_BANDWIDTH_MAX_DOWN, self.download_bps),
        ];
        for (kind, bps) in both {
            if let Some(bps) = bps {
                let value = u32::try_from(bps).unwrap_or(u32::MAX);
                vendor_attribute(VENDOR_WISPR, kind, &value.to_be_bytes(), out);
            }
        }
    }
}

/// One speed as RouterOS reads it: `M` and `k` are powers of ten there, and `0` means unlimited.
fn mikrotik_speed(bps: Option<u64>) -> String {
    match bps {
        None => "0".into(),
        Some(bps) if bps.is_multiple_of(1_000_000) => format!("{}M", bps / 1_000_000),
        Some(bps) if bps.is_multiple_of(1_000) => format!("{}k", bps / 1_000),
        Some(bps) => bps.to_string(),
    }
}

/// Appends one Vendor-Specific attribute with one sub-attribute of the usual 1/1 form.
fn vendor_attribute(vendor: u32, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    // Both lengths fit an octet: the longest value here is two 20-digit numbers and a stroke.
    let inner = u8::try_from(2 + value.len()).unwrap_or(u8::MAX);
    out.extend_from_slice(&[VENDOR_SPECIFIC, inner.saturating_add(6)]);
    out.extend_from_slice(&vendor.to_be_bytes());
    out.extend_from_slice(&[kind, inner]);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 Mbit/s up, 100 Mbit/s down.
    const HOME: Rate = Rate {
        download_bps: Some(100_000_000),
        upload_bps: Some(20_000_000),
    };

    #[test]
    fn mikrotik_hears_upload_first() {
        let octets = HOME.encode(RateDialect::Mikrotik);
        assert_eq!(octets[..6], [26, 8 + 8, 0, 0, 0x3a, 0x8c]);
        assert_eq!(octets[6..8], [8, 2 + 8]);
        assert_eq!(&octets[8..], b"20M/100M");
    }

    #[test]
    fn mikrotik_hears_zero_for_a_direction_without_a_limit() {
        let rate = Rate {
            download_bps: Some(1_536_000),
            upload_bps: None,
        };
        assert_eq!(&rate.encode(RateDialect::Mikrotik)[8..], b"0/1536k");
    }

    #[test]
    fn wispr_is_capped_at_32_bits() {
        let rate = Rate {
            download_bps: Some(10_000_000_000),
            upload_bps: Some(1),
        };
        let octets = rate.encode(RateDialect::Wispr);
        assert_eq!(octets[..12], [26, 12, 0, 0, 0x37, 0x2a, 7, 6, 0, 0, 0, 1]);
        assert_eq!(octets[12..], [26, 12, 0, 0, 0x37, 0x2a, 8, 6, 255, 255, 255, 255]);
    }

    #[test]
    fn a_plan_without_a_rate_says_nothing() {
        let rate = Rate {
            download_bps: None,
            upload_bps: None,
        };
        assert!(rate.encode(RateDialect::Mikrotik).is_empty());
        assert!(rate.encode(RateDialect::Wispr).is_empty());
    }

    #[test]
    fn makes_are_matched_without_regard_to_case() {
        assert_eq!(RateDialect::of_make("MikroTik"), RateDialect::Mikrotik);
        assert_eq!(RateDialect::of_make("hostapd"), RateDialect::Wispr);
    }
}
