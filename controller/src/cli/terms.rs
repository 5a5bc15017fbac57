//! What is given beside speeds and timeouts: the flags that `headend plan`, `subscriber` and `garden` share.
//! Never checks more than how a flag is written; what makes sense, and fits the NAS, the server says.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::apply::rate;

/// The days of a week in order.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What can be given beside the rate. A name that is taken back is said with `--unset`.
#[derive(Args)]
pub struct Given {
    /// For a moment, towards the subscriber: a rate, and optionally the average below which it holds, such as 200M:75M
    #[arg(long, value_name = "RATE[:RATE]", requires_all = ["burst_upload", "burst_seconds"], value_parser = burst)]
    burst_download: Option<(u64, Option<u64>)>,
    /// For a moment, from the subscriber
    #[arg(long, value_name = "RATE[:RATE]", requires = "burst_download", value_parser = burst)]
    burst_upload: Option<(u64, Option<u64>)>,
    /// Over how many seconds that average is taken
    #[arg(long, value_name = "SECONDS", requires = "burst_download")]
    burst_seconds: Option<u16>,
    /// 1, the first to be served, to 8, the last
    #[arg(long, value_name = "1-8")]
    priority: Option<u8>,
    /// What the NAS does when the session's time is over: end it, or ask again (802.1X and IPoE; PPP cannot)
    #[arg(long, value_name = "HOW", value_parser = ["end", "ask"])]
    termination_action: Option<String>,
    /// So many seconds at most are added to the interim interval, for each subscriber others
    #[arg(long, value_name = "SECONDS")]
    interim_spread: Option<u32>,
    /// Name of a pool of IPv6 prefixes for the link
    #[arg(long, value_name = "POOL")]
    ipv6_pool: Option<String>,
    /// Name of a pool of IPv6 prefixes to delegate
    #[arg(long, value_name = "POOL")]
    delegated_pool: Option<String>,
    /// DNS servers, the first first
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    dns: Vec<std::net::IpAddr>,
    /// VLAN, 1 to 4094
    #[arg(long, value_name = "VLAN")]
    vlan: Option<u16>,
    /// Routing instance of the NAS
    #[arg(long, value_name = "NAME")]
    vrf: Option<String>,
    /// Filter of the NAS
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Address list or user group of the NAS
    #[arg(long, value_name = "NAME")]
    address_list: Option<String>,
    /// Where the first web page leads
    #[arg(long, value_name = "URL")]
    redirect_url: Option<String>,
    /// Policy of a make of NAS, may be given again: MAKE=NAME, MAKE.down=NAME, MAKE.up=NAME; {down}, {up}, {down_k}, {up_k} in a
    /// name stand for the rate
    #[arg(long, value_name = "MAKE=NAME", value_parser = policy)]
    policy: Vec<(String, String, String)>,
    /// Hours with another rate, may be given again: "mon-fri 18:00-23:00 200M/40M", down first
    #[arg(long, value_name = "HOURS", value_parser = window)]
    window: Vec<Value>,
    /// Whose clock these hours go by, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Take something back, may be given again: burst, priority, vlan, policies, policies.cisco, windows, ...
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
}

