//! Attributes of the IETF: RFC 2865 to 2869, 3162, 4372, 4675, 4818, 4849, 5176, 5580, 6911, with the value names of
//! RFC 3580 and 4603 and of IANA's registry.
//!
//! A table and nothing else; how it is looked up is in [`super`].

use super::Definition;
use super::data_type::DataType::*;

/// Every attribute, by number.
pub(super) static DEFINITIONS: &[Definition] = &[
    Definition::new(0, 1, "User-Name", Text),
    Definition::new(0, 2, "User-Password", Hidden),
    Definition::new(0, 3, "CHAP-Password", Hidden),
    Definition::new(0, 4, "NAS-IP-Address", Ipv4),
    Definition::new(0, 5, "NAS-Port", Integer),
    Definition::with_values(0, 6, "Service-Type", Integer, SERVICE_TYPE),
    Definition::with_values(0, 7, "Framed-Protocol", Integer, FRAMED_PROTOCOL),
    Definition::new(0, 8, "Framed-IP-Address", Ipv4),
    Definition::new(0, 9, "Framed-IP-Netmask", Ipv4),
    Definition::with_values(0, 10, "Framed-Routing", Integer, FRAMED_ROUTING),
    Definition::new(0, 11, "Filter-Id", Text),
    Definition::new(0, 12, "Framed-MTU", Integer),
    Definition::with_values(0, 13, "Framed-Compression", Integer, FRAMED_COMPRESSION),
    Definition::new(0, 14, "Login-IP-Host", Ipv4),
    Definition::with_values(0, 15, "Login-Service", Integer, LOGIN_SERVICE),
    Definition::with_values(0, 16, "Login-TCP-Port", Integer, LOGIN_TCP_PORT),
    Definition::new(0, 18, "Reply-Message", Text),
    Definition::new(0, 19, "Callback-Number", Text),
    Definition::new(0, 20, "Callback-Id", Text),
    Definition::new(0, 22, "Framed-Route", Text),
    Definition::new(0, 23, "Framed-IPX-Network", Ipv4),
    Definition::new(0, 24, "State", Octets),
    Definition::new(0, 25, "Class", Octets),
    Definition::new(0, 26, "Vendor-Specific", Vsa),
    Definition::new(0, 27, "Session-Timeout", Integer),
    Definition::new(0, 28, "Idle-Timeout", Integer),
    Definition::with_values(0, 29, "Termination-Action", Integer, TERMINATION_ACTION),
    Definition::new(0, 30, "Called-Station-Id", Text),
    Definition::new(0, 31, "Calling-Station-Id", Text),
    Definition::new(0, 32, "NAS-Identifier", Text),
    Definition::new(0, 33, "Proxy-State", Octets),
    Definition::new(0, 34, "Login-LAT-Service", Text),
    Definition::new(0, 35, "Login-LAT-Node", Text),
    Definition::new(0, 36, "Login-LAT-Group", Octets),
    Definition::new(0, 37, "Framed-AppleTalk-Link", Integer),
    Definition::new(0, 38, "Framed-AppleTalk-Network", Integer),
    Definition::new(0, 39, "Framed-AppleTalk-Zone", Text),
    Definition::with_values(0, 40, "Acct-Status-Type", Integer, ACCT_STATUS_TYPE),
    Definition::new(0, 41, "Acct-Delay-Time", Integer),
    Definition::new(0, 42, "Acct-Input-Octets", Integer),
    Definition::new(0, 43, "Acct-Output-Octets", Integer),
    Definition::new(0, 44, "Acct-Session-Id", Text),
    Definition::with_values(0, 45, "Acct-Authentic", Integer, ACCT_AUTHENTIC),
    Definition::new(0, 46, "Acct-Session-Time", Integer),
    Definition::new(0, 47, "Acct-Input-Packets", Integer),
    Definition::new(0, 48, "Acct-Output-Packets", Integer),
    Definition::with_values(0, 49, "Acct-Terminate-Cause", Integer, ACCT_TERMINATE_CAUSE),
    Definition::new(0, 50, "Acct-Multi-Session-Id", Text),
    Definition::new(0, 51, "Acct-Link-Count", Integer),
    Definition::new(0, 52, "Acct-Input-Gigawords", Integer),
    Definition::new(0, 53, "Acct-Output-Gigawords", Integer),
    Definition::new(0, 55, "Event-Timestamp", Time),
    Definition::new(0, 56, "Egress-VLANID", Integer),
    Definition::with_values(0, 57, "Ingress-Filters", Integer, INGRESS_FILTERS),
    Definition::new(0, 58, "Egress-VLAN-Name", Text),
    Definition::new(0, 59, "User-Priority-Table", Octets),
    Definition::new(0, 60, "CHAP-Challenge", Hidden),
    Definition::with_values(0, 61, "NAS-Port-Type", Integer, NAS_PORT_TYPE),
    Definition::new(0, 62, "Port-Limit", Integer),
    Definition::new(0, 63, "Login-LAT-Port", Text),
    Definition::with_values(0, 64, "Tunnel-Type", TaggedInteger, TUNNEL_TYPE),
    Definition::with_values(0, 65, "Tunnel-Medium-Type", TaggedInteger, TUNNEL_MEDIUM_TYPE),
    Definition::new(0, 66, "Tunnel-Client-Endpoint", TaggedText),
    Definition::new(0, 67, "Tunnel-Server-Endpoint", TaggedText),
    Definition::new(0, 68, "Acct-Tunnel-Connection", Text),
    Definition::new(0, 69, "Tunnel-Password", Hidden),
    Definition::new(0, 70, "ARAP-Password", Hidden),
    Definition::new(0, 71, "ARAP-Features", Hidden),
    Definition::with_values(0, 72, "ARAP-Zone-Access", Integer, ARAP_ZONE_ACCESS),
    Definition::new(0, 73, "ARAP-Security", Integer),
    Definition::new(0, 74, "ARAP-Security-Data", Hidden),
    Definition::new(0, 75, "Password-Retry", Integer),
    Definition::with_values(0, 76, "Prompt", Integer, PROMPT),
    Definition::new(0, 77, "Connect-Info", Text),
    Definition::new(0, 78, "Configuration-Token", Text),
    Definition::new(0, 79, "EAP-Message", Hidden),
    Definition::new(0, 80, "Message-Authenticator", Hidden),
    Definition::new(0, 81, "Tunnel-Private-Group-Id", TaggedText),
    Definition::new(0, 82, "Tunnel-Assignment-Id", TaggedText),
    Definition::new(0, 83, "Tunnel-Preference", TaggedInteger),
    Definition::new(0, 84, "ARAP-Challenge-Response", Hidden),
    Definition::new(0, 85, "Acct-Interim-Interval", Integer),
    Definition::new(0, 86, "Acct-Tunnel-Packets-Lost", Integer),
    Definition::new(0, 87, "NAS-Port-Id", Text),
    Definition::new(0, 88, "Framed-Pool", Text),
    Definition::new(0, 89, "Chargeable-User-Identity", Text),
    Definition::new(0, 90, "Tunnel-Client-Auth-Id", TaggedText),
    Definition::new(0, 91, "Tunnel-Server-Auth-Id", TaggedText),
    Definition::new(0, 92, "NAS-Filter-Rule", Text),
    Definition::new(0, 95, "NAS-IPv6-Address", Ipv6),
    Definition::new(0, 96, "Framed-Interface-Id", Ifid),
    Definition::new(0, 97, "Framed-IPv6-Prefix", Ipv6Prefix),
    Definition::new(0, 98, "Login-IPv6-Host", Ipv6),
    Definition::new(0, 99, "Framed-IPv6-Route", Text),
    Definition::new(0, 100, "Framed-IPv6-Pool", Text),
    Definition::with_values(0, 101, "Error-Cause", Integer, ERROR_CAUSE),
    Definition::new(0, 123, "Delegated-IPv6-Prefix", Ipv6Prefix),
    Definition::new(0, 126, "Operator-Name", Text),
    Definition::new(0, 127, "Location-Information", Octets),
    Definition::new(0, 128, "Location-Data", Octets),
    Definition::new(0, 129, "Basic-Location-Policy-Rules", Octets),
    Definition::new(0, 130, "Extended-Location-Policy-Rules", Text),
    Definition::new(0, 131, "Location-Capable", Octets),
    Definition::with_values(
        0,
        132,
        "Requested-Location-Info",
        Integer,
        REQUESTED_LOCATION_INFO,
    ),
    Definition::new(0, 168, "Framed-IPv6-Address", Ipv6),
    Definition::new(0, 169, "DNS-Server-IPv6-Address", Ipv6),
    Definition::new(0, 170, "Route-IPv6-Information", Ipv6Prefix),
    Definition::new(0, 171, "Delegated-IPv6-Prefix-Pool", Text),
    Definition::new(0, 172, "Stateful-IPv6-Address-Pool", Text),
];

