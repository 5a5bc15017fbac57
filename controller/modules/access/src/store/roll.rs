//! Everything that is said about every living user name, as one stream: COPY in PostgreSQL's binary form, in the order of
//! partner and user name. For a start with a million subscribers; what changed since is read by [`super::directory`].
//!
//! Never holds more than one batch. A batch ends between two user names, so that each can be read without the others and
//! by another thread.

use futures_util::TryStreamExt as _;
use kernel::Error;
use sqlx::Executor as _;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Tx;

/// Octets after which a batch ends at the next user name.
const BATCH_OCTETS: usize = 256 * 1024;
/// What every such stream starts with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Octets of the flags and of the extension's length behind the signature.
const HEADER_REST_OCTETS: usize = 8;
/// What stands where the number of columns would, at the end.
const TRAILER: i16 = -1;
/// Columns of a row.
const COLUMNS: usize = 11;
/// Microseconds between 1970 and 2000, where PostgreSQL's timestamps count from.
const EPOCH_2000_US: i64 = 946_684_800_000_000;

/// The stream. No branch joins: what belongs together arrives together, and nobody probes an index a million times.
const ROLL: &str = "COPY (
    SELECT tenant_id, username, 0::int2, id, plan_id, status, status_reason,
           CASE WHEN expires_at < '9999-01-01Z' THEN greatest(expires_at, 'epoch') END,
           NULL::text, nullif(terms, '{}')::text, 0::int8
      FROM access.subscribers WHERE deleted_at IS NULL
     UNION ALL
    SELECT tenant_id, username, 1::int2, NULL::uuid, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz,
           attribute, value, id
      FROM access.radcheck
     WHERE attribute IN ('Cleartext-Password', 'User-Password', 'NT-Password', 'Argon2-Password', 'Crypt-Password',
                         'SSHA-Password', 'SMD5-Password', 'SHA-Password', 'MD5-Password', 'Password-With-Header')
     UNION ALL
    SELECT tenant_id, username, 2::int2, NULL::uuid, NULL::uuid, op::text, NULL::text, NULL::timestamptz,
           attribute, value, id
      FROM access.radreply
     UNION ALL
    SELECT tenant_id, username, 3::int2, NULL::uuid, NULL::uuid, NULL::text, NULL::text, NULL::timestamptz,
           groupname, priority::text, id
      FROM access.radusergroup
     ORDER BY 1, 2) TO STDOUT (FORMAT binary)";

/// One row: a user name of a partner, and one thing that is said about it.
#[derive(Debug, PartialEq)]
pub struct RollRow<'b> {
    /// Whose.
    pub tenant: Uuid,
    /// The user name.
    pub username: &'b str,
    /// The row's number in its table; later rows have higher ones.
    pub place: i64,
    /// What is said.
    pub says: Says<'b>,
}

/// What a row says about a user name.
#[derive(Debug, PartialEq)]
pub enum Says<'b> {
    /// It is this subscriber's.
    Subscriber {
        /// His id.
        id: Uuid,
        /// His plan; `None` cannot be for a living one.
        plan: Option<Uuid>,
        /// `active`, `suspended` or `terminated`.
        status: &'b str,
        /// Why.
        reason: Option<&'b str>,
        /// When the service ends by itself.
        expires_at: Option<OffsetDateTime>,
        /// What he has in place of his plan, as JSON.
        terms: Option<&'b str>,
    },
    /// A password is stored for it.
    Password {
        /// One of [`credential::ATTRIBUTES`](crate::credential::ATTRIBUTES).
        attribute: &'b str,
        /// Sealed, or clear.
        stored: &'b str,
    },
    /// A reply attribute of its own.
    Reply {
        /// The dictionary name.
        attribute: &'b str,
        /// `=`, `:=` or `+=`.
        op: &'b str,
        /// As text.
        value: &'b str,
    },
    /// It is in a group.
    Group {
        /// Which one.
        group: &'b str,
        /// Lower ones count first.
        priority: i32,
    },
}

/// The stream is not what this program asked for.
#[derive(Debug, thiserror::Error)]
#[error("the database sends something else than the rows that were asked for")]
pub struct RollBroken;

