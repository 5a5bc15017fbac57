//! Which NAS sends a request, from which port and under which identifier.
//!
//! RADIUS matches replies by source address, port and an identifier of one octet, so a port holds 256 requests of one NAS
//! in flight. Identifiers go round; [`super::flight`] sees to it that none is used while it is under way.

use std::net::Ipv4Addr;

/// The address before the first NAS: 127.30.0.0, all of them on the loopback interface.
const NAS_BASE: u32 = 0x7f1e_0000;
/// Requests that leave one port in a row, so that one system call sends many.
const RUN_LEN: usize = 32;
/// Identifiers of a port.
pub const IDENTIFIERS: usize = 256;

/// The address of a NAS.
pub fn nas_address(nas: u32) -> Ipv4Addr {
    Ipv4Addr::from(NAS_BASE + nas + 1)
}

/// The NAS at an address.
pub fn nas_at(address: Ipv4Addr) -> Option<u32> {
    u32::from(address).checked_sub(NAS_BASE + 1)
}

/// How many NAS and ports a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// NAS, each an address.
    pub nas: u32,
    /// Source ports, shared by all of them.
    pub ports: u16,
}

impl Shape {
    /// Requests that can be in flight at once.
    pub fn slots(self) -> usize {
        self.nas as usize * usize::from(self.ports) * IDENTIFIERS
    }

    /// The place of a route among all slots.
    pub fn slot(self, route: Route) -> usize {
        let flow = usize::from(route.port) * self.nas as usize + route.nas as usize;
        flow * IDENTIFIERS + usize::from(route.identifier)
    }
}

/// Where a request leaves and how its reply is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Which of the source ports.
    pub port: u16,
    /// Which NAS.
    pub nas: u32,
    /// The identifier.
    pub identifier: u8,
}

/// Hands out routes in the order of sending.
#[derive(Debug)]
pub struct Routes {
    /// How many there are.
    shape: Shape,
    /// How many were handed out.
    count: usize,
    /// The next identifier of each port and NAS.
    identifiers: Vec<u8>,
}

impl Routes {
    /// From the beginning.
    pub fn new(shape: Shape) -> Routes {
        let flows = shape.nas as usize * usize::from(shape.ports);
        Routes {
            shape,
            count: 0,
            identifiers: vec![0; flows],
        }
    }

    /// The route of the next request, which this NAS sends.
    pub fn next(&mut self, nas: u32) -> Route {
        let port = self.count / RUN_LEN % usize::from(self.shape.ports);
        self.count += 1;
        let identifier = &mut self.identifiers[port * self.shape.nas as usize + nas as usize];
        let route = Route {
            port: port as u16,
            nas,
            identifier: *identifier,
        };
        *identifier = identifier.wrapping_add(1);
        route
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_address_leads_back_to_its_nas() {
        for nas in [0, 1, 254, 255, 999] {
            assert_eq!(nas_at(nas_address(nas)), Some(nas));
        }
        assert_eq!(nas_at(Ipv4Addr::new(127, 0, 0, 1)), None);
    }

    #[test]
    fn no_slot_is_handed_out_twice_before_all_of_its_port_were_used() {
        let shape = Shape { nas: 1, ports: 4 };
        let mut routes = Routes::new(shape);
        let slots: HashSet<usize> = (0..shape.slots()).map(|_| shape.slot(routes.next(0))).collect();
        assert_eq!(slots.len(), shape.slots());
        assert_eq!(shape.slot(routes.next(0)), 0);
    }

    #[test]
    fn different_nas_ports_and_identifiers_have_different_slots() {
        let shape = Shape { nas: 3, ports: 2 };
        let mut slots = HashSet::new();
        for port in 0..2 {
            for nas in 0..3 {
                for identifier in 0..=255 {
                    slots.insert(shape.slot(Route {
                        port,
                        nas,
                        identifier,
                    }));
                }
            }
        }
        assert_eq!(slots.len(), shape.slots());
        assert!(slots.iter().all(|slot| *slot < shape.slots()));
    }
}
