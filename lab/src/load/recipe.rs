//! What a request says: logins and accounting records with the attributes a BNG sends.
//!
//! A recipe turns a number into a signed packet; the same number gives the same subscriber and session, but no two
//! packets share an authenticator, so no server can answer from its memory of duplicates.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use md5::{Digest as _, Md5};
use radius::{Authenticator, Code, RequestWriter, SharedSecret, kind};

use super::mschap;
use super::people::{self, scatter};

/// Framed-Protocol: PPP.
const PPP: u32 = 1;
/// Service-Type: Framed.
const FRAMED: u32 = 2;
/// NAS-Port-Type: Ethernet.
const ETHERNET: u32 = 15;
/// Acct-Authentic: RADIUS.
const BY_RADIUS: u32 = 1;
/// Acct-Terminate-Cause: User-Request.
const USER_REQUEST: u32 = 1;
/// Seconds between two records of a session.
pub const INTERIM_S: u32 = 300;

/// Who sends a request, and how it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'s> {
    /// The address of the NAS.
    pub nas: Ipv4Addr,
    /// The identifier.
    pub identifier: u8,
    /// What NAS and server share.
    pub secret: &'s SharedSecret,
}

/// Turns numbers into requests.
pub trait Recipe: Sync {
    /// What the server must answer.
    fn expected(&self) -> Code;

    /// Which of so many NAS sends this request.
    fn nas(&self, number: usize, count: u32) -> u32;

    /// Writes the request; gives its length.
    ///
    /// # Errors
    /// It does not fit.
    fn write(&self, number: usize, sender: Sender<'_>, room: &mut [u8]) -> Result<usize>;
}

/// How a subscriber proves who he is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// User-Password.
    Pap,
    /// CHAP-Password.
    Chap,
    /// MS-CHAP2-Response.
    MsChapV2,
}

/// In which order subscribers log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As if at random.
    Scattered,
    /// One after the other, everybody once.
    EachOnce,
}

/// Logins.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    /// How they prove who they are.
    pub method: Method,
    /// How many subscribers there are.
    pub subscribers: usize,
    /// In which order they come.
    pub order: Order,
    /// Makes the authenticators of this run differ from those of every other.
    pub seed: u64,
}

impl Login {
    /// The subscriber of a request.
    pub fn subscriber(&self, number: usize) -> usize {
        match self.order {
            Order::EachOnce => number % self.subscribers,
            Order::Scattered => {
                let drawn = scatter(self.seed ^ number as u64) % self.subscribers as u64;
                drawn as usize
            }
        }
    }
}

impl Recipe for Login {
    fn expected(&self) -> Code {
        Code::AccessAccept
    }

    fn nas(&self, number: usize, count: u32) -> u32 {
        // A subscriber belongs to one BNG.
        (self.subscriber(number) as u64 % u64::from(count)) as u32
    }

    fn write(&self, number: usize, sender: Sender<'_>, room: &mut [u8]) -> Result<usize> {
        let subscriber = self.subscriber(number);
        let authenticator = authenticator(self.seed, number);
        let mut request = RequestWriter::access(room, sender.identifier, authenticator)?;
        request.reserve_message_authenticator()?;
        let (name, password) = (people::name(subscriber), people::password(subscriber));
        request.text(kind::USER_NAME, &name)?;
        match self.method {
            Method::Pap => request.password(password.as_bytes(), sender.secret)?,
            Method::Chap => {
                let response = chap(authenticator[0], password.as_bytes(), &authenticator);
                request.attribute(kind::CHAP_PASSWORD, &response)?;
            }
            Method::MsChapV2 => mschap::prove(&mut request, self.seed, number, &name, &password)?,
        }
        identify(&mut request, sender.nas, subscriber)?;
        Ok(request.finish(sender.secret).len())
    }
}

