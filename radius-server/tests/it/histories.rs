//! Whole histories of a NAS, as lossy networks deliver them, against a model that knows what really happened.
//! The model never reads a packet and never looks at the table's rules: it adds up what each session used, and what the
//! records that arrived can tell of that.
//!
//! Played: records lost, repeated, late by several intervals (with Acct-Delay-Time, as RFC 2866 section 5.2 wants it);
//! counters of 64 bits, and of 32 without Gigawords; counters that begin anew in the middle of a session, or report less
//! for once; a clock that is wrong by up to a month; reboots with and without Accounting-On.

use proptest::prelude::*;
use radius::Code;
use radius::attribute::kind;
use radius::packet::View;
use radius::secret::SharedSecret;
use radius::writer::RequestWriter;
use radius_server::journal::AccountingRecord;
use radius_server::sessions::{Sessions, session_id};
use radius_server::{NasId, PartnerId};
use std::collections::BTreeMap;

const NAS: NasId = NasId::from_bytes([0xa1; 16]);
const PARTNER: PartnerId = PartnerId::from_bytes([0xb1; 16]);
/// When the NAS begins, in unix seconds.
const NOON: i64 = 1_767_268_800;
/// Seconds between two records of a session.
const INTERVAL_S: u32 = 300;

/// How a NAS counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// 64 bits, the upper half as Gigawords.
    Wide,
    /// 32 bits, and no word about the rest.
    Narrow,
}

/// What happens to a session in one interval beside its traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// Nothing.
    None,
    /// Its counters begin anew, before the traffic of the interval.
    Reset,
    /// They report a tenth less than they hold, this once.
    Less,
    /// They are left out of this record.
    LeftOut,
}

/// How the network treats a record.
#[derive(Debug, Clone, Copy)]
struct Fate {
    /// Arrives at all.
    arrives: bool,
    /// Intervals it is late.
    late: u32,
    /// Arrives again, so many intervals after it was sent.
    again: Option<u32>,
}

/// One interval of one session.
#[derive(Debug, Clone)]
struct Interval {
    octets: u32,
    mishap: Mishap,
    fate: Fate,
}

/// One session, from its Start to its end, or to the reboot.
#[derive(Debug, Clone)]
struct Life {
    start: Fate,
    intervals: Vec<Interval>,
    stops: bool,
}

/// A NAS from one boot to the next.
#[derive(Debug, Clone)]
struct Boot {
    lives: Vec<Life>,
    /// Sends Accounting-On when it is up, so late by the network.
    on: Option<Fate>,
}

/// All of it.
#[derive(Debug, Clone)]
struct History {
    width: Width,
    /// Seconds its clock is ahead; `None`: it says no times.
    skew_s: Option<i64>,
    boots: Vec<Boot>,
}

fn fate(hostile: bool) -> BoxedStrategy<Fate> {
    if hostile {
        (prop::bool::weighted(0.85), 0..4_u32, prop::option::of(0..5_u32))
            .prop_map(|(arrives, late, again)| Fate { arrives, late, again })
            .boxed()
    } else {
        // Lost and repeated, but never overtaken: what comes again does so before the next.
        (prop::bool::weighted(0.85), prop::option::of(Just(0)))
            .prop_map(|(arrives, again)| Fate {
                arrives,
                late: 0,
                again,
            })
            .boxed()
    }
}

fn history(hostile: bool) -> impl Strategy<Value = History> {
    prop_oneof![Just(Width::Wide), Just(Width::Narrow)].prop_flat_map(move |width| {
        let mishap = match width {
            Width::Wide => prop_oneof![
                8 => Just(Mishap::None),
                1 => Just(Mishap::Reset),
                1 => Just(Mishap::Less),
                1 => Just(Mishap::LeftOut)
            ]
            .boxed(),
            // Of a narrow counter nobody can tell a reset from a wrap.
            Width::Narrow => Just(Mishap::None).boxed(),
        };
        let octets = prop_oneof![Just(0), 1..5_000_u32, 1..u32::MAX / 2];
        let interval = (octets, mishap, fate(hostile)).prop_map(|(octets, mishap, fate)| Interval {
            octets,
            mishap,
            fate,
        });
        let life = (
            fate(hostile),
            prop::collection::vec(interval, 0..12),
            any::<bool>(),
        )
            .prop_map(|(start, intervals, stops)| Life {
                start,
                intervals,
                stops,
            });
        let boot = (prop::collection::vec(life, 1..4), prop::option::of(fate(hostile)))
            .prop_map(|(lives, on)| Boot { lives, on });
        (
            prop::collection::vec(boot, 1..4),
            prop::option::of(-30 * 86_400..30 * 86_400_i64),
        )
            .prop_map(move |(boots, skew_s)| History { width, skew_s, boots })
    })
}

