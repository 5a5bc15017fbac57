//! What the simulated BNG sends and how it waits for answers.
//!
//! One request at a time, sent again with the same octets until it is answered or given up (RFC 2865 section 2.5). An
//! answer counts only when its authenticator proves that the server knows the secret.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use md5::{Digest as _, Md5};
use radius::attribute::kind::vendor;
use radius::{Authenticator, Code, PACKET_LEN_MAX, RequestWriter, SharedSecret, View, kind};

use super::session::Cause;
use super::{Bng, Counters, Twin};

/// How long one answer is waited for.
const ANSWER_WAIT: Duration = Duration::from_millis(1500);
/// How often a request is sent at most.
const SENDS_MAX: u8 = 3;
/// Framed-Protocol: PPP.
const PPP: u32 = 1;
/// Service-Type: Framed.
const FRAMED: u32 = 2;
/// NAS-Port-Type: Ethernet.
const ETHERNET: u32 = 15;

/// What became of a login.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Let in; Class goes into accounting.
    Accepted {
        /// The Class of the accept.
        class: Option<Vec<u8>>,
        /// How fast he may receive, bit/s; `None`: as fast as the line is.
        down_bps: Option<u64>,
    },
    /// Refused.
    Rejected,
    /// Not answered.
    Silence,
}

/// Mikrotik-Rate-Limit.
const MIKROTIK_RATE_LIMIT: u8 = 8;