/// Reads the whole stream and hands on one batch after the other; when nobody takes them, the database waits.
///
/// # Errors
/// The database's, or [`RollBroken`] as [`Error::Internal`]. Whoever stops taking batches ends the reading early, and
/// knows why.
pub async fn roll_read(tx: &mut Tx, taker: mpsc::Sender<Vec<u8>>) -> Result<(), Error> {
    // One process: the rest of the machine is answering logins. The sort of a hundred thousand stays in memory.
    let settings =
        "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; SET LOCAL work_mem = '32MB'";
    tx.execute(settings).await?;
    let mut stream = tx.copy_out_raw(ROLL).await?;
    let mut batches = Batches::default();
    while let Some(message) = stream.try_next().await? {
        if let Some(batch) = batches.add(&message).map_err(broken)?
            && taker.send(batch).await.is_err()
        {
            return Ok(());
        }
    }
    // Not taken: as above.
    drop(taker.send(batches.batch).await);
    Ok(())
}

/// The rows of a batch.
pub fn roll_rows(batch: &[u8]) -> impl Iterator<Item = Result<RollRow<'_>, RollBroken>> {
    let mut rest = batch;
    std::iter::from_fn(move || {
        let row = (!rest.is_empty()).then(|| row(&mut rest).ok_or(RollBroken));
        if matches!(row, Some(Err(_))) {
            rest = &[];
        }
        row
    })
}

/// Cuts the stream between user names.
#[derive(Default)]
struct Batches {
    /// Rows so far.
    batch: Vec<u8>,
    /// Where the last row stands in it.
    last: usize,
    /// The header was seen.
    begun: bool,
}

impl Batches {
    /// Adds one message, which holds one row; a batch when this row begins another user name and the batch is full.
    fn add(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, RollBroken> {
        let mut row = message;
        if !std::mem::replace(&mut self.begun, true) {
            row = row.strip_prefix(SIGNATURE).ok_or(RollBroken)?;
            row = row.get(HEADER_REST_OCTETS..).ok_or(RollBroken)?;
        }
        if row.is_empty() || row == TRAILER.to_be_bytes() {
            return Ok(None);
        }
        let full = self.batch.len() >= BATCH_OCTETS && key(row)? != key(&self.batch[self.last..])?;
        let done =
            full.then(|| std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_OCTETS + row.len())));
        self.last = self.batch.len();
        self.batch.extend_from_slice(row);
        Ok(done)
    }
}

/// Partner and user name of the row at the front, as they stand there.
fn key(row: &[u8]) -> Result<&[u8], RollBroken> {
    let mut rest = row;
    let _columns = take::<2>(&mut rest).ok_or(RollBroken)?;
    for _tenant_and_username in 0..2 {
        field(&mut rest).ok_or(RollBroken)?;
    }
    Ok(&row[..row.len() - rest.len()])
}

/// Takes a row off the front.
fn row<'b>(rest: &mut &'b [u8]) -> Option<RollRow<'b>> {
    let columns = i16::from_be_bytes(take(rest)?);
    if usize::try_from(columns) != Ok(COLUMNS) {
        return None;
    }
    let mut fields = [None; COLUMNS];
    for place in &mut fields {
        *place = field(rest)?;
    }
    let [
        tenant,
        username,
        part,
        id,
        plan,
        status,
        reason,
        expires_at,
        name,
        value,
        place,
    ] = fields;
    let says = match i16::from_be_bytes(part?.try_into().ok()?) {
        0 => Says::Subscriber {
            id: Uuid::from_slice(id?).ok()?,
            plan: plan.map(Uuid::from_slice).transpose().ok()?,
            status: text(status?)?,
            reason: reason.map(text).map_or(Some(None), |reason| reason.map(Some))?,
            expires_at: expires_at.map(timestamp).map_or(Some(None), |at| at.map(Some))?,
            terms: value.map(text).map_or(Some(None), |terms| terms.map(Some))?,
        },
        1 => Says::Password {
            attribute: text(name?)?,
            stored: text(value?)?,
        },
        2 => Says::Reply {
            attribute: text(name?)?,
            op: text(status?)?,
            value: text(value?)?,
        },
        3 => Says::Group {
            group: text(name?)?,
            priority: text(value?)?.parse().ok()?,
        },
        _ => return None,
    };
    Some(RollRow {
        tenant: Uuid::from_slice(tenant?).ok()?,
        username: text(username?)?,
        place: i64::from_be_bytes(place?.try_into().ok()?),
        says,
    })
}

