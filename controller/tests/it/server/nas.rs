//! A NAS that accepts Disconnect-Requests.

use std::net::UdpSocket;

use radius::{Code, ReplyWriter, SharedSecret, View};

use super::SECRET;
use crate::stand::wait_until;

/// A NAS that answers Disconnect-Requests when told to.
pub struct Nas {
    /// Where it listens.
    socket: UdpSocket,
    /// Says that one more request may be answered.
    go: std::sync::mpsc::Sender<()>,
    /// How many were answered.
    answered: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Nas {
    /// Starts to listen.
    pub fn listen() -> Nas {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let answered = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (go, may) = std::sync::mpsc::channel();
        let (ear, count) = (socket.try_clone().unwrap(), std::sync::Arc::clone(&answered));
        std::thread::spawn(move || {
            let secret = SharedSecret::new(SECRET.as_bytes());
            let mut datagram = [0; 4096];
            while may.recv().is_ok() {
                let (length, from) = ear.recv_from(&mut datagram).unwrap();
                let request = View::parse(&datagram[..length]).unwrap();
                assert_eq!(request.code(), Code::DisconnectRequest);
                assert!(secret.check_request_authenticator(&request));
                let mut reply = [0; 4096];
                let mut writer = ReplyWriter::new(&mut reply, Code::DisconnectAck, &request).unwrap();
                writer.proxy_states(&request).unwrap();
                ear.send_to(writer.finish(&secret), from).unwrap();
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        });
        Nas { socket, go, answered }
    }

    /// Its port for Disconnect-Requests.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Lets it answer one more request.
    pub fn answer_next(&self) {
        self.go.send(()).unwrap();
    }

    /// Waits until it has answered this many.
    #[track_caller]
    pub fn wait_for_answers(&self, count: usize) {
        wait_until("the NAS has answered", || {
            self.answered.load(std::sync::atomic::Ordering::SeqCst) >= count
        });
    }
}
