//! The limit of this machine: a server that does the digests, the system calls and, for accounting, the synced log, and
//! nothing else. No directory, no duplicates, no decisions, no sessions.
//!
//! It runs as a process of its own (`lab echo-limit`), so that it is measured like the others. [`Echo`] is the subject;
//! [`serve`] is what the process does.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use radius::kind::{microsoft, mikrotik, vendor};
use radius::mschap::{NtHash, Response2, SessionKeys, mppe, response, v2};
use radius::password::{PAP_LEN_MAX, check_chap, reveal_pap};
use radius::salt::{self, HIDDEN_LEN_MAX, Salt};
use radius::{Code, MessageAuthenticator, ReplyWriter, SharedSecret, View, WriteError, kind};
use radius_server::journal::{Kind as RecordKind, Options, Writer};
use radius_server::priority::{self, Urgency};
use udp::{Inbox, Outbox, Wait};

use super::headend::free_udp;
use super::{DOWNLOAD_MBPS, INTERIM_INTERVAL_S, Kind, Place, SESSION_TIMEOUT_S, Subject, UPLOAD_MBPS};
use crate::load::people;
use crate::process::{self, Daemon};
use crate::rundir::RunDir;
use crate::secret::{self, Secret};
use crate::wait::{self, Look};

/// Datagrams of one batch of Access-Requests.
const AUTH_BATCH: usize = 64;
/// Datagrams of one batch of Accounting-Requests, which is one commit.
const ACCOUNTING_BATCH: usize = 512;
/// Octets of the longest request and reply here.
const PACKET_LEN_MAX: usize = 1_024;
/// Octets of a receive buffer: as Headend's.
const RECEIVE_BUFFER_OCTETS: usize = 4 << 20;
/// Records after which the log is let go.
const RELEASE_EVERY: u64 = 1 << 18;
/// How long it may take to open its sockets.
const READY_WAIT_MAX: Duration = Duration::from_secs(10);

/// The limit as a subject.
#[derive(Debug)]
pub struct Echo {
    /// The process.
    daemon: Daemon,
    /// How it is started.
    start: Start,
}

/// What its process needs to know.
#[derive(Debug)]
struct Start {
    /// Where it takes Access-Requests.
    auth: SocketAddr,
    /// Where it takes Accounting-Requests.
    accounting: SocketAddr,
    /// Where its log is.
    journal: PathBuf,
    /// The file with the shared secret.
    secret: PathBuf,
    /// What it says.
    log: PathBuf,
}

impl Echo {
    /// Starts it, pinned.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(run: &RunDir, secret: &Secret) -> Result<Echo> {
        let start = Start {
            auth: free_udp()?,
            accounting: free_udp()?,
            // The same disk as Headend's.
            journal: run.data.with_file_name("echo-journal"),
            secret: run.dir.join("echo.secret"),
            log: run.log("echo"),
        };
        secret::write_file(&start.secret, secret.reveal())?;
        Ok(Echo {
            daemon: start.spawn(Place::Pinned)?,
            start,
        })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.daemon.stop();
        let _ = std::fs::remove_dir_all(&self.start.journal);
    }
}

impl Start {
    /// Starts the process and waits until it listens.
    fn spawn(&self, place: Place) -> Result<Daemon> {
        let us = std::env::current_exe().context("cannot find out where this program is")?;
        let mut command = match place.server_core() {
            None => process::ends_with_us(us),
            Some(core) => process::ends_with_us_on(core, us),
        };
        command.args(["echo-limit", "--auth", &self.auth.to_string()]);
        command.args(["--accounting", &self.accounting.to_string()]);
        command
            .arg("--journal")
            .arg(&self.journal)
            .arg("--secret-file")
            .arg(&self.secret);
        let mut daemon = Daemon::spawn("the echo limit", command, &self.log)?;
        let wanted = format!(":{:04X} ", self.accounting.port());
        wait::until("the echo limit to listen", READY_WAIT_MAX, || {
            daemon.check()?;
            let open = std::fs::read_to_string("/proc/net/udp")
                .unwrap_or_default()
                .contains(&wanted);
            Ok(match open {
                true => Look::Found(()),
                false => Look::Not("its port is closed".to_owned()),
            })
        })?;
        Ok(daemon)
    }
}

