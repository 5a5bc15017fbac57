//! Attributes of Microsoft: MS-CHAP, MPPE, and the DNS servers PPP hands out (RFC 2548).
//!
//! A table and nothing else; how it is looked up is in [`super`]. Left out: network access protection.

use super::Definition;
use super::data_type::DataType::*;
use crate::attribute::kind::vendor::MICROSOFT;

/// Every attribute, by number.
pub(super) static DEFINITIONS: &[Definition] = &[
    Definition::new(MICROSOFT, 1, "MS-CHAP-Response", Hidden),
    Definition::new(MICROSOFT, 2, "MS-CHAP-Error", Text),
    Definition::new(MICROSOFT, 3, "MS-CHAP-CPW-1", Hidden),
    Definition::new(MICROSOFT, 4, "MS-CHAP-CPW-2", Hidden),
    Definition::new(MICROSOFT, 5, "MS-CHAP-LM-Enc-PW", Hidden),
    Definition::new(MICROSOFT, 6, "MS-CHAP-NT-Enc-PW", Hidden),
    Definition::with_values(
        MICROSOFT,
        7,
        "MS-MPPE-Encryption-Policy",
        Integer,
        MS_MPPE_ENCRYPTION_POLICY,
    ),
    Definition::with_values(
        MICROSOFT,
        8,
        "MS-MPPE-Encryption-Types",
        Integer,
        MS_MPPE_ENCRYPTION_TYPES,
    ),
    Definition::new(MICROSOFT, 9, "MS-RAS-Vendor", Integer),
    Definition::new(MICROSOFT, 10, "MS-CHAP-Domain", Text),
    Definition::new(MICROSOFT, 11, "MS-CHAP-Challenge", Hidden),
    Definition::new(MICROSOFT, 12, "MS-CHAP-MPPE-Keys", Hidden),
    Definition::with_values(MICROSOFT, 13, "MS-BAP-Usage", Integer, MS_BAP_USAGE),
    Definition::new(MICROSOFT, 14, "MS-Link-Utilization-Threshold", Integer),
    Definition::new(MICROSOFT, 15, "MS-Link-Drop-Time-Limit", Integer),
    Definition::new(MICROSOFT, 16, "MS-MPPE-Send-Key", Hidden),
    Definition::new(MICROSOFT, 17, "MS-MPPE-Recv-Key", Hidden),
    Definition::new(MICROSOFT, 18, "MS-RAS-Version", Text),
    Definition::new(MICROSOFT, 19, "MS-Old-ARAP-Password", Hidden),
    Definition::new(MICROSOFT, 20, "MS-New-ARAP-Password", Hidden),
    Definition::with_values(
        MICROSOFT,
        21,
        "MS-ARAP-PW-Change-Reason",
        Integer,
        MS_ARAP_PW_CHANGE_REASON,
    ),
    Definition::new(MICROSOFT, 22, "MS-Filter", Octets),
    Definition::with_values(MICROSOFT, 23, "MS-Acct-Auth-Type", Integer, MS_ACCT_AUTH_TYPE),
    Definition::with_values(MICROSOFT, 24, "MS-Acct-EAP-Type", Integer, MS_ACCT_EAP_TYPE),
    Definition::new(MICROSOFT, 25, "MS-CHAP2-Response", Hidden),
    Definition::new(MICROSOFT, 26, "MS-CHAP2-Success", Hidden),
    Definition::new(MICROSOFT, 27, "MS-CHAP2-CPW", Hidden),
    Definition::new(MICROSOFT, 28, "MS-Primary-DNS-Server", Ipv4),
    Definition::new(MICROSOFT, 29, "MS-Secondary-DNS-Server", Ipv4),
    Definition::new(MICROSOFT, 30, "MS-Primary-NBNS-Server", Ipv4),
    Definition::new(MICROSOFT, 31, "MS-Secondary-NBNS-Server", Ipv4),
    Definition::new(MICROSOFT, 34, "MS-RAS-Client-Name", Text),
    Definition::new(MICROSOFT, 35, "MS-RAS-Client-Version", Text),
];

/// Values of MS-MPPE-Encryption-Policy.
static MS_MPPE_ENCRYPTION_POLICY: &[(&str, u32)] = &[("Encryption-Allowed", 1), ("Encryption-Required", 2)];

/// Values of MS-MPPE-Encryption-Types: bits (RFC 2548 section 2.4.5). FreeRADIUS's dictionary has other numbers for the
/// first two names, which mean nothing and 40 bits to a NAS.
static MS_MPPE_ENCRYPTION_TYPES: &[(&str, u32)] = &[
    ("RC4-40bit-Allowed", 2),
    ("RC4-128bit-Allowed", 4),
    ("RC4-40or128-bit-Allowed", 6),
];

/// Values of MS-BAP-Usage.
static MS_BAP_USAGE: &[(&str, u32)] = &[("Not-Allowed", 0), ("Allowed", 1), ("Required", 2)];

/// Values of MS-ARAP-PW-Change-Reason.
static MS_ARAP_PW_CHANGE_REASON: &[(&str, u32)] = &[
    ("Just-Change-Password", 1),
    ("Expired-Password", 2),
    ("Admin-Requires-Password-Change", 3),
    ("Password-Too-Short", 4),
];

/// Values of MS-Acct-Auth-Type.
static MS_ACCT_AUTH_TYPE: &[(&str, u32)] =
    &[("PAP", 1), ("CHAP", 2), ("CHAP-1", 3), ("CHAP-2", 4), ("EAP", 5)];

/// Values of MS-Acct-EAP-Type.
static MS_ACCT_EAP_TYPE: &[(&str, u32)] = &[("MD5", 4), ("OTP", 5), ("Generic-Token-Card", 6), ("TLS", 13)];
