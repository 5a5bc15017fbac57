//! Makes static tables of the dictionary files in `dictionaries/`, so that a name costs a search and no start does.
//! Reads them as the server reads an operator's; an error in one of ours ends the build.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/dictionary/data_type.rs"]
#[expect(dead_code, reason = "the library uses the rest")]
mod data_type;
#[path = "src/dictionary/source.rs"]
mod source;

use source::{AttributeLine, Source};

fn main() {
    let dir = Path::new("dictionaries");
    println!("cargo::rerun-if-changed={}", dir.display());
    println!("cargo::rerun-if-changed=src/dictionary/source.rs");
    println!("cargo::rerun-if-changed=src/dictionary/data_type.rs");
    let read = match read(dir) {
        Ok(read) => read,
        Err(error) => panic!("{error}"),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("dictionary_tables.rs");
    fs::write(&out, tables(&read)).expect("the output directory of a build script can be written");
}

/// Reads every file, the one that others build on first.
fn read(dir: &Path) -> Result<Source, String> {
    let listed = fs::read_dir(dir).map_err(|error| format!("cannot list {}: {error}", dir.display()))?;
    let mut paths: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "dictionary")
    });
    // "ietf" defines what vendors' files stand in.
    paths.sort_by_key(|path| (!path.ends_with("ietf.dictionary"), path.clone()));
    let mut files = Vec::new();
    for path in paths {
        let text =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        files.push((path.display().to_string(), text));
    }
    let mut include = |_: &str, wanted: &str| Err(format!("our own files do not include {wanted}"));
    let read =
        source::read_all(files, &Source::default(), &mut include).map_err(|error| error.to_string())?;
    match read.skipped.first() {
        Some(note) => Err(format!("our own files say nothing in vain, but: {note}")),
        None => Ok(read),
    }
}

/// The tables as Rust.
fn tables(read: &Source) -> String {
    let mut values: HashMap<String, Vec<(&str, u64)>> = HashMap::new();
    for value in &read.values {
        let of = values.entry(value.attribute.to_ascii_lowercase()).or_default();
        of.push((&value.name, value.number));
    }
    let mut by_path: BTreeMap<&[u32], &AttributeLine> = BTreeMap::new();
    for attribute in &read.attributes {
        if let Some(other) = by_path.insert(&attribute.path, attribute) {
            panic!("{} and {} have one number", other.name, attribute.name);
        }
    }
    let mut out = String::new();
    vendors(read, &mut out);
    out.push_str("/// Every attribute, by number.\npub(super) static DEFINITIONS: &[Definition] = &[\n");
    let mut names = BTreeMap::new();
    for (place, attribute) in by_path.values().enumerate() {
        let key = attribute.name.to_ascii_lowercase();
        definition(attribute, values.remove(&key).unwrap_or_default(), &mut out);
        names.insert(key, place);
    }
    out.push_str("];\n/// Places of attributes by name in lower case.\npub(super) static BY_NAME: &[(&str, u16)] = &[\n");
    for (name, place) in names {
        writeln!(out, "    ({name:?}, {place}),").expect("a String takes it");
    }
    out.push_str("];\n");
    if let Some(unknown) = values.keys().next() {
        panic!("values of {unknown}, which no file defines");
    }
    // The names of value lists come in the order of the files, everything else by number: the same tables, the same text.
    let fingerprint = source::fingerprint(out.as_bytes());
    writeln!(
        out,
        "/// Another number for other tables.\npub(super) const FINGERPRINT: u64 = {fingerprint};"
    )
    .expect("a String takes it");
    out
}

/// The vendors, by number.
fn vendors(read: &Source, out: &mut String) {
    let by_number: BTreeMap<u32, _> = read
        .vendors
        .iter()
        .map(|vendor| (vendor.number, vendor))
        .collect();
    out.push_str("/// Every vendor, by number.\npub(super) static VENDORS: &[Vendor] = &[\n");
    for vendor in by_number.values() {
        let format = vendor.format;
        writeln!(
            out,
            "    Vendor {{ number: {}, name: Cow::Borrowed({:?}), format: Format {{ type_len: {}, length_len: {}, continued: {} }} }},",
            vendor.number, vendor.name, format.type_len, format.length_len, format.continued
        )
        .expect("a String takes it");
    }
    out.push_str("];\n");
}

/// One attribute.
fn definition(attribute: &AttributeLine, mut values: Vec<(&str, u64)>, out: &mut String) {
    values.sort_by_key(|(_, number)| *number);
    let mut numbers = attribute.path.clone();
    numbers.resize(source::DEPTH_MAX, 0);
    let flags = attribute.flags;
    write!(
        out,
        "    Definition {{ name: Cow::Borrowed({:?}), oid: Oid::packed({}, {numbers:?}), data_type: DataType::{:?}, \
         flags: Flags {{ tagged: {}, hiding: Hiding::{:?}, concat: {}, array: {}, len: {} }}, values: Cow::Borrowed(&[",
        attribute.name,
        attribute.path.len(),
        attribute.data_type,
        flags.tagged,
        flags.hiding,
        flags.concat,
        flags.array,
        flags.len
    )
    .expect("a String takes it");
    for (name, number) in values {
        write!(
            out,
            "ValueName {{ name: Cow::Borrowed({name:?}), number: {number} }}, "
        )
        .expect("a String takes it");
    }
    out.push_str("]) },\n");
}