impl Subject for Echo {
    fn kind(&self) -> Kind {
        Kind::Echo
    }

    fn auth(&self) -> SocketAddr {
        self.start.auth
    }

    fn accounting(&self) -> Option<SocketAddr> {
        Some(self.start.accounting)
    }

    fn roots(&self) -> Result<Vec<u32>> {
        Ok(vec![self.daemon.pid()])
    }

    fn place(&mut self, place: Place) -> Result<()> {
        self.daemon.stop()?;
        self.daemon = self.start.spawn(place)?;
        Ok(())
    }
}

/// What the process does, until it is ended: a thread a processor for Access-Requests, one for accounting.
///
/// # Errors
/// A socket or the log cannot be opened.
pub fn serve(auth: SocketAddr, accounting: SocketAddr, journal: &Path, secret_file: &Path) -> Result<()> {
    let secret =
        std::fs::read(secret_file).with_context(|| format!("cannot read {}", secret_file.display()))?;
    let secret = SharedSecret::new(&secret);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let auth = udp::bind(auth, workers, RECEIVE_BUFFER_OCTETS)
        .with_context(|| format!("cannot listen on {auth}"))?;
    let options = Options {
        backlog_max: u64::MAX / 2,
        ..Options::default()
    };
    let (writer, _) = Writer::open(journal, options)?;
    let accounting = udp::bind(accounting, 1, RECEIVE_BUFFER_OCTETS)
        .with_context(|| format!("cannot listen on {accounting}"))?;
    thread::scope(|scope| {
        for socket in auth.sockets {
            let secret = &secret;
            scope.spawn(move || answer_logins(&socket, secret));
        }
        let recording = accounting
            .sockets
            .into_iter()
            .next()
            .map(|socket| scope.spawn(|| record(socket, writer, &secret)));
        let ended = recording.context("no socket for accounting")?.join();
        ended.unwrap_or_else(|_| Err(anyhow!("the accounting thread panicked")))
    })
}

/// Answers Access-Requests.
fn answer_logins(socket: &UdpSocket, secret: &SharedSecret) {
    priority::be_prompt();
    let (mut inbox, mut outbox) = (
        Inbox::new(AUTH_BATCH, PACKET_LEN_MAX),
        Outbox::new(AUTH_BATCH, PACKET_LEN_MAX),
    );
    outbox.couple(socket);
    while inbox.receive(socket, Wait::ForOne).is_ok() {
        for datagram in inbox.datagrams() {
            let Some(mut slot) = outbox.claim(datagram.source, datagram.local) else {
                break;
            };
            if let Some(len) = answer_login(datagram.octets, secret, slot.octets()) {
                slot.commit(len);
            }
        }
        let _lost = outbox.flush(socket);
    }
}

/// Answers one; `None` when its proof is wrong.
fn answer_login(request: &[u8], secret: &SharedSecret, out: &mut [u8]) -> Option<usize> {
    let view = View::parse(request).ok()?;
    if secret.check_message_authenticator(&view, None) != MessageAuthenticator::Valid {
        return None;
    }
    let mut reply = ReplyWriter::new(out, Code::AccessAccept, &view).ok()?;
    reply.reserve_message_authenticator().ok()?;
    prove(&view, secret, &mut reply)?;
    serve_plan(&mut reply).ok()?;
    Some(reply.finish(secret).len())
}

