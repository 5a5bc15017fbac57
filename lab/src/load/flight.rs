//! What is under way: one slot for each NAS, port and identifier.
//!
//! A slot is taken when its request leaves and free again when the reply came or was given up. A request whose slot is
//! taken must not leave: its reply could not be told from the other one's. Never looks at a clock.

use super::route::{Route, Shape};

/// Requests in flight.
#[derive(Debug)]
pub struct Flight {
    /// How many NAS and ports there are.
    shape: Shape,
    /// What each slot holds.
    slots: Vec<Slot>,
    /// How many are taken.
    taken: usize,
    /// How many are taken, by port.
    by_port: Vec<usize>,
}

/// One place.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Number of the request, plus one; 0: free.
    request: u32,
    /// When it was sent, or was to be sent, in nanoseconds of the run.
    since_ns: u64,
}

/// A request that has come back, or has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// Its number.
    pub request: u32,
    /// When it was sent, or was to be sent, in nanoseconds of the run.
    pub since_ns: u64,
}

impl Flight {
    /// Nothing in flight.
    pub fn new(shape: Shape) -> Flight {
        Flight {
            shape,
            slots: vec![Slot::default(); shape.slots()],
            taken: 0,
            by_port: vec![0; usize::from(shape.ports)],
        }
    }

    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.taken
    }

    /// How many are in flight from a port.
    pub fn of_port(&self, port: usize) -> usize {
        self.by_port.get(port).copied().unwrap_or_default()
    }

    /// Takes the slot of a request that leaves now; false when another one is in it, and then it must not leave.
    pub fn depart(&mut self, route: Route, request: u32, since_ns: u64) -> bool {
        let slot = &mut self.slots[self.shape.slot(route)];
        if slot.request != 0 {
            return false;
        }
        *slot = Slot {
            request: request + 1,
            since_ns,
        };
        self.taken += 1;
        self.by_port[usize::from(route.port)] += 1;
        true
    }

    /// Frees the slot of a reply; `None` when nothing was asked there, or was given up already.
    pub fn land(&mut self, route: Route) -> Option<Landed> {
        if route.nas >= self.shape.nas || route.port >= self.shape.ports {
            return None;
        }
        let slot = std::mem::take(&mut self.slots[self.shape.slot(route)]);
        let request = slot.request.checked_sub(1)?;
        self.taken -= 1;
        self.by_port[usize::from(route.port)] -= 1;
        Some(Landed {
            request,
            since_ns: slot.since_ns,
        })
    }

    /// Gives up everything sent before a moment; looks at every slot, so call it now and then only.
    pub fn give_up(&mut self, before_ns: u64, mut lost: impl FnMut(Landed)) {
        let of_one_port = self.shape.slots() / usize::from(self.shape.ports);
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if slot.request != 0 && slot.since_ns < before_ns {
                lost(Landed {
                    request: slot.request - 1,
                    since_ns: slot.since_ns,
                });
                *slot = Slot::default();
                self.taken -= 1;
                self.by_port[at / of_one_port] -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { nas: 2, ports: 2 };

    fn route(port: u16, nas: u32, identifier: u8) -> Route {
        Route {
            port,
            nas,
            identifier,
        }
    }

    #[test]
    fn an_identifier_in_flight_is_not_used_again_until_its_reply_came() {
        let mut flight = Flight::new(SHAPE);
        assert!(flight.depart(route(1, 0, 7), 100, 5));
        assert!(!flight.depart(route(1, 0, 7), 101, 6));
        let landed = Landed {
            request: 100,
            since_ns: 5,
        };
        assert_eq!(flight.land(route(1, 0, 7)), Some(landed));
        assert!(flight.depart(route(1, 0, 7), 101, 6));
    }

    #[test]
    fn a_reply_nobody_asked_for_or_that_came_twice_lands_nowhere() {
        let mut flight = Flight::new(SHAPE);
        assert_eq!(flight.land(route(0, 0, 1)), None);
        assert!(flight.depart(route(0, 0, 1), 0, 0));
        assert!(flight.land(route(0, 0, 1)).is_some());
        assert_eq!(flight.land(route(0, 0, 1)), None);
        assert_eq!(flight.land(route(0, 9, 1)), None);
        assert_eq!((flight.len(), flight.of_port(0)), (0, 0));
    }

    #[test]
    fn what_is_overdue_is_given_up_and_the_rest_stays() {
        let mut flight = Flight::new(SHAPE);
        for (number, since) in [10, 20, 30].into_iter().enumerate() {
            assert!(flight.depart(route(1, 1, number as u8), number as u32, since));
        }
        let mut lost = Vec::new();
        flight.give_up(25, |landed| lost.push(landed.request));
        assert_eq!(lost, [0, 1]);
        assert_eq!((flight.len(), flight.of_port(0), flight.of_port(1)), (1, 0, 1));
        assert_eq!(flight.land(route(1, 1, 0)), None);
    }
}
