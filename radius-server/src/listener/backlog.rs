//! What waits for a worker that cannot keep up: the newest request is answered first, because its NAS is still waiting;
//! what has waited longer than any NAS waits is dropped; a retransmission takes the place of what it repeats.
//!
//! Oldest first would answer everybody too late once the queue is longer than a NAS waits: each answer goes to a NAS that
//! has given up or asked again, and the worker never catches up. Newest first, some are answered in time at once, and
//! whoever is not asks again and is the newest then.
//!
//! Octets and `now` come in; no socket, no clock. Memory is asked for once and used only when there is a backlog.

use radius::HEADER_LEN;
use std::collections::hash_map::{Entry as Place, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use udp::Datagram;

/// How long a NAS waits for an answer before it asks again or gives up. Makes differ from 0.3 to 5 seconds; dropping a
/// request too early may cost a login, answering it too late costs some microseconds, so it is the longest.
pub(super) const NAS_WAIT: Duration = Duration::from_secs(5);
/// How long ago is "a moment ago" for a request that was answered: its retransmission was on the way when the answer left.
pub(super) const ANSWERED_MOMENT: Duration = Duration::from_secs(1);
/// Requests that may wait; beyond it the oldest is dropped. All subscribers of a large BNG at once.
pub(super) const REQUESTS_MAX: usize = 32_768;
/// Octets that may wait; beyond it the oldest is dropped.
pub(super) const OCTETS_MAX: usize = 8 * 1024 * 1024;
/// Answers remembered for [`ANSWERED_MOMENT`]; where two share a place the newer one stays.
const ANSWERS: usize = 16_384;

/// Requests that will not be answered, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// Waited longer than a NAS waits.
    pub(super) stale: u64,
    /// The oldest when there was no room for one more.
    pub(super) no_room: u64,
    /// Repeated, or given up for another with the same identifier, by a newer one that waits.
    pub(super) repeated: u64,
    /// Answered twice a moment ago.
    pub(super) answered: u64,
}

/// See the module's words.
pub(super) struct Backlog {
    /// What waits, in the order it came; those that were repeated are in it until they come to an end of it.
    entries: VecDeque<Entry>,
    /// Number of the entry at the front; entries are numbered for ever.
    front: u64,
    /// What waits, by who asked and its Identifier, of which a NAS has one in flight at a time.
    by_key: HashMap<(SocketAddr, u8), u64>,
    /// The octets of what waits, in a ring.
    octets: Box<[u8]>,
    /// Where the next octets go; positions count for ever, modulo the ring's length is the place.
    head: u64,
    /// Which requests were answered lately: a fingerprint, and when.
    answers: Box<[u64]>,
    /// When, in microseconds since `epoch`, doubled; the lowest bit says that it was answered again since.
    answered_at: Box<[u64]>,
    /// From which time the above is counted.
    epoch: Instant,
    /// Makes fingerprints that nobody outside can foresee.
    hasher: RandomState,
    /// How many may wait.
    requests_max: usize,
    /// How long they may wait.
    nas_wait: Duration,
    /// What was dropped since somebody asked.
    dropped: Dropped,
}

/// One request that waits.
struct Entry {
    /// When it came.
    arrived: Instant,
    /// Where it came from.
    source: SocketAddr,
    /// Which of our addresses it was sent to.
    local: Option<IpAddr>,
    /// Its Identifier.
    identifier: u8,
    /// Whether a newer one took its place.
    repeated: bool,
    /// Where its octets begin.
    start: u64,
    /// How many they are.
    len: usize,
}

impl Backlog {
    /// An empty backlog for up to so many requests with so many octets together, at least one as long as a packet may be,
    /// of NAS that wait so long. Time begins at `epoch`.
    pub(super) fn new(requests_max: usize, octets_max: usize, nas_wait: Duration, epoch: Instant) -> Self {
        let requests_max = requests_max.max(1);
        Self {
            entries: VecDeque::with_capacity(requests_max),
            front: 0,
            by_key: HashMap::with_capacity(requests_max),
            octets: vec![0; octets_max.max(radius::PACKET_LEN_MAX)].into_boxed_slice(),
            head: 0,
            answers: vec![0; ANSWERS].into_boxed_slice(),
            answered_at: vec![0; ANSWERS].into_boxed_slice(),
            epoch,
            hasher: RandomState::new(),
            requests_max,
            nas_wait,
            dropped: Dropped::default(),
        }
    }