/// Values of Service-Type.
static SERVICE_TYPE: &[(&str, u32)] = &[
    ("Login-User", 1),
    ("Framed-User", 2),
    ("Callback-Login-User", 3),
    ("Callback-Framed-User", 4),
    ("Outbound-User", 5),
    ("Administrative-User", 6),
    ("NAS-Prompt-User", 7),
    ("Authenticate-Only", 8),
    ("Callback-NAS-Prompt", 9),
    ("Call-Check", 10),
    ("Callback-Administrative", 11),
    ("Authorize-Only", 17),
];

/// Values of Framed-Protocol.
static FRAMED_PROTOCOL: &[(&str, u32)] = &[
    ("PPP", 1),
    ("SLIP", 2),
    ("ARAP", 3),
    ("Gandalf-SLML", 4),
    ("Xylogics-IPX-SLIP", 5),
    ("X.75-Synchronous", 6),
    ("GPRS-PDP-Context", 7),
];

/// Values of Framed-Routing.
static FRAMED_ROUTING: &[(&str, u32)] = &[
    ("None", 0),
    ("Broadcast", 1),
    ("Listen", 2),
    ("Broadcast-Listen", 3),
];

/// Values of Framed-Compression.
static FRAMED_COMPRESSION: &[(&str, u32)] = &[
    ("None", 0),
    ("Van-Jacobson-TCP-IP", 1),
    ("IPX-Header-Compression", 2),
    ("Stac-LZS", 3),
];

