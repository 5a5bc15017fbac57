//! Attribute type numbers, by RFC, and the vendors' numbers.
//!
//! Numbers only: names, data types and value names are in [`crate::dictionary`], whose tests hold the two together.

// RFC 2865: authentication.
/// User-Name
pub const USER_NAME: u8 = 1;
/// User-Password: hidden, see [`crate::password`]
pub const USER_PASSWORD: u8 = 2;
/// CHAP-Password: identifier and digest
pub const CHAP_PASSWORD: u8 = 3;
/// NAS-IP-Address
pub const NAS_IP_ADDRESS: u8 = 4;
/// NAS-Port
pub const NAS_PORT: u8 = 5;
/// Service-Type
pub const SERVICE_TYPE: u8 = 6;
/// Framed-Protocol
pub const FRAMED_PROTOCOL: u8 = 7;
/// Framed-IP-Address
pub const FRAMED_IP_ADDRESS: u8 = 8;
/// Framed-IP-Netmask
pub const FRAMED_IP_NETMASK: u8 = 9;
/// Framed-Routing
pub const FRAMED_ROUTING: u8 = 10;
/// Filter-Id
pub const FILTER_ID: u8 = 11;
/// Framed-MTU
pub const FRAMED_MTU: u8 = 12;
/// Framed-Compression
pub const FRAMED_COMPRESSION: u8 = 13;
/// Login-IP-Host
pub const LOGIN_IP_HOST: u8 = 14;
/// Login-Service
pub const LOGIN_SERVICE: u8 = 15;
/// Login-TCP-Port
pub const LOGIN_TCP_PORT: u8 = 16;
/// Reply-Message: text for the subscriber
pub const REPLY_MESSAGE: u8 = 18;
/// Callback-Number
pub const CALLBACK_NUMBER: u8 = 19;
/// Callback-Id
pub const CALLBACK_ID: u8 = 20;
/// Framed-Route
pub const FRAMED_ROUTE: u8 = 22;
/// Framed-IPX-Network
pub const FRAMED_IPX_NETWORK: u8 = 23;
/// State: comes back unchanged in the next Access-Request
pub const STATE: u8 = 24;
/// Class: comes back unchanged in accounting
pub const CLASS: u8 = 25;
/// Vendor-Specific: see [`crate::Attribute::vendor`]
pub const VENDOR_SPECIFIC: u8 = 26;
/// Session-Timeout, in seconds
pub const SESSION_TIMEOUT: u8 = 27;
/// Idle-Timeout, in seconds
pub const IDLE_TIMEOUT: u8 = 28;
/// Termination-Action
pub const TERMINATION_ACTION: u8 = 29;
/// Called-Station-Id
pub const CALLED_STATION_ID: u8 = 30;
/// Calling-Station-Id
pub const CALLING_STATION_ID: u8 = 31;
/// NAS-Identifier
pub const NAS_IDENTIFIER: u8 = 32;
/// Proxy-State: goes back to the proxy unchanged and in order
pub const PROXY_STATE: u8 = 33;
/// CHAP-Challenge
pub const CHAP_CHALLENGE: u8 = 60;
/// NAS-Port-Type
pub const NAS_PORT_TYPE: u8 = 61;
/// Port-Limit
pub const PORT_LIMIT: u8 = 62;

// RFC 2866: accounting.
/// Acct-Status-Type: see [`crate::StatusType`]
pub const ACCT_STATUS_TYPE: u8 = 40;
/// Acct-Delay-Time, in seconds
pub const ACCT_DELAY_TIME: u8 = 41;
/// Acct-Input-Octets: received from the subscriber, modulo 2^32
pub const ACCT_INPUT_OCTETS: u8 = 42;
/// Acct-Output-Octets: sent to the subscriber, modulo 2^32
pub const ACCT_OUTPUT_OCTETS: u8 = 43;
/// Acct-Session-Id
pub const ACCT_SESSION_ID: u8 = 44;
/// Acct-Authentic
pub const ACCT_AUTHENTIC: u8 = 45;
/// Acct-Session-Time, in seconds
pub const ACCT_SESSION_TIME: u8 = 46;
/// Acct-Input-Packets
pub const ACCT_INPUT_PACKETS: u8 = 47;
/// Acct-Output-Packets
pub const ACCT_OUTPUT_PACKETS: u8 = 48;
/// Acct-Terminate-Cause
pub const ACCT_TERMINATE_CAUSE: u8 = 49;
/// Acct-Multi-Session-Id
pub const ACCT_MULTI_SESSION_ID: u8 = 50;
/// Acct-Link-Count
pub const ACCT_LINK_COUNT: u8 = 51;

