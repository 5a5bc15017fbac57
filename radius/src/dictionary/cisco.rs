//! Attributes of Cisco that broadband access uses.
//!
//! A table and nothing else; how it is looked up is in [`super`]. Left out: voice and fax.

use super::Definition;
use super::data_type::DataType::*;
use crate::attribute::kind::vendor::CISCO;

/// Every attribute, by number.
pub(super) static DEFINITIONS: &[Definition] = &[
    Definition::new(CISCO, 1, "Cisco-AVPair", Text),
    Definition::new(CISCO, 2, "Cisco-NAS-Port", Text),
    Definition::new(CISCO, 37, "Cisco-Policy-Up", Text),
    Definition::new(CISCO, 38, "Cisco-Policy-Down", Text),
    Definition::new(CISCO, 46, "Cisco-Relay-Information-Option", Text),
    Definition::new(CISCO, 47, "Cisco-DHCP-User-Class", Text),
    Definition::new(CISCO, 48, "Cisco-DHCP-Vendor-Class", Text),
    Definition::new(CISCO, 49, "Cisco-DHCP-Client-Id", Octets),
    Definition::new(CISCO, 50, "Cisco-DHCP-Relay-GiAddr", Text),
    Definition::new(CISCO, 51, "Cisco-Service-Name", Text),
    Definition::new(CISCO, 52, "Cisco-Parent-Session-Id", Text),
    Definition::new(CISCO, 55, "Cisco-Sub-QoS-Pol-In", Text),
    Definition::new(CISCO, 56, "Cisco-Sub-QoS-Pol-Out", Text),
    Definition::new(CISCO, 57, "Cisco-In-ACL", Text),
    Definition::new(CISCO, 58, "Cisco-Out-ACL", Text),
    Definition::new(CISCO, 59, "Cisco-Sub-PBR-Policy-In", Text),
    Definition::new(CISCO, 60, "Cisco-Sub-Activate-Service", Text),
    Definition::new(CISCO, 61, "Cisco-IPv6-In-ACL", Text),
    Definition::new(CISCO, 62, "Cisco-IPv6-Out-ACL", Text),
    Definition::new(CISCO, 63, "Cisco-Sub-Deactivate-Service", Text),
    Definition::new(CISCO, 65, "Cisco-DHCP-Subscriber-Id", Text),
    Definition::new(CISCO, 66, "Cisco-DHCPv6-Link-Address", Text),
    Definition::new(CISCO, 90, "Cisco-DHCPv4-Option-To-AAA", Text),
    Definition::new(CISCO, 187, "Cisco-Multilink-ID", Integer),
    Definition::new(CISCO, 188, "Cisco-Num-In-Multilink", Integer),
    Definition::new(CISCO, 190, "Cisco-Pre-Input-Octets", Integer),
    Definition::new(CISCO, 191, "Cisco-Pre-Output-Octets", Integer),
    Definition::new(CISCO, 192, "Cisco-Pre-Input-Packets", Integer),
    Definition::new(CISCO, 193, "Cisco-Pre-Output-Packets", Integer),
    Definition::new(CISCO, 194, "Cisco-Maximum-Time", Integer),
    Definition::new(CISCO, 197, "Cisco-Data-Rate", Integer),
    Definition::new(CISCO, 198, "Cisco-PreSession-Time", Integer),
    Definition::new(CISCO, 209, "Cisco-IP-Direct", Integer),
    Definition::new(CISCO, 217, "Cisco-IP-Pool-Definition", Text),
    Definition::new(CISCO, 218, "Cisco-Assign-IP-Pool", Integer),
    Definition::new(CISCO, 228, "Cisco-Route-IP", Integer),
    Definition::new(CISCO, 244, "Cisco-Idle-Limit", Integer),
    Definition::new(CISCO, 249, "Cisco-Subscriber-Password", SecretText),
    Definition::new(CISCO, 250, "Cisco-Account-Info", Text),
    Definition::new(CISCO, 251, "Cisco-Service-Info", Text),
    Definition::new(CISCO, 252, "Cisco-Command-Code", Text),
    Definition::new(CISCO, 253, "Cisco-Control-Info", Text),
    Definition::new(CISCO, 255, "Cisco-Xmit-Rate", Integer),
];
