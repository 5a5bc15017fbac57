//! What comes into an inbox.

use crate::{at, socket, waiting};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use udp::{Inbox, Wait, queue, receive_drops, set_receive_buffer};

#[test]
fn what_waits_comes_at_once_in_order_with_its_source() {
    let (server, one, other) = (
        socket("127.0.0.1:0"),
        socket("127.0.0.2:0"),
        socket("127.0.0.3:0"),
    );
    let mut inbox = Inbox::new(8, 100);
    for n in 0..10 {
        let client = if n % 2 == 0 { &one } else { &other };
        client.send_to(&[n; 5], at(&server)).expect("sent");
    }
    assert_eq!(inbox.receive(&server, Wait::ForOne).expect("received"), 8);
    for (n, datagram) in inbox.datagrams().enumerate() {
        let source = at(if n % 2 == 0 { &one } else { &other });
        assert_eq!((datagram.source, datagram.octets), (source, &[n as u8; 5][..]));
        assert_eq!((datagram.truncated, datagram.local), (false, None));
    }
    assert_eq!(inbox.receive(&server, Wait::ForOne).expect("received"), 2);
    let left: Vec<_> = inbox.datagrams().map(|datagram| datagram.octets[0]).collect();
    assert_eq!(left, [8, 9]);
    assert_eq!(inbox.datagram(2), None, "what an earlier call left is gone");
}

#[test]
fn nothing_is_not_an_error() {
    let server = socket("127.0.0.1:0");
    let mut inbox = Inbox::new(8, 100);
    assert_eq!(inbox.receive(&server, Wait::No).expect("nothing"), 0);
    server
        .set_read_timeout(Some(Duration::from_millis(1)))
        .expect("a timeout");
    assert_eq!(inbox.receive(&server, Wait::ForOne).expect("nothing"), 0);
    assert_eq!(inbox.datagrams().count(), 0);
}

#[test]
fn what_is_longer_than_a_slot_is_cut_and_said_to_be() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let mut inbox = Inbox::new(4, 10);
    for octets in [&[1; 11][..], &[2; 10], &[], &[3; 1_400]] {
        client.send_to(octets, at(&server)).expect("sent");
    }
    assert_eq!(inbox.receive(&server, Wait::ForOne).expect("received"), 4);
    let came: Vec<_> = inbox
        .datagrams()
        .map(|datagram| (datagram.octets.to_vec(), datagram.truncated))
        .collect();
    let expected = [
        (vec![1; 10], true),
        (vec![2; 10], false),
        (vec![], false),
        (vec![3; 10], true),
    ];
    assert_eq!(came, expected);
}

#[test]
fn ipv6_comes_as_ipv6() {
    let (server, client) = (socket("[::1]:0"), socket("[::1]:0"));
    client.send_to(b"six", at(&server)).expect("sent");
    let mut inbox = Inbox::new(4, 10);
    assert_eq!(inbox.receive(&server, Wait::ForOne).expect("received"), 1);
    let datagram = inbox.datagram(0).expect("one");
    assert_eq!((datagram.source, datagram.octets), (at(&client), &b"six"[..]));
}

#[test]
fn a_socket_for_all_addresses_says_which_was_asked() {
    for (all, asked) in [("0.0.0.0:0", "127.0.0.7"), ("[::]:0", "::1")] {
        let group = udp::bind(all.parse().expect("an address"), 1, 65_536).expect("bound");
        let (server, asked): (_, IpAddr) = (&group.sockets[0], asked.parse().expect("an address"));
        server.set_read_timeout(Some(crate::WAIT)).expect("a timeout");
        let client = socket(if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
        let target = SocketAddr::new(asked, at(server).port());
        let mut inbox = Inbox::new(4, 100);
        for _twice in 0..2 {
            client.send_to(b"ask", target).expect("sent");
            assert_eq!(inbox.receive(server, Wait::ForOne).expect("received"), 1);
            assert_eq!(inbox.datagram(0).expect("one").local, Some(asked));
        }
    }
}

#[test]
fn what_the_kernel_had_no_room_for_is_counted() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let granted = set_receive_buffer(&server, 8_192).expect("set");
    let before = queue(&server).expect("known");
    assert_eq!((before.drops, before.waiting_octets), (0, 0));
    assert_eq!(before.room_octets as usize, 2 * granted);
    for _ in 0..500 {
        client.send_to(&[0; 200], at(&server)).expect("sent");
    }
    assert!(queue(&server).expect("known").waiting_octets > 0);
    let (came, drops) = (waiting(&server).len(), receive_drops(&server).expect("known"));
    assert!(drops > 0 && came > 0);
    assert_eq!(came + drops as usize, 500);
}

#[test]
fn an_inbox_may_go_to_another_thread() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let mut inbox = Inbox::new(4, 10);
    client.send_to(b"over", at(&server)).expect("sent");
    let inbox = std::thread::spawn(move || {
        assert_eq!(inbox.receive(&server, Wait::ForOne).expect("received"), 1);
        inbox
    });
    let inbox = inbox.join().expect("ended");
    assert_eq!(inbox.datagram(0).expect("one").octets, b"over");
}