/// A record on its way.
#[derive(Debug, Clone)]
struct Sent {
    sent_s: i64,
    received_s: i64,
    attributes: Vec<(u8, Vec<u8>)>,
}

/// What the model knows of a session that at least one record told of.
#[derive(Debug, Default, Clone)]
struct Truth {
    used: u64,
    /// The most its arrived records can tell when they come in order.
    told: u64,
    /// The greatest counter that arrived.
    greatest: u64,
    seconds: u32,
    stopped: bool,
    last_sent_s: i64,
    /// A counter fell, by a mishap or by wrapping.
    fell: bool,
    /// A fall is one that nobody could read: see [`History::play`].
    unclear: bool,
    arrived: bool,
}

impl History {
    /// What arrives, in the order it does, and what is true of each session.
    fn play(&self) -> (Vec<Sent>, BTreeMap<String, Truth>, Option<i64>) {
        let (mut sent, mut truths, mut last_on) = (Vec::new(), BTreeMap::new(), None);
        let mut booted_s = NOON;
        for (n, boot) in self.boots.iter().enumerate() {
            if let Some(fate) = boot.on {
                let on = vec![(kind::ACCT_STATUS_TYPE, 7_u32.to_be_bytes().to_vec())];
                self.send(&mut sent, booted_s, on, fate);
                if fate.arrives {
                    last_on = Some(booted_s);
                }
            }
            let mut longest = 0;
            for (m, life) in boot.lives.iter().enumerate() {
                let name = format!("{n}-{m}");
                // After the NAS is up, and each at a second of its own.
                let began_s = booted_s + 10 + m as i64;
                let truth = self.live(life, &name, began_s, &mut sent);
                longest = longest.max(life.intervals.len() as i64 + 1);
                if truth.arrived {
                    truths.insert(name, truth);
                }
            }
            booted_s += (longest + 1) * i64::from(INTERVAL_S);
        }
        // What is received in the same second keeps the order it was sent in.
        sent.sort_by_key(|record| record.received_s);
        (sent, truths, last_on)
    }

    /// One session.
    fn live(&self, life: &Life, name: &str, began_s: i64, sent: &mut Vec<Sent>) -> Truth {
        let (mut truth, mut counter, mut said) = (Truth::default(), 0_u64, 0_u64);
        // Used since the last record that arrived, and what of it a reset wiped out.
        let (mut since, mut wiped, mut anew) = (0_u64, 0_u64, false);
        let attributes = |status: u32, seconds: u32, octets: Option<u64>| {
            let mut attributes = vec![
                (kind::ACCT_STATUS_TYPE, status.to_be_bytes().to_vec()),
                (kind::ACCT_SESSION_ID, name.as_bytes().to_vec()),
            ];
            if status != 1 {
                attributes.push((kind::ACCT_SESSION_TIME, seconds.to_be_bytes().to_vec()));
            }
            if let Some(octets) = octets {
                attributes.push((kind::ACCT_INPUT_OCTETS, (octets as u32).to_be_bytes().to_vec()));
                if self.width == Width::Wide {
                    attributes.push((
                        kind::ACCT_INPUT_GIGAWORDS,
                        ((octets >> 32) as u32).to_be_bytes().to_vec(),
                    ));
                }
            }
            attributes
        };
        self.send(sent, began_s, attributes(1, 0, None), life.start);
        if life.start.arrives {
            (truth.arrived, truth.last_sent_s) = (true, began_s);
        }
        for (n, interval) in life.intervals.iter().enumerate() {
            let seconds = (n as u32 + 1) * INTERVAL_S;
            let at_s = began_s + i64::from(seconds);
            if interval.mishap == Mishap::Reset {
                counter = 0;
                (wiped, anew) = (since, true);
                truth.fell = true;
            }
            counter += u64::from(interval.octets);
            since += u64::from(interval.octets);
            truth.used += u64::from(interval.octets);
            let tells = match (interval.mishap, self.width) {
                (Mishap::Less, _) => Some(counter - counter / 10),
                (Mishap::LeftOut, _) => None,
                (_, Width::Wide) => Some(counter),
                (_, Width::Narrow) => Some(counter & 0xffff_ffff),
            };
            let last = n + 1 == life.intervals.len();
            let status = if last && life.stops { 2 } else { 3 };
            self.send(sent, at_s, attributes(status, seconds, tells), interval.fate);
            if !interval.fate.arrives {
                continue;
            }
            (truth.arrived, truth.last_sent_s, truth.seconds) = (true, at_s, seconds);
            truth.stopped |= status == 2;
            let Some(tells) = tells else { continue };
            truth.greatest = truth.greatest.max(tells);
            match self.width {
                Width::Narrow => {
                    truth.fell |= tells < said;
                    // More than half the range in one gap: it may have wrapped unseen.
                    truth.unclear |= since >= 1 << 31;
                    truth.told += since;
                }
                Width::Wide => {
                    truth.unclear |= interval.mishap == Mishap::Less;
                    // A reset shows only in a counter below half of what it said.
                    truth.unclear |= anew && said > 0 && (tells == 0 || tells * 2 >= said);
                    truth.told += since - wiped;
                }
            }
            (said, since, wiped, anew) = (tells, 0, 0, false);
        }
        truth
    }

