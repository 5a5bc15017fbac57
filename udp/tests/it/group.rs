//! Which socket of a group gets a datagram.

use crate::{at, socket, waiting};
use std::net::UdpSocket;

/// Octets of a receive buffer that holds what a test sends.
const ROOM: usize = 4 * 1024 * 1024;

/// `count` sockets on one port of 127.0.0.1.
#[track_caller]
fn group(count: usize) -> Vec<UdpSocket> {
    let group = udp::bind("127.0.0.1:0".parse().expect("an address"), count, ROOM).expect("bound");
    assert_eq!(group.sockets.len(), count);
    group.sockets
}

/// A RADIUS header with this authenticator.
fn request(authenticator: [u32; 4]) -> Vec<u8> {
    let words = authenticator.iter().flat_map(|word| word.to_be_bytes());
    [1, 0, 0, 20].into_iter().chain(words).collect()
}

/// The next of a fixed series of numbers that look random (a step of xorshift).
fn draw(seed: &mut u32) -> u32 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    *seed
}

/// Sends 1,000 requests from one port to 4 sockets; none must get less than 200.
#[track_caller]
fn check_spread(what: &str, mut authenticator: impl FnMut(u32) -> [u32; 4]) {
    let (sockets, client) = (group(4), socket("127.0.0.2:0"));
    for n in 0..1_000 {
        client
            .send_to(&request(authenticator(n)), at(&sockets[0]))
            .expect("sent");
    }
    let each: Vec<_> = sockets.iter().map(|socket| waiting(socket).len()).collect();
    assert_eq!(each.iter().sum::<usize>(), 1_000, "{what}: {each:?}");
    assert!(each.iter().all(|count| *count >= 200), "{what}: {each:?}");
}

#[test]
fn one_nas_is_spread_over_all_sockets() {
    let mut seed = 1;
    check_spread("random", |_n| [0; 4].map(|_zero| draw(&mut seed)));
    let mut seed = 2;
    check_spread("begins with a constant", |_n| [7, 7, 7, draw(&mut seed)]);
    let mut seed = 3;
    check_spread("ends with a constant", |_n| [draw(&mut seed), 0, 0, 0]);
    check_spread("counts", |n| [0, 0, 0, n]);
    check_spread("counts in the other order of octets", |n| {
        [n.swap_bytes(), 0, 0, 0]
    });
}

#[test]
fn a_retransmission_meets_the_socket_of_the_first_one() {
    let (sockets, one, other) = (group(3), socket("127.0.0.2:0"), socket("127.0.0.3:0"));
    let mut seed = 4;
    for _ in 0..50 {
        let request = request([0; 4].map(|_zero| draw(&mut seed)));
        for client in [&one, &other, &one, &one] {
            client.send_to(&request, at(&sockets[0])).expect("sent");
        }
        let mut each: Vec<_> = sockets.iter().map(|socket| waiting(socket).len()).collect();
        each.sort_unstable();
        assert_eq!(each, [0, 0, 4]);
    }
}

#[test]
fn a_runt_goes_to_the_first_socket() {
    let (sockets, client) = (group(4), socket("127.0.0.2:0"));
    for len in 0..20 {
        client.send_to(&[0xff; 20][..len], at(&sockets[0])).expect("sent");
    }
    let each: Vec<_> = sockets.iter().map(|socket| waiting(socket).len()).collect();
    assert_eq!(each, [20, 0, 0, 0]);
}

#[test]
fn ipv6_is_spread_alike() {
    let group = udp::bind("[::1]:0".parse().expect("an address"), 2, ROOM).expect("bound");
    let (client, mut seed) = (socket("[::1]:0"), 5);
    for _ in 0..200 {
        let request = request([0; 4].map(|_zero| draw(&mut seed)));
        client.send_to(&request, at(&group.sockets[0])).expect("sent");
    }
    let each: Vec<_> = group.sockets.iter().map(|socket| waiting(socket).len()).collect();
    assert!(each.iter().all(|count| *count >= 70), "{each:?}");
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let sockets = group(2);
    assert!(udp::bind(at(&sockets[0]), 1, ROOM).is_err());
    assert!(udp::bind(at(&sockets[0]), 2, ROOM).is_err());
}