    /// Takes in a request; `now` never goes back. What is shorter than a RADIUS header or longer than a packet is ignored:
    /// whoever calls has looked.
    pub(super) fn push(&mut self, datagram: &Datagram<'_>, now: Instant) {
        let Some(header) = datagram.octets.first_chunk::<HEADER_LEN>() else {
            return;
        };
        let (source, octets) = (datagram.source, datagram.octets);
        if octets.len() > self.octets.len() {
            return;
        }
        if self.answered_enough(source, header, now) {
            self.dropped.answered += 1;
            return;
        }
        let start = self.make_room(octets.len());
        let number = self.front + self.entries.len() as u64;
        let identifier = header[1];
        match self.by_key.entry((source, identifier)) {
            Place::Occupied(mut older) => {
                let older = older.insert(number);
                let at = usize::try_from(older - self.front).unwrap_or(usize::MAX);
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.repeated = true;
                    self.dropped.repeated += 1;
                }
            }
            Place::Vacant(place) => {
                place.insert(number);
            }
        }
        let place = self.place(start);
        self.octets[place..place + octets.len()].copy_from_slice(octets);
        self.head = start + octets.len() as u64;
        self.entries.push_back(Entry {
            arrived: now,
            source,
            local: datagram.local,
            identifier,
            repeated: false,
            start,
            len: octets.len(),
        });
    }

    /// Takes out the newest request, which is going to be answered; `None` when nothing waits that a NAS still waits for.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Datagram<'_>> {
        let entry = loop {
            let entry = self.entries.pop_back()?;
            self.head = entry.start;
            if !entry.repeated {
                break entry;
            }
        };
        self.by_key.remove(&(entry.source, entry.identifier));
        if now.saturating_duration_since(entry.arrived) > self.nas_wait {
            // All others are older.
            self.dropped.stale += 1 + self.len() as u64;
            self.clear();
            return None;
        }
        let place = self.place(entry.start);
        self.note_answer(place, &entry, now);
        Some(Datagram {
            source: entry.source,
            local: entry.local,
            octets: &self.octets[place..place + entry.len],
            truncated: false,
        })
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// What was dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// Forgets all that waits.
    fn clear(&mut self) {
        self.front += self.entries.len() as u64;
        self.entries.clear();
        self.by_key.clear();
        self.head = 0;
    }

    /// Drops the oldest until one more of `len` octets has room; returns where its octets begin.
    fn make_room(&mut self, len: usize) -> u64 {
        if self.entries.len() >= self.requests_max {
            self.drop_oldest();
        }
        let room = self.octets.len() as u64;
        loop {
            let Some(oldest) = self.entries.front() else {
                self.head = 0;
                return 0;
            };
            // One request's octets lie together: what does not fit before the ring's end begins anew.
            let place = self.head % room;
            let start = if place + len as u64 > room {
                self.head + (room - place)
            } else {
                self.head
            };
            if start + len as u64 - oldest.start <= room {
                return start;
            }
            self.drop_oldest();
        }
    }

    /// Drops the oldest.
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.front += 1;
            if !oldest.repeated {
                self.by_key.remove(&(oldest.source, oldest.identifier));
                self.dropped.no_room += 1;
            }
        }
    }

    /// The place in the ring of a position.
    fn place(&self, position: u64) -> usize {
        (position % self.octets.len() as u64) as usize
    }

    /// Whether a request was answered and, when it came again, once more, both a moment ago. Its answer may have been lost
    /// on the way, hence the second one.
    fn answered_enough(&mut self, source: SocketAddr, header: &[u8; HEADER_LEN], now: Instant) -> bool {
        let (fingerprint, at) = self.fingerprint(source, header);
        let moment_us = ANSWERED_MOMENT.as_micros() as u64;
        let lately = self.since_epoch_us(now).saturating_sub(self.answered_at[at] >> 1) <= moment_us;
        if self.answers[at] != fingerprint || !lately {
            return false;
        }
        let again = self.answered_at[at] & 1 == 1;
        self.answered_at[at] |= 1;
        again
    }

    /// Notes that a request is being answered; one that comes again keeps the time of its first answer.
    fn note_answer(&mut self, place: usize, entry: &Entry, now: Instant) {
        let Some(header) = self.octets[place..].first_chunk::<HEADER_LEN>() else {
            return;
        };
        let (fingerprint, at) = self.fingerprint(entry.source, header);
        let now_us = self.since_epoch_us(now);
        let moment_us = ANSWERED_MOMENT.as_micros() as u64;
        let known =
            self.answers[at] == fingerprint && now_us.saturating_sub(self.answered_at[at] >> 1) <= moment_us;
        if !known {
            self.answers[at] = fingerprint;
            self.answered_at[at] = now_us << 1;
        }
    }

    /// What tells a request from all others, never 0, and its place among the answers.
    fn fingerprint(&self, source: SocketAddr, header: &[u8; HEADER_LEN]) -> (u64, usize) {
        let hash = self.hasher.hash_one((source, header));
        (hash | 1, (hash >> 32) as usize % ANSWERS)
    }

    /// Microseconds since the epoch.
    fn since_epoch_us(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A backlog for so many requests and octets, and its epoch.
    fn backlog(requests: usize, octets: usize) -> (Backlog, Instant) {
        let epoch = Instant::now();
        (Backlog::new(requests, octets, NAS_WAIT, epoch), epoch)
    }

    /// Request `n` of a NAS, `len` octets long: its authenticator says `n`, its identifier the lowest octet of it.
    fn request(n: u32, len: usize) -> Vec<u8> {
        let mut octets = vec![n as u8; len];
        octets[..4].copy_from_slice(&[1, n as u8, (len >> 8) as u8, len as u8]);
        octets[4..8].copy_from_slice(&n.to_be_bytes());
        octets
    }

    /// It comes from port `port` of 127.0.0.1.
    fn arrived(octets: &[u8], port: u16) -> Datagram<'_> {
        Datagram {
            source: ([127, 0, 0, 1], port).into(),
            local: None,
            octets,
            truncated: false,
        }
    }

    /// Everything that is given out now, in order.
    fn drained(backlog: &mut Backlog, now: Instant) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| backlog.pop(now).map(|datagram| datagram.octets.to_vec())).collect()
    }

    #[test]
    fn the_newest_is_answered_first() {
        let (mut backlog, now) = backlog(10, 8_192);
        for n in 0..4 {
            backlog.push(&arrived(&request(n, 40), 1), now);
        }
        let expected: Vec<_> = (0..4).rev().map(|n| request(n, 40)).collect();
        assert_eq!(drained(&mut backlog, now), expected);
        assert_eq!((backlog.len(), backlog.take_dropped()), (0, Dropped::default()));
    }

    #[test]
    fn a_request_keeps_where_it_came_from_and_which_address_it_asked() {
        let (mut backlog, now) = backlog(10, 8_192);
        let octets = request(1, 40);
        let datagram = Datagram {
            local: Some([127, 0, 0, 7].into()),
            ..arrived(&octets, 9)
        };
        backlog.push(&datagram, now);
        assert_eq!(backlog.pop(now), Some(datagram));
    }

    #[test]
    fn a_retransmission_takes_the_place_of_what_it_repeats() {
        let (mut backlog, now) = backlog(10, 8_192);
        for n in [1, 2, 3, 1, 1] {
            backlog.push(&arrived(&request(n, 40), 1), now);
        }
        assert_eq!(backlog.len(), 3);
        assert_eq!(drained(&mut backlog, now), [1, 3, 2].map(|n| request(n, 40)));
        assert_eq!(backlog.take_dropped().repeated, 2);
    }

    #[test]
    fn a_request_with_the_identifier_of_an_older_one_says_that_the_older_one_is_given_up() {
        let (mut backlog, now) = backlog(10, 8_192);
        backlog.push(&arrived(&request(7, 40), 1), now);
        backlog.push(&arrived(&request(7, 40), 2), now); // another port: another request
        backlog.push(&arrived(&request(256 + 7, 40), 1), now);
        assert_eq!(drained(&mut backlog, now), [263, 7].map(|n| request(n, 40)));
        assert_eq!(backlog.take_dropped().repeated, 1);
    }

    #[test]
    fn what_waited_longer_than_a_nas_waits_is_dropped_with_all_that_is_older() {
        let (mut backlog, start) = backlog(10, 8_192);
        backlog.push(&arrived(&request(1, 40), 1), start);
        backlog.push(&arrived(&request(2, 40), 1), start);
        let later = start + Duration::from_secs(1);
        backlog.push(&arrived(&request(3, 40), 1), later);
        let end = start + NAS_WAIT + Duration::from_millis(1);
        assert_eq!(drained(&mut backlog, end), [request(3, 40)]);
        assert_eq!((backlog.len(), backlog.take_dropped().stale), (0, 2));
        backlog.push(&arrived(&request(4, 40), 1), end);
        assert_eq!(drained(&mut backlog, end), [request(4, 40)]);
    }

    #[test]
    fn what_was_answered_is_answered_once_more_and_then_not_for_a_moment() {
        let (mut backlog, start) = backlog(10, 8_192);
        let mut ask = |now| {
            backlog.push(&arrived(&request(1, 40), 1), now);
            drained(&mut backlog, now).len()
        };
        let half = ANSWERED_MOMENT / 2;
        assert_eq!((ask(start), ask(start + half), ask(start + half)), (1, 1, 0));
        let after = start + ANSWERED_MOMENT + Duration::from_millis(1);
        assert_eq!((ask(after), ask(after), ask(after)), (1, 1, 0));
        assert_eq!(backlog.take_dropped().answered, 2);
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut few, now) = backlog(3, 8_192);
        for n in 0..5 {
            few.push(&arrived(&request(n, 40), 1), now);
        }
        assert_eq!(few.take_dropped().no_room, 2);
        assert_eq!(drained(&mut few, now), [4, 3, 2].map(|n| request(n, 40)));
        let (mut small, now) = backlog(100, 8_192);
        for n in 0..5 {
            small.push(&arrived(&request(n, 4_000), 1), now);
        }
        assert_eq!(small.take_dropped().no_room, 3);
        assert_eq!(drained(&mut small, now), [4, 3].map(|n| request(n, 4_000)));
    }

    #[test]
    fn what_is_no_packet_is_ignored() {
        let (mut backlog, now) = backlog(3, 4_096);
        backlog.push(&arrived(&[1; 19], 1), now);
        backlog.push(&arrived(&[1; 4_097], 1), now);
        assert_eq!(backlog.len(), 0);
    }

    /// The same as a list: slow, and plainly right.
    #[derive(Default)]
    struct Model {
        waiting: Vec<(Instant, u16, u32, usize)>,
    }

    /// What is done to a backlog.
    #[derive(Clone, Debug)]
    enum Act {
        Push { port: u16, n: u32, len: usize },
        Pop,
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0u16..3, 0u32..40, 20usize..900).prop_map(|(port, n, len)| Act::Push { port, n, len }),
            3 => Just(Act::Pop),
            1 => (0u64..2_500).prop_map(Act::Wait),
        ]
    }

    proptest! {
        /// Octets come out as they went in, the newest first, never a repeated or stale one; bounds hold; and what is
        /// neither given out nor waiting was counted as dropped.
        #[test]
        fn it_agrees_with_a_list(acts in prop::collection::vec(act(), 1..400)) {
            let (mut backlog, start) = backlog(16, 4_096);
            let (mut model, mut now, mut dropped) = (Model::default(), start, 0);
            let (mut pushed, mut popped) = (0, 0);
            for (step, act) in acts.into_iter().enumerate() {
                match act {
                    Act::Wait(ms) => now += Duration::from_millis(ms),
                    Act::Push { port, n, len } => {
                        pushed += 1;
                        // No two have one authenticator, so that none counts as answered already.
                        let n = n + 256 * step as u32;
                        backlog.push(&arrived(&request(n, len), port), now);
                        model.waiting.retain(|other| (other.1, other.2 as u8) != (port, n as u8));
                        model.waiting.push((now, port, n, len));
                        // Which of the oldest had to go depends on how octets lie; that they are the oldest does not.
                        let gone = model.waiting.len() - backlog.len();
                        model.waiting.drain(..gone);
                    }
                    Act::Pop => {
                        let expected = model.waiting.pop().filter(|top| now - top.0 <= NAS_WAIT);
                        if expected.is_none() {
                            model.waiting.clear();
                        }
                        let got = backlog.pop(now).map(|got| (got.source.port(), got.octets.to_vec()));
                        let expected = expected.map(|(_, port, n, len)| (port, request(n, len)));
                        popped += u64::from(got.is_some());
                        prop_assert_eq!(got, expected);
                    }
                }
                let counted = backlog.take_dropped();
                dropped += counted.stale + counted.no_room + counted.repeated + counted.answered;
                prop_assert_eq!(backlog.len(), model.waiting.len());
                prop_assert!(backlog.len() <= backlog.entries.len() && backlog.entries.len() <= 16);
                let octets: usize = model.waiting.iter().map(|waiting| waiting.3).sum();
                prop_assert!(octets <= 4_096);
                prop_assert_eq!(pushed, popped + dropped + backlog.len() as u64);
            }
        }
    }
}
