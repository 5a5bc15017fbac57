//! The simulated BNG against a server of a few lines that accepts everybody, on addresses of 127/8.

use std::sync::mpsc;

use radius::{
    Accounting, Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, StatusType, View, kind,
};

use super::*;
use crate::wait::{self, Look};

/// How long anything may take here.
const SOON: Duration = Duration::from_secs(10);
/// Longer than a test.
const LONG: Duration = Duration::from_secs(3600);

/// What the server saw of one Accounting-Request.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Acct-Status-Type.
    status: StatusType,
    /// User-Name.
    username: String,
    /// Acct-Terminate-Cause.
    cause: Option<u32>,
}

/// Answers every request with yes until its socket is told to go, and passes accounting on.
fn serve(socket: &std::net::UdpSocket, secret: &SharedSecret, seen: &mpsc::Sender<Seen>) -> Result<()> {
    let mut room = [0; PACKET_LEN_MAX];
    loop {
        let (length, from) = socket.recv_from(&mut room)?;
        let Ok(request) = View::parse(&room[..length]) else {
            return Ok(());
        };
        let code = match request.code() {
            Code::AccessRequest => Code::AccessAccept,
            _ => Code::AccountingResponse,
        };
        if let Some(record) = Accounting::read(&request) {
            let username = request.text(kind::USER_NAME).unwrap_or_default().to_owned();
            let cause = request.u32(kind::ACCT_TERMINATE_CAUSE);
            seen.send(Seen {
                status: record.status,
                username,
                cause,
            })?;
        }
        let mut reply = [0; PACKET_LEN_MAX];
        let reply = ReplyWriter::new(&mut reply, code, &request)?.finish(secret);
        socket.send_to(reply, from)?;
    }
}

/// Sends a Disconnect-Request and gives the kind of the answer, if there is one.
fn disconnect(bng: &Bng, secret: &SharedSecret, username: &str, timestamp: u32) -> Result<Option<Code>> {
    let socket = std::net::UdpSocket::bind("127.18.77.3:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(700)))?;
    let mut room = [0; PACKET_LEN_MAX];
    let mut request = RequestWriter::signed(&mut room, Code::DisconnectRequest, 1)?;
    request.reserve_message_authenticator()?;
    request.u32(kind::EVENT_TIMESTAMP, timestamp)?;
    request.text(kind::USER_NAME, username)?;
    socket.send_to(request.finish(secret), (bng.address, bng.coa_port))?;
    let mut answer = [0; PACKET_LEN_MAX];
    let Ok((length, _)) = socket.recv_from(&mut answer) else {
        return Ok(None);
    };
    Ok(Some(View::parse(&answer[..length])?.code()))
}

/// The next accounting record of this kind.
fn next(seen: &mpsc::Receiver<Seen>, status: StatusType) -> Result<Seen> {
    wait::until("an accounting record", SOON, || {
        let record = seen.recv_timeout(SOON).context("the server saw nothing more")?;
        Ok(if record.status == status {
            Look::Found(record)
        } else {
            Look::Not(format!("{record:?}"))
        })
    })
}

#[test]
fn a_subscriber_logs_in_is_thrown_out_and_the_last_one_is_logged_out_at_the_end() -> Result<()> {
    let clear = Secret::random()?;
    let secret = SharedSecret::new(clear.reveal().as_bytes());
    let server = std::net::UdpSocket::bind("127.18.77.1:0")?;
    let at = server.local_addr()?;
    let (sender, seen) = mpsc::channel();
    let shared = secret.clone();
    thread::spawn(move || serve(&server, &shared, &sender));

    // A port that was free a moment ago; nobody else uses this address.
    let address = Ipv4Addr::new(127, 18, 77, 2);
    let coa_port = std::net::UdpSocket::bind((address, 0))?.local_addr()?.port();
    let bng = Bng {
        address,
        coa_port,
        secret: clear,
        auth: at,
        accounting: at,
    };
    let twin = |username: &str, chap: bool| {
        Ok::<Twin, anyhow::Error>(Twin {
            username: username.to_owned(),
            password: Secret::random()?,
            chap,
            stays: LONG,
            away: LONG,
            interim: LONG,
        })
    };
    let simulator = Simulator::start(bng.clone(), vec![twin("one", false)?, twin("two", true)?])?;
    assert_eq!(next(&seen, StatusType::Start)?.username, "one");
    assert_eq!(next(&seen, StatusType::Start)?.username, "two");
    wait::until("both to be online", SOON, || {
        Ok(if simulator.online() == 2 {
            Look::Found(())
        } else {
            Look::Not("fewer".to_owned())
        })
    })?;

    let now = wire::unix_now();
    let stranger = SharedSecret::new(b"another secret");
    assert_eq!(disconnect(&bng, &stranger, "two", now)?, None, "a forged request");
    assert_eq!(
        disconnect(&bng, &secret, "two", now - 3600)?,
        None,
        "a request of an hour ago"
    );
    assert_eq!(
        disconnect(&bng, &secret, "nobody", now)?,
        Some(Code::DisconnectNak)
    );
    assert_eq!(disconnect(&bng, &secret, "two", now)?, Some(Code::DisconnectAck));
    let stop = Seen {
        status: StatusType::Stop,
        username: "two".to_owned(),
        cause: Some(6),
    };
    assert_eq!(next(&seen, StatusType::Stop)?, stop);
    assert_eq!(simulator.count(|all| &all.disconnected), 1);
    assert_eq!(simulator.count(|all| &all.refused), 3);

    drop(simulator);
    let stop = Seen {
        status: StatusType::Stop,
        username: "one".to_owned(),
        cause: Some(10),
    };
    assert_eq!(next(&seen, StatusType::Stop)?, stop);
    Ok(())
}