/// Takes the next field off the front: its octets, or `Some(None)` for NULL; `None` when there is none.
fn field<'b>(rest: &mut &'b [u8]) -> Option<Option<&'b [u8]>> {
    match i32::from_be_bytes(take(rest)?) {
        -1 => Some(None),
        length => {
            let (field, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            *rest = behind;
            Some(Some(field))
        }
    }
}

/// Takes so many octets off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*taken)
}

/// A text column.
fn text(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok()
}

/// A timestamp.
fn timestamp(octets: &[u8]) -> Option<OffsetDateTime> {
    let unix_us = i64::from_be_bytes(octets.try_into().ok()?).checked_add(EPOCH_2000_US)?;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_us) * 1_000).ok()
}

/// A broken stream as the kernel names errors.
fn broken(error: RollBroken) -> Error {
    Error::internal("reading all subscribers", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of raw fields.
    fn raw(fields: [Option<&[u8]>; COLUMNS]) -> Vec<u8> {
        let mut row = u16::try_from(COLUMNS).expect("few").to_be_bytes().to_vec();
        for field in fields {
            match field {
                None => row.extend(i32::to_be_bytes(-1)),
                Some(octets) => {
                    row.extend(i32::try_from(octets.len()).expect("short").to_be_bytes());
                    row.extend(octets);
                }
            }
        }
        row
    }

    /// A password row of a user name.
    fn password(username: &str) -> Vec<u8> {
        let (tenant, part, place) = ([7; 16], 1_i16.to_be_bytes(), 5_i64.to_be_bytes());
        let mut fields = [None; COLUMNS];
        fields[0] = Some(&tenant[..]);
        fields[1] = Some(username.as_bytes());
        fields[2] = Some(&part);
        fields[8] = Some(b"Cleartext-Password");
        fields[9] = Some(b"open sesame");
        fields[10] = Some(&place);
        raw(fields)
    }

    #[test]
    fn a_row_reads_back() {
        let batch = [password("alice"), password("bob")].concat();
        let rows: Vec<_> = roll_rows(&batch).collect::<Result<_, _>>().expect("sound");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].username, "bob");
        assert_eq!(rows[1].place, 5);
        let (attribute, stored) = ("Cleartext-Password", "open sesame");
        assert_eq!(rows[1].says, Says::Password { attribute, stored });
    }

    #[test]
    fn every_attribute_of_a_password_is_asked_for() {
        for attribute in crate::credential::ATTRIBUTES {
            assert!(ROLL.contains(&format!("'{attribute}'")), "{attribute}");
        }
        assert_eq!(
            ROLL.matches("-Password'").count() + 1,
            crate::credential::ATTRIBUTES.len()
        );
    }

    #[test]
    fn a_batch_never_ends_inside_a_user_name() {
        let mut batches = Batches::default();
        let first = [SIGNATURE, &[0; HEADER_REST_OCTETS], &password("alice")].concat();
        assert_eq!(batches.add(&first).expect("sound"), None);
        while batches.batch.len() < BATCH_OCTETS {
            assert_eq!(batches.add(&password("alice")).expect("sound"), None);
        }
        assert_eq!(batches.add(&password("alice")).expect("sound"), None);
        let batch = batches.add(&password("bob")).expect("sound").expect("a batch");
        assert!(roll_rows(&batch).all(|row| row.expect("sound").username == "alice"));
        assert_eq!(batches.batch, password("bob"));
        assert_eq!(batches.add(&TRAILER.to_be_bytes()).expect("sound"), None);
    }

    #[test]
    fn a_broken_stream_is_an_error_wherever_it_breaks() {
        let whole = password("alice");
        for length in 1..whole.len() {
            assert!(roll_rows(&whole[..length]).any(|row| row.is_err()), "{length}");
        }
        assert!(Batches::default().add(b"no copy at all").is_err());
    }

    #[test]
    fn a_timestamp_counts_from_2000_and_infinity_is_none() {
        assert_eq!(timestamp(&0_i64.to_be_bytes()).expect("a time").year(), 2000);
        assert_eq!(timestamp(&i64::MAX.to_be_bytes()), None);
        assert_eq!(timestamp(&i64::MIN.to_be_bytes()), None);
    }
}