/// Accounting records: cohorts of sessions that start, report and stop.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// How many subscribers there are.
    pub subscribers: usize,
    /// Interim records between the Start and the Stop of a session.
    pub interims: usize,
    /// Sessions that are open at the same time.
    pub cohort: usize,
    /// Makes the sessions of this run differ from those of every other.
    pub seed: u64,
    /// Seconds since 1970 when the first sessions started.
    pub began_unix_s: u32,
}

/// Where in its life a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Number of the session.
    pub session: usize,
    /// 0: Start; `interims + 1`: Stop; between them: interim records.
    pub step: usize,
}

impl Record {
    /// What a record is about.
    pub fn moment(&self, number: usize) -> Moment {
        let steps = self.interims + 2;
        let (cohort, within) = (number / (self.cohort * steps), number % (self.cohort * steps));
        Moment {
            session: cohort * self.cohort + within % self.cohort,
            step: within / self.cohort,
        }
    }
}

impl Recipe for Record {
    fn expected(&self) -> Code {
        Code::AccountingResponse
    }

    fn nas(&self, number: usize, count: u32) -> u32 {
        (self.moment(number).session as u64 % u64::from(count)) as u32
    }

    fn write(&self, number: usize, sender: Sender<'_>, room: &mut [u8]) -> Result<usize> {
        let Moment { session, step } = self.moment(number);
        let subscriber = session % self.subscribers;
        let stop = step > self.interims;
        let elapsed_s = step as u32 * INTERIM_S;
        let mut request = RequestWriter::signed(room, Code::AccountingRequest, sender.identifier)?;
        let status = if step == 0 { 1 } else { 3 - u32::from(stop) };
        request.u32(kind::ACCT_STATUS_TYPE, status)?;
        request.text(
            kind::ACCT_SESSION_ID,
            &format!("{:08x}{session:08x}", self.seed as u32),
        )?;
        request.text(kind::USER_NAME, &people::name(subscriber))?;
        identify(&mut request, sender.nas, subscriber)?;
        request.u32(kind::ACCT_AUTHENTIC, BY_RADIUS)?;
        request.ipv4(
            kind::FRAMED_IP_ADDRESS,
            Ipv4Addr::from(0x0a00_0001 + subscriber as u32),
        )?;
        request.u32(kind::EVENT_TIMESTAMP, self.began_unix_s + elapsed_s)?;
        request.u32(kind::ACCT_DELAY_TIME, 0)?;
        if step > 0 {
            let octets_in = scatter(session as u64) % 1_000_000 * u64::from(elapsed_s);
            let octets_out = octets_in * 9;
            request.u32(kind::ACCT_SESSION_TIME, elapsed_s)?;
            request.u32(kind::ACCT_INPUT_OCTETS, octets_in as u32)?;
            request.u32(kind::ACCT_INPUT_GIGAWORDS, (octets_in >> 32) as u32)?;
            request.u32(kind::ACCT_INPUT_PACKETS, (octets_in / 700) as u32)?;
            request.u32(kind::ACCT_OUTPUT_OCTETS, octets_out as u32)?;
            request.u32(kind::ACCT_OUTPUT_GIGAWORDS, (octets_out >> 32) as u32)?;
            request.u32(kind::ACCT_OUTPUT_PACKETS, (octets_out / 1_200) as u32)?;
        }
        if stop {
            request.u32(kind::ACCT_TERMINATE_CAUSE, USER_REQUEST)?;
        }
        Ok(request.finish(sender.secret).len())
    }
}

/// Adds what says which line of which BNG this is.
fn identify(request: &mut RequestWriter<'_>, nas: Ipv4Addr, subscriber: usize) -> Result<()> {
    request.ipv4(kind::NAS_IP_ADDRESS, nas)?;
    request.text(kind::NAS_IDENTIFIER, "bng-1")?;
    request.u32(kind::NAS_PORT, subscriber as u32)?;
    request.text(
        kind::NAS_PORT_ID,
        &format!("ae0.{}:{}", subscriber % 4_094 + 1, subscriber % 4_000 + 1),
    )?;
    request.u32(kind::NAS_PORT_TYPE, ETHERNET)?;
    request.u32(kind::SERVICE_TYPE, FRAMED)?;
    request.u32(kind::FRAMED_PROTOCOL, PPP)?;
    request.text(kind::CALLING_STATION_ID, &people::hardware_address(subscriber))?;
    request.text(kind::CALLED_STATION_ID, "pppoe-in")?;
    Ok(())
}

