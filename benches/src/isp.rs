//! A small ISP for the benches: a directory, the pipelines over it, and requests that were made before the clock starts.
//! No socket, and a clock that moves when it is told to, so that a request of a moment ago is no duplicate.

use parking_lot::Mutex;
use radius::kind::{microsoft, vendor::MICROSOFT};
use radius::mschap::{NtHash, v2};
use radius::{Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, WriteError, kind};
use radius_server::accounting::{Accountant, Ledger};
use radius_server::authentication::Authenticator;
use radius_server::clock::Now;
use radius_server::counters::Counters;
use radius_server::directory::{
    CoaTarget, Credential, Identify, NasGuard, NasSpec, Plan, Require, ServiceState, SubscriberSpec,
};
use radius_server::journal::{Options, Writer};
use radius_server::sessions::Sessions;
use radius_server::{Directory, NasId, PartnerId, SubscriberId};
use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The secret of the NAS.
const SECRET: &[u8] = b"xyzzy5461";
/// The password of every subscriber.
const PASSWORD: &str = "arctangent";
/// MS-CHAP-Challenge of the NAS.
const MS_CHALLENGE: [u8; 16] = [0x21; 16];
/// The challenge of each peer.
const PEER_CHALLENGE: [u8; 16] = [0x43; 16];
/// After so long nobody remembers a request.
pub const ROUND: Duration = Duration::from_secs(6);
/// How far the clock moves with each request: a round of [`REQUESTS`] takes longer than answers are kept.
const STEP: Duration = Duration::from_micros(200);

/// As many requests as a bench plays in a round, so that memory and not the cache has them.
pub const REQUESTS: u32 = 32_768;

/// Unwraps what cannot fail here.
///
/// # Panics
/// When it does.
#[track_caller]
pub fn sure<T, E: Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("the bench cannot be set up: {error:?}"))
}

/// The ISP.
pub struct Isp {
    /// What the pipelines know.
    pub directory: Arc<Directory>,
    /// What they count.
    pub counters: Arc<Counters>,
    /// What time it is.
    now: Now,
}

/// What accounting is written into: a journal on a real disk, for as long as this lives, and sessions.
pub struct Books {
    /// Both.
    pub ledger: Ledger,
    /// Where the journal is.
    dir: TempDir,
}

impl Books {
    /// Takes the journal off the disk.
    pub fn close(self) {
        drop(self.ledger);
        sure(self.dir.close());
    }
}

/// How a login proves who he is.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// User-Password.
    Pap,
    /// User-Password, and it is wrong.
    WrongPap,
    /// CHAP-Password.
    Chap,
    /// MS-CHAP2-Response.
    MsChap2,
    /// MS-CHAP2-Response to another challenge.
    WrongMsChap2,
}

/// A datagram and where it comes from.
pub struct Datagram {
    /// The sender.
    pub source: SocketAddr,
    /// The octets.
    pub octets: Box<[u8]>,
}

impl Isp {
    /// The partner.
    pub const PARTNER: PartnerId = PartnerId::from_bytes([1; 16]);

    /// The name of a subscriber.
    #[must_use]
    pub fn username(number: u32) -> String {
        format!("user{number:06}@isp.example")
    }

    /// An ISP with one NAS and so many subscribers.
    #[must_use]
    pub fn new(subscribers: u32) -> Self {
        let directory = Arc::new(Directory::new());
        directory.partner_put(Isp::PARTNER, "Demo ISP", true);
        sure(directory.nas_put(nas()));
        let plan = Arc::new(Plan::new(
            "home-100",
            [27, 6, 0, 1, 0x51, 0x80, 85, 6, 0, 0, 2, 0x58].into(),
            Some(100_000_000),
            Some(20_000_000),
        ));
        for number in 0..subscribers {
            sure(directory.subscriber_put(Isp::PARTNER, subscriber(number, &plan)));
        }
        let now = Now {
            monotonic: Instant::now(),
            unix_us: 1_800_000_000_000_000,
        };
        Self {
            directory,
            counters: Arc::default(),
            now,
        }
    }

