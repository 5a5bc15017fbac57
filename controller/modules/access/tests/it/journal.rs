//! A journal without a plane: records written as the accounting port would, to be drained.

use std::path::Path;
use std::sync::Arc;

use access::drain::{Drain, DrainCounters};
use access::store::cursor::Stream;
use kernel::Database;
use radius::SharedSecret;
use radius_server::journal::{AccountingRecord, Kind, Options, Reader, Writer};
use radius_server::{NasId, PartnerId};
use uuid::Uuid;

use crate::nas::Report;

/// A journal being written.
pub struct Journal {
    /// Writes it.
    writer: Writer,
    /// Whose records.
    partner: PartnerId,
    /// Which NAS's.
    nas: NasId,
    /// Whose service the records are about.
    pub subscriber: Option<Uuid>,
}

impl Journal {
    /// A new journal in this directory, for a NAS of this partner.
    pub fn new(dir: &Path, partner: Uuid, nas: Uuid) -> Self {
        let options = Options {
            segment_len: 1024 * 1024,
            ..Options::default()
        };
        let (writer, _) = Writer::open(&dir.join("accounting"), options).expect("a journal");
        Self {
            writer,
            partner: partner.into(),
            nas: nas.into(),
            subscriber: None,
        }
    }

    /// Appends what a NAS reports, received the moment it happened, and makes it durable.
    pub fn report(&mut self, report: &Report<'_>) -> u64 {
        self.received(report, i64::from(report.at))
    }

    /// Appends a report received at another moment.
    pub fn received(&mut self, report: &Report<'_>, received_s: i64) -> u64 {
        let payload = self.payload(report, received_s);
        self.raw(Kind::Accounting, &payload)
    }

    /// A report as the journal keeps it.
    pub fn payload(&self, report: &Report<'_>, received_s: i64) -> Vec<u8> {
        let packet = report.packet(1, &SharedSecret::new(b"a secret of a NAS"));
        let record = AccountingRecord {
            received_unix_us: received_s * 1_000_000,
            nas: self.nas,
            partner: self.partner,
            subscriber: self.subscriber.map(Into::into),
            source: "127.61.2.1:1813".parse().expect("an address"),
            packet: &packet,
        };
        let mut payload = Vec::new();
        record.encode(&mut payload);
        payload
    }

    /// Appends octets.
    pub fn raw(&mut self, kind: Kind, payload: &[u8]) -> u64 {
        let seq = self.writer.append(kind, payload).expect("appended");
        self.writer.commit().expect("durable");
        seq
    }

    /// Reads it.
    pub fn reader(&self) -> Reader {
        self.writer.reader()
    }

    /// A drain of it, as node `node`.
    pub fn drain(&self, db: &Database, node: Uuid) -> (Drain, Arc<DrainCounters>) {
        let counters = Arc::new(DrainCounters::default());
        let drain = Drain::new(
            Stream::Accounting,
            node,
            db.clone(),
            self.reader(),
            Arc::clone(&counters),
        );
        (drain, counters)
    }
}
