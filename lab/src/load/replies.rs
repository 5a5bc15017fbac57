//! Keeps the replies of a run until the clock has stopped, then judges every one of them.
//!
//! Bounded: what does not fit is judged at once, which costs the generator time and loses nothing.

use std::thread;
use std::time::Duration;

use super::arena::Arena;
use super::tally::Verdicts;
use super::verdict::judge;

/// Octets of a typical reply, with room to spare.
const REPLY_LEN_USUAL: usize = 256;
/// Octets of a page, each touched before the clock starts.
const PAGE_LEN: usize = 4_096;

/// Replies that wait to be judged.
#[derive(Debug, Default)]
pub struct Replies {
    /// Their octets, one after the other.
    octets: Vec<u8>,
    /// How many octets are used.
    used: usize,
    /// Whose they are and where they end.
    kept: Vec<Kept>,
    /// Verdicts on those that did not fit.
    at_once: Verdicts,
}

/// One reply.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Number of the request.
    request: u32,
    /// Where it begins.
    at: usize,
    /// Its length.
    len: u16,
}

impl Replies {
    /// Forgets all and makes room for so many.
    pub fn prepare(&mut self, count: usize) {
        let wanted = count * REPLY_LEN_USUAL;
        if self.octets.len() < wanted {
            self.octets.resize(wanted, 0);
            self.octets
                .iter_mut()
                .step_by(PAGE_LEN)
                .for_each(|octet| *octet = 1);
        }
        self.kept.clear();
        self.kept.reserve(count);
        self.used = 0;
        self.at_once = Verdicts::default();
    }

    /// Keeps a reply, or judges it when there is no room.
    pub fn keep(&mut self, arena: &Arena, request: u32, reply: &[u8]) {
        let end = self.used + reply.len();
        match self.octets.get_mut(self.used..end) {
            Some(room) if self.kept.len() < self.kept.capacity() => {
                room.copy_from_slice(reply);
                self.kept.push(Kept {
                    request,
                    at: self.used,
                    len: reply.len() as u16,
                });
                self.used = end;
            }
            _ => {
                let (asked, _) = arena.request(request as usize);
                self.at_once
                    .add(judge(&arena.secret, asked, reply, arena.expected));
            }
        }
    }

    /// Judges all that was kept, on every processor; gives the verdicts and the processor time of all.
    pub fn judge(&self, arena: &Arena) -> (Verdicts, Duration) {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let share = self.kept.len().div_ceil(workers).max(1);
        let parts: Vec<(Verdicts, Duration)> = thread::scope(|scope| {
            let handles: Vec<_> = self
                .kept
                .chunks(share)
                .map(|part| scope.spawn(move || self.judge_part(arena, part)))
                .collect();
            handles
                .into_iter()
                .filter_map(|handle| handle.join().ok())
                .collect()
        });
        parts.into_iter().fold(
            (self.at_once, Duration::ZERO),
            |(sum, took), (part, part_took)| (sum.and(part), took + part_took),
        )
    }

    /// Judges a share.
    fn judge_part(&self, arena: &Arena, part: &[Kept]) -> (Verdicts, Duration) {
        let since = super::drive::thread_time();
        let mut verdicts = Verdicts::default();
        for kept in part {
            let (asked, _) = arena.request(kept.request as usize);
            let reply = &self.octets[kept.at..kept.at + usize::from(kept.len)];
            verdicts.add(judge(&arena.secret, asked, reply, arena.expected));
        }
        (verdicts, super::drive::thread_time().saturating_sub(since))
    }
}
