//! What differs between an object as it is and as it should be, and how that reads.
//! Never sees a secret's value; pure.

use ipnet::IpNet;
use radius_server::directory::MarkKind;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::desired::Kind;

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It is made.
    Add,
    /// It is changed.
    Change,
    /// It is removed.
    Remove,
}

impl Op {
    /// The mark before the object.
    pub fn mark(self) -> char {
        match self {
            Op::Add => '+',
            Op::Change => '~',
            Op::Remove => '-',
        }
    }

    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Op::Add => "add",
            Op::Change => "change",
            Op::Remove => "remove",
        }
    }
}

/// One field that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Which.
    pub name: String,
    /// What it is.
    pub from: Value,
    /// What it becomes.
    pub to: Value,
}

/// One line of the plan, for people and programs.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What happens.
    pub op: Op,
    /// To what kind of object.
    pub kind: Kind,
    /// In which partner.
    pub partner: String,
    /// To which.
    pub name: String,
    /// Which fields change.
    pub fields: Vec<FieldChange>,
}

impl Shown {
    /// The object as people name it: partner/name.
    pub fn object(&self) -> String {
        match self.kind {
            kind if kind == Kind::Partner || kind.part_of() == Some(Kind::Partner) => {
                format!("{} {}", kind.word(), self.partner)
            }
            kind => format!("{} {}/{}", kind.word(), self.partner, self.name),
        }
    }

    /// Mark, object, and its fields one a line.
    pub fn describe(&self) -> String {
        let mut text = format!("{} {}", self.op.mark(), self.object());
        for field in &self.fields {
            text.push_str(&format!("\n    {}: {} -> {}", field.name, field.from, field.to));
        }
        text
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|field| json!({"name": field.name, "from": field.from, "to": field.to}))
            .collect();
        json!({
            "op": self.op.word(), "kind": self.kind.word(), "partner": self.partner, "name": self.name,
            "fields": fields,
        })
    }
}

/// The fields of `wanted` that the object does not have yet.
pub fn fields(wanted: &Map<String, Value>, live: &Value) -> Vec<FieldChange> {
    wanted
        .iter()
        .filter(|(name, value)| !same(name, value, &live[name.as_str()]))
        .map(|(name, value)| FieldChange {
            name: name.clone(),
            from: live[name.as_str()].clone(),
            to: whole(name, value, &live[name.as_str()]),
        })
        .collect()
}

/// What is sent to make a field equal to the file's. The server adds to terms what it is sent; the file means all of them, so
/// what it does not name is taken away.
fn whole(name: &str, wanted: &Value, live: &Value) -> Value {
    let (Value::Object(wanted), Value::Object(live), true) = (wanted, live, is_merged(name)) else {
        return wanted.clone();
    };
    let mut to = wanted.clone();
    for (name, live) in live {
        match to.get(name) {
            None => drop(to.insert(name.clone(), Value::Null)),
            Some(inner) => {
                let inner = whole("terms", inner, live);
                to.insert(name.clone(), inner);
            }
        }
    }
    Value::Object(to)
}

/// Whether the server merges a field instead of replacing it.
fn is_merged(name: &str) -> bool {
    name == "terms"
}

/// Whether two spellings mean the same.
fn same(name: &str, wanted: &Value, live: &Value) -> bool {
    if wanted == live {
        return true;
    }
    match (name, wanted, live) {
        // An address is the network of one.
        ("address", Value::String(a), Value::String(b)) => {
            network(a).is_some_and(|net| network(b) == Some(net))
        }
        ("expires_at", Value::String(a), Value::String(b)) => {
            instant(a).is_some_and(|at| instant(b) == Some(at))
        }
        // A file ends with a line, what was sent may not.
        ("tls_ca" | "tls_certificate", Value::String(a), Value::String(b)) => a.trim_end() == b.trim_end(),
        ("roles" | "reasons" | "ranges" | "excluded", Value::Array(a), Value::Array(b)) => {
            sorted(a) == sorted(b)
        }
        ("allowed" | "addresses", Value::Array(a), Value::Array(b)) => places(a) == places(b),
        ("identified_by", Value::Array(a), Value::Array(b)) => marks(a) == marks(b),
        // Absent and empty text are one in the file.
        (_, Value::String(text), Value::Null) => text.is_empty(),
        _ => false,
    }
}