    /// The authentication pipeline.
    #[must_use]
    pub fn authenticator(&self) -> Authenticator {
        Authenticator::new(
            Arc::clone(&self.directory),
            Arc::default(),
            Arc::default(),
            Arc::default(),
            self.counters.lane(),
            |octets| {
                octets.fill(7);
                true
            },
        )
    }

    /// The accounting pipeline.
    #[must_use]
    pub fn accountant(&self) -> Accountant {
        Accountant::new(Arc::clone(&self.directory), Arc::default(), self.counters.lane())
    }

    /// Empty books.
    #[must_use]
    pub fn books(&self) -> Books {
        let dir = sure(tempfile::tempdir());
        let options = Options {
            segment_len: 256 * 1024 * 1024,
            ..Options::default()
        };
        let (journal, _recovery) = sure(Writer::open(dir.path(), options));
        let ledger = Ledger {
            journal: Arc::new(Mutex::new(journal)),
            sessions: Arc::new(Sessions::new()),
            counters: Arc::clone(&self.counters),
        };
        Books { ledger, dir }
    }

    /// Moves the clock.
    pub fn skip(&mut self, by: Duration) {
        self.now.monotonic += by;
        self.now.unix_us += by.as_micros() as i64;
    }

    /// The time, a step later than at the last call.
    pub fn tick(&mut self) -> Now {
        self.skip(STEP);
        self.now
    }

    /// One login of each subscriber, as a PPPoE gateway sends it, with Message-Authenticator.
    #[must_use]
    pub fn logins(subscribers: u32, proof: Proof) -> Vec<Datagram> {
        (0..subscribers)
            .map(|number| datagram(number, |octets| login(octets, number, proof)))
            .collect()
    }

    /// One interim record of each subscriber's session.
    #[must_use]
    pub fn interims(subscribers: u32, minute: u32) -> Vec<Datagram> {
        (0..subscribers)
            .map(|number| datagram(number, |octets| interim(octets, number, minute)))
            .collect()
    }
}

/// The NAS.
fn nas() -> NasSpec {
    NasSpec {
        id: NasId::from_bytes([2; 16]),
        partner: Isp::PARTNER,
        network: sure("192.0.2.1/32".parse()),
        name: "bng-1".into(),
        make: "mikrotik".into(),
        secret: SharedSecret::new(SECRET),
        coa: CoaTarget {
            port: 3799,
            secret: SharedSecret::new(SECRET),
        },
        message_authenticator: Require::Auto,
        message_authenticator_seen: true,
        guard: NasGuard::default(),
        identify: Identify::default(),
    }
}

