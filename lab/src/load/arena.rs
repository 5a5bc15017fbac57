//! All requests of a run, signed, side by side in memory, each in a place of the same size.
//!
//! Built by every processor before the clock starts; afterwards only read. A packet is never changed after it was signed.

use std::thread;

use anyhow::{Result, anyhow};
use radius::{Code, SharedSecret};

use super::recipe::{Recipe, Sender};
use super::route::{Route, Routes, Shape, nas_address};

/// Octets of a place; a longer request is refused.
const PLACE_LEN: usize = 384;

/// The requests of a run.
#[derive(Debug)]
pub struct Arena {
    /// How many NAS and ports send them.
    pub shape: Shape,
    /// What NAS and server share.
    pub secret: SharedSecret,
    /// What the server must answer.
    pub expected: Code,
    /// The places.
    octets: Vec<u8>,
    /// What is in each of them.
    requests: Vec<Request>,
}

/// One request.
#[derive(Debug, Clone, Copy)]
struct Request {
    /// Its length.
    len: u16,
    /// Where it leaves.
    route: Route,
}

impl Arena {
    /// Computes the requests with numbers from `first` on.
    ///
    /// `room` is the memory of an arena that is not needed any more; with it no page is touched for the first time while
    /// the clock runs.
    ///
    /// # Errors
    /// A request does not fit its place.
    pub fn build(
        recipe: &dyn Recipe,
        secret: &SharedSecret,
        shape: Shape,
        first: usize,
        count: usize,
        room: Option<Arena>,
    ) -> Result<Arena> {
        let mut octets = room.map(|arena| arena.octets).unwrap_or_default();
        octets.resize(count * PLACE_LEN, 0);
        let mut routes = Routes::new(shape);
        let mut requests: Vec<Request> = (0..count)
            .map(|number| Request {
                len: 0,
                route: routes.next(recipe.nas(first + number, shape.nas)),
            })
            .collect();
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let share = count.div_ceil(workers).max(1);
        let parts = octets
            .chunks_mut(share * PLACE_LEN)
            .zip(requests.chunks_mut(share));
        let built: Vec<Result<()>> = thread::scope(|scope| {
            let handles: Vec<_> = parts
                .enumerate()
                .map(|(part, (octets, requests))| {
                    scope.spawn(move || write_part(recipe, secret, first + part * share, octets, requests))
                })
                .collect();
            handles
                .into_iter()
                .map(|handle| {
                    handle
                        .join()
                        .unwrap_or_else(|_| Err(anyhow!("building requests panicked")))
                })
                .collect()
        });
        built.into_iter().collect::<Result<()>>()?;
        Ok(Arena {
            shape,
            secret: secret.clone(),
            expected: recipe.expected(),
            octets,
            requests,
        })
    }

    /// How many requests there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// The octets of a request and where it leaves.
    pub fn request(&self, number: usize) -> (&[u8], Route) {
        let Request { len, route } = self.requests[number];
        let at = number * PLACE_LEN;
        (&self.octets[at..at + usize::from(len)], route)
    }
}

/// Writes a share of the requests.
fn write_part(
    recipe: &dyn Recipe,
    secret: &SharedSecret,
    first: usize,
    octets: &mut [u8],
    requests: &mut [Request],
) -> Result<()> {
    for (number, (place, request)) in octets.chunks_mut(PLACE_LEN).zip(requests).enumerate() {
        let sender = Sender {
            nas: nas_address(request.route.nas),
            identifier: request.route.identifier,
            secret,
        };
        request.len = recipe.write(first + number, sender, place)? as u16;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use radius::View;

    use super::*;
    use crate::load::recipe::{Login, Method, Order};

    #[test]
    fn every_place_holds_a_whole_request_with_the_identifier_of_its_route() -> Result<()> {
        let login = Login {
            method: Method::Pap,
            subscribers: 50,
            order: Order::EachOnce,
            seed: 1,
        };
        let secret = SharedSecret::new(b"between us");
        let shape = Shape { nas: 3, ports: 2 };
        let arena = Arena::build(&login, &secret, shape, 0, 1_001, None)?;
        assert_eq!(arena.len(), 1_001);
        for number in 0..arena.len() {
            let (octets, route) = arena.request(number);
            let view = View::parse(octets)?;
            assert_eq!(
                (view.octets().len(), view.identifier()),
                (octets.len(), route.identifier)
            );
            assert_eq!(route.nas as usize, number % 50 % 3);
        }
        Ok(())
    }
}