/// What somebody is recognised by, in its normal form and in order.
fn marks(list: &[Value]) -> Vec<String> {
    let normal = |text: &str| {
        let (named, value) = text.split_once('=')?;
        let (kind, nas) = named
            .split_once('@')
            .map_or((named, ""), |(kind, nas)| (kind, nas));
        let kind: MarkKind = kind.replace('-', "_").parse().ok()?;
        let value = kind.read(value)?;
        Some(format!("{}@{nas}={}", kind.as_str(), kind.write(&value).as_str()))
    };
    let texts = list.iter().filter_map(Value::as_str);
    // What cannot be read is left as it stands: the server says what is wrong with it.
    let mut all: Vec<String> = texts
        .map(|text| normal(text).unwrap_or_else(|| text.to_owned()))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Where somebody may come from, or what is his, in normal form and in order.
fn places(list: &[Value]) -> Vec<String> {
    let normal = |place: &Value| {
        let (kind, nas) = (place["kind"].as_str()?, place["nas"].as_str().unwrap_or_default());
        if let Some(address) = place["address"].as_str() {
            return Some(format!("{kind} {}", network(address)?));
        }
        let value = place["value"].as_str().unwrap_or_default();
        let mark = kind.parse::<MarkKind>().ok().filter(|_| kind != "port");
        let read = mark.and_then(|kind| Some(kind.write(&kind.read(value)?).as_str().to_owned()));
        Some(format!(
            "{kind} {nas} {}",
            read.unwrap_or_else(|| value.to_owned())
        ))
    };
    let mut all: Vec<String> = list
        .iter()
        .map(|place| normal(place).unwrap_or_else(|| place.to_string()))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// An address or a network, host bits cut.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>()
        .ok()
        .map(|net| net.trunc())
        .or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

/// An instant.
fn instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// The texts of a list in order.
fn sorted(list: &[Value]) -> Vec<&str> {
    let mut texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{FieldChange, fields};

    /// The names of the fields that differ.
    #[track_caller]
    fn check(wanted: Value, live: Value, expect: &[&str]) {
        let wanted: Map<String, Value> = wanted.as_object().cloned().unwrap_or_default();
        let found: Vec<String> = fields(&wanted, &live)
            .into_iter()
            .map(|field| field.name)
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn an_absent_field_is_left_alone() {
        check(
            json!({"name": "A"}),
            json!({"name": "A", "description": "by hand"}),
            &[],
        );
    }

    #[test]
    fn spellings_of_the_same_value_are_no_change() {
        check(
            json!({"address": "10.0.0.1", "expires_at": "2027-01-01T01:00:00+01:00", "roles": ["b", "a"]}),
            json!({"address": "10.0.0.1/32", "expires_at": "2027-01-01T00:00:00.0Z", "roles": ["a", "b"]}),
            &[],
        );
    }

    #[test]
    fn a_street_is_compared_as_text() {
        check(
            json!({"address": "Main Street 1"}),
            json!({"address": "Main Street 2"}),
            &["address"],
        );
    }

    #[test]
    fn terms_that_the_file_does_not_name_are_taken_away() {
        let wanted = json!({"terms": {"vlan": 7, "policies": {"cisco": {"down": "A"}}}});
        let live = json!({"terms": {"vrf": "x", "policies": {"cisco": {"down": "A", "up": "B"}, "zte": {"name": "C"}}}});
        let wanted: Map<String, Value> = wanted.as_object().cloned().unwrap_or_default();
        let to = fields(&wanted, &live).pop().map(|field| field.to);
        let expected =
            json!({"vlan": 7, "vrf": null, "policies": {"cisco": {"down": "A", "up": null}, "zte": null}});
        assert_eq!(to, Some(expected));
    }

    #[test]
    fn a_change_carries_what_was_and_what_will_be() {
        let wanted = json!({"type": "mikrotik"})
            .as_object()
            .cloned()
            .unwrap_or_default();
        let change = FieldChange {
            name: "type".to_owned(),
            from: json!("other"),
            to: json!("mikrotik"),
        };
        assert_eq!(fields(&wanted, &json!({"type": "other"})), [change]);
    }
}