    /// Puts a record on its way, as often as it arrives.
    fn send(&self, sent: &mut Vec<Sent>, at_s: i64, attributes: Vec<(u8, Vec<u8>)>, fate: Fate) {
        if !fate.arrives {
            return;
        }
        for late in [Some(fate.late), fate.again].into_iter().flatten() {
            let mut attributes = attributes.clone();
            let delay = late * INTERVAL_S;
            attributes.push((kind::ACCT_DELAY_TIME, delay.to_be_bytes().to_vec()));
            if let Some(skew_s) = self.skew_s {
                let stamp = u32::try_from(at_s + skew_s).unwrap();
                attributes.push((kind::EVENT_TIMESTAMP, stamp.to_be_bytes().to_vec()));
            }
            sent.push(Sent {
                sent_s: at_s,
                received_s: at_s + i64::from(delay),
                attributes,
            });
        }
    }
}

impl Sent {
    fn packet(&self) -> Vec<u8> {
        let mut buf = [0; 4096];
        let mut writer = RequestWriter::signed(&mut buf, Code::AccountingRequest, 1).unwrap();
        for (kind, value) in &self.attributes {
            writer.attribute(*kind, value).unwrap();
        }
        writer.finish(&SharedSecret::new(b"secret")).to_vec()
    }

    fn apply(&self, sessions: &Sessions) {
        let packet = self.packet();
        sessions.apply(&AccountingRecord {
            received_unix_us: self.received_s * 1_000_000,
            nas: NAS,
            partner: PARTNER,
            subscriber: None,
            source: ([127, 7, 0, 1], 49_152).into(),
            packet: &packet,
        });
    }
}

/// The table's session of a name the model gave.
fn id_of(name: &str) -> radius_server::SessionId {
    let sent = Sent {
        sent_s: NOON,
        received_s: NOON,
        attributes: vec![(kind::ACCT_SESSION_ID, name.as_bytes().to_vec())],
    };
    session_id(NAS, &View::parse(&sent.packet()).unwrap()).unwrap()
}

/// Holds what the table came to against what is true.
fn check(history: &History, in_order: bool) -> Result<(), TestCaseError> {
    let (sent, truths, last_on) = history.play();
    let sessions = Sessions::new();
    for record in &sent {
        prop_assert!(record.sent_s <= record.received_s);
        record.apply(&sessions);
    }
    let mut open = 0;
    for (name, truth) in &truths {
        let goes_on = !truth.stopped && last_on.is_none_or(|on| truth.last_sent_s > on);
        let Some(session) = sessions.get(id_of(name)) else {
            // One that ended is remembered for two hours.
            prop_assert!(!goes_on, "{name} is gone: {truth:?} {last_on:?}");
            continue;
        };
        let counted = session.counted.octets_in;
        prop_assert!(
            counted <= truth.used,
            "{name} counts more than was used: {counted} {truth:?}"
        );
        prop_assert!(
            counted >= truth.greatest,
            "{name} counts less than a record said: {counted} {truth:?}"
        );
        if in_order && !truth.unclear || !truth.fell {
            let expected = if truth.fell { truth.told } else { truth.greatest };
            prop_assert_eq!(counted, expected, "{} {:?}", name, truth);
        }
        prop_assert_eq!(session.session_time_s, truth.seconds, "{}", name);
        prop_assert_eq!(session.is_open(), goes_on, "{} {:?} {:?}", name, truth, last_on);
        open += usize::from(goes_on);
    }
    prop_assert_eq!(sessions.count(), open);
    prop_assert_eq!(sessions.list().len(), open);
    Ok(())
}

proptest! {
    #[test]
    fn a_history_in_order_tells_all_that_its_records_can(history in history(false)) {
        check(&history, true)?;
    }

    #[test]
    fn a_history_in_any_order_never_counts_more_than_was_used(history in history(true)) {
        check(&history, false)?;
    }
}
