//! What leaves an outbox or a sender.

use crate::{at, socket, waiting};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use udp::{Inbox, Outbox, Outgoing, Sender, Wait};

#[test]
fn what_was_committed_leaves_together_and_in_order() {
    let (server, one, other) = (
        socket("127.0.0.1:0"),
        socket("127.0.0.2:0"),
        socket("127.0.0.3:0"),
    );
    let mut outbox = Outbox::new(4, 100);
    for round in 0..3 {
        for n in 0..4 {
            let to = at(if n % 2 == 0 { &one } else { &other });
            let mut slot = outbox.claim(to, None).expect("free");
            slot.octets()[..6].copy_from_slice(&[n, round, 0, 0, 0, 9]);
            slot.commit(2);
        }
        assert!(outbox.is_full() && outbox.claim(at(&one), None).is_none());
        let sent = outbox.flush(&server);
        assert_eq!((sent.sent, sent.refused, outbox.len()), (4, 0, 0));
        assert_eq!(waiting(&one), [[0, round], [2, round]]);
        assert_eq!(waiting(&other), [[1, round], [3, round]]);
    }
}

#[test]
fn a_slot_that_is_not_committed_is_given_back() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let mut outbox = Outbox::new(2, 10);
    outbox.claim(at(&client), None).expect("free").octets().fill(7);
    assert!(outbox.is_empty());
    assert!(outbox.put(at(&client), None, b"this"));
    assert!(!outbox.put(at(&client), None, b"longer than a slot"));
    let sent = outbox.flush(&server);
    assert_eq!((sent.sent, waiting(&client)), (1, vec![b"this".to_vec()]));
}

#[test]
fn a_refused_destination_does_not_keep_the_others_back() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0)); // the system refuses port 0
    let mut outbox = Outbox::new(8, 10);
    for n in 0..8 {
        let to = if [0, 3, 4, 7].contains(&n) {
            nowhere
        } else {
            at(&client)
        };
        assert!(outbox.put(to, None, &[n]));
    }
    let sent = outbox.flush(&server);
    assert_eq!((sent.sent, sent.refused, sent.done()), (4, 4, 8));
    assert!(sent.refusal.is_some() && outbox.is_empty());
    assert_eq!(waiting(&client), [[1], [2], [5], [6]]);
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    for (all, asked) in [("0.0.0.0:0", "127.0.0.7"), ("[::]:0", "::1")] {
        let group = udp::bind(all.parse().expect("an address"), 1, 65_536).expect("bound");
        let (server, asked): (_, IpAddr) = (&group.sockets[0], asked.parse().expect("an address"));
        let client = socket(if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
        let target = SocketAddr::new(asked, at(server).port());
        // Connected: it takes nothing from any other address.
        client.connect(target).expect("connected");
        client.send(b"ask").expect("sent");
        let (mut inbox, mut outbox) = (Inbox::new(1, 100), Outbox::new(1, 100));
        assert_eq!(inbox.receive(server, Wait::ForOne).expect("received"), 1);
        let datagram = inbox.datagram(0).expect("one");
        assert!(outbox.put(datagram.source, datagram.local, b"answer"));
        assert_eq!(outbox.flush(server).sent, 1);
        let mut answer = [0; 100];
        let len = client.recv(&mut answer).expect("answered");
        assert_eq!(&answer[..len], b"answer");
    }
}

#[test]
fn a_sender_sends_more_than_a_batch_without_copying() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.2:0"));
    let arena: Vec<u8> = (0..200).collect();
    let outgoing = |octets| Outgoing {
        to: Some(at(&server)),
        from: None,
        octets,
    };
    let requests: Vec<_> = arena.chunks(2).map(outgoing).collect();
    let sent = Sender::new(16).send(&client, &requests);
    assert_eq!((sent.sent, sent.refused), (100, 0));
    assert_eq!(waiting(&server).concat(), arena);

    client.connect(at(&server)).expect("connected");
    let requests = [Outgoing {
        to: None,
        from: None,
        octets: b"to the peer",
    }];
    assert_eq!(Sender::new(16).send(&client, &requests).sent, 1);
    assert_eq!(waiting(&server), [b"to the peer"]);
}

