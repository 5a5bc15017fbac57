//! A stretch of the accounting journal, read and understood once for all targets that stand there. Never sends anything.

use super::target::sends_accounting;
use crate::authentication::realm::key;
use crate::directory::{Directory, Realms};
use crate::id::{PartnerId, RealmId};
use crate::journal::{AccountingRecord, JournalError, Kind, OwnedRecord, Reader};
use radius::{View, kind};
use std::collections::HashMap;
use std::sync::Arc;

/// Records read at once.
const RECORDS_MAX: usize = 256;
/// Octets of them.
const OCTETS_MAX: usize = 256 * 1024;

/// What is in one stretch.
pub(super) struct Sheet {
    /// It has all records from here on,
    pub from: u64,
    /// up to here, and not this one.
    pub to: u64,
    /// Those that are accounting records.
    pub entries: Vec<Entry>,
    /// Stands behind it.
    pub behind: Reader,
}

/// One accounting record.
pub(super) struct Entry {
    /// Its number in the journal.
    pub seq: u64,
    /// When it was received.
    pub received_unix_us: i64,
    /// Whose NAS sent it.
    pub partner: PartnerId,
    /// The realm whose home servers are to have it.
    pub realm: Option<RealmId>,
    /// Its user's name for them, when it is another than the NAS sent.
    pub user_name: Option<Box<str>>,
    /// The same for all records of a session.
    pub session: u64,
    /// The same for everything about one user at one station.
    pub user: u64,
    /// The datagram, as the NAS sent it.
    pub packet: Arc<[u8]>,
}

impl Sheet {
    /// Reads a stretch; `None` when nothing more is committed.
    ///
    /// # Errors
    /// What the journal's reader says.
    pub fn read(reader: &Reader, from: u64, directory: &Directory) -> Result<Option<Self>, JournalError> {
        let records = reader.read_from(from, RECORDS_MAX, OCTETS_MAX)?;
        let Some(last) = records.last() else {
            return Ok(None);
        };
        let mut realms = HashMap::new();
        let mut realms_of = |partner: PartnerId| {
            let known = realms.entry(partner);
            known
                .or_insert_with(|| directory.partner(partner).and_then(|partner| partner.realms()))
                .clone()
        };
        Ok(Some(Self {
            from,
            to: last.seq + 1,
            entries: records
                .iter()
                .filter_map(|record| Entry::of(record, &mut realms_of))
                .collect(),
            behind: reader.clone(),
        }))
    }

    /// Whether it says what comes at a number.
    pub fn has(&self, seq: u64) -> bool {
        (self.from..self.to).contains(&seq)
    }
}

impl Entry {
    /// Understands a record; `None` when it is none of accounting.
    fn of(
        record: &OwnedRecord,
        realms_of: &mut impl FnMut(PartnerId) -> Option<Arc<Realms>>,
    ) -> Option<Self> {
        if record.kind != Kind::Accounting {
            return None;
        }
        let read = AccountingRecord::decode(&record.payload).ok()?;
        let request = View::parse(read.packet).ok()?;
        let name = request.text(kind::USER_NAME).filter(|name| !name.is_empty());
        let realms = name.and_then(|_named| realms_of(read.partner));
        let mut entry = Self {
            seq: record.seq,
            received_unix_us: read.received_unix_us,
            partner: read.partner,
            realm: None,
            user_name: None,
            session: key(
                read.nas.as_bytes(),
                request.first(kind::ACCT_SESSION_ID).unwrap_or_default(),
            ),
            user: key(
                request.first(kind::USER_NAME).unwrap_or_default(),
                request.first(kind::CALLING_STATION_ID).unwrap_or_default(),
            ),
            packet: read.packet.into(),
        };
        if read.subscriber.is_none()
            && let (Some(name), Some(realms)) = (name, realms)
            && let Some(found) = realms.of(name)
            && sends_accounting(&found.realm)
        {
            entry.realm = Some(found.realm.id);
            entry.user_name = found.realm.strip.then(|| found.nai.user.into());
        }
        Some(entry)
    }
}
