//! Dictionary files in FreeRADIUS's format, read into plain lists.
//!
//! Opens no file: the caller hands in text and says what an `$INCLUDE` means. The build step reads our own files with it,
//! the server an operator's at start; for the former it knows nothing of the rest of the crate but the data types.
//! What the lists become: [`super::Dictionary`].
//!
//! ```text
//! VENDOR        Example 99999 format=1,1       # a vendor: name, number, octets of its type and length fields
//! BEGIN-VENDOR  Example                        # until END-VENDOR, numbers are this vendor's
//! ATTRIBUTE     Example-Speed  1  integer      # name, number, data type, flags
//! VALUE         Example-Speed  Fast  2         # attribute, name, number
//! ATTRIBUTE     Example-More   2  tlv
//! BEGIN-TLV     Example-More                   # until END-TLV, numbers are inside it; or write 2.1
//! ATTRIBUTE     Example-Inside 1  string  has_tag,encrypt=2,concat,array,secret
//! END-TLV       Example-More
//! END-VENDOR    Example
//! $INCLUDE      dictionary.more
//! ```

use super::data_type::{DataType, Flags, Hiding};
use std::collections::{HashMap, HashSet};

/// Octets of a dictionary file.
pub const FILE_LEN_MAX: usize = 1024 * 1024;
/// Files in all, each counted as often as it is included.
pub const FILES_MAX: usize = 1_000;
/// Files that may include one another in a row.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// Attributes, values, vendors and notes in all files together.
pub const ENTRIES_MAX: usize = 100_000;
/// Octets of a name.
pub const NAME_LEN_MAX: usize = 128;
/// Numbers on the way to an attribute.
pub const DEPTH_MAX: usize = 8;

/// The attribute that carries those of vendors.
const VENDOR_SPECIFIC: u32 = 26;
/// Inside an extended attribute, the type that carries those of vendors (RFC 6929 section 2.4).
const EXTENDED_VENDOR_SPECIFIC: u32 = 26;

/// What the files say, in the order they say it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Source {
    /// Vendors.
    pub vendors: Vec<VendorLine>,
    /// Attributes.
    pub attributes: Vec<AttributeLine>,
    /// Names of values.
    pub values: Vec<ValueLine>,
    /// What was read and means nothing here, with place and reason: for a log line, not an error.
    pub skipped: Vec<String>,
}

impl Source {
    /// How much was read.
    fn entries(&self) -> usize {
        self.vendors.len() + self.attributes.len() + self.values.len() + self.skipped.len()
    }
}

/// A vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorLine {
    /// Its name.
    pub name: String,
    /// Its enterprise number.
    pub number: u32,
    /// How it packs its attributes.
    pub format: Format,
}

/// How a vendor packs attributes into Vendor-Specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// Octets of the type: 1, 2 or 4.
    pub type_len: u8,
    /// Octets of the length: 0, 1 or 2.
    pub length_len: u8,
    /// Whether an octet follows whose high bit says that the value goes on (WiMAX).
    pub continued: bool,
}

impl Format {
    /// Whether a type of this number has room.
    fn holds(self, number: u32) -> bool {
        let bits = u32::from(self.type_len) * 8;
        number.checked_shr(bits).unwrap_or(0) == 0
    }
}

