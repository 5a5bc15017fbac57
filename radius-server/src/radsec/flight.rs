//! The requests of one connection that wait for their answer, by Identifier: 256 at most, as there are Identifiers.
//! RADIUS/1.1 has tokens instead, which are given an Identifier here for as long as they wait. No I/O.

use radius::Authenticator;
use std::time::Instant;

/// Identifiers there are.
const IDENTIFIERS: usize = 256;

/// A request that waits, as far as its answer needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// RADIUS/1.1: its token; else 0.
    pub token: u32,
    /// Its authenticator.
    pub authenticator: Authenticator,
    /// When it came.
    pub arrived: Instant,
}

/// See the module's words.
pub struct Flight {
    /// What waits under each Identifier.
    waiting: Box<[Option<Waiting>; IDENTIFIERS]>,
    /// How many wait.
    count: usize,
    /// The Identifier that was given last.
    last: u8,
}

impl Default for Flight {
    fn default() -> Self {
        Self {
            waiting: Box::new([None; IDENTIFIERS]),
            count: 0,
            last: 0,
        }
    }
}

impl Flight {
    /// Notes a request under its Identifier; false when one waits there already.
    pub fn begin(&mut self, identifier: u8, request: Waiting) -> bool {
        let place = &mut self.waiting[usize::from(identifier)];
        if place.is_some() {
            return false;
        }
        *place = Some(request);
        self.count += 1;
        true
    }

    /// An Identifier under which nothing waits; `None` when all are taken.
    pub fn free(&mut self) -> Option<u8> {
        if self.count == IDENTIFIERS {
            return None;
        }
        let free = (1..=u8::MAX)
            .map(|step| self.last.wrapping_add(step))
            .chain([self.last])
            .find(|identifier| self.waiting[usize::from(*identifier)].is_none())?;
        self.last = free;
        Some(free)
    }

    /// The request under this Identifier is answered, or never will be; what it was, when one waited.
    pub fn end(&mut self, identifier: u8) -> Option<Waiting> {
        let ended = self.waiting[usize::from(identifier)].take();
        self.count -= usize::from(ended.is_some());
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_is_given_once() {
        let arrived = Instant::now();
        let request = |token| Waiting {
            token,
            authenticator: [0; 16],
            arrived,
        };
        let mut flight = Flight::default();
        let mut given: Vec<u8> = (0..256)
            .map(|token| {
                let identifier = flight.free().expect("one is free");
                assert!(flight.begin(identifier, request(token)));
                identifier
            })
            .collect();
        given.sort_unstable();
        assert_eq!(given, (0..=255).collect::<Vec<u8>>());
        assert_eq!((flight.free(), flight.count), (None, 256));
        assert!(!flight.begin(7, request(999)));
        assert!(flight.end(7).is_some());
        assert_eq!((flight.end(7), flight.free()), (None, Some(7)));
    }
}
