//! A NAS against a server that is played here: it must notice every acknowledgement and believe no false one.

use radius::{Code, PACKET_LEN_MAX, ReplyWriter, SharedSecret, View};

use super::*;
use crate::drill::ledger::{Tale, Usage};

/// A NAS, its socket, the server's socket, the secret.
struct Pair {
    nas: Nas,
    socket: UdpSocket,
    server: UdpSocket,
    secret: SharedSecret,
}

impl Pair {
    fn new(says_delay: bool) -> Result<Pair> {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        server.set_read_timeout(Some(Duration::from_secs(10)))?;
        let secret = Secret::random()?;
        let nas = Nas::new(
            Ipv4Addr::LOCALHOST,
            server.local_addr()?,
            &secret,
            "t".to_owned(),
            says_delay,
            Dice::new(1),
        );
        Ok(Pair {
            nas,
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
            server,
            secret: SharedSecret::new(secret.reveal().as_bytes()),
        })
    }

    /// Lets the NAS begin exactly one record at this moment.
    fn one_record(&mut self, now: Instant) {
        self.nas.order.rate = 100;
        self.nas.step(&self.socket, now);
        self.nas.step(&self.socket, now + Duration::from_millis(11));
        self.nas.order.rate = 0;
    }

    fn request(&self) -> Result<Vec<u8>> {
        let mut room = [0; PACKET_LEN_MAX];
        let length = self.server.recv(&mut room)?;
        Ok(room[..length].to_vec())
    }

    fn answer(&self, request: &[u8], secret: &SharedSecret) -> Result<Vec<u8>> {
        let view = View::parse(request)?;
        let mut room = [0; PACKET_LEN_MAX];
        Ok(ReplyWriter::new(&mut room, Code::AccountingResponse, &view)?
            .finish(secret)
            .to_vec())
    }
}

#[test]
fn a_record_waits_for_an_acknowledgement_that_proves_itself() -> Result<()> {
    let mut pair = Pair::new(false)?;
    pair.one_record(Instant::now());
    let request = pair.request()?;
    let forged = pair.answer(&request, &SharedSecret::new(b"another"))?;
    assert!(!pair.nas.hear(&forged));
    assert_eq!(
        (
            pair.nas.pending(),
            pair.nas.datagrams.values().any(|acked| *acked)
        ),
        (1, false)
    );
    let answer = pair.answer(&request, &pair.secret)?;
    assert!(pair.nas.hear(&answer));
    assert!(!pair.nas.hear(&answer), "the same again is no news");
    assert_eq!(pair.nas.pending(), 0);
    assert_eq!(pair.nas.datagrams.get(&datagram::digest(&request)), Some(&true));
    assert!(pair.nas.take_touched().iter().all(Account::must_be_stored));
    Ok(())
}

#[test]
fn what_is_not_acknowledged_is_sent_again_with_the_same_octets() -> Result<()> {
    let mut pair = Pair::new(false)?;
    let now = Instant::now();
    pair.one_record(now);
    pair.nas.step(&pair.socket, now + Duration::from_secs(1));
    assert_eq!(pair.request()?, pair.request()?);
    assert_eq!((pair.nas.counts.sent, pair.nas.counts.again), (1, 1));
    Ok(())
}

#[test]
fn a_late_acknowledgement_of_an_earlier_sending_counts() -> Result<()> {
    let mut pair = Pair::new(true)?;
    let now = Instant::now();
    pair.one_record(now);
    pair.nas.step(&pair.socket, now + Duration::from_secs(1));
    let (first, second) = (pair.request()?, pair.request()?);
    assert_ne!(first, second, "Acct-Delay-Time changes the octets");
    let answer = pair.answer(&first, &pair.secret)?;
    assert!(pair.nas.hear(&answer));
    assert_eq!(pair.nas.pending(), 0);
    Ok(())
}

#[test]
fn after_a_restart_the_first_thing_told_is_the_restart() -> Result<()> {
    let mut pair = Pair::new(false)?;
    let now = Instant::now();
    pair.one_record(now);
    pair.request()?;
    pair.nas.reboot();
    pair.one_record(Instant::now() + Duration::from_secs(3));
    let on = pair.request()?;
    assert_eq!(View::parse(&on)?.u32(radius::kind::ACCT_STATUS_TYPE), Some(7));
    assert_eq!(pair.nas.pending(), 1, "nothing else before it is acknowledged");
    Ok(())
}

#[test]
fn the_longest_datagram_fits() -> Result<()> {
    let most = Usage {
        seconds: u32::MAX,
        octets_in: u64::MAX,
        octets_out: u64::MAX,
    };
    let session = "x".repeat(64);
    let content = datagram::Content {
        nas: Ipv4Addr::LOCALHOST,
        identifier: 1,
        told: Some((&session, "user-999", Tale::Interim(most))),
        happened_unix_s: 1,
        delay_s: Some(1),
        fat: true,
    };
    let octets = datagram::build(&content, &SharedSecret::new(b"secret"))?;
    assert!(octets.len() > 3_500 && View::parse(&octets).is_ok());
    Ok(())
}