impl Default for Format {
    fn default() -> Self {
        Format {
            type_len: 1,
            length_len: 1,
            continued: false,
        }
    }
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeLine {
    /// Its name.
    pub name: String,
    /// The numbers on the way to it: `[1]`, `[26, 9, 1]`, `[241, 1]`, `[241, 26, 6527, 1]`.
    pub path: Vec<u32>,
    /// What its value looks like.
    pub data_type: DataType,
    /// And how it is treated.
    pub flags: Flags,
}

/// The name of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueLine {
    /// Of which attribute, by name.
    pub attribute: String,
    /// The value's name.
    pub name: String,
    /// Its number.
    pub number: u64,
    /// Where it is said, for an error about it.
    pub at: String,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0: the file as a whole.
    pub line: usize,
    /// What was found and what was expected.
    pub what: String,
}

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "dictionary {}: {}", self.file, self.what),
            line => write!(f, "dictionary {} line {line}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for SourceError {}

/// A file that was asked for: its name for messages, and its text.
pub type File = (String, String);

/// Reads several files, each with what it includes, as if they were one; a later one may name the vendors and attributes of
/// an earlier one.
///
/// `include` is given the name of the including file and what stands behind `$INCLUDE`.
///
/// # Errors
/// The first [`SourceError`].
pub fn read_all(
    files: impl IntoIterator<Item = File>,
    known: &Source,
    include: &mut dyn FnMut(&str, &str) -> Result<File, String>,
) -> Result<Source, SourceError> {
    let mut reading = Reading::knowing(known);
    for file in files {
        reading.file(file, include, 0)?;
    }
    let Reading {
        mut source, skipped, ..
    } = reading;
    source
        .values
        .retain(|value| !skipped.contains(&value.attribute.to_ascii_lowercase()));
    Ok(source)
}

/// A number that is most likely another one for other octets; FNV-1a, because it has to be the same in every build.
pub fn fingerprint(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What is known while lines are read.
#[derive(Default)]
struct Reading {
    /// What the lines said so far.
    source: Source,
    /// Vendors by name in lower case.
    vendors: HashMap<String, u32>,
    /// How they pack their attributes, by number.
    formats: HashMap<u32, Format>,
    /// Names, in lower case, of attributes that were skipped, so that their values are, too.
    skipped: HashSet<String>,
    /// Files begun so far.
    files: usize,
    /// Paths and types of attributes by name in lower case.
    attributes: HashMap<String, (Vec<u32>, DataType)>,
    /// Files being read, so that none includes itself.
    open: HashSet<String>,
    /// What `BEGIN-VENDOR` and `BEGIN-TLV` opened and nothing has closed.
    blocks: Vec<Block>,
}

/// An open block.
struct Block {
    /// Its word, such as `VENDOR`.
    word: &'static str,
    /// What it was opened for.
    name: String,
    /// The numbers that come before those inside.
    path: Vec<u32>,
}

impl Reading {
    /// Begins with what other files said.
    fn knowing(known: &Source) -> Self {
        let mut reading = Reading::default();
        for vendor in &known.vendors {
            reading
                .vendors
                .insert(vendor.name.to_ascii_lowercase(), vendor.number);
            reading.formats.insert(vendor.number, vendor.format);
        }
        for attribute in &known.attributes {
            let known = (attribute.path.clone(), attribute.data_type);
            reading
                .attributes
                .insert(attribute.name.to_ascii_lowercase(), known);
        }
        reading
    }

    /// Reads one file.
    fn file(
        &mut self,
        (name, text): File,
        include: &mut dyn FnMut(&str, &str) -> Result<File, String>,
        depth: usize,
    ) -> Result<(), SourceError> {
        let whole = |what: String| SourceError {
            file: name.clone(),
            line: 0,
            what,
        };
        if text.len() > FILE_LEN_MAX {
            return Err(whole(format!(
                "it has {} octets, {FILE_LEN_MAX} are allowed",
                text.len()
            )));
        }
        if depth > INCLUDE_DEPTH_MAX {
            return Err(whole(format!(
                "more than {INCLUDE_DEPTH_MAX} files include one another"
            )));
        }
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(whole(format!("more than {FILES_MAX} files are included")));
        }
        if !self.open.insert(name.clone()) {
            return Err(whole("it includes itself".to_owned()));
        }
        let outside = self.blocks.len();
        for (at, line) in text.lines().enumerate() {
            let refused = |what: String| SourceError {
                file: name.clone(),
                line: at + 1,
                what,
            };
            let words: Vec<&str> = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_ascii_whitespace()
                .collect();
            match words.as_slice() {
                [] => {}
                ["$INCLUDE", wanted] => {
                    let next = include(&name, wanted).map_err(refused)?;
                    self.file(next, include, depth + 1)?;
                }
                // The minus says that the file may be missing.
                ["$INCLUDE-", wanted] => match include(&name, wanted) {
                    Ok(next) => self.file(next, include, depth + 1)?,
                    Err(why) => self.skip(&format!("{name} line {}", at + 1), &why),
                },
                words => self
                    .line(words, &format!("{name} line {}", at + 1))
                    .map_err(refused)?,
            }
            let entries = self.source.entries();
            if entries > ENTRIES_MAX {
                return Err(refused(format!("more than {ENTRIES_MAX} entries")));
            }
        }
        if let Some(block) = self.blocks.get(outside) {
            return Err(whole(format!(
                "BEGIN-{} {} is never ended",
                block.word, block.name
            )));
        }
        self.open.remove(&name);
        Ok(())
    }

    /// Reads one line that is neither empty nor an include.
    fn line(&mut self, words: &[&str], at: &str) -> Result<(), String> {
        match words {
            ["VENDOR", name, number, rest @ ..] => self.vendor(name, number, rest),
            ["ATTRIBUTE", name, number, data_type, rest @ ..] => {
                self.attribute(name, number, data_type, rest, at)
            }
            ["VALUE", attribute, name, number] => {
                let number = parse_number(number).ok_or_else(|| format!("{number} is no number"))?;
                self.source.values.push(ValueLine {
                    attribute: (*attribute).to_owned(),
                    name: checked_name(name)?,
                    number,
                    at: at.to_owned(),
                });
                Ok(())
            }
            ["BEGIN-VENDOR", name, rest @ ..] => self.begin_vendor(name, rest),
            ["END-VENDOR", name] => self.end("VENDOR", name),
            ["BEGIN-TLV", name] => self.begin_tlv(name),
            ["END-TLV", name] => self.end("TLV", name),
            // FreeRADIUS 4 says which protocol the file is about; there is only one here.
            ["PROTOCOL" | "BEGIN-PROTOCOL" | "END-PROTOCOL" | "FLAGS", ..] => {
                self.skip(at, &format!("{} means nothing here", words.join(" ")));
                Ok(())
            }
            [word, ..] => Err(format!(
                "{word} begins no line of a dictionary, or words are missing"
            )),
            [] => Ok(()),
        }
    }

    /// `VENDOR name number [format=t,l[,c]]`
    fn vendor(&mut self, name: &str, number: &str, rest: &[&str]) -> Result<(), String> {
        let number = parse_u32(number).filter(|number| *number > 0);
        let number = number.ok_or("a vendor's number is from 1 to 4294967295")?;
        let format = match rest {
            [] => Format::default(),
            [flag] => parse_format(flag)?,
            _ => return Err("behind a vendor's number there is at most format=…".to_owned()),
        };
        let key = name.to_ascii_lowercase();
        if let Some(known) = self.vendors.get(&key)
            && *known != number
        {
            return Err(format!("vendor {name} has number {known} already"));
        }
        self.vendors.insert(key, number);
        self.formats.insert(number, format);
        self.source.vendors.push(VendorLine {
            name: checked_name(name)?,
            number,
            format,
        });
        Ok(())
    }

    /// `ATTRIBUTE name number type [flags]`
    fn attribute(
        &mut self,
        name: &str,
        number: &str,
        data_type: &str,
        rest: &[&str],
        at: &str,
    ) -> Result<(), String> {
        let (data_type, len) = parse_type(data_type)?;
        let mut flags = Flags {
            len,
            ..Flags::default()
        };
        let words = match rest {
            [] => "",
            [words] => *words,
            _ => return Err("flags are separated by commas, not by blanks".to_owned()),
        };
        for word in words.split(',').filter(|word| !word.is_empty()) {
            if word == "virtual" || word == "internal" {
                self.skip_attribute(name, at);
                return Ok(());
            }
            flag(word, &mut flags)?;
        }
        let mut path = self
            .blocks
            .last()
            .map(|block| block.path.clone())
            .unwrap_or_default();
        for part in number.trim_start_matches('.').split('.') {
            path.push(parse_u32(part).ok_or_else(|| format!("{number} is no attribute number"))?);
        }
        if matches!(*path, [number] if number > u8::MAX.into()) {
            self.skip_attribute(name, at);
            return Ok(());
        }
        self.check_path(&path)?;
        let key = name.to_ascii_lowercase();
        if let Some((known, _)) = self.attributes.get(&key)
            && *known != path
        {
            // FreeRADIUS's own tables do that; what a name means must not change behind the back of who uses it.
            let what = format!(
                "{name} has number {} already, not {}",
                dotted(known),
                dotted(&path)
            );
            self.skip(at, &what);
            return Ok(());
        }
        self.skipped.remove(&key);
        self.attributes.insert(key, (path.clone(), data_type));
        self.source.attributes.push(AttributeLine {
            name: checked_name(name)?,
            path,
            data_type,
            flags,
        });
        Ok(())
    }

    /// Notes an attribute that FreeRADIUS has for itself: one that its dictionaries call virtual or internal, or one of a
    /// number beyond an octet outside any vendor.
    fn skip_attribute(&mut self, name: &str, at: &str) {
        self.skip(at, &format!("{name} is never in a packet"));
        self.skipped.insert(name.to_ascii_lowercase());
    }

    /// Notes what means nothing here.
    fn skip(&mut self, at: &str, what: &str) {
        self.source.skipped.push(format!("{at}: {what}"));
    }

    /// Refuses numbers that no packet can carry.
    fn check_path(&self, path: &[u32]) -> Result<(), String> {
        let are_octets = |numbers: &[u32]| numbers.iter().all(|number| *number <= u8::MAX.into());
        let fits = match *path {
            [VENDOR_SPECIFIC, vendor, number, ref inside @ ..] => {
                let format = self.formats.get(&vendor).copied().unwrap_or_default();
                format.holds(number) && are_octets(inside)
            }
            // A vendor is no attribute; what it packs its own in is Vendor-Specific.
            [VENDOR_SPECIFIC, _] | [241..=246, EXTENDED_VENDOR_SPECIFIC, _] => false,
            [241..=246, EXTENDED_VENDOR_SPECIFIC, _, ref inside @ ..] => are_octets(inside),
            ref all => !all.is_empty() && are_octets(all),
        };
        if !fits {
            return Err(format!("no packet can carry attribute {}", dotted(path)));
        }
        if path.len() > DEPTH_MAX {
            return Err(format!(
                "attribute {} lies deeper than {DEPTH_MAX} numbers",
                dotted(path)
            ));
        }
        Ok(())
    }

    /// `BEGIN-VENDOR name [parent=attribute]`
    fn begin_vendor(&mut self, name: &str, rest: &[&str]) -> Result<(), String> {
        let number = self.vendors.get(&name.to_ascii_lowercase()).copied();
        let number = number.ok_or_else(|| format!("there is no VENDOR {name} above"))?;
        let mut path = match rest {
            [] => vec![VENDOR_SPECIFIC],
            [parent] => {
                let parent = parent.strip_prefix("parent=").or(parent.strip_prefix("format="));
                let parent = parent.ok_or("behind BEGIN-VENDOR there is at most parent=…")?;
                let (path, data_type) = self.known(parent)?;
                match data_type {
                    DataType::Evs => path,
                    DataType::Extended | DataType::LongExtended => {
                        [path.as_slice(), &[EXTENDED_VENDOR_SPECIFIC]].concat()
                    }
                    _ => return Err(format!("{parent} holds no vendor's attributes")),
                }
            }
            _ => return Err("behind BEGIN-VENDOR there is at most parent=…".to_owned()),
        };
        path.push(number);
        self.blocks.push(Block {
            word: "VENDOR",
            name: name.to_owned(),
            path,
        });
        Ok(())
    }

    /// `BEGIN-TLV attribute`
    fn begin_tlv(&mut self, name: &str) -> Result<(), String> {
        let (path, data_type) = self.known(name)?;
        if data_type != DataType::Tlv {
            return Err(format!("{name} is no tlv"));
        }
        self.blocks.push(Block {
            word: "TLV",
            name: name.to_owned(),
            path,
        });
        Ok(())
    }

    /// `END-VENDOR name`, `END-TLV name`
    fn end(&mut self, word: &'static str, name: &str) -> Result<(), String> {
        match self.blocks.pop() {
            Some(block) if block.word == word && block.name.eq_ignore_ascii_case(name) => Ok(()),
            Some(block) => Err(format!("BEGIN-{} {} is still open", block.word, block.name)),
            None => Err(format!("there is no BEGIN-{word} {name} above")),
        }
    }

    /// Path and type of an attribute said above.
    fn known(&self, name: &str) -> Result<(Vec<u32>, DataType), String> {
        let found = self.attributes.get(&name.to_ascii_lowercase()).cloned();
        found.ok_or_else(|| format!("there is no ATTRIBUTE {name} above"))
    }
}

/// Reads `format=1,1` or `format=1,1,c`.
fn parse_format(word: &str) -> Result<Format, String> {
    let refused = || format!("{word} is not format=<1, 2 or 4>,<0, 1 or 2>[,c]");
    let numbers = word.strip_prefix("format=").ok_or_else(refused)?;
    let parts: Vec<&str> = numbers.split(',').collect();
    let (type_len, length_len, continued) = match parts.as_slice() {
        [type_len, length_len] => (type_len, length_len, false),
        [type_len, length_len, "c"] => (type_len, length_len, true),
        _ => return Err(refused()),
    };
    let (type_len, length_len) = match (*type_len, *length_len) {
        ("1", length) => (1, length),
        ("2", length) => (2, length),
        ("4", length) => (4, length),
        _ => return Err(refused()),
    };
    let length_len = match length_len {
        "0" => 0,
        "1" => 1,
        "2" => 2,
        _ => return Err(refused()),
    };
    if continued && (type_len, length_len) != (1, 1) {
        return Err(format!("{word}: only format 1,1 can go on"));
    }
    Ok(Format {
        type_len,
        length_len,
        continued,
    })
}

/// Reads a data type, perhaps with a length: `octets[16]`.
fn parse_type(word: &str) -> Result<(DataType, u8), String> {
    let (name, len) = match word.split_once('[') {
        Some((name, len)) => {
            let len = len.strip_suffix(']').and_then(|len| len.parse().ok());
            (
                name,
                len.ok_or_else(|| format!("{word} has no length from 0 to 255"))?,
            )
        }
        None => (word, 0),
    };
    DataType::of_word(&name.to_ascii_lowercase())
        .map(|data_type| (data_type, len))
        .ok_or_else(|| format!("{name} is no data type"))
}

/// Sets a flag.
fn flag(word: &str, flags: &mut Flags) -> Result<(), String> {
    match word {
        "has_tag" => flags.tagged = true,
        "concat" => flags.concat = true,
        "array" => flags.array = true,
        "secret" => flags.hiding = Hiding::Secret,
        // Ours: FreeRADIUS has no word for it.
        "proof" => flags.hiding = Hiding::Proof,
        "encrypt=1" | "encrypt=User-Password" => flags.hiding = Hiding::Password,
        "encrypt=2" | "encrypt=Tunnel-Password" => flags.hiding = Hiding::Salted,
        "encrypt=3" | "encrypt=Ascend-Secret" => flags.hiding = Hiding::Ascend,
        // They say more of a shape that we keep as octets.
        "long" | "extra" | "unsafe" => {}
        _ => return Err(format!("{word} is no flag of an attribute")),
    }
    Ok(())
}

/// Numbers with dots between.
fn dotted(path: &[u32]) -> String {
    let numbers: Vec<String> = path.iter().map(u32::to_string).collect();
    numbers.join(".")
}

/// A name that is not too long and stays on its line wherever it is shown.
fn checked_name(name: &str) -> Result<String, String> {
    if name.len() > NAME_LEN_MAX {
        return Err(format!(
            "a name of {} octets, {NAME_LEN_MAX} are allowed",
            name.len()
        ));
    }
    if !name.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(format!(
            "{name:?} is no name: only ASCII letters, digits and signs"
        ));
    }
    Ok(name.to_owned())
}

/// Reads a decimal or hexadecimal number.
fn parse_number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// The same, of four octets.
fn parse_u32(word: &str) -> Option<u32> {
    u32::try_from(parse_number(word)?).ok()
}
