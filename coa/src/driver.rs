//! The sockets and the clock of session control. The only file of the crate that knows tokio.
//! Never decides anything about an exchange: it carries octets and time to and from [`crate::exchange`].
//!
//! One task owns the exchanges and two sockets (IPv4, IPv6); [`Coa`] is its handle. What goes down connections that NAS have
//! opened is given to a [`Carrier`], and what comes up again to an [`Inlet`].

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use radius::PACKET_LEN_MAX;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use crate::counters::Counters;
use crate::exchange::{
    ExchangeId, Exchanges, NasKey, Outcome, Pace, Request, StartError, Timing, Transmit, Way,
};

/// Requests that may wait for the task to take them; beyond it a caller waits.
const QUEUE_LEN: usize = 1024;
/// How long the task sleeps when no exchange is under way.
const IDLE_S: u64 = 3600;

/// Why no outcome came back.
#[derive(Debug, thiserror::Error)]
pub enum CoaError {
    /// The request could not be built or the NAS has too many under way.
    #[error("cannot start the request")]
    Start(#[from] StartError),
    /// The task has ended; the process is stopping.
    #[error("session control has stopped")]
    Stopped,
}

/// The handle of the task. Clones share it; the task ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Coa {
    commands: mpsc::Sender<Command>,
}

/// Who brings requests to NAS down connections that they have opened.
pub trait Carrier: Send + Sync {
    /// Sends a packet made with the secret that the request had, or loses it: it is given again. Must not wait. `seen_from`
    /// is where the session's records came from.
    fn send(&self, nas: NasKey, seen_from: SocketAddr, octets: &[u8]);
}

/// Where a [`Carrier`] puts what NAS answer. It does not keep the task alive.
#[derive(Debug, Clone)]
pub struct Inlet {
    commands: mpsc::WeakSender<Command>,
}

impl Inlet {
    /// Takes what a NAS said on its connection, as it would have come over UDP. Does not wait: what finds no room is lost,
    /// as a datagram would be.
    pub fn take(&self, nas: NasKey, octets: &[u8]) {
        if let Some(commands) = self.commands.upgrade()
            && commands.try_send(Command::Carried(nas, octets.into())).is_err()
        {
            debug!(?nas, "an answer of a NAS found no room");
        }
    }
}

/// What the task is told.
enum Command {
    /// Ask a NAS, and say how it ended.
    Send(Request, oneshot::Sender<Result<Outcome, CoaError>>),
    /// A NAS said this on its connection.
    Carried(NasKey, Box<[u8]>),
    /// This one brings requests down connections from now on.
    CarryBy(Arc<dyn Carrier>),
    /// Say what was dropped so far.
    Count(oneshot::Sender<Counters>),
}

impl Coa {
    /// Binds the sockets and starts the task, at the usual pace. Without IPv6 on the machine, only IPv4 NAS can be asked.
    ///
    /// # Errors
    /// When no IPv4 socket can be had or the operating system has no randomness.
    pub async fn start(timing: Timing) -> io::Result<Self> {
        Self::start_paced(timing, Pace::default()).await
    }

    /// The same at a pace of its own.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_paced(timing: Timing, pace: Pace) -> io::Result<Self> {
        let v4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let v6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await.ok();
        let seed = getrandom::u64().map_err(io::Error::other)?;
        let (commands, inbox) = mpsc::channel(QUEUE_LEN);
        let task = Task {
            exchanges: Exchanges::new(seed, timing, pace),
            v4,
            v6,
            inbox,
            waiting: HashMap::new(),
            carrier: None,
        };
        tokio::spawn(task.run());
        Ok(Self { commands })
    }

    /// Has this one bring requests down connections of NAS from now on; what they answer goes into the inlet.
    ///
    /// # Errors
    /// [`CoaError::Stopped`] when the process is stopping, or so much waits that it is no time to begin.
    pub fn carry_by(&self, carrier: Arc<dyn Carrier>) -> Result<Inlet, CoaError> {
        let told = self.commands.try_send(Command::CarryBy(carrier));
        told.map_err(|_| CoaError::Stopped)?;
        Ok(Inlet {
            commands: self.commands.downgrade(),
        })
    }

    /// Asks a NAS and waits until it has answered or stayed silent.
    ///
    /// Dropping the future does not take the request back: it may be on the wire.
    ///
    /// # Errors
    /// [`CoaError::Start`] when it was never sent, [`CoaError::Stopped`] when the process is stopping.
    pub async fn send(&self, request: Request) -> Result<Outcome, CoaError> {
        let (tell, told) = oneshot::channel();
        self.commands
            .send(Command::Send(request, tell))
            .await
            .map_err(|_| CoaError::Stopped)?;
        told.await.map_err(|_| CoaError::Stopped)?
    }

    /// What was dropped so far.
    ///
    /// # Errors
    /// [`CoaError::Stopped`] when the process is stopping.
    pub async fn counters(&self) -> Result<Counters, CoaError> {
        let (tell, told) = oneshot::channel();
        self.commands
            .send(Command::Count(tell))
            .await
            .map_err(|_| CoaError::Stopped)?;
        told.await.map_err(|_| CoaError::Stopped)
    }
}

