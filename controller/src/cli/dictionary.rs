//! `headend radius dictionary`: what attributes are called, where they stand, what they take.
//! Talks to no server: the built-in dictionaries and, when a directory is given, those in it.

use std::path::PathBuf;

use clap::Args;
use radius::dictionary::{DataType, Definition, Dictionary, Hiding, Oid};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::output;
use crate::{dictionary, suggest};

/// What to look up.
#[derive(Args)]
pub struct Lookup {
    /// A name (Framed-Pool), a number (88), numbers with dots (26.14988.8), or the beginning of names (Mikrotik-*)
    #[arg(required_unless_present = "vendor")]
    what: Option<String>,
    /// Only attributes of this vendor, by name or number; a number is then this vendor's
    #[arg(long, value_name = "NAME")]
    vendor: Option<String>,
    /// Directory of your own dictionary files, as radius.dictionary_dir of the server
    #[arg(long, env = "HEADEND_RADIUS_DICTIONARY_DIR", value_name = "DIR")]
    dictionary_dir: Option<PathBuf>,
}

impl Lookup {
    /// Looks it up and prints what was found.
    pub fn run(self, as_json: bool) -> Result<(), Failure> {
        let dir = self.dictionary_dir.filter(|dir| !dir.as_os_str().is_empty());
        let dictionary = dictionary::load(dir.as_deref()).map_err(dictionary::refused)?;
        for note in dictionary.notes() {
            output::note(&format!("note: {note}"));
        }
        let vendor = match &self.vendor {
            Some(named) => Some(vendor_number(&dictionary, named)?),
            None => None,
        };
        let what = self.what.as_deref().unwrap_or("*");
        if let Some(beginning) = what.strip_suffix('*') {
            let found = beginning_with(&dictionary, vendor, beginning);
            if found.is_empty() {
                return Err(Failure::new(
                    Exit::NotFound,
                    format!("no attribute is called {what}"),
                ));
            }
            show_list(&dictionary, &found, as_json);
            return Ok(());
        }
        let definition = one(&dictionary, vendor, what)?;
        let described = describe(&dictionary, definition);
        if as_json {
            output::json(&described);
        } else {
            show_one(&dictionary, definition);
        }
        Ok(())
    }
}

/// The vendor somebody means.
fn vendor_number(dictionary: &Dictionary, named: &str) -> Result<u32, Failure> {
    let known = match named.parse() {
        Ok(number) => dictionary.vendor(number),
        Err(_) => dictionary.vendor_by_name(named),
    };
    known.map(|vendor| vendor.number).ok_or_else(|| {
        let names = dictionary.vendors().map(|vendor| &*vendor.name);
        not_found("vendor", named, suggest::close(named, names))
    })
}

/// Attributes whose names begin so, by number.
fn beginning_with<'d>(
    dictionary: &'d Dictionary,
    vendor: Option<u32>,
    beginning: &str,
) -> Vec<&'d Definition> {
    let begins = |name: &str| {
        let start = name.get(..beginning.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    };
    dictionary
        .all()
        .filter(|definition| vendor.is_none_or(|vendor| definition.vendor() == vendor))
        .filter(|definition| begins(&definition.name))
        .collect()
}

/// The attribute somebody means.
fn one<'d>(dictionary: &'d Dictionary, vendor: Option<u32>, what: &str) -> Result<&'d Definition, Failure> {
    let found = match (what.parse::<Oid>(), vendor) {
        (Ok(oid), Some(vendor)) => {
            let path = [&[26, vendor], oid.as_slice()].concat();
            Oid::new(&path).and_then(|oid| dictionary.by_oid(&oid))
        }
        (Ok(oid), None) => dictionary.by_oid(&oid),
        (Err(_), _) => dictionary.by_name(what),
    };
    found
        .filter(|definition| vendor.is_none_or(|vendor| definition.vendor() == vendor))
        .ok_or_else(|| {
            let names = dictionary.all().map(|definition| &*definition.name);
            not_found("attribute", what, suggest::close(what, names))
        })
}

/// Nothing has that name; what comes close to it.
fn not_found(kind: &str, what: &str, close: Vec<&str>) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("no dictionary has {kind} {what}"));
    if close.is_empty() {
        failure
    } else {
        failure.next(format!("did you mean {}?", close.join(" or ")))
    }
}