// RFC 2869 and 3579: extensions, EAP.
/// Acct-Input-Gigawords: how often Acct-Input-Octets wrapped
pub const ACCT_INPUT_GIGAWORDS: u8 = 52;
/// Acct-Output-Gigawords: how often Acct-Output-Octets wrapped
pub const ACCT_OUTPUT_GIGAWORDS: u8 = 53;
/// Event-Timestamp: seconds since 1970
pub const EVENT_TIMESTAMP: u8 = 55;
/// Connect-Info
pub const CONNECT_INFO: u8 = 77;
/// EAP-Message: a piece of an EAP packet
pub const EAP_MESSAGE: u8 = 79;
/// Message-Authenticator: HMAC-MD5 over the packet
pub const MESSAGE_AUTHENTICATOR: u8 = 80;
/// Acct-Interim-Interval, in seconds
pub const ACCT_INTERIM_INTERVAL: u8 = 85;
/// NAS-Port-Id
pub const NAS_PORT_ID: u8 = 87;
/// Framed-Pool
pub const FRAMED_POOL: u8 = 88;

// RFC 4675: VLANs.
/// Egress-VLANID
pub const EGRESS_VLANID: u8 = 56;
/// Ingress-Filters
pub const INGRESS_FILTERS: u8 = 57;
/// Egress-VLAN-Name
pub const EGRESS_VLAN_NAME: u8 = 58;
/// User-Priority-Table
pub const USER_PRIORITY_TABLE: u8 = 59;

// RFC 2867 and 2868: tunnels.
/// Tunnel-Type, tagged
pub const TUNNEL_TYPE: u8 = 64;
/// Tunnel-Medium-Type, tagged
pub const TUNNEL_MEDIUM_TYPE: u8 = 65;
/// Tunnel-Client-Endpoint, tagged
pub const TUNNEL_CLIENT_ENDPOINT: u8 = 66;
/// Tunnel-Server-Endpoint, tagged
pub const TUNNEL_SERVER_ENDPOINT: u8 = 67;
/// Acct-Tunnel-Connection
pub const ACCT_TUNNEL_CONNECTION: u8 = 68;
/// Tunnel-Password, tagged and hidden
pub const TUNNEL_PASSWORD: u8 = 69;
/// Tunnel-Private-Group-Id, tagged
pub const TUNNEL_PRIVATE_GROUP_ID: u8 = 81;
/// Tunnel-Assignment-Id, tagged
pub const TUNNEL_ASSIGNMENT_ID: u8 = 82;
/// Tunnel-Preference, tagged
pub const TUNNEL_PREFERENCE: u8 = 83;
/// Acct-Tunnel-Packets-Lost
pub const ACCT_TUNNEL_PACKETS_LOST: u8 = 86;
/// Tunnel-Client-Auth-Id, tagged
pub const TUNNEL_CLIENT_AUTH_ID: u8 = 90;
/// Tunnel-Server-Auth-Id, tagged
pub const TUNNEL_SERVER_AUTH_ID: u8 = 91;

// RFC 4372: a name that may be shown to others.
/// Chargeable-User-Identity
pub const CHARGEABLE_USER_IDENTITY: u8 = 89;

// RFC 4849 and 7155: filters.
/// NAS-Filter-Rule
pub const NAS_FILTER_RULE: u8 = 92;

// RFC 3162, 4818 and 6911: IPv6.
/// NAS-IPv6-Address
pub const NAS_IPV6_ADDRESS: u8 = 95;
/// Framed-Interface-Id
pub const FRAMED_INTERFACE_ID: u8 = 96;
/// Framed-IPv6-Prefix
pub const FRAMED_IPV6_PREFIX: u8 = 97;
/// Login-IPv6-Host
pub const LOGIN_IPV6_HOST: u8 = 98;
/// Framed-IPv6-Route
pub const FRAMED_IPV6_ROUTE: u8 = 99;
/// Framed-IPv6-Pool
pub const FRAMED_IPV6_POOL: u8 = 100;
/// Delegated-IPv6-Prefix
pub const DELEGATED_IPV6_PREFIX: u8 = 123;
/// Framed-IPv6-Address
pub const FRAMED_IPV6_ADDRESS: u8 = 168;
/// DNS-Server-IPv6-Address
pub const DNS_SERVER_IPV6_ADDRESS: u8 = 169;
/// Route-IPv6-Information
pub const ROUTE_IPV6_INFORMATION: u8 = 170;
/// Delegated-IPv6-Prefix-Pool
pub const DELEGATED_IPV6_PREFIX_POOL: u8 = 171;
/// Stateful-IPv6-Address-Pool
pub const STATEFUL_IPV6_ADDRESS_POOL: u8 = 172;