// -- Task -----------------------------------------------------------------------------------------------------------

/// What the task owns.
struct Task {
    exchanges: Exchanges,
    v4: UdpSocket,
    v6: Option<UdpSocket>,
    inbox: mpsc::Receiver<Command>,
    /// Who waits for which exchange.
    waiting: HashMap<ExchangeId, oneshot::Sender<Result<Outcome, CoaError>>>,
    /// Who brings requests down connections.
    carrier: Option<Arc<dyn Carrier>>,
}

impl Task {
    /// Drains the exchanges, then waits for a command, a datagram or a deadline.
    async fn run(mut self) {
        let mut buf4 = [0; PACKET_LEN_MAX];
        let mut buf6 = [0; PACKET_LEN_MAX];
        loop {
            self.drain().await;
            let deadline = self.exchanges.poll_timeout().map(|(at, _)| at);
            let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(IDLE_S));
            tokio::select! {
                command = self.inbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                got = self.v4.recv_from(&mut buf4) => self.received(got, &buf4),
                got = receive(self.v6.as_ref(), &mut buf6) => self.received(got, &buf6),
                () = tokio::time::sleep_until(deadline.into()) => self.exchanges.handle_timeout(Instant::now()),
            }
        }
    }

    /// Sends what waits to be sent and tells those whose exchange has ended.
    async fn drain(&mut self) {
        while let Some(transmit) = self.exchanges.poll_transmit() {
            self.transmit(&transmit).await;
        }
        while let Some(event) = self.exchanges.poll_event() {
            if let Some(tell) = self.waiting.remove(&event.id) {
                // A caller that has gone away does not need to know.
                let _gone = tell.send(Ok(event.outcome));
            }
        }
    }

    /// Hands one datagram to the kernel. A failure is left to the retransmission: routes come back.
    async fn transmit(&self, transmit: &Transmit) {
        let to = match transmit.to {
            Way::Udp(to) => to,
            Way::Connection { nas, seen_from } => {
                if let Some(carrier) = &self.carrier {
                    carrier.send(nas, seen_from, &transmit.octets);
                }
                return;
            }
        };
        let socket = match (to, &self.v6) {
            (SocketAddr::V4(_), _) => &self.v4,
            (SocketAddr::V6(_), Some(v6)) => v6,
            (SocketAddr::V6(_), None) => {
                debug!(nas = %transmit.to, "no IPv6 on this machine, the request is not sent");
                return;
            }
        };
        if let Err(error) = socket.send_to(&transmit.octets, to).await {
            debug!(nas = %transmit.to, %error, "cannot send to the NAS now, will try again");
        }
    }

    /// Carries out one command.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Count(tell) => {
                let _gone = tell.send(self.exchanges.counters());
            }
            Command::Carried(nas, octets) => self.exchanges.handle_carried(nas, &octets, Instant::now()),
            Command::CarryBy(carrier) => self.carrier = Some(carrier),
            Command::Send(request, tell) => match self.exchanges.start(request, Instant::now(), unix_now_s())
            {
                Ok(id) => {
                    self.waiting.insert(id, tell);
                }
                Err(error) => {
                    let _gone = tell.send(Err(error.into()));
                }
            },
        }
    }

    /// Takes what a socket received; an error is an ICMP message about an earlier datagram and says nothing new.
    fn received(&mut self, got: io::Result<(usize, SocketAddr)>, buf: &[u8]) {
        match got {
            Ok((len, src)) => self.exchanges.handle_datagram(src, &buf[..len], Instant::now()),
            Err(error) => debug!(%error, "a NAS's host refused a datagram"),
        }
    }
}

/// Receives from a socket that may not exist; then for ever nothing.
async fn receive(socket: Option<&UdpSocket>, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buf).await,
        None => std::future::pending().await,
    }
}

/// Seconds since 1970 for Event-Timestamp; 32 bits on the wire.
fn unix_now_s() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}