impl Given {
    /// The fields of `terms` in a request body.
    pub fn fields(self) -> Map<String, Value> {
        let burst = self
            .burst_download
            .zip(self.burst_upload)
            .map(|((down, below), (up, up_below))| {
                let mut burst =
                    json!({"download_bps": down, "upload_bps": up, "seconds": self.burst_seconds});
                burst["download_threshold_bps"] = json!(below);
                burst["upload_threshold_bps"] = json!(up_below);
                burst
            });
        let mut policies = Map::new();
        for (make, which, name) in self.policy {
            let policy = policies.entry(make).or_insert_with(|| Value::Object(Map::new()));
            policy[which] = Value::from(name);
        }
        let list = |items: Vec<Value>| (!items.is_empty()).then_some(Value::Array(items));
        let mut fields: Map<String, Value> = [
            ("burst", burst),
            ("priority", self.priority.map(Value::from)),
            ("termination_action", self.termination_action.map(Value::from)),
            ("interim_spread_s", self.interim_spread.map(Value::from)),
            ("ipv6_pool", self.ipv6_pool.map(Value::from)),
            ("delegated_pool", self.delegated_pool.map(Value::from)),
            ("dns", list(self.dns.iter().map(|server| json!(server)).collect())),
            ("vlan", self.vlan.map(Value::from)),
            ("vrf", self.vrf.map(Value::from)),
            ("filter", self.filter.map(Value::from)),
            ("address_list", self.address_list.map(Value::from)),
            ("redirect_url", self.redirect_url.map(Value::from)),
            (
                "policies",
                (!policies.is_empty()).then_some(Value::Object(policies)),
            ),
            ("windows", list(self.window)),
            ("zone", self.zone.map(Value::from)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        for name in self.unset {
            match name.split_once('.') {
                None => drop(fields.insert(name, Value::Null)),
                Some((outer, inner)) => {
                    let place = fields.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                    if let Some(place) = place.as_object_mut() {
                        place.insert(inner.to_owned(), Value::Null);
                    }
                }
            }
        }
        fields
    }
}

/// Everything that can be given, for a subscriber in place of his plan, and for a garden.
#[derive(Args)]
pub struct Whole {
    /// Towards the subscriber, in bit/s, or with k, M, G such as 100M
    #[arg(long, value_name = "RATE", requires = "upload", value_parser = rate::parse)]
    download: Option<u64>,
    /// From the subscriber
    #[arg(long, value_name = "RATE", requires = "download", value_parser = rate::parse)]
    upload: Option<u64>,
    /// Session-Timeout in seconds
    #[arg(long, value_name = "SECONDS")]
    session_timeout: Option<u32>,
    /// Idle-Timeout in seconds
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<u32>,
    /// Acct-Interim-Interval in seconds, at least 60
    #[arg(long, value_name = "SECONDS")]
    interim_interval: Option<u32>,
    /// Name of a pool of IPv4 addresses on the NAS
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// Whatever else can be given
    #[command(flatten)]
    given: Given,
}

impl Whole {
    /// The fields of `terms` in a request body.
    pub fn fields(self) -> Map<String, Value> {
        let own = [
            ("download_bps", self.download.map(Value::from)),
            ("upload_bps", self.upload.map(Value::from)),
            ("session_timeout_s", self.session_timeout.map(Value::from)),
            ("idle_timeout_s", self.idle_timeout.map(Value::from)),
            ("interim_interval_s", self.interim_interval.map(Value::from)),
            ("pool", self.pool.map(Value::from)),
        ];
        let mut fields: Map<String, Value> = own
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        fields.extend(self.given.fields());
        fields
    }
}

/// Reads a rate, and the average below which it holds.
fn burst(text: &str) -> Result<(u64, Option<u64>), String> {
    match text.split_once(':') {
        None => Ok((rate::parse(text)?, None)),
        Some((most, below)) => Ok((rate::parse(most)?, Some(rate::parse(below)?))),
    }
}

/// Reads a policy: make, which, name.
fn policy(text: &str) -> Result<(String, String, String), String> {
    let refused = || format!("\"{text}\" is no policy: write MAKE=NAME, MAKE.down=NAME or MAKE.up=NAME");
    let (whose, name) = text.split_once('=').ok_or_else(refused)?;
    let (make, which) = whose.split_once('.').unwrap_or((whose, "name"));
    if make.is_empty() || name.is_empty() || !["name", "down", "up"].contains(&which) {
        return Err(refused());
    }
    Ok((make.to_owned(), which.to_owned(), name.to_owned()))
}

/// Reads hours: `mon-fri,sun 18:00-23:00 200M/40M`.
fn window(text: &str) -> Result<Value, String> {
    let refused =
        || format!("\"{text}\" are no hours: write such as \"mon-fri 18:00-23:00 200M/40M\", down first");
    let [days, hours, speeds] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(refused());
    };
    let mut named = Vec::new();
    for part in days.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let place = |day: &str| DAYS.iter().position(|known| *known == day).ok_or_else(refused);
        let (first, last) = (place(first)?, place(last)?);
        let count = (last + DAYS.len() - first) % DAYS.len() + 1;
        named.extend((first..first + count).map(|day| DAYS[day % DAYS.len()]));
    }
    let (from, to) = hours.split_once('-').ok_or_else(refused)?;
    let (down, up) = speeds.split_once('/').ok_or_else(refused)?;
    Ok(json!({
        "days": named, "from": from, "to": to,
        "download_bps": rate::parse(down)?, "upload_bps": rate::parse(up)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::{policy, window};
    use serde_json::json;

    #[test]
    fn hours_are_read_with_ranges_over_the_end_of_a_week() {
        assert_eq!(
            window("sat-mon,wed 22:00-06:00 200M/40M"),
            Ok(
                json!({"days": ["sat", "sun", "mon", "wed"], "from": "22:00", "to": "06:00",
                "download_bps": 200_000_000, "upload_bps": 40_000_000})
            )
        );
        for wrong in [
            "",
            "mon 18:00-23:00",
            "someday 18:00-23:00 1M/1M",
            "mon 18:00 1M/1M",
            "mon 18:00-23:00 1M",
        ] {
            assert!(window(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_policy_names_its_make_and_direction() {
        let read = |text| policy(text).ok();
        let triple = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(
            read("juniper=limit({down},{up})"),
            triple("juniper", "name", "limit({down},{up})")
        );
        assert_eq!(read("cisco.down=GOLD=1"), triple("cisco", "down", "GOLD=1"));
        assert_eq!(read("cisco.sideways=X"), None);
    }
}
