//! An operator's dictionaries: which files are read, what a mistake says, and what the command line shows of attributes.

use std::path::Path;

use headend::dictionary;
use radius::dictionary::STANDARD;

use crate::stand::Place;

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// Why a directory is refused, without its own path.
fn refused(dir: &Path) -> String {
    let error = dictionary::load(Some(dir)).map(|_| ()).unwrap_err();
    error.to_string().replace(&dir.display().to_string(), "DIR")
}

/// A vendor of the operator's.
const EXAMPLE: &str = "VENDOR Example 99999\nBEGIN-VENDOR Example\nATTRIBUTE Example-Speed 1 integer array\n\
                       VALUE Example-Speed Fast 16\nEND-VENDOR Example\n";

#[test]
fn without_a_directory_the_built_in_dictionaries_are_all_there_is() {
    let dictionary = dictionary::load(None).unwrap();
    assert_eq!(dictionary.all().count(), STANDARD.all().count());
}

#[test]
fn every_dictionary_of_a_directory_is_read_in_the_order_of_names() {
    let dir = directory(&[
        ("dictionary.b", "VALUE A Two 2\n"),
        ("a.dictionary", "ATTRIBUTE A 250 integer\n"),
        ("dictionary.b~", "what an editor left behind"),
        ("README", "no dictionary"),
    ]);
    let dictionary = dictionary::load(Some(dir.path())).unwrap();
    assert_eq!(dictionary.show(0, 250, &[0, 0, 0, 2]), "A = Two");
}

#[test]
fn a_file_called_dictionary_names_all_others_beside_itself() {
    let dir = directory(&[
        ("dictionary", "$INCLUDE more/first\n"),
        ("dictionary.unnamed", "no line of a dictionary"),
    ]);
    std::fs::create_dir(dir.path().join("more")).unwrap();
    std::fs::write(dir.path().join("more/first"), "$INCLUDE second\n").unwrap();
    std::fs::write(dir.path().join("more/second"), EXAMPLE).unwrap();
    let dictionary = dictionary::load(Some(dir.path())).unwrap();
    assert_eq!(
        dictionary.vendor_by_name("example").map(|vendor| vendor.number),
        Some(99999)
    );
}

#[test]
fn a_mistake_is_told_by_file_and_line() {
    let dir = directory(&[
        ("dictionary", "\n$INCLUDE broken\n"),
        ("broken", "# fine\nATTRIBUTE A 250 strange\n"),
    ]);
    assert_eq!(
        refused(dir.path()),
        "dictionary DIR/broken line 2: strange is no data type"
    );
    let dir = directory(&[("dictionary", "$INCLUDE gone\n")]);
    assert_eq!(
        refused(dir.path()),
        "dictionary DIR/dictionary line 1: cannot read DIR/gone: No such file or directory (os error 2)"
    );
    let dir = directory(&[("dictionary", "$INCLUDE /dev/zero\n")]);
    assert_eq!(
        refused(dir.path()),
        "dictionary DIR/dictionary line 1: cannot read /dev/zero: it is no file"
    );
    let dir = directory(&[("a.dictionary", &" ".repeat(1024 * 1024 + 1))]);
    assert_eq!(
        refused(dir.path()),
        "dictionary DIR/a.dictionary: it has 1048577 octets, 1048576 are allowed"
    );
    let dir = directory(&[]);
    std::fs::write(dir.path().join("a.dictionary"), b"\n# caf\xe9\n").unwrap();
    assert_eq!(
        refused(dir.path()),
        "cannot read DIR/a.dictionary: line 2 is not UTF-8"
    );
    let dir = directory(&[]);
    assert_eq!(
        refused(dir.path()),
        "the dictionary directory DIR holds neither a file dictionary nor any named *.dictionary or dictionary.*"
    );
    let gone = dir.path().join("gone");
    assert!(refused(&gone).starts_with("cannot list the dictionary directory DIR: No such file"));
}

