//! A ring of octets that holds the newest records and forgets the oldest: what a flight recorder is made of.
//! It knows nothing of what the octets mean. Each record names an older one, so that records of one kind form a chain.
//!
//! ```text
//!  0      4      8               16
//!  +------+------+---------------+- - - - - - +- - - - +
//!  | len  | tag  | older         | payload    | pad    |     a multiple of 16 octets; len counts the payload
//!  +------+------+---------------+- - - - - - +- - - - +
//! ```
//!
//! Positions count octets written since the start and never wrap; a record stands in one piece, so the last octets of the
//! ring may be left out (`len` is [`LEFT_OUT`]). The memory is asked for at once and becomes resident as it is written.

/// Octets before a payload.
const HEAD_OCTETS: usize = 16;
/// In place of a length: nothing from here to the end of the ring.
const LEFT_OUT: u32 = u32::MAX;
/// A position at which no record ever is.
pub(super) const NOWHERE: u64 = 0;

/// See the module's words.
pub(super) struct Log {
    /// The ring.
    octets: Box<[u8]>,
    /// Where the next record goes.
    head: u64,
    /// Where the oldest record is.
    tail: u64,
    /// Where the reader goes on.
    read: u64,
    /// How many records there are.
    records: u64,
    /// How many went before the reader had them, since it asked last.
    lost: u64,
}

/// One record where it lies.
pub(super) struct Entry<'a> {
    /// What the writer marked it with.
    pub(super) tag: u32,
    /// The position of the record before it in its chain; it may be gone.
    pub(super) older: u64,
    /// The octets.
    pub(super) payload: &'a [u8],
}

impl Log {
    /// An empty ring of about so many octets, at least `payload_max` and its head.
    pub(super) fn new(octets: usize, payload_max: usize) -> Self {
        let octets = octets.max(HEAD_OCTETS + payload_max);
        let len = octets.next_multiple_of(HEAD_OCTETS);
        let start = len as u64; // not 0, which is nowhere
        Self {
            octets: vec![0; len].into_boxed_slice(),
            head: start,
            tail: start,
            read: start,
            records: 0,
            lost: 0,
        }
    }

    /// Adds a record in place of the oldest ones, and says where it is; `None` when the ring is smaller than it.
    pub(super) fn append(&mut self, tag: u32, older: u64, payload: &[u8]) -> Option<u64> {
        let size = record_octets(payload.len());
        if size > self.octets.len() {
            return None;
        }
        let left = self.octets.len() - self.place(self.head);
        if size > left {
            self.make_room(left);
            let at = self.place(self.head);
            self.octets[at..at + 4].copy_from_slice(&LEFT_OUT.to_le_bytes());
            self.head += left as u64;
        }
        self.make_room(size);
        let at = self.place(self.head);
        let (head, body) = self.octets[at..at + size].split_at_mut(HEAD_OCTETS);
        // A payload longer than 4 GiB does not fit into any ring.
        head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        head[4..8].copy_from_slice(&tag.to_le_bytes());
        head[8..].copy_from_slice(&older.to_le_bytes());
        body[..payload.len()].copy_from_slice(payload);
        let position = self.head;
        self.head += size as u64;
        self.records += 1;
        Some(position)
    }