// RFC 3576 and 5176: dynamic authorization.
/// Error-Cause
pub const ERROR_CAUSE: u8 = 101;

// RFC 5580: where the subscriber is.
/// Operator-Name
pub const OPERATOR_NAME: u8 = 126;
/// Location-Information
pub const LOCATION_INFORMATION: u8 = 127;
/// Location-Data
pub const LOCATION_DATA: u8 = 128;

/// Vendor numbers, from IANA's list of private enterprises.
pub mod vendor {
    /// Cisco
    pub const CISCO: u32 = 9;
    /// Microsoft: MS-CHAP, MPPE and DNS
    pub const MICROSOFT: u32 = 311;
    /// Redback, later Ericsson
    pub const REDBACK: u32 = 2352;
    /// Broadband Forum (DSL Forum): RFC 4679
    pub const ADSL_FORUM: u32 = 3561;
    /// WISPr: the Wi-Fi Alliance's old roaming recommendation
    pub const WISPR: u32 = 14122;
    /// MikroTik
    pub const MIKROTIK: u32 = 14988;
    /// accel-ppp
    pub const ACCEL: u32 = 55999;
}

/// Cisco sub-attributes used in the code.
pub mod cisco {
    /// cisco-avpair: `name=value`
    pub const AV_PAIR: u8 = 1;
}

/// Sub-attributes of the DSL Forum used in the code (RFC 4679).
pub mod adsl_forum {
    /// ADSL-Agent-Circuit-Id: the port (section 3.3.1)
    pub const AGENT_CIRCUIT_ID: u8 = 1;
    /// ADSL-Agent-Remote-Id: the subscriber's end (section 3.3.2)
    pub const AGENT_REMOTE_ID: u8 = 2;
}

/// Redback's sub-attributes used in the code.
pub mod redback {
    /// Agent-Remote-Id
    pub const AGENT_REMOTE_ID: u8 = 96;
    /// Agent-Circuit-Id
    pub const AGENT_CIRCUIT_ID: u8 = 97;
}

/// MikroTik sub-attributes used in the code.
pub mod mikrotik {
    /// Mikrotik-Rate-Limit: `rx/tx`, rx is what the router receives, the subscriber's upload
    pub const RATE_LIMIT: u8 = 8;
}

/// WISPr sub-attributes used in the code.
pub mod wispr {
    /// WISPr-Bandwidth-Max-Up, in bit/s
    pub const BANDWIDTH_MAX_UP: u8 = 7;
    /// WISPr-Bandwidth-Max-Down, in bit/s
    pub const BANDWIDTH_MAX_DOWN: u8 = 8;
}

/// Microsoft sub-attributes used in the code (RFC 2548).
pub mod microsoft {
    /// MS-CHAP-Response: version 1 (section 2.1.3)
    pub const CHAP_RESPONSE: u8 = 1;
    /// MS-CHAP-Error: why a response of either version was refused (section 2.1.5)
    pub const CHAP_ERROR: u8 = 2;
    /// MS-CHAP-CPW-1: a changed password, the deprecated way (section 2.1.6)
    pub const CHAP_CPW_1: u8 = 3;
    /// MS-CHAP-CPW-2: a changed password of version 1 (section 2.1.7)
    pub const CHAP_CPW_2: u8 = 4;
    /// MS-MPPE-Encryption-Policy: 1 allowed, 2 required (section 2.4.4)
    pub const MPPE_ENCRYPTION_POLICY: u8 = 7;
    /// MS-MPPE-Encryption-Types: bits, 2 for 40-bit keys and 4 for 128-bit keys (section 2.4.5)
    pub const MPPE_ENCRYPTION_TYPES: u8 = 8;
    /// MS-CHAP-Challenge: what either version's response answers (section 2.1.2)
    pub const CHAP_CHALLENGE: u8 = 11;
    /// MS-CHAP-MPPE-Keys: hidden like User-Password, for version 1 (section 2.4.1)
    pub const CHAP_MPPE_KEYS: u8 = 12;
    /// MS-MPPE-Send-Key: salted, what the NAS encrypts with (section 2.4.2)
    pub const MPPE_SEND_KEY: u8 = 16;
    /// MS-MPPE-Recv-Key: salted, what the NAS decrypts with (section 2.4.3)
    pub const MPPE_RECV_KEY: u8 = 17;
    /// MS-CHAP2-Response: version 2 (section 2.3.2)
    pub const CHAP2_RESPONSE: u8 = 25;
    /// MS-CHAP2-Success: the server's own proof (section 2.3.3)
    pub const CHAP2_SUCCESS: u8 = 26;
    /// MS-CHAP2-CPW: a changed password of version 2 (section 2.3.4)
    pub const CHAP2_CPW: u8 = 27;
}
