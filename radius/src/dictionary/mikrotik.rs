//! Attributes of MikroTik RouterOS.
//!
//! A table and nothing else; how it is looked up is in [`super`].

use super::Definition;
use super::data_type::DataType::*;
use crate::attribute::kind::vendor::MIKROTIK;

/// Every attribute, by number.
pub(super) static DEFINITIONS: &[Definition] = &[
    Definition::new(MIKROTIK, 1, "Mikrotik-Recv-Limit", Integer),
    Definition::new(MIKROTIK, 2, "Mikrotik-Xmit-Limit", Integer),
    Definition::new(MIKROTIK, 3, "Mikrotik-Group", Text),
    Definition::new(MIKROTIK, 4, "Mikrotik-Wireless-Forward", Integer),
    Definition::new(MIKROTIK, 5, "Mikrotik-Wireless-Skip-Dot1x", Integer),
    Definition::with_values(
        MIKROTIK,
        6,
        "Mikrotik-Wireless-Enc-Algo",
        Integer,
        MIKROTIK_WIRELESS_ENC_ALGO,
    ),
    Definition::new(MIKROTIK, 7, "Mikrotik-Wireless-Enc-Key", SecretText),
    Definition::new(MIKROTIK, 8, "Mikrotik-Rate-Limit", Text),
    Definition::new(MIKROTIK, 9, "Mikrotik-Realm", Text),
    Definition::new(MIKROTIK, 10, "Mikrotik-Host-IP", Ipv4),
    Definition::new(MIKROTIK, 11, "Mikrotik-Mark-Id", Text),
    Definition::new(MIKROTIK, 12, "Mikrotik-Advertise-URL", Text),
    Definition::new(MIKROTIK, 13, "Mikrotik-Advertise-Interval", Integer),
    Definition::new(MIKROTIK, 14, "Mikrotik-Recv-Limit-Gigawords", Integer),
    Definition::new(MIKROTIK, 15, "Mikrotik-Xmit-Limit-Gigawords", Integer),
    Definition::new(MIKROTIK, 16, "Mikrotik-Wireless-PSK", SecretText),
    Definition::new(MIKROTIK, 17, "Mikrotik-Total-Limit", Integer),
    Definition::new(MIKROTIK, 18, "Mikrotik-Total-Limit-Gigawords", Integer),
    Definition::new(MIKROTIK, 19, "Mikrotik-Address-List", Text),
    Definition::new(MIKROTIK, 20, "Mikrotik-Wireless-MPKey", SecretText),
    Definition::new(MIKROTIK, 21, "Mikrotik-Wireless-Comment", Text),
    Definition::new(MIKROTIK, 22, "Mikrotik-Delegated-IPv6-Pool", Text),
    Definition::new(MIKROTIK, 23, "Mikrotik-DHCP-Option-Set", Text),
    Definition::new(MIKROTIK, 24, "Mikrotik-DHCP-Option-Param-STR1", Text),
    Definition::new(MIKROTIK, 25, "Mikrotik-DHCP-Option-Param-STR2", Text),
    Definition::new(MIKROTIK, 26, "Mikrotik-Wireless-VLANID", Integer),
    Definition::with_values(
        MIKROTIK,
        27,
        "Mikrotik-Wireless-VLANID-Type",
        Integer,
        MIKROTIK_WIRELESS_VLANID_TYPE,
    ),
    Definition::new(MIKROTIK, 28, "Mikrotik-Wireless-Minsignal", Text),
    Definition::new(MIKROTIK, 29, "Mikrotik-Wireless-Maxsignal", Text),
    Definition::new(MIKROTIK, 30, "Mikrotik-Switching-Filter", Text),
];

/// Values of Mikrotik-Wireless-Enc-Algo.
static MIKROTIK_WIRELESS_ENC_ALGO: &[(&str, u32)] = &[
    ("No-encryption", 0),
    ("40-bit-WEP", 1),
    ("104-bit-WEP", 2),
    ("AES-CCM", 3),
    ("TKIP", 4),
];

/// Values of Mikrotik-Wireless-VLANID-Type.
static MIKROTIK_WIRELESS_VLANID_TYPE: &[(&str, u32)] = &[("802.1q", 0), ("802.1ad", 1)];