/// Values of Login-Service.
static LOGIN_SERVICE: &[(&str, u32)] = &[
    ("Telnet", 0),
    ("Rlogin", 1),
    ("TCP-Clear", 2),
    ("PortMaster", 3),
    ("LAT", 4),
    ("X25-PAD", 5),
    ("X25-T3POS", 6),
    ("TCP-Clear-Quiet", 8),
];

/// Values of Login-TCP-Port.
static LOGIN_TCP_PORT: &[(&str, u32)] = &[("Telnet", 23), ("Rlogin", 513), ("Rsh", 514)];

/// Values of Termination-Action.
static TERMINATION_ACTION: &[(&str, u32)] = &[("Default", 0), ("RADIUS-Request", 1)];

/// Values of Acct-Status-Type.
static ACCT_STATUS_TYPE: &[(&str, u32)] = &[
    ("Start", 1),
    ("Stop", 2),
    ("Interim-Update", 3),
    ("Accounting-On", 7),
    ("Accounting-Off", 8),
    ("Tunnel-Start", 9),
    ("Tunnel-Stop", 10),
    ("Tunnel-Reject", 11),
    ("Tunnel-Link-Start", 12),
    ("Tunnel-Link-Stop", 13),
    ("Tunnel-Link-Reject", 14),
    ("Failed", 15),
];

/// Values of Acct-Authentic.
static ACCT_AUTHENTIC: &[(&str, u32)] = &[("RADIUS", 1), ("Local", 2), ("Remote", 3), ("Diameter", 4)];

/// Values of Acct-Terminate-Cause.
static ACCT_TERMINATE_CAUSE: &[(&str, u32)] = &[
    ("User-Request", 1),
    ("Lost-Carrier", 2),
    ("Lost-Service", 3),
    ("Idle-Timeout", 4),
    ("Session-Timeout", 5),
    ("Admin-Reset", 6),
    ("Admin-Reboot", 7),
    ("Port-Error", 8),
    ("NAS-Error", 9),
    ("NAS-Request", 10),
    ("NAS-Reboot", 11),
    ("Port-Unneeded", 12),
    ("Port-Preempted", 13),
    ("Port-Suspended", 14),
    ("Service-Unavailable", 15),
    ("Callback", 16),
    ("User-Error", 17),
    ("Host-Request", 18),
    ("Supplicant-Restart", 19),
    ("Reauthentication-Failure", 20),
    ("Port-Reinit", 21),
    ("Port-Disabled", 22),
];

