//! Rows of radacct as the API takes them.
//! Never makes a session up: one without a beginning, or without a name on its NAS, is refused.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::escaped;
use super::moment;
use super::table::Row;

/// Columns that are sent as they are, cut to what the API takes.
const TEXTS: [&str; 14] = [
    "username",
    "realm",
    "groupname",
    "nasportid",
    "nasporttype",
    "acctauthentic",
    "connectinfo_start",
    "connectinfo_stop",
    "calledstationid",
    "callingstationid",
    "acctterminatecause",
    "servicetype",
    "framedprotocol",
    "framedinterfaceid",
];
/// Octets of a text; an attribute cannot carry more.
const TEXT_OCTETS_MAX: usize = 253;

/// Whether a row is of an open session.
pub fn is_open(row: &Row) -> bool {
    row.said("acctstoptime")
        .is_none_or(|stop| stop.starts_with("0000-00-00"))
}

/// A row as it is sent.
pub fn of(row: &Row, offset: UtcOffset) -> Result<Value, String> {
    let moment = |column: &str| match row.said(column) {
        Some(text) => moment::stored(text, offset).map_err(|why| format!("{column}: {why}")),
        None => Ok(None),
    };
    let number = |column: &str| row.said(column).and_then(|text| text.parse::<i64>().ok());
    let session_id = row.said("acctsessionid").ok_or("it has no acctsessionid")?;
    let nas = row.said("nasipaddress").ok_or("it has no nasipaddress")?;
    let nas = host(nas).ok_or("its nasipaddress is no address")?;
    let (updated, stopped) = (moment("acctupdatetime")?, moment("acctstoptime")?);
    let time = number("acctsessiontime").filter(|seconds| *seconds >= 0);
    let counted_back = || -> Option<OffsetDateTime> {
        let end = stopped.or(updated)?;
        end.checked_sub(Duration::seconds(time?))
    };
    let started = moment("acctstarttime")?
        .or_else(counted_back)
        .ok_or("it has no acctstarttime, nor what it could be computed from")?;
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    put("acctsessionid", json!(cut(&escaped::read(session_id))));
    put("nasipaddress", json!(nas));
    put("acctstarttime", instant(Some(started)));
    put("acctupdatetime", instant(updated));
    put("acctstoptime", instant(stopped));
    put("acctsessiontime", json!(time));
    put("acctinterval", json!(number("acctinterval")));
    put(
        "acctinputoctets",
        json!(number("acctinputoctets").unwrap_or(0).max(0)),
    );
    put(
        "acctoutputoctets",
        json!(number("acctoutputoctets").unwrap_or(0).max(0)),
    );
    for column in TEXTS {
        put(
            column,
            json!(row.said(column).map(|text| cut(&escaped::read(text)).to_owned())),
        );
    }
    for column in ["framedipaddress", "framedipv6address"] {
        // 0.0.0.0 is how some write that there is none.
        let address = row
            .said(column)
            .and_then(host)
            .filter(|address| !address.is_unspecified());
        put(column, json!(address));
    }
    for column in ["framedipv6prefix", "delegatedipv6prefix"] {
        put(column, json!(row.said(column).and_then(network)));
    }
    put("class", json!(row.said("class").and_then(class)));
    Ok(Value::Object(body))
}

/// A moment as JSON has it.
fn instant(moment: Option<OffsetDateTime>) -> Value {
    json!(moment.and_then(|moment| moment.format(&Rfc3339).ok()))
}

/// An address, also one that is written as a network of itself.
fn host(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.split('/').next().unwrap_or(text).parse().ok()
}

/// A network, also one that is written as an address.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A text within the bound, whole letters only.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_OCTETS_MAX)]
}

/// Class in hex; FreeRADIUS writes `0x...`.
fn class(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let hex = digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hex.then(|| digits.to_ascii_lowercase())
}
