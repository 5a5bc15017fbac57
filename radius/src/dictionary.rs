//! Names for people: attribute names, data types and value names, both ways.
//!
//! Not used between a datagram and its reply: there attributes are numbers ([`crate::kind`]). Names are FreeRADIUS's, so
//! that its tables can be read. What we know ourselves stands in `radius/dictionaries/` in FreeRADIUS's format; the build
//! step makes static tables of it ([`STANDARD`]). An operator's files are read at start and laid over them
//! ([`Dictionary::with`]); no code changes for a new vendor.
//!
//! `source` reads files; `encode` turns text into octets, `wrap` puts them where they belong, `show` turns octets into text.

mod data_type;
mod definition;
mod encode;
mod oid;
mod show;
pub mod source;
mod wrap;

/// What the build step made of `radius/dictionaries/`.
mod tables {
    #![expect(
        clippy::unreadable_literal,
        reason = "made by the build step, for the compiler"
    )]
    use super::data_type::{DataType, Flags, Hiding};
    use super::definition::{Definition, ValueName, Vendor};
    use super::oid::Oid;
    use super::source::Format;
    use std::borrow::Cow;
    include!(concat!(env!("OUT_DIR"), "/dictionary_tables.rs"));
}

pub use data_type::{DataType, Flags, Hiding};
pub use definition::{Definition, ValueName, Vendor};
pub use encode::ValueError;
pub use oid::{NotAnOid, Oid};

use source::{Source, ValueLine};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What this program knows without being told.
pub static STANDARD: Dictionary = Dictionary::standard();

/// What is known of attributes: our own tables, and what an operator laid over them.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    /// The operator's attributes, and ours to which he added value names.
    added: BTreeMap<Oid, Definition>,
    /// Their names in lower case. Two names may stand for one attribute; both are found.
    added_by_name: BTreeMap<String, Definition>,
    /// The operator's vendors.
    vendors: BTreeMap<u32, Vendor>,
    /// What his files say that means nothing here, by file and line.
    notes: Vec<String>,
}

/// Why an operator's files cannot be laid over what we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    /// A file cannot be read.
    #[error(transparent)]
    Source(#[from] source::SourceError),
    /// A value belongs to an attribute that nobody defined.
    #[error("dictionary {at}: VALUE {name} belongs to {attribute}, which no file defines")]
    UnknownAttribute {
        /// File and line.
        at: String,
        /// The attribute.
        attribute: String,
        /// The value's name.
        name: String,
    },
}

impl Dictionary {
    /// What this program knows without being told.
    #[must_use]
    pub const fn standard() -> Self {
        Dictionary {
            added: BTreeMap::new(),
            added_by_name: BTreeMap::new(),
            vendors: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// Lays files over our own tables. They may name our vendors and attributes, give ours more value names, and say
    /// anew what an attribute is.
    ///
    /// # Errors
    /// The first line that makes no sense, by file and number.
    pub fn with(
        files: impl IntoIterator<Item = source::File>,
        include: &mut dyn FnMut(&str, &str) -> Result<source::File, String>,
    ) -> Result<Self, DictionaryError> {
        let read = source::read_all(files, &known(), include)?;
        let mut dictionary = Dictionary::standard();
        dictionary.add(read)?;
        Ok(dictionary)
    }

    /// What the operator's files say that means nothing here, by file and line: for a log, no error.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes over what files say.
    fn add(&mut self, read: Source) -> Result<(), DictionaryError> {
        self.notes = read.skipped;
        for vendor in read.vendors {
            let vendor = Vendor {
                number: vendor.number,
                name: Cow::Owned(vendor.name),
                format: vendor.format,
            };
            self.vendors.insert(vendor.number, vendor);
        }
        for line in read.attributes {
            // `source` has checked that there is at least one number, and not too many.
            let Some(oid) = Oid::new(&line.path) else { continue };
            let values = self
                .by_oid(&oid)
                .map_or_else(|| Cow::Borrowed(&[][..]), |known| known.values.clone());
            self.put(Definition {
                name: Cow::Owned(line.name),
                oid,
                data_type: line.data_type,
                flags: line.flags,
                values,
            });
        }
        read.values.into_iter().try_for_each(|line| self.add_value(line))
    }

    /// Gives an attribute one more value name.
    fn add_value(&mut self, line: ValueLine) -> Result<(), DictionaryError> {
        let Some(oid) = self.by_name(&line.attribute).map(|definition| definition.oid) else {
            return Err(DictionaryError::UnknownAttribute {
                at: line.at,
                attribute: line.attribute,
                name: line.name,
            });
        };
        let value = ValueName {
            name: Cow::Owned(line.name),
            number: line.number,
        };
        // An attribute of two names has its values under both; the name its number shows stays what it is.
        if let Some(mut named) = self.by_name(&line.attribute).cloned() {
            named.add_value(value.clone());
            self.added_by_name.insert(named.name.to_ascii_lowercase(), named);
        }
        if let Some(mut numbered) = self.by_oid(&oid).cloned() {
            numbered.add_value(value);
            self.put(numbered);
        }
        Ok(())
    }

    /// Adds a definition, or puts it in place of one of its name or number.
    fn put(&mut self, definition: Definition) {
        self.added_by_name
            .insert(definition.name.to_ascii_lowercase(), definition.clone());
        self.added.insert(definition.oid, definition);
    }

    /// A number that is another one, most likely, when attributes mean something else: in another version of this program, or
    /// with other files of the operator's. For those who keep what they made of names.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let Dictionary {
            added,
            added_by_name,
            vendors,
            notes: _,
        } = self;
        let said = format!("{} {added:?} {added_by_name:?} {vendors:?}", tables::FINGERPRINT);
        source::fingerprint(said.as_bytes())
    }