#[test]
fn a_server_with_a_mistake_in_a_dictionary_does_not_start() {
    let place = Place::new();
    let dir = directory(&[("a.dictionary", "ATTRIBUTE A 250 strange\n")]);
    let text = format!(
        "data_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[radius]\nauth = [\"127.0.0.1:0\"]\naccounting = [\"127.0.0.1:0\"]\ndictionary_dir = {:?}\n",
        place.data_dir(),
        dir.path()
    );
    let file = place.write("headend.toml", &text);
    let file = file.to_str().unwrap();
    let why = "a.dictionary line 1: strange is no data type";
    let words = place.fails(1, &["serve", "--config", file]);
    assert!(
        words.contains("cannot read the dictionaries") && words.contains(why),
        "{words}"
    );
    let words = place.fails(2, &["config", "check", "--config", file]);
    assert!(words.contains(why), "{words}");
}

#[test]
fn an_attribute_is_shown_by_name_number_and_dotted_numbers() {
    let place = Place::new();
    let expected = "name:    Mikrotik-Rate-Limit\nnumber:  26.14988.8\ntakes:   a text\ntype:    text\n\
                    vendor:  Mikrotik (14988)";
    for args in [
        &["mikrotik-rate-limit"][..],
        &["26.14988.8"],
        &["8", "--vendor", "Mikrotik"],
        &["8", "--vendor", "14988"],
    ] {
        let shown = place.ok(&[&["radius", "dictionary"], args].concat());
        assert_eq!(shown.trim_end(), expected, "{args:?}");
    }
    let shown = place.ok(&["radius", "dictionary", "64"]);
    for part in [
        "Tunnel-Type",
        "none: an attribute of the IETF",
        "may have a tag before it",
        "13     VLAN",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn attributes_are_listed_by_the_beginning_of_their_names_and_by_vendor() {
    let place = Place::new();
    let shown = place.ok(&["radius", "dictionary", "acct-tunnel-*"]);
    assert_eq!(
        shown.trim_end(),
        "NUMBER  NAME                      TYPE     TAKES\n\
         68      Acct-Tunnel-Connection    text     a text\n\
         86      Acct-Tunnel-Packets-Lost  integer  a number from 0 to 4294967295"
    );
    let listed = place.ok(&["radius", "dictionary", "--vendor", "WISPr"]);
    assert!(
        listed.contains("26.14122.7") && !listed.contains("User-Name"),
        "{listed}"
    );
}

#[test]
fn an_operators_attribute_is_shown_as_json() {
    let place = Place::new();
    let dir = directory(&[("a.dictionary", EXAMPLE)]);
    let dir = dir.path().to_str().unwrap();
    let shown = place.ok(&[
        "radius",
        "dictionary",
        "Example-Speed",
        "--dictionary-dir",
        dir,
        "--json",
    ]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        shown,
        serde_json::json!({
            "name": "Example-Speed", "number": "26.99999.1", "vendor": {"number": 99999, "name": "Example"},
            "type": "integer", "takes": "a number from 0 to 4294967295, or the name of a value", "octets": null,
            "flags": ["array"], "values": [{"name": "Fast", "number": 16}],
        })
    );
}

#[test]
fn an_attribute_nobody_knows_is_not_found_and_close_names_are_offered() {
    let place = Place::new();
    let words = place.fails(3, &["radius", "dictionary", "Framed-Pol"]);
    assert!(
        words.contains("no dictionary has attribute Framed-Pol"),
        "{words}"
    );
    assert!(words.contains("Framed-Pool"), "{words}");
    let words = place.fails(3, &["radius", "dictionary", "1", "--vendor", "Mikrotic"]);
    assert!(words.contains("did you mean Mikrotik"), "{words}");
    place.fails(3, &["radius", "dictionary", "Nothing-*"]);
    place.fails(2, &["radius", "dictionary"]);
}
