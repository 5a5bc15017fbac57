//! Finding anyone by anything: a user name, a name, an address of any kind, a MAC, a port, a NAS, a plan.
//! Never shows a kind of thing that the actor may not read, and never more than was asked for.

use std::net::IpAddr;

use ipnet::IpNet;
use kernel::authz::Permission;
use kernel::{Error, OpContext};
use radius::mac::Mac;
use time::OffsetDateTime;
use uuid::Uuid;

use super::session::SessionReport;
use super::{App, plane_partner};
use crate::store::search as rows;
use crate::store::search::Found;

/// The most that is found at once.
pub const HITS_MAX: u32 = 50;

/// What was found, and by what.
#[derive(Debug, Clone)]
pub struct Hit {
    /// `subscriber`, `session`, `nas`, `plan`, `client` or `site`.
    pub kind: String,
    /// Which.
    pub id: Uuid,
    /// What people call it.
    pub title: String,
    /// What tells it from others of the same name.
    pub detail: Option<String>,
    /// By what it was found: `name`, `mac`, `address`, `port` or `mark`.
    pub by: &'static str,
}

impl Hit {
    /// A row that was found.
    fn row(by: &'static str) -> impl Fn(Found) -> Self {
        move |found| Self {
            kind: found.kind,
            id: found.id,
            title: found.title,
            detail: found.detail.filter(|detail| !detail.is_empty()),
            by,
        }
    }

    /// A session that was found.
    fn session(by: &'static str) -> impl Fn(SessionReport) -> Self {
        move |session| {
            let address = session.framed_ip.or(session.framed_ipv6);
            let parts = [
                session.nas,
                session.nas_port,
                session.calling_station,
                address.map(|address| address.to_string()),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            Self {
                kind: "session".to_owned(),
                id: session.id.as_uuid(),
                title: session.username.unwrap_or(session.acct_session_id),
                detail: Some(parts.join(", ")).filter(|detail| !detail.is_empty()),
                by,
            }
        }
    }
}

impl App {
    /// What there is of this partner by that name or number, what fits best first.
    pub async fn search(&self, op: &OpContext, text: &str, limit: u32) -> Result<Vec<Hit>, Error> {
        let text = text.trim();
        let count = i64::from(limit.clamp(1, HITS_MAX));
        let may = |permission| op.permissions.contains(permission);
        let sessions = may(Permission::RadiusSessionsRead);
        let kinds = |all: &[(&str, bool)]| -> Vec<String> {
            all.iter()
                .filter(|(_, may)| *may)
                .map(|(kind, _)| (*kind).to_owned())
                .collect()
        };
        let named = kinds(&[
            ("subscriber", may(Permission::RadiusSubscribersRead)),
            ("client", may(Permission::PartnerRead)),
            ("site", may(Permission::PartnerRead)),
        ]);
        let few = kinds(&[
            ("nas", sessions),
            ("plan", may(Permission::RadiusSubscribersRead)),
        ]);
        let (mac, address) = (Mac::parse(text.as_bytes()), text.parse::<IpAddr>().ok());
        let mut hits = Vec::new();
        let mut tx = self.db.begin(op).await?;
        if may(Permission::RadiusSubscribersRead) {
            let value = mac.map_or_else(|| text.to_owned(), |mac| mac.to_string());
            let marked = rows::found_by_mark(&mut tx, op, &value, count).await?;
            hits.extend(
                marked
                    .into_iter()
                    .map(Hit::row(if mac.is_some() { "mac" } else { "mark" })),
            );
            if let Some(address) = address {
                let assigned = rows::found_by_assigned(&mut tx, op, address).await?;
                hits.extend(assigned.into_iter().map(Hit::row("address")));
            }
        }
        let word = text.to_lowercase();
        let found = rows::found_by_word(&mut tx, op, &word, &named, count).await?;
        hits.extend(found.into_iter().map(Hit::row("name")));
        let found = rows::found_by_piece(&mut tx, op, &word, &few, count).await?;
        hits.extend(found.into_iter().map(Hit::row("name")));
        tx.commit().await?;
        if sessions && let Some(address) = address {
            let now = OffsetDateTime::now_utc();
            let held = self.session_list_at(op, IpNet::from(address), now).await?;
            hits.extend(held.into_iter().map(Hit::session("address")));
        }
        if sessions && (mac.is_some() || is_port(text)) {
            hits.extend(self.sessions_seen(op, mac, text)?);
        }
        hits.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(hits)
    }

    /// Open sessions of a device or at a port. Looks at each open session of the partner, in memory.
    fn sessions_seen(&self, op: &OpContext, mac: Option<Mac>, port: &str) -> Result<Vec<Hit>, Error> {
        let all = self
            .plane
            .sessions
            .by_partner(plane_partner(op.require_partner()?));
        let hits = all.iter().filter_map(|session| {
            let station = session.attribute(radius::attribute::kind::CALLING_STATION_ID);
            match mac {
                Some(mac) if station.and_then(Mac::parse) == Some(mac) => {
                    Some(Hit::session("mac")(self.live_report(session)))
                }
                Some(_) => None,
                None => {
                    let at = session.attribute(radius::attribute::kind::NAS_PORT_ID)?;
                    at.eq_ignore_ascii_case(port.as_bytes())
                        .then(|| Hit::session("port")(self.live_report(session)))
                }
            }
        });
        Ok(hits.take(HITS_MAX as usize).collect())
    }
}

/// Whether a text looks like a port of a NAS: `eth 0/1`, `ge-0/0/3:120`, `pppoe-7`.
fn is_port(text: &str) -> bool {
    text.chars().any(|letter| letter.is_ascii_digit())
        && text
            .chars()
            .any(|letter| matches!(letter, '/' | ':' | '-' | '.' | ' '))
}

#[cfg(test)]
mod tests {
    use super::is_port;

    #[test]
    fn a_port_has_a_number_and_a_separator() {
        for port in ["eth 0/1", "ge-0/0/3:120", "pppoe-7"] {
            assert!(is_port(port), "{port}");
        }
        for other in ["alice", "alice o'brien", "4711"] {
            assert!(!is_port(other), "{other}");
        }
    }
}
