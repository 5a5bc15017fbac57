//! Rows as the octets of PostgreSQL's `COPY ... (FORMAT binary)`, the cheapest way into a table there is.
//! Never knows a table: [`super::accounting`] and [`super::decision`] write their columns in their order.
//!
//! ```text
//! header (19 octets) | row: count of fields (2) | field: length (4; -1 is NULL) and octets | ... | trailer (ff ff)
//! ```

use std::net::IpAddr;

use ipnet::IpNet;
use kernel::Error;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Tx;

/// Signature, flags, and the length of an extension that there is not.
const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What ends the rows.
const TRAILER: [u8; 2] = [0xff, 0xff];
/// Octets of one message to the server; it reads each as a whole.
const MESSAGE_LEN_MAX: usize = 256 * 1_024;
/// Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
const EPOCH_US: i64 = 946_684_800_000_000;
/// `AF_INET` as PostgreSQL sends it.
const INET_V4: u8 = 2;
/// And for IPv6: always one more.
const INET_V6: u8 = 3;

/// Rows being written.
#[derive(Debug)]
pub struct Rows {
    /// Header and rows so far.
    octets: Vec<u8>,
    /// How many rows.
    count: usize,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            octets: HEADER.to_vec(),
            count: 0,
        }
    }
}

impl Rows {
    /// Begins a row of so many fields, which must follow.
    pub fn row(&mut self, fields: i16) -> &mut Self {
        self.count += 1;
        self.octets.extend_from_slice(&fields.to_be_bytes());
        self
    }

    /// How many rows there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// A field of these octets; one beyond 2 GiB cannot come out of a journal and would be NULL.
    fn field(&mut self, value: &[u8]) -> &mut Self {
        let Ok(len) = i32::try_from(value.len()) else {
            return self.null();
        };
        self.octets.extend_from_slice(&len.to_be_bytes());
        self.octets.extend_from_slice(value);
        self
    }

    /// NULL.
    pub fn null(&mut self) -> &mut Self {
        self.octets.extend_from_slice(&(-1_i32).to_be_bytes());
        self
    }

    /// A value, or NULL.
    pub fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> &mut Self) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// `text`; without NUL, which PostgreSQL's text does not hold.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.field(value.as_bytes())
    }

    /// `text` that spells octets in hex.
    pub fn hex(&mut self, value: &[u8]) -> &mut Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let Ok(len) = i32::try_from(value.len() * 2) else {
            return self.null();
        };
        self.octets.extend_from_slice(&len.to_be_bytes());
        let digits = value
            .iter()
            .flat_map(|octet| [DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        self.octets.extend(digits);
        self
    }

    /// `uuid`.
    pub fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.field(value.as_bytes())
    }

    /// `integer`.
    pub fn int(&mut self, value: i32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    /// `bigint`.
    pub fn bigint(&mut self, value: i64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    /// `boolean`.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.field(&[u8::from(value)])
    }

    /// `timestamptz`.
    pub fn instant(&mut self, value: OffsetDateTime) -> &mut Self {
        let us = value.unix_timestamp() * 1_000_000 + i64::from(value.microsecond());
        self.bigint(us - EPOCH_US)
    }

    /// `interval`, without days or months.
    pub fn interval(&mut self, value: Duration) -> &mut Self {
        let us = i64::try_from(value.whole_microseconds()).unwrap_or(i64::MAX);
        self.octets.extend_from_slice(&16_i32.to_be_bytes());
        self.octets.extend_from_slice(&us.to_be_bytes());
        self.octets.extend_from_slice(&[0; 8]);
        self
    }

    /// `inet`.
    pub fn inet(&mut self, value: IpNet) -> &mut Self {
        let bits = value.prefix_len();
        match value.addr() {
            IpAddr::V4(address) => {
                self.octets.extend_from_slice(&[0, 0, 0, 8, INET_V4, bits, 0, 4]);
                self.octets.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                self.octets
                    .extend_from_slice(&[0, 0, 0, 20, INET_V6, bits, 0, 16]);
                self.octets.extend_from_slice(&address.octets());
            }
        }
        self
    }

    /// `jsonb`, from its text.
    pub fn jsonb(&mut self, value: &str) -> &mut Self {
        let Ok(len) = i32::try_from(value.len() + 1) else {
            return self.null();
        };
        self.octets.extend_from_slice(&len.to_be_bytes());
        self.octets.push(1); // the version of the format
        self.octets.extend_from_slice(value.as_bytes());
        self
    }

    /// Sends the rows; `statement` is a `COPY ... FROM STDIN (FORMAT binary)`.
    ///
    /// # Errors
    /// The database's.
    pub async fn send(&self, tx: &mut Tx, statement: &str) -> Result<(), Error> {
        let mut copy = tx.copy_in_raw(statement).await?;
        for message in self.octets.chunks(MESSAGE_LEN_MAX) {
            copy.send(message).await?;
        }
        copy.send(&TRAILER[..]).await?;
        copy.finish().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_postgresql_reads() {
        let mut rows = Rows::default();
        rows.row(3).text("ab").null().hex(&[0x0f, 0xa0]);
        let expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\x040fa0";
        assert_eq!(rows.octets, expected);
        assert_eq!(rows.count(), 1);
    }

    #[test]
    fn time_counts_from_2000() {
        let mut rows = Rows::default();
        rows.row(1)
            .instant(time::macros::datetime!(1999-12-31 23:59:59.5 UTC));
        assert_eq!(rows.octets[HEADER.len() + 6..], (-500_000_i64).to_be_bytes());
    }
}
