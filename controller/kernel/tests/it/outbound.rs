//! The client for servers of others, against one that behaves badly: what is sent how often, and what the caller learns.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use kernel::id::PartnerId;
use kernel::outbound::breaker::{BreakerRules, State};
use kernel::outbound::{CallError, HttpLine, LineKey, LineRules, Lines, Place, Reach, Request, Target};

use crate::hostile::Hostile;

/// Longer than any answer takes on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// Waits nobody notices, and a breaker that stays out of the way.
fn patient() -> LineRules {
    LineRules {
        wait_min: Duration::from_millis(1),
        wait_max: Duration::from_millis(4),
        breaker: BreakerRules {
            failures_max: u32::MAX,
            ..BreakerRules::default()
        },
        ..LineRules::default()
    }
}

/// What a test may connect to.
fn loopback() -> Reach {
    Reach::with(&["127.0.0.0/8".parse().expect("a network")])
}

/// A line to a server with these rules.
fn line(server: &Hostile, rules: LineRules) -> HttpLine {
    let place = Place {
        base: Target::parse(&server.url()).expect("a URL"),
        authority: None,
        rules,
    };
    HttpLine::new(place, loopback()).expect("a line")
}

/// Asks for a path; the word for how it ended.
async fn ask(line: &HttpLine, method: Method, path: &str, within: Duration) -> &'static str {
    let request = Request::new("test", method, [path], within).reply_octets_max(64 * 1024);
    match line.send(&request).await {
        Ok(_) => "ok",
        Err(error) => error.word(),
    }
}

#[tokio::test]
async fn every_bad_manner_has_its_word_and_a_post_is_never_sent_blindly_again() {
    let server = Hostile::start().await;
    // Path, how it ends, how often a GET and how often a POST is sent. What takes its time takes all of the call's.
    let manners = [
        ("well", "ok", 1, 1, LONG),
        ("hang", "timed_out", 1, 1, Duration::from_millis(300)),
        ("slow", "timed_out", 1, 1, Duration::from_millis(300)),
        ("half", "broken", 3, 1, LONG),
        ("short", "broken", 3, 1, LONG),
        ("garbage", "broken", 3, 1, LONG),
        ("reset", "broken", 3, 1, LONG),
        ("503", "server_error", 3, 1, LONG),
        ("500", "server_error", 1, 1, LONG),
        // Said before anything is done, so a POST may come again.
        ("429", "too_many_requests", 3, 3, LONG),
        ("429-hour", "too_many_requests", 1, 1, LONG),
        ("redirect", "redirected", 1, 1, LONG),
        ("endless", "too_long", 1, 1, LONG),
        ("nowhere", "refused", 1, 1, LONG),
    ];
    for (path, word, gets, posts, within) in manners {
        for (method, times) in [(Method::GET, gets), (Method::POST, posts)] {
            // A line of its own each time: one manner's pause is not the next one's.
            let line = line(&server, patient());
            assert_eq!(
                ask(&line, method.clone(), path, within).await,
                word,
                "{method} {path}"
            );
            assert_eq!(
                server.seen.count(&format!("{method} /{path}")),
                times,
                "{method} {path}"
            );
        }
    }
    let line = line(&server, patient());
    assert_eq!(
        ask(&line, Method::GET, "flaky", LONG).await,
        "ok",
        "the third time it is well"
    );
    assert_eq!(line.line().counters().repetitions(), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_behind_our_back_repeats_no_post() {
    let server = Hostile::start().await;
    let line = line(&server, patient());
    let mut well = 0;
    for _ in 0..50 {
        // Whether the close is seen before or after the next request went out is up to the kernel; both are right.
        match ask(&line, Method::POST, "liar", LONG).await {
            "ok" => well += 1,
            "broken" | "no_connection" => {}
            other => panic!("{other}"),
        }
    }
    let sent = server.seen.count("POST /liar");
    assert_eq!(
        sent, well,
        "every one that arrived was answered, and none arrived twice"
    );
}

#[tokio::test]
async fn connections_are_kept_and_bounded() {
    let server = Hostile::start().await;
    let one = line(&server, patient());
    for _ in 0..50 {
        assert_eq!(ask(&one, Method::GET, "well", LONG).await, "ok");
    }
    assert_eq!(
        server.seen.connections.load(Ordering::SeqCst),
        1,
        "fifty calls over one connection"
    );

    let many = std::sync::Arc::new(line(&server, patient()));
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let many = std::sync::Arc::clone(&many);
            tokio::spawn(async move { ask(&many, Method::GET, "gate", LONG).await })
        })
        .collect();
    // All places are taken, by calls that wait for the gate.
    while server.seen.count("GET /gate") < 20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(many.line().in_flight(), 20);
    server.open_gate();
    for call in calls {
        assert_eq!(call.await.expect("ends"), "ok");
    }
    assert!(
        server.seen.open_max.load(Ordering::SeqCst) <= 20,
        "never more than twenty at a time"
    );
}

#[tokio::test]
async fn one_partners_dead_server_is_nobody_elses_trouble() {
    let server = Hostile::start().await;
    let lines = Lines::new(loopback());
    let place = Place {
        base: Target::parse(&server.url()).expect("a URL"),
        authority: None,
        rules: LineRules {
            in_flight_max: 4,
            breaker: BreakerRules::default(),
            ..patient()
        },
    };
    let key = |system| LineKey {
        partner: Some(PartnerId::new()),
        system,
    };
    let (dead, alive) = (key("netbox"), key("netbox"));
    let hanging: Vec<_> = (0..12)
        .map(|_| {
            let line = lines.line(dead, &place).expect("a line");
            tokio::spawn(async move { ask(&line, Method::GET, "hang", LONG).await })
        })
        .collect();
    while server.seen.count("GET /hang") < 4 {
        tokio::task::yield_now().await;
    }
    let line = lines.line(alive, &place).expect("a line");
    for _ in 0..50 {
        assert_eq!(ask(&line, Method::GET, "well", LONG).await, "ok");
    }
    assert!(
        hanging.iter().all(|call| !call.is_finished()),
        "fifty calls of one partner ended while all of the other's hang"
    );
    hanging.iter().for_each(tokio::task::JoinHandle::abort);

    let failing = lines.line(dead, &place).expect("a line");
    while failing.line().in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        ask(&failing, Method::GET, "reset", LONG).await;
    }
    assert_eq!(
        server.seen.count("GET /reset"),
        5,
        "the fifth failure in a row was the last that was sent"
    );
    let states: Vec<_> = lines
        .report()
        .into_iter()
        .map(|report| (report.key, report.line.line().breaker()))
        .collect();
    assert!(states.contains(&(dead, State::Open)), "{states:?}");
    assert!(states.contains(&(alive, State::Closed)), "{states:?}");
    let open = failing
        .line()
        .counters()
        .calls()
        .find(|(word, _)| *word == "breaker_open");
    assert!(open.is_some_and(|(_, count)| count >= 17), "{open:?}");
}

#[tokio::test]
async fn what_leads_inside_is_not_connected_to() {
    let server = Hostile::start().await;
    for base in [
        server.url(),
        format!("http://localhost:{}", server.address.port()),
    ] {
        let place = Place {
            base: Target::parse(&base).expect("a URL"),
            authority: None,
            rules: patient(),
        };
        let line = HttpLine::new(place, Reach::default()).expect("a line");
        let request = Request::new("test", Method::GET, ["well"], LONG);
        let Err(CallError::Target(refused)) = line.send(&request).await else {
            panic!("{base} was not refused");
        };
        assert!(
            refused.to_string().contains("an address that is loopback"),
            "{refused}"
        );
    }
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 0);
}