#[test]
fn what_an_earlier_datagram_met_costs_no_later_one() {
    let (gone, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let port = at(&gone);
    client.connect(port).expect("connected");
    drop(gone);
    let mut sender = Sender::new(16);
    // Nobody is there: the system tells so when the next one is sent, and that one has to be sent again.
    for _ in 0..20 {
        let requests = [Outgoing {
            to: None,
            from: None,
            octets: b"anybody?",
        }];
        let sent = sender.send(&client, &requests);
        assert_eq!((sent.sent, sent.refused), (1, 0));
    }
    let back = UdpSocket::bind(port).expect("bound again");
    let requests = [Outgoing {
        to: None,
        from: None,
        octets: b"somebody!",
    }; 3];
    assert_eq!(sender.send(&client, &requests).sent, 3);
    assert_eq!(waiting(&back), [b"somebody!"; 3]);
}

/// Two ends of which one takes no more when the other does not read: a UDP socket on this machine never does that.
fn ends() -> (UdpSocket, UdpSocket) {
    let (one, other) = UnixDatagram::pair().expect("a pair");
    one.set_nonblocking(true).expect("set");
    other.set_nonblocking(true).expect("set");
    (OwnedFd::from(one).into(), OwnedFd::from(other).into())
}

/// All that the other end has, one octet a datagram.
fn read_all(end: &UdpSocket) -> Vec<u8> {
    let mut octet = [0];
    std::iter::from_fn(|| end.recv(&mut octet).ok().map(|_one| octet[0])).collect()
}

#[test]
fn a_socket_that_takes_no_more_keeps_the_rest_for_later() {
    let (one, other) = ends();
    let arena: Vec<u8> = (0..=255).cycle().take(2_000).collect();
    let requests: Vec<_> = arena
        .chunks(1)
        .map(|octets| Outgoing {
            to: None,
            from: None,
            octets,
        })
        .collect();
    let (mut sender, mut done, mut came, mut rounds) = (Sender::new(64), 0, Vec::new(), 0);
    while done < requests.len() {
        let sent = sender.send(&one, &requests[done..]);
        assert_eq!(sent.refused, 0);
        done += sent.sent;
        came.extend(read_all(&other));
        rounds += 1;
    }
    assert!(rounds > 1, "it took all at once");
    assert_eq!(came, arena);

    let mut outbox = Outbox::new(1_000, 1);
    for octet in &arena[..1_000] {
        assert!(outbox.put(None, None, &[*octet]));
    }
    let mut came = Vec::new();
    while !outbox.is_empty() {
        assert_eq!(outbox.flush(&one).refused, 0);
        came.extend(read_all(&other));
    }
    assert_eq!(came, arena[..1_000]);
    assert!(outbox.put(None, None, b"x"), "all slots are free again");
}

/// Sends numbered datagrams of these lengths, coupled, from one socket to others in turn; gives what each received.
fn coupled(lens: &[usize], clients: &[UdpSocket], all: &str) -> Vec<Vec<Vec<u8>>> {
    let group = udp::bind(all.parse().expect("an address"), 1, 1 << 20).expect("bound");
    let server = &group.sockets[0];
    let mut outbox = Outbox::new(lens.len(), 4_096);
    assert!(outbox.couple(server), "this kernel cannot");
    for (n, len) in lens.iter().enumerate() {
        let octets = vec![n as u8; *len];
        let from = at(server).ip().is_unspecified().then(|| at(&clients[0]).ip());
        assert!(outbox.put(at(&clients[n / 20 % clients.len()]), from, &octets));
    }
    let sent = outbox.flush(server);
    assert_eq!(
        (sent.sent, sent.refused, outbox.len()),
        (lens.len(), 0, 0),
        "{sent:?}"
    );
    clients.iter().map(waiting).collect()
}

#[test]
fn coupled_datagrams_arrive_one_by_one_and_as_they_were() {
    for all in ["127.0.0.1:0", "0.0.0.0:0"] {
        let clients = [socket("127.0.0.1:0"), socket("127.0.0.2:0")];
        // Runs of one length, changes of it, empty ones, and longer ones than are coupled.
        let lens: Vec<usize> = (0..100)
            .map(|n| match n {
                30..35 => 0,
                50..55 => 1_300,
                60 => 3_000,
                n if n % 17 == 0 => 90,
                _ => 110,
            })
            .collect();
        let received = coupled(&lens, &clients, all);
        for (place, received) in received.iter().enumerate() {
            let expected: Vec<Vec<u8>> = (0..100)
                .filter(|n| n / 20 % 2 == place)
                .map(|n| vec![n as u8; lens[n]])
                .collect();
            assert_eq!(*received, expected, "client {place} of {all}");
        }
    }
}

#[test]
fn coupled_datagrams_over_ipv6_are_cut_alike() {
    let clients = [socket("[::1]:0")];
    let received = coupled(&[7; 130], &clients, "[::]:0");
    let expected: Vec<Vec<u8>> = (0..130).map(|n| vec![n as u8; 7]).collect();
    assert_eq!(received, [expected]);
}

#[test]
fn a_refused_destination_does_not_keep_coupled_ones_back() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0)); // the system refuses port 0
    let mut outbox = Outbox::new(12, 10);
    assert!(outbox.couple(&server), "this kernel cannot");
    for n in 0..12_u8 {
        let to = if (4..8).contains(&n) { nowhere } else { at(&client) };
        assert!(outbox.put(to, None, &[n]));
    }
    let sent = outbox.flush(&server);
    assert_eq!((sent.sent, sent.refused, sent.done()), (8, 4, 12));
    assert_eq!(waiting(&client), [[0], [1], [2], [3], [8], [9], [10], [11]]);
}

#[test]
fn a_socket_that_cannot_cut_couples_nothing() {
    let (one, _other) = UnixDatagram::pair().expect("a pair");
    let socket = UdpSocket::from(OwnedFd::from(one));
    assert!(!Sender::new(4).couple(&socket));
}
