//! By which ways a NAS is asked about a session, and in which order: down its own connection while it has one, else by UDP.
//! Never sends anything, and never takes a NAS's silence on its connection for more than a sign that UDP suits it better.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use coa::{Carrier, Coa, NasKey, Target, Way};
use radius::secret::SharedSecret;
use radius_server::NasId;
use radius_server::directory::{Nas, NasStats};
use radius_server::radsec::{self, Downlinks};
use radius_server::sessions::Session;
use tracing::warn;
use uuid::Uuid;

use crate::app::unix_now_s;
use crate::causes::Causes;

/// How long a NAS that answered by UDP what it did not on its connection is asked by UDP first.
const DEAF_S: i64 = 3_600;

/// The ways, in order; there is always one.
pub(super) fn ways(downlinks: &Downlinks, nas: &Nas, session: &Session) -> Vec<Target> {
    let udp = Target {
        way: Way::Udp(coa_address(nas, session)),
        secret: nas.coa_secret_at(unix_now_s()).clone(),
    };
    if !downlinks.reaches(nas.id, session.source) {
        return vec![udp];
    }
    let connection = Target {
        way: Way::Connection {
            nas: NasKey(*nas.id.as_bytes()),
            seen_from: session.source,
        },
        secret: SharedSecret::new(radsec::SECRET),
    };
    let deaf_since_s = nas.stats.connection_deaf_unix_s.load(Ordering::Relaxed);
    if unix_now_s() - deaf_since_s < DEAF_S {
        vec![udp, connection]
    } else {
        vec![connection, udp]
    }
}

/// Notes how a NAS was reached: `silent` are the ways on which it said nothing before.
pub(super) fn learn(stats: &NasStats, answered: Way, silent: &[Way]) {
    let was_deaf = silent.iter().any(|way| matches!(way, Way::Connection { .. }));
    match answered {
        Way::Connection { .. } => stats.connection_deaf_unix_s.store(0, Ordering::Relaxed),
        Way::Udp(_) if was_deaf => stats
            .connection_deaf_unix_s
            .store(unix_now_s(), Ordering::Relaxed),
        Way::Udp(_) => {}
    }
}

/// Ways in words.
pub(super) fn in_words(ways: &[Way]) -> String {
    let words = ways.iter().map(|way| match way {
        Way::Udp(addr) => format!("at {addr}"),
        Way::Connection { .. } => "on its own TLS connection".to_owned(),
    });
    words.collect::<Vec<_>>().join(" nor ")
}

/// Where the NAS listens: its own address when it is one host, else where the session's records came from.
fn coa_address(nas: &Nas, session: &Session) -> SocketAddr {
    let one_host = nas.network.prefix_len() == nas.network.max_prefix_len();
    let address = if one_host {
        nas.network.addr()
    } else {
        session.source.ip()
    };
    SocketAddr::new(address.to_canonical(), nas.coa.port)
}

// -- what connects session control with the connections -------------------------------------------------------------

/// Brings requests to the connections of the access plane.
struct Carry(Arc<Downlinks>);

impl Carrier for Carry {
    fn send(&self, nas: NasKey, seen_from: SocketAddr, octets: &[u8]) {
        // One that is not taken is given again.
        let _taken = self.0.send(nas_id(nas), seen_from, octets);
    }
}

/// Connects both directions.
pub(crate) fn connect(coa: &Coa, downlinks: &Arc<Downlinks>) {
    match coa.carry_by(Arc::new(Carry(Arc::clone(downlinks)))) {
        Ok(inlet) => downlinks.listen(Box::new(move |nas, octets| {
            inlet.take(NasKey(*nas.as_bytes()), octets);
        })),
        Err(error) => {
            warn!(error = %Causes(&error), "requests to NAS cannot go down their TLS connections");
        }
    }
}

/// The same NAS to the access plane.
fn nas_id(nas: NasKey) -> NasId {
    NasId::from(Uuid::from_bytes(nas.0))
}