    /// The record at a position that [`Log::append`] gave; `None` when it is gone.
    pub(super) fn get(&self, position: u64) -> Option<Entry<'_>> {
        if !(self.tail..self.head).contains(&position) {
            return None;
        }
        let at = self.place(position);
        let (head, rest) = self.octets.get(at..)?.split_first_chunk::<HEAD_OCTETS>()?;
        Some(Entry {
            tag: u32::from_le_bytes([head[4], head[5], head[6], head[7]]),
            older: u64::from_le_bytes([
                head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15],
            ]),
            payload: rest.get(..self.len_at(at)?)?,
        })
    }

    /// Gives the reader the next records, oldest first, as long as `take` wants more; whether there are others.
    pub(super) fn read(&mut self, mut take: impl FnMut(&[u8]) -> bool) -> bool {
        while self.read < self.head {
            let Some(entry) = self.get(self.read) else {
                self.read += (self.octets.len() - self.place(self.read)) as u64; // left out
                continue;
            };
            let size = record_octets(entry.payload.len());
            let more = take(entry.payload);
            self.read += size as u64;
            if !more {
                break;
            }
        }
        self.read < self.head
    }

    /// Whether there is anything the reader has not had, or not heard of the loss of.
    pub(super) const fn has_unread(&self) -> bool {
        self.read < self.head || self.lost > 0
    }

    /// Whether the reader is so far behind that it ought to hurry.
    pub(super) fn reader_is_late(&self) -> bool {
        (self.head - self.read) as usize > self.octets.len() / 4
    }

    /// How many records went before the reader had them, since this was asked last.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// How many records there are, and how many octets they take.
    pub(super) fn held(&self) -> (u64, u64) {
        (self.records, self.head - self.tail)
    }

    /// Forgets the oldest records until so many octets can be written.
    fn make_room(&mut self, octets: usize) {
        let head = self.head + octets as u64;
        while self.tail + (self.octets.len() as u64) < head {
            let at = self.place(self.tail);
            match self.len_at(at) {
                Some(len) => {
                    self.lost += u64::from(self.tail >= self.read);
                    self.records -= 1;
                    self.tail += record_octets(len) as u64;
                }
                None => self.tail += (self.octets.len() - at) as u64,
            }
        }
        self.read = self.read.max(self.tail);
    }

    /// Where a position is in the ring.
    fn place(&self, position: u64) -> usize {
        // Smaller than the ring's length.
        (position % self.octets.len() as u64) as usize
    }

    /// The length of the payload of the record at a place; `None`: the rest of the ring is left out.
    fn len_at(&self, at: usize) -> Option<usize> {
        let len = u32::from_le_bytes(*self.octets.get(at..)?.first_chunk()?);
        (len != LEFT_OUT).then_some(len as usize)
    }
}

/// Octets a payload takes in the ring.
const fn record_octets(payload_len: usize) -> usize {
    (HEAD_OCTETS + payload_len).next_multiple_of(HEAD_OCTETS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything the reader gets now.
    fn read_all(log: &mut Log) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        log.read(|payload| {
            got.push(payload.to_vec());
            true
        });
        got
    }

    #[test]
    fn what_the_reader_was_lapped_on_is_counted() {
        let mut log = Log::new(64, 0);
        for n in 0..10_u8 {
            assert!(log.append(0, NOWHERE, &[n; 16]).is_some()); // 32 octets each, two fit
        }
        assert_eq!((log.take_lost(), log.take_lost()), (8, 0));
        assert_eq!(read_all(&mut log), [[8; 16], [9; 16]]);
        assert_eq!(log.held(), (2, 64));
    }

    #[test]
    fn a_record_larger_than_the_ring_is_refused() {
        let mut log = Log::new(64, 0);
        assert_eq!(log.append(0, NOWHERE, &[0; 65]), None);
        assert_eq!(log.held(), (0, 0));
    }

    proptest! {
        #[test]
        fn the_newest_records_stay_whole_and_the_reader_gets_each_once_or_counts_it(
            lens in proptest::collection::vec(0_usize..200, 1..200),
            read_every in 1_usize..20,
        ) {
            let mut log = Log::new(1_024, 0);
            let (mut positions, mut got, mut lost) = (Vec::new(), 0, 0);
            for (n, len) in lens.iter().enumerate() {
                let older = positions.last().map_or(NOWHERE, |(position, _)| *position);
                let payload = vec![n as u8; *len];
                let position = log.append(n as u32, older, &payload).expect("fits");
                positions.push((position, payload));
                if n % read_every == 0 {
                    got += read_all(&mut log).len() as u64;
                    lost += log.take_lost();
                }
            }
            got += read_all(&mut log).len() as u64;
            lost += log.take_lost();
            prop_assert_eq!(got + lost, lens.len() as u64);
            // From the newest back along the chain: whole as far as it goes, and it goes on for as many as are held.
            let (mut walked, mut at) = (0, positions.last().expect("one").0);
            while let Some(entry) = log.get(at) {
                let (position, payload) = &positions[entry.tag as usize];
                prop_assert_eq!((*position, &payload[..]), (at, entry.payload));
                (walked, at) = (walked + 1, entry.older);
            }
            prop_assert_eq!(walked, log.held().0);
        }
    }
}
