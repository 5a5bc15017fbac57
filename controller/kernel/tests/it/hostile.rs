//! An HTTP server that behaves as badly as servers do, each way under a path of its own, and counts what it was sent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The longest request head a test sends.
const HEAD_OCTETS_MAX: usize = 16 * 1024;

/// What the server has seen.
#[derive(Default)]
pub struct Seen {
    /// Connections taken.
    pub connections: AtomicUsize,
    /// Requests by method and path, such as `GET /well`.
    requests: Mutex<HashMap<String, usize>>,
    /// Requests it has not answered yet.
    open: AtomicUsize,
    /// The most of them at a time.
    pub open_max: AtomicUsize,
}

impl Seen {
    /// How often something was asked.
    pub fn count(&self, what: &str) -> usize {
        self.requests.lock().get(what).copied().unwrap_or(0)
    }
}

/// The server; gone when it is dropped.
pub struct Hostile {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it has seen.
    pub seen: Arc<Seen>,
    /// True: `/gate` answers.
    gate: watch::Sender<bool>,
    /// Its task.
    task: JoinHandle<()>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hostile {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let (gate, opened) = watch::channel(false);
        let seeing = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seeing.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, opened) = (Arc::clone(&seeing), opened.clone());
                // What a hostile server makes of a connection is the client's trouble.
                tokio::spawn(async move { drop(serve(stream, &seen, opened).await) });
            }
        });
        Self {
            address,
            seen,
            gate,
            task,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets `/gate` answer.
    pub fn open_gate(&self) {
        self.gate.send_replace(true);
    }
}

/// Serves one connection until it misbehaves.
async fn serve(mut stream: TcpStream, seen: &Seen, mut opened: watch::Receiver<bool>) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some((head, rest)) = head(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let nth = {
            let mut requests = seen.requests.lock();
            let count = requests.entry(format!("{method} {path}")).or_default();
            *count += 1;
            *count
        };
        buffer = rest;
        let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.open_max.fetch_max(open, Ordering::SeqCst);
        let goes_on = answer(&mut stream, &path, nth, &mut opened).await;
        seen.open.fetch_sub(1, Ordering::SeqCst);
        if !goes_on? {
            return Ok(());
        }
    }
}

/// Reads a head and the body after it; what came beyond is the next one's.
async fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<(String, Vec<u8>)>> {
    loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..at]).into_owned();
            let body = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            while buffer.len() < at + 4 + body {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            return Ok(Some((head, buffer.split_off(at + 4 + body))));
        }
        if buffer.len() > HEAD_OCTETS_MAX || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Answers as the path says; whether the connection goes on.
async fn answer(
    stream: &mut TcpStream,
    path: &str,
    nth: usize,
    opened: &mut watch::Receiver<bool>,
) -> std::io::Result<bool> {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    match path {
        "/well" => stream.write_all(ok.as_bytes()).await.map(|()| true),
        "/gate" => {
            drop(opened.wait_for(|open| *open).await);
            stream.write_all(ok.as_bytes()).await.map(|()| true)
        }
        // Says it keeps the connection, and does not.
        "/liar" => {
            stream.write_all(ok.as_bytes()).await?;
            stream.shutdown().await.map(|()| false)
        }
        "/hang" => {
            // Until the client goes.
            let mut one = [0];
            stream.read(&mut one).await.map(|_| false)
        }
        "/slow" => loop {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await?;
            for _ in 0..1_000 {
                stream.write_all(b"x").await?;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        },
        "/half" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await?;
            stream.shutdown().await.map(|()| false)
        }
        "/short" => {
            let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten octets";
            stream.write_all(short).await?;
            stream.shutdown().await.map(|()| false)
        }
        "/endless" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await?;
            let chunk = [b"1000\r\n".as_slice(), &[b'x'; 0x1000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        "/garbage" => {
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await?;
            stream.shutdown().await.map(|()| false)
        }
        "/reset" => {
            stream.set_zero_linger()?;
            Ok(false)
        }
        "/redirect" => {
            let elsewhere = b"HTTP/1.1 302 Found\r\nLocation: /well\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(elsewhere).await.map(|()| true)
        }
        "/flaky" if nth >= 3 => stream.write_all(ok.as_bytes()).await.map(|()| true),
        "/503" | "/flaky" => status(stream, "503 Service Unavailable", "").await,
        "/429" => status(stream, "429 Too Many Requests", "Retry-After: 0\r\n").await,
        "/429-hour" => status(stream, "429 Too Many Requests", "Retry-After: 3600\r\n").await,
        "/500" => status(stream, "500 Internal Server Error", "").await,
        _ => status(stream, "404 Not Found", "").await,
    }
}

/// Answers with a status and nothing else.
async fn status(stream: &mut TcpStream, status: &str, headers: &str) -> std::io::Result<bool> {
    let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).await.map(|()| true)
}