/// Values of Ingress-Filters.
static INGRESS_FILTERS: &[(&str, u32)] = &[("Enabled", 1), ("Disabled", 2)];

/// Values of NAS-Port-Type.
static NAS_PORT_TYPE: &[(&str, u32)] = &[
    ("Async", 0),
    ("Sync", 1),
    ("ISDN", 2),
    ("ISDN-V120", 3),
    ("ISDN-V110", 4),
    ("Virtual", 5),
    ("PIAFS", 6),
    ("HDLC-Clear-Channel", 7),
    ("X.25", 8),
    ("X.75", 9),
    ("G.3-Fax", 10),
    ("SDSL", 11),
    ("ADSL-CAP", 12),
    ("ADSL-DMT", 13),
    ("IDSL", 14),
    ("Ethernet", 15),
    ("xDSL", 16),
    ("Cable", 17),
    ("Wireless-Other", 18),
    ("Wireless-802.11", 19),
    ("Token-Ring", 20),
    ("FDDI", 21),
    ("CDMA2000", 22),
    ("UMTS", 23),
    ("1X-EV", 24),
    ("IAPP", 25),
    ("FTTP", 26),
    ("Wireless-802.16", 27),
    ("Wireless-802.20", 28),
    ("Wireless-802.22", 29),
    ("PPPoA", 30),
    ("PPPoEoA", 31),
    ("PPPoEoE", 32),
    ("PPPoEoVLAN", 33),
    ("PPPoEoQinQ", 34),
    ("xPON", 35),
    ("Wireless-XGP", 36),
];

/// Values of Tunnel-Type.
static TUNNEL_TYPE: &[(&str, u32)] = &[
    ("PPTP", 1),
    ("L2F", 2),
    ("L2TP", 3),
    ("ATMP", 4),
    ("VTP", 5),
    ("AH", 6),
    ("IP", 7),
    ("MIN-IP", 8),
    ("ESP", 9),
    ("GRE", 10),
    ("DVS", 11),
    ("IP-in-IP", 12),
    ("VLAN", 13),
];

/// Values of Tunnel-Medium-Type.
static TUNNEL_MEDIUM_TYPE: &[(&str, u32)] = &[
    ("IPv4", 1),
    ("IPv6", 2),
    ("NSAP", 3),
    ("HDLC", 4),
    ("BBN-1822", 5),
    ("IEEE-802", 6),
    ("E.163", 7),
    ("E.164", 8),
    ("F.69", 9),
    ("X.121", 10),
    ("IPX", 11),
    ("Appletalk", 12),
    ("DecNet-IV", 13),
    ("Banyan-Vines", 14),
    ("E.164-NSAP", 15),
];

/// Values of ARAP-Zone-Access.
static ARAP_ZONE_ACCESS: &[(&str, u32)] = &[
    ("Default-Zone", 1),
    ("Zone-Filter-Inclusive", 2),
    ("Zone-Filter-Exclusive", 4),
];

/// Values of Prompt.
static PROMPT: &[(&str, u32)] = &[("No-Echo", 0), ("Echo", 1)];

/// Values of Error-Cause.
static ERROR_CAUSE: &[(&str, u32)] = &[
    ("Residual-Context-Removed", 201),
    ("Invalid-EAP-Packet", 202),
    ("Unsupported-Attribute", 401),
    ("Missing-Attribute", 402),
    ("NAS-Identification-Mismatch", 403),
    ("Invalid-Request", 404),
    ("Unsupported-Service", 405),
    ("Unsupported-Extension", 406),
    ("Invalid-Attribute-Value", 407),
    ("Administratively-Prohibited", 501),
    ("Proxy-Request-Not-Routable", 502),
    ("Session-Context-Not-Found", 503),
    ("Session-Context-Not-Removable", 504),
    ("Proxy-Processing-Error", 505),
    ("Resources-Unavailable", 506),
    ("Request-Initiated", 507),
    ("Multiple-Session-Selection-Unsupported", 508),
];

/// Values of Requested-Location-Info.
static REQUESTED_LOCATION_INFO: &[(&str, u32)] = &[
    ("Civic-Location", 1),
    ("Geo-Location", 2),
    ("Users-Location", 4),
    ("NAS-Location", 8),
    ("Future-Requests", 16),
    ("None", 32),
];
