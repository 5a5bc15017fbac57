//! The shape of what a plan, a subscriber or a garden gives, for the documentation of the API.
//! Never read: what comes in is read by [`crate::app::terms`]; a test compares the two.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is given beside speeds and timeouts of a plan, or in place of a plan: every field may be absent. `download_bps`,
/// `upload_bps`, the timeouts, `interim_interval_s` and `pool` are fields of a plan itself, and stand here for a subscriber or
/// a garden only.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Terms)]
pub struct TermsShape {
    /// Towards the subscriber, bit/s.
    download_bps: Option<u64>,
    /// From the subscriber, bit/s.
    upload_bps: Option<u64>,
    /// What he may have for a moment beyond that.
    burst: Option<BurstShape>,
    /// 1, the first to be served, to 8, the last.
    priority: Option<u8>,
    /// Session-Timeout, seconds.
    session_timeout_s: Option<u32>,
    /// Idle-Timeout, seconds.
    idle_timeout_s: Option<u32>,
    /// What the NAS does at the end of Session-Timeout: `end` the session, or `ask` again and go on.
    termination_action: Option<String>,
    /// Acct-Interim-Interval, seconds.
    interim_interval_s: Option<u32>,
    /// So many seconds at most are added to the interval, for each subscriber others.
    interim_spread_s: Option<u32>,
    /// Pool of IPv4 addresses on the NAS.
    pool: Option<String>,
    /// Pool of IPv6 prefixes for the link.
    ipv6_pool: Option<String>,
    /// Pool of IPv6 prefixes to delegate.
    delegated_pool: Option<String>,
    /// DNS servers, the first first.
    #[schema(value_type = Option<Vec<String>>)]
    dns: Option<Vec<IpAddr>>,
    /// VLAN, 1 to 4094.
    vlan: Option<u16>,
    /// Routing instance of the NAS.
    vrf: Option<String>,
    /// Filter of the NAS.
    filter: Option<String>,
    /// Address list or user group of the NAS.
    address_list: Option<String>,
    /// Where his first web page leads.
    redirect_url: Option<String>,
    /// Policies of the NAS by name, for each make others: mikrotik, generic, cisco, juniper, huawei, nokia, accel, zte, h3c, ikuai.
    policies: Option<BTreeMap<String, PolicyShape>>,
    /// Whose clock windows go by, such as `Europe/Berlin`; UTC unless said.
    zone: Option<String>,
    /// When other speeds hold.
    windows: Option<Vec<WindowShape>>,
}

/// More than the rate for a moment, while the average stays below a threshold.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Burst)]
struct BurstShape {
    /// Towards the subscriber, bit/s.
    download_bps: u64,
    /// From the subscriber, bit/s.
    upload_bps: u64,
    /// While the average towards him is below this; the rate unless said.
    download_threshold_bps: Option<u64>,
    /// Likewise from him.
    upload_threshold_bps: Option<u64>,
    /// Over which time the average is taken.
    seconds: u16,
}

/// Names of policies; `{down}`, `{up}`, `{down_k}` and `{up_k}` in them stand for the rate in bit/s and kbit/s.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Policy)]
struct PolicyShape {
    /// One for both directions.
    name: Option<String>,
    /// One for what goes to the subscriber.
    down: Option<String>,
    /// One for what comes from him.
    up: Option<String>,
}

/// Hours at which other speeds hold.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Window)]
struct WindowShape {
    /// The days on which it begins: mon, tue, wed, thu, fri, sat, sun.
    days: Vec<String>,
    /// When it begins, HH:MM.
    from: String,
    /// When it ends; not after `from` means on the next day.
    to: String,
    /// Towards the subscriber, bit/s.
    download_bps: u64,
    /// From the subscriber, bit/s.
    upload_bps: u64,
}

#[cfg(test)]
mod tests {
    use super::TermsShape;
    use radius_server::authorization::Terms;
    use serde_json::Value;

    /// Everything that can be said.
    const ALL: &str = r#"{"download_bps": 10, "upload_bps": 5,
        "burst": {"download_bps": 20, "upload_bps": 10, "download_threshold_bps": 9, "upload_threshold_bps": 4, "seconds": 8},
        "priority": 3, "session_timeout_s": 9, "idle_timeout_s": 9, "termination_action": "ask", "interim_interval_s": 300,
        "interim_spread_s": 60, "pool": "a", "ipv6_pool": "b", "delegated_pool": "c", "dns": ["192.0.2.53"], "vlan": 7,
        "vrf": "d", "filter": "e", "address_list": "f", "redirect_url": "http://g/",
        "policies": {"cisco": {"name": "h", "down": "i", "up": "j"}}, "zone": "Europe/Berlin",
        "windows": [{"days": ["mon"], "from": "18:00", "to": "23:00", "download_bps": 20, "upload_bps": 10}]}"#;

    #[test]
    fn the_shape_that_is_documented_is_the_one_that_is_read() {
        let json: Value = serde_json::from_str(ALL).expect("JSON");
        let read: Terms = serde_json::from_str(ALL).expect("terms");
        assert_eq!(serde_json::to_value(&read).expect("JSON"), json);
        let shape: TermsShape = serde_json::from_str(ALL).expect("the shape");
        assert_eq!(serde_json::to_value(&shape).expect("JSON"), json);
    }
}