/// How fast a router sends to a subscriber by a Mikrotik-Rate-Limit, `rx/tx ...` as the router sees it.
fn tx_bps(limit: &[u8]) -> Option<u64> {
    let rates = std::str::from_utf8(limit).ok()?.split(' ').next()?;
    let (_, tx) = rates.split_once('/')?;
    let (digits, unit) = match tx.char_indices().last()? {
        (at, 'k') => (&tx[..at], 1_000),
        (at, 'M') => (&tx[..at], 1_000_000),
        (at, 'G') => (&tx[..at], 1_000_000_000),
        _ => (tx, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// What an accounting record tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// The session began.
    Start,
    /// It goes on.
    Interim,
    /// It is over.
    Stop(Cause),
}

/// What a session used so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Seconds.
    pub(super) seconds: u64,
    /// Octets from the subscriber.
    pub(super) octets_in: u64,
    /// Octets to the subscriber.
    pub(super) octets_out: u64,
}

/// The BNG's way to the server.
#[derive(Debug)]
pub(super) struct Wire {
    /// Bound to the BNG's address.
    socket: UdpSocket,
    /// Who we are.
    bng: Bng,
    /// The shared secret, ready for use.
    secret: SharedSecret,
    /// The identifier of the next request.
    identifier: u8,
    /// What happened so far.
    counters: Arc<Counters>,
}

impl Wire {
    /// Opens the socket.
    ///
    /// # Errors
    /// The address is not ours.
    pub(super) fn bind(bng: &Bng, counters: Arc<Counters>) -> Result<Wire> {
        let socket =
            UdpSocket::bind((bng.address, 0)).with_context(|| format!("cannot send from {}", bng.address))?;
        socket
            .set_read_timeout(Some(ANSWER_WAIT))
            .context("cannot set a timeout")?;
        let secret = SharedSecret::new(bng.secret.reveal().as_bytes());
        Ok(Wire {
            socket,
            bng: bng.clone(),
            secret,
            identifier: 0,
            counters,
        })
    }

    /// What happened so far.
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A fresh Acct-Session-Id.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub(super) fn session_id(&self) -> Result<String> {
        let octets: [u8; 8] = random()?;
        Ok(octets
            .iter()
            .fold(String::new(), |text, octet| text + &format!("{octet:02x}")))
    }

    /// Asks to let a subscriber in, by PAP or CHAP.
    ///
    /// # Errors
    /// The packet cannot be built or sent; no answer is not an error.
    pub(super) fn log_in(&mut self, twin: &Twin, port: usize) -> Result<Reply> {
        let authenticator: Authenticator = random()?;
        let mut room = [0; PACKET_LEN_MAX];
        let mut request = RequestWriter::access(&mut room, self.next(), authenticator)?;
        request.text(kind::USER_NAME, &twin.username)?;
        if twin.chap {
            let response = chap(
                authenticator[0],
                twin.password.reveal().as_bytes(),
                &authenticator,
            );
            request.attribute(kind::CHAP_PASSWORD, &response)?;
        } else {
            request.password(twin.password.reveal().as_bytes(), &self.secret)?;
        }
        self.identify(&mut request, port)?;
        let datagram = request.finish(&self.secret).to_vec();
        let Some(answer) = self.exchange(&datagram, self.bng.auth)? else {
            return Ok(Reply::Silence);
        };
        let answer = View::parse(&answer)?;
        Ok(match answer.code() {
            Code::AccessAccept => Reply::Accepted {
                class: answer.first(kind::CLASS).map(<[u8]>::to_vec),
                down_bps: answer
                    .vendor(vendor::MIKROTIK, MIKROTIK_RATE_LIMIT)
                    .and_then(tx_bps),
            },
            _ => Reply::Rejected,
        })
    }

    /// Sends one accounting record.
    ///
    /// # Errors
    /// The packet cannot be built or sent, or nobody confirmed it.
    pub(super) fn account(
        &mut self,
        twin: &Twin,
        port: usize,
        session_id: &str,
        class: Option<&[u8]>,
        event: Event,
        usage: Usage,
    ) -> Result<()> {
        let mut room = [0; PACKET_LEN_MAX];
        let mut request = RequestWriter::signed(&mut room, Code::AccountingRequest, self.next())?;
        request.u32(kind::ACCT_STATUS_TYPE, event.number())?;
        request.text(kind::ACCT_SESSION_ID, session_id)?;
        request.text(kind::USER_NAME, &twin.username)?;
        self.identify(&mut request, port)?;
        request.ipv4(kind::FRAMED_IP_ADDRESS, framed_ip(port))?;
        request.u32(kind::EVENT_TIMESTAMP, unix_now())?;
        if let Some(class) = class {
            request.attribute(kind::CLASS, class)?;
        }
        if !matches!(event, Event::Start) {
            request.u32(kind::ACCT_SESSION_TIME, low(usage.seconds))?;
            request.u32(kind::ACCT_INPUT_OCTETS, low(usage.octets_in))?;
            request.u32(kind::ACCT_INPUT_GIGAWORDS, low(usage.octets_in >> 32))?;
            request.u32(kind::ACCT_OUTPUT_OCTETS, low(usage.octets_out))?;
            request.u32(kind::ACCT_OUTPUT_GIGAWORDS, low(usage.octets_out >> 32))?;
        }
        if let Event::Stop(cause) = event {
            request.u32(kind::ACCT_TERMINATE_CAUSE, cause as u32)?;
        }
        let datagram = request.finish(&self.secret).to_vec();
        if self.exchange(&datagram, self.bng.accounting)?.is_none() {
            bail!("nobody confirmed the accounting of {}", twin.username);
        }
        self.counters.accounted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Adds what says which port of which NAS this is.
    fn identify(&self, request: &mut RequestWriter<'_>, port: usize) -> Result<()> {
        let number = u32::try_from(port).unwrap_or(u32::MAX);
        request.ipv4(kind::NAS_IP_ADDRESS, self.bng.address)?;
        request.text(kind::NAS_IDENTIFIER, "bng-1")?;
        request.u32(kind::NAS_PORT, number)?;
        request.text(kind::NAS_PORT_ID, &format!("ether{}", number + 1))?;
        request.u32(kind::NAS_PORT_TYPE, ETHERNET)?;
        request.u32(kind::SERVICE_TYPE, FRAMED)?;
        request.u32(kind::FRAMED_PROTOCOL, PPP)?;
        request.text(
            kind::CALLING_STATION_ID,
            &format!("02:1A:B0:01:{:02X}:{:02X}", number >> 8 & 0xff, number & 0xff),
        )?;
        request.text(kind::CALLED_STATION_ID, "pppoe-in")?;
        Ok(())
    }

    /// Sends until an answer comes that proves itself.
    fn exchange(&self, datagram: &[u8], to: SocketAddr) -> Result<Option<Vec<u8>>> {
        let request = View::parse(datagram)?;
        let mut room = [0; PACKET_LEN_MAX];
        for _ in 0..SENDS_MAX {
            self.socket
                .send_to(datagram, to)
                .with_context(|| format!("cannot send to {to}"))?;
            // An answer that times out, or a refused port, is a reason to send again; strangers are not listened to.
            while let Ok((length, from)) = self.socket.recv_from(&mut room) {
                let Ok(answer) = View::parse(&room[..length]) else {
                    continue;
                };
                let ours = from == to && answer.identifier() == request.identifier();
                if ours
                    && self
                        .secret
                        .check_reply_authenticator(&answer, request.authenticator())
                {
                    return Ok(Some(answer.octets().to_vec()));
                }
            }
        }
        self.counters.unanswered.fetch_add(1, Ordering::Relaxed);
        Ok(None)
    }

    /// The next identifier.
    fn next(&mut self) -> u8 {
        self.identifier = self.identifier.wrapping_add(1);
        self.identifier
    }
}

impl Event {
    /// Acct-Status-Type.
    fn number(self) -> u32 {
        match self {
            Event::Start => 1,
            Event::Stop(_) => 2,
            Event::Interim => 3,
        }
    }
}

/// A CHAP-Password: identifier and response (RFC 1994 section 4.1). The Request Authenticator is the challenge.
fn chap(identifier: u8, password: &[u8], challenge: &Authenticator) -> [u8; 17] {
    let digest = Md5::new()
        .chain_update([identifier])
        .chain_update(password)
        .chain_update(challenge)
        .finalize();
    let mut response = [identifier; 17];
    response[1..].copy_from_slice(&digest);
    response
}

/// The address a port hands out, from the network set aside for documentation (RFC 5737).
fn framed_ip(port: usize) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, u8::try_from(port % 250).unwrap_or_default() + 1)
}

/// The lower 32 bits.
fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// Seconds since 1970, as Event-Timestamp has them.
pub(super) fn unix_now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    low(since.as_secs())
}

/// Random octets.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).context("the operating system gives no random numbers")?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chap_response_is_what_a_server_expects() {
        let challenge = [7; 16];
        let response = chap(3, b"secret", &challenge);
        assert_eq!(
            radius::password::check_chap(&response, &challenge, b"secret"),
            Some(true)
        );
        assert_eq!(
            radius::password::check_chap(&response, &challenge, b"other"),
            Some(false)
        );
    }

    #[test]
    fn a_large_count_is_split_into_octets_and_gigawords() {
        let octets = 5 * (1_u64 << 30) + (1 << 32);
        assert_eq!((low(octets), low(octets >> 32)), (1 << 30, 2));
    }
}