/// Several attributes, a line each.
fn show_list(dictionary: &Dictionary, found: &[&Definition], as_json: bool) {
    if as_json {
        let all = found.iter().map(|definition| describe(dictionary, definition));
        output::json(&Value::Array(all.collect()));
        return;
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|definition| {
            vec![
                definition.oid.to_string(),
                definition.name.to_string(),
                definition.data_type.as_str().to_owned(),
                takes(definition),
            ]
        })
        .collect();
    output::table(&["NUMBER", "NAME", "TYPE", "TAKES"], &rows);
}

/// One attribute with everything that is known of it.
fn show_one(dictionary: &Dictionary, definition: &Definition) {
    let mut fields = json!({
        "name": definition.name,
        "number": definition.oid.to_string(),
        "vendor": vendor_words(dictionary, definition),
        "type": definition.data_type.as_str(),
        "takes": takes(definition),
    });
    let flags = flags(definition);
    if !flags.is_empty() {
        fields["flags"] = flags
            .iter()
            .map(|(_, words)| *words)
            .collect::<Vec<_>>()
            .join("; ")
            .into();
    }
    output::fields(&fields);
    if !definition.values.is_empty() {
        let rows: Vec<Vec<String>> = definition
            .values
            .iter()
            .map(|value| vec![value.number.to_string(), value.name.to_string()])
            .collect();
        output::line("");
        output::table(&["VALUE", "NAME"], &rows);
    }
}

/// An attribute as JSON.
fn describe(dictionary: &Dictionary, definition: &Definition) -> Value {
    let vendor = match definition.vendor() {
        0 => Value::Null,
        number => {
            json!({"number": number, "name": dictionary.vendor(number).map(|vendor| vendor.name.clone())})
        }
    };
    let names: Vec<&str> = flags(definition).into_iter().map(|(name, _)| name).collect();
    let len = Some(definition.flags.len).filter(|len| *len > 0);
    let values = definition.values.iter();
    json!({
        "name": definition.name,
        "number": definition.oid.to_string(),
        "vendor": vendor,
        "type": definition.data_type.as_str(),
        "takes": takes(definition),
        "octets": len,
        "flags": names,
        "values": values.map(|value| json!({"name": value.name, "number": value.number})).collect::<Vec<_>>(),
    })
}

/// Whose attribute it is.
fn vendor_words(dictionary: &Dictionary, definition: &Definition) -> String {
    match definition.vendor() {
        0 => "none: an attribute of the IETF".to_owned(),
        number => match dictionary.vendor(number) {
            Some(vendor) => format!("{} ({number})", vendor.name),
            None => number.to_string(),
        },
    }
}

/// What a value of it looks like as text.
fn takes(definition: &Definition) -> String {
    if definition.flags.hiding.is_made() {
        return "nothing: the server makes it".to_owned();
    }
    let expected = definition.data_type.expected(definition.flags.tagged);
    match (definition.data_type, definition.flags.len) {
        (DataType::Octets, len @ 1..) => format!("{expected}, {len} octets"),
        _ if !definition.values.is_empty() => format!("{expected}, or the name of a value"),
        _ => expected.to_owned(),
    }
}

/// How it is treated beyond its shape: for programs, and in words.
fn flags(definition: &Definition) -> Vec<(&'static str, &'static str)> {
    let flags = definition.flags;
    let hiding = match flags.hiding {
        Hiding::None => None,
        Hiding::Secret => Some(("secret", "a secret in the clear, never shown")),
        Hiding::Proof => Some(("proof", "proves or hides a secret, never shown")),
        Hiding::Password => Some(("encrypt=1", "hidden like User-Password, never shown")),
        Hiding::Salted => Some(("encrypt=2", "hidden like Tunnel-Password, never shown")),
        Hiding::Ascend => Some(("encrypt=3", "hidden in Ascend's way, never shown")),
    };
    [
        flags.tagged.then_some(("has_tag", "may have a tag before it")),
        hiding,
        flags
            .concat
            .then_some(("concat", "a long value goes on in the next attribute")),
        flags.array.then_some(("array", "may occur several times")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