/// Checks the password, whichever way it came, and adds what MS-CHAPv2 wants in return.
fn prove(view: &View<'_>, secret: &SharedSecret, reply: &mut ReplyWriter<'_>) -> Option<()> {
    if let Some(hidden) = view.first(kind::USER_PASSWORD) {
        let mut room = [0; PAP_LEN_MAX];
        let clear = reveal_pap(secret, view.authenticator(), hidden, &mut room)?;
        return clear.starts_with(b"wifi-").then_some(());
    }
    let name = view.text(kind::USER_NAME)?;
    let password = people::password(name.strip_prefix("sub-")?.parse().ok()?);
    if let Some(chap) = view.first(kind::CHAP_PASSWORD) {
        return check_chap(chap, view.authenticator(), password.as_bytes())?.then_some(());
    }
    let answer = Response2::parse(view.vendor(vendor::MICROSOFT, microsoft::CHAP2_RESPONSE)?)?;
    let challenge = response::challenge::<16>(view)?;
    let proof = v2::check(challenge, &answer, name.as_bytes(), &NtHash::of(&password))?;
    let mut success = [answer.ident; 1 + v2::SUCCESS_LEN];
    success[1..].copy_from_slice(&proof.success());
    let mut add = |kind, value: &[u8]| reply.vendor(vendor::MICROSOFT, kind, value).ok();
    add(microsoft::CHAP2_SUCCESS, &success)?;
    let keys = SessionKeys::derive(&proof);
    let pair = [
        (microsoft::MPPE_SEND_KEY, &keys.send),
        (microsoft::MPPE_RECV_KEY, &keys.receive),
    ];
    for (number, (kind, key)) in pair.into_iter().enumerate() {
        let mut room = [0; HIDDEN_LEN_MAX];
        let salt = Salt::new(number as u16);
        add(
            kind,
            salt::hide(secret, view.authenticator(), salt, &key[..], &mut room)?,
        )?;
    }
    add(
        microsoft::MPPE_ENCRYPTION_POLICY,
        &mppe::POLICY_ALLOWED.to_be_bytes(),
    )?;
    add(
        microsoft::MPPE_ENCRYPTION_TYPES,
        &mppe::TYPE_128_BIT.to_be_bytes(),
    )
}

/// Adds the attributes of every accept.
fn serve_plan(reply: &mut ReplyWriter<'_>) -> Result<(), WriteError> {
    reply.attribute(kind::CLASS, &[0x55; 16])?;
    reply.u32(kind::SESSION_TIMEOUT, SESSION_TIMEOUT_S)?;
    reply.u32(kind::ACCT_INTERIM_INTERVAL, INTERIM_INTERVAL_S)?;
    let mut text = [0; 16];
    let rate = rate(&mut text);
    reply.vendor(vendor::MIKROTIK, mikrotik::RATE_LIMIT, rate)
}

/// Mikrotik-Rate-Limit without an allocation.
fn rate(room: &mut [u8; 16]) -> &[u8] {
    use std::io::Write as _;
    let mut rest = &mut room[..];
    let _fits = write!(rest, "{UPLOAD_MBPS}M/{DOWNLOAD_MBPS}M");
    let used = 16 - rest.len();
    &room[..used]
}

/// Records Accounting-Requests: a batch is appended, synced, and only then answered.
fn record(socket: UdpSocket, mut writer: Writer, secret: &SharedSecret) -> Result<()> {
    let mut urgency = Urgency::begin();
    let mut inbox = Inbox::new(ACCOUNTING_BATCH, PACKET_LEN_MAX);
    let mut outbox = Outbox::new(ACCOUNTING_BATCH, PACKET_LEN_MAX);
    outbox.couple(&socket);
    let (reader, mut recorded) = (writer.reader(), 0);
    loop {
        let received = inbox.receive(&socket, Wait::ForOne)?;
        urgency.note(received < ACCOUNTING_BATCH, Instant::now());
        for datagram in inbox.datagrams() {
            let Ok(view) = View::parse(datagram.octets) else {
                continue;
            };
            if !secret.check_request_authenticator(&view) {
                continue;
            }
            writer.append(RecordKind::Accounting, view.octets())?;
            recorded += 1;
            if let Some(mut slot) = outbox.claim(datagram.source, datagram.local) {
                let reply = ReplyWriter::new(slot.octets(), Code::AccountingResponse, &view);
                let len = reply.map(|reply| reply.finish(secret).len()).unwrap_or_default();
                slot.commit(len);
            }
        }
        let next = writer.commit()?;
        let _lost = outbox.flush(&socket);
        if recorded >= RELEASE_EVERY {
            recorded = 0;
            reader.release(next)?;
        }
    }
}