/// An authenticator that no other request has.
fn authenticator(seed: u64, number: usize) -> Authenticator {
    let mut octets = [0; 16];
    let (first, second) = octets.split_at_mut(8);
    first.copy_from_slice(&scatter(seed ^ number as u64).to_be_bytes());
    second.copy_from_slice(&scatter(seed.rotate_left(32) ^ !(number as u64)).to_be_bytes());
    octets
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

/// A number that differs from run to run.
///
/// # Errors
/// The operating system gives no random numbers.
pub fn fresh_seed() -> Result<u64> {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).context("the operating system gives no random numbers")?;
    Ok(u64::from_be_bytes(octets))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use radius::password::{PapCheck, check_chap, check_pap};
    use radius::{MessageAuthenticator, View};

    use super::*;

    fn sender(secret: &SharedSecret) -> Sender<'_> {
        Sender {
            nas: Ipv4Addr::new(127, 30, 0, 1),
            identifier: 3,
            secret,
        }
    }

    fn login(method: Method) -> Login {
        Login {
            method,
            subscribers: 100,
            order: Order::EachOnce,
            seed: 5,
        }
    }

    #[test]
    fn a_login_is_signed_and_proves_the_password() -> Result<()> {
        let secret = SharedSecret::new(b"between us");
        let mut room = [0; 512];
        let length = login(Method::Pap).write(42, sender(&secret), &mut room)?;
        let view = View::parse(&room[..length])?;
        assert_eq!(
            secret.check_message_authenticator(&view, None),
            MessageAuthenticator::Valid
        );
        let hidden = view.first(kind::USER_PASSWORD).unwrap_or_default();
        let password = people::password(42);
        assert_eq!(
            check_pap(&secret, view.authenticator(), hidden, password.as_bytes()),
            PapCheck::Match
        );
        let length = login(Method::Chap).write(42, sender(&secret), &mut room)?;
        let view = View::parse(&room[..length])?;
        let response = view.first(kind::CHAP_PASSWORD).unwrap_or_default();
        assert_eq!(
            check_chap(response, view.authenticator(), password.as_bytes()),
            Some(true)
        );
        Ok(())
    }

    #[test]
    fn no_two_logins_share_an_authenticator() {
        let seen: HashSet<Authenticator> = (0..100_000).map(|number| authenticator(9, number)).collect();
        assert_eq!(seen.len(), 100_000);
    }

    #[test]
    fn a_session_starts_reports_and_stops_in_this_order() -> Result<()> {
        let record = Record {
            subscribers: 10,
            interims: 2,
            cohort: 3,
            seed: 1,
            began_unix_s: 1_700_000_000,
        };
        let of_session_4: Vec<usize> = (0..24)
            .map(|number| record.moment(number))
            .filter(|moment| moment.session == 4)
            .map(|moment| moment.step)
            .collect();
        assert_eq!(of_session_4, [0, 1, 2, 3]);
        let secret = SharedSecret::new(b"between us");
        let mut statuses = Vec::new();
        for number in [0, 3, 6, 9] {
            let mut room = [0; 512];
            let length = record.write(number, sender(&secret), &mut room)?;
            let view = View::parse(&room[..length])?;
            assert!(secret.check_request_authenticator(&view));
            statuses.push(view.u32(kind::ACCT_STATUS_TYPE));
        }
        assert_eq!(statuses, [Some(1), Some(3), Some(3), Some(2)]);
        Ok(())
    }

    #[test]
    fn everybody_logs_in_once_when_asked_so() {
        let login = login(Method::Pap);
        let seen: HashSet<usize> = (0..100).map(|number| login.subscriber(number)).collect();
        assert_eq!(seen.len(), 100);
    }
}