    /// Finds an attribute by its name, whatever its case.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Definition> {
        let name = name.to_ascii_lowercase();
        self.added_by_name.get(&name).or_else(|| {
            let at = tables::BY_NAME
                .binary_search_by(|(known, _)| (*known).cmp(name.as_str()))
                .ok()?;
            let (_, place) = tables::BY_NAME.get(at)?;
            tables::DEFINITIONS.get(usize::from(*place))
        })
    }

    /// Finds an attribute by where it stands.
    #[must_use]
    pub fn by_oid(&self, oid: &Oid) -> Option<&Definition> {
        self.added.get(oid).or_else(|| {
            let at = tables::DEFINITIONS
                .binary_search_by(|definition| definition.oid.cmp(oid))
                .ok()?;
            tables::DEFINITIONS.get(at)
        })
    }

    /// Finds an attribute of the IETF (`vendor` 0) or of a vendor by its type octet.
    #[must_use]
    pub fn by_number(&self, vendor: u32, kind: u8) -> Option<&Definition> {
        self.by_oid(&Oid::of_number(vendor, kind))
    }

    /// Finds a vendor by its name, whatever its case.
    #[must_use]
    pub fn vendor_by_name(&self, name: &str) -> Option<&Vendor> {
        self.vendors()
            .find(|vendor| vendor.name.eq_ignore_ascii_case(name))
    }

    /// Finds a vendor by its number.
    #[must_use]
    pub fn vendor(&self, number: u32) -> Option<&Vendor> {
        self.vendors.get(&number).or_else(|| {
            let at = tables::VENDORS
                .binary_search_by_key(&number, |vendor| vendor.number)
                .ok()?;
            tables::VENDORS.get(at)
        })
    }

    /// Every vendor, by number.
    pub fn vendors(&self) -> impl Iterator<Item = &Vendor> {
        let ours = tables::VENDORS
            .iter()
            .filter(|vendor| !self.vendors.contains_key(&vendor.number));
        let mut all: Vec<&Vendor> = ours.chain(self.vendors.values()).collect();
        all.sort_by_key(|vendor| vendor.number);
        all.into_iter()
    }

    /// The attributes of the operator's files, and ours to which they add value names, by number.
    pub fn added(&self) -> impl Iterator<Item = &Definition> {
        self.added.values()
    }

    /// Every attribute, by number.
    pub fn all(&self) -> impl Iterator<Item = &Definition> {
        let ours = tables::DEFINITIONS
            .iter()
            .filter(|definition| !self.added.contains_key(&definition.oid));
        let mut all: Vec<&Definition> = ours.chain(self.added.values()).collect();
        all.sort_by_key(|definition| definition.oid);
        all.into_iter()
    }
}

/// What an operator's file may name without saying it.
fn known() -> Source {
    Source {
        vendors: tables::VENDORS
            .iter()
            .map(|vendor| source::VendorLine {
                name: vendor.name.clone().into_owned(),
                number: vendor.number,
                format: vendor.format,
            })
            .collect(),
        attributes: tables::DEFINITIONS
            .iter()
            .map(|definition| source::AttributeLine {
                name: definition.name.clone().into_owned(),
                path: definition.oid.as_slice().to_vec(),
                data_type: definition.data_type,
                flags: definition.flags,
            })
            .collect(),
        ..Source::default()
    }
}