/// A subscriber.
fn subscriber(number: u32, plan: &Arc<Plan>) -> SubscriberSpec {
    let mut id = [3; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    SubscriberSpec {
        id: SubscriberId::from_bytes(id),
        username: Isp::username(number).into(),
        state: ServiceState::Active,
        expires_at_unix_s: None,
        credential: Credential::Clear(PASSWORD.into()),
        plan: Arc::clone(plan),
        reply: Box::default(),
    }
}

/// The MAC address of a subscriber.
fn calling_station(number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("02:00:5e:{a:02x}:{b:02x}:{c:02x}")
}

/// Writes a datagram; each has a source port and an identifier of its own, as far as they reach.
fn datagram(number: u32, write: impl Fn(&mut [u8]) -> Result<Vec<u8>, WriteError>) -> Datagram {
    let mut room = [0; PACKET_LEN_MAX];
    let port = 1_024 + (number / 256) as u16;
    Datagram {
        source: SocketAddr::from(([192, 0, 2, 1], port)),
        octets: sure(write(&mut room)).into(),
    }
}

/// An Access-Request.
fn login(room: &mut [u8], number: u32, proof: Proof) -> Result<Vec<u8>, WriteError> {
    let secret = SharedSecret::new(SECRET);
    let mut authenticator = [9; 16];
    authenticator[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
    let mut writer = RequestWriter::access(room, number as u8, authenticator)?;
    writer.reserve_message_authenticator()?;
    writer.text(kind::USER_NAME, &Isp::username(number))?;
    match proof {
        Proof::Pap => writer.password(PASSWORD.as_bytes(), &secret)?,
        Proof::WrongPap => writer.password(b"arctangens", &secret)?,
        Proof::Chap => {
            let digest = chap(&authenticator);
            writer.attribute(kind::CHAP_PASSWORD, &digest)?;
        }
        Proof::MsChap2 => ms_chap(&mut writer, number, &MS_CHALLENGE)?,
        Proof::WrongMsChap2 => ms_chap(&mut writer, number, &PEER_CHALLENGE)?,
    }
    writer.ipv4(kind::NAS_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 1))?;
    writer.text(kind::NAS_IDENTIFIER, "bng-1")?;
    writer.u32(kind::NAS_PORT, number)?;
    writer.u32(kind::NAS_PORT_TYPE, 15)?;
    writer.u32(kind::SERVICE_TYPE, 2)?;
    writer.u32(kind::FRAMED_PROTOCOL, 1)?;
    writer.text(kind::CALLING_STATION_ID, &calling_station(number))?;
    writer.text(kind::CALLED_STATION_ID, "pppoe")?;
    Ok(writer.finish(&secret).to_vec())
}

/// CHAP-Password: identifier 1 and MD5 over it, the password and the challenge (RFC 1994 section 4.1).
fn chap(challenge: &[u8; 16]) -> [u8; 17] {
    use md5::{Digest, Md5};
    let digest = Md5::new()
        .chain_update([1])
        .chain_update(PASSWORD)
        .chain_update(challenge)
        .finalize();
    let mut value = [1; 17];
    value[1..].copy_from_slice(&digest);
    value
}

/// MS-CHAP-Challenge and a MS-CHAP2-Response to `answered` (RFC 2548 section 2.3.2).
fn ms_chap(writer: &mut RequestWriter<'_>, number: u32, answered: &[u8; 16]) -> Result<(), WriteError> {
    let (name, hash) = (Isp::username(number), NtHash::of(PASSWORD));
    let response = v2::nt_response(answered, &PEER_CHALLENGE, name.as_bytes(), &hash);
    let value = [&[1, 0][..], &PEER_CHALLENGE, &[0; 8], &response].concat();
    writer.vendor(MICROSOFT, microsoft::CHAP_CHALLENGE, &MS_CHALLENGE)?;
    writer.vendor(MICROSOFT, microsoft::CHAP2_RESPONSE, &value)
}

/// An interim Accounting-Request, or at minute 0 a Start.
fn interim(room: &mut [u8], number: u32, minute: u32) -> Result<Vec<u8>, WriteError> {
    let mut writer = RequestWriter::signed(room, Code::AccountingRequest, number as u8)?;
    writer.text(kind::USER_NAME, &Isp::username(number))?;
    writer.ipv4(kind::NAS_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 1))?;
    writer.text(kind::NAS_IDENTIFIER, "bng-1")?;
    writer.u32(kind::NAS_PORT, number)?;
    writer.text(kind::NAS_PORT_ID, "eth1.100")?;
    writer.u32(kind::NAS_PORT_TYPE, 15)?;
    writer.ipv4(kind::FRAMED_IP_ADDRESS, Ipv4Addr::from(0x6440_0000 + number))?;
    writer.text(kind::CALLING_STATION_ID, &calling_station(number))?;
    writer.text(kind::CALLED_STATION_ID, "pppoe")?;
    writer.u32(kind::ACCT_STATUS_TYPE, if minute == 0 { 1 } else { 3 })?;
    writer.text(kind::ACCT_SESSION_ID, &format!("{number:08x}"))?;
    writer.u32(kind::ACCT_SESSION_TIME, minute * 60)?;
    for kind in [kind::ACCT_INPUT_OCTETS, kind::ACCT_OUTPUT_OCTETS] {
        writer.u32(kind, minute * 1_000_000)?;
    }
    writer.u32(kind::EVENT_TIMESTAMP, 1_800_000_000 + minute * 60)?;
    Ok(writer.finish(&SharedSecret::new(SECRET)).to_vec())
}
