//! Sessions: the open ones from the access plane's memory, the closed ones from the database.
//! Never changes one; [`super::intent`] asks the NAS to.
//!
//! Memory is ahead of the database by what the drain has not carried yet, and works without it. Each session says where
//! it was read and how old the last word of its NAS is.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use kernel::id::{NasId, PartnerId, SessionId, SubscriberId};
use kernel::{Error, OpContext};
use radius::attribute::{kind, read_ipv6, read_ipv6_prefix};
use radius::dictionary;
use radius_server::sessions::{CloseCause, Session};
use time::OffsetDateTime;

use super::{App, instant, plane_partner, unix_now_s};
use crate::drain::row::{clean, hex, session_id_text};
use crate::store::session::{SessionFilter, StoredSession};
use crate::store::{self, Listed, Window};

/// Where a session was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The access plane's session table: as fresh as the NAS's last record.
    Memory,
    /// The history.
    Database,
}

impl Source {
    /// The word in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Database => "database",
        }
    }
}

/// A session as people see it.
#[derive(Debug, Clone)]
pub struct SessionReport {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub partner_id: PartnerId,
    /// The partner's name.
    pub partner: Option<String>,
    /// On which NAS.
    pub nas_id: NasId,
    /// The NAS's name, if it still exists.
    pub nas: Option<String>,
    /// NAS-Port-Id, else NAS-Port.
    pub nas_port: Option<String>,
    /// Whose service.
    pub subscriber_id: Option<SubscriberId>,
    /// User-Name.
    pub username: Option<String>,
    /// Calling-Station-Id: the subscriber's MAC, as a rule.
    pub calling_station: Option<String>,
    /// Called-Station-Id.
    pub called_station: Option<String>,
    /// Framed-IP-Address.
    pub framed_ip: Option<IpAddr>,
    /// Framed-IPv6-Address.
    pub framed_ipv6: Option<IpAddr>,
    /// Framed-IPv6-Prefix.
    pub framed_ipv6_prefix: Option<IpNet>,
    /// Framed-Interface-Id in hex.
    pub framed_interface_id: Option<String>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6_prefix: Option<IpNet>,
    /// Acct-Session-Id, `0x…` when it is no text.
    pub acct_session_id: String,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// Event time of the newest record.
    pub updated_at: OffsetDateTime,
    /// Seconds since then.
    pub age_s: i64,
    /// When it ended; `None`: it is open.
    pub stopped_at: Option<OffsetDateTime>,
    /// Why it ended.
    pub terminate_cause: Option<String>,
    /// Acct-Session-Time, seconds.
    pub session_time_s: i64,
    /// From the subscriber.
    pub octets_in: u64,
    /// To the subscriber.
    pub octets_out: u64,
    /// From the subscriber over IPv6, where the NAS tells; the history has it.
    pub octets_in6: Option<u64>,
    /// To the subscriber over IPv6, where the NAS tells; the history has it.
    pub octets_out6: Option<u64>,
    /// How often a counter of its wrapped at 2^32 without the NAS saying so.
    pub counter_wraps: u32,
    /// How often a counter of its began anew.
    pub counter_resets: u32,
    /// By what its end was inferred, when its NAS did not tell it; else Connect-Info of its Stop.
    pub stop_evidence: Option<String>,
    /// Whether its Start was seen; otherwise `started_at` is computed.
    pub start_seen: bool,
    /// Where this was read.
    pub source: Source,
}

/// Which sessions to list.
#[derive(Debug, Clone, Default)]
pub struct SessionQuery {
    /// Exactly this user name.
    pub username: Option<String>,
    /// On this NAS, by name or id.
    pub nas: Option<String>,
    /// The closed ones instead of the open ones.
    pub closed: bool,
}

impl App {
    /// Lists open sessions (from memory) or closed ones (from the database), newest start first.
    pub async fn session_list(
        &self,
        op: &OpContext,
        query: &SessionQuery,
        window: Window,
    ) -> Result<Listed<SessionReport>, Error> {
        let partner = op.require_partner()?;
        let nas = match &query.nas {
            Some(named) => match self.nas_named(partner, named) {
                Some(id) => Some(id),
                None => return Err(Error::not_found("NAS", named)),
            },
            None => None,
        };
        if !query.closed {
            return Ok(self.session_list_open(partner, query.username.as_deref(), nas, window));
        }
        let filter = SessionFilter {
            username: query.username.clone(),
            nas,
        };
        let mut tx = self.db.begin(op).await?;
        let Listed { rows, total } =
            store::session::session_list_closed(&mut tx, op, &filter, window).await?;
        tx.commit().await?;
        Ok(Listed {
            rows: rows.into_iter().map(|row| self.stored_report(row)).collect(),
            total,
        })
    }

    /// One session: from memory while it is open, else from the database, else what memory still knows of its end.
    pub async fn session_get(&self, op: &OpContext, id: SessionId) -> Result<SessionReport, Error> {
        let partner = op.require_partner()?;
        let remembered = self.session_remembered(partner, id);
        if let Some(session) = remembered.as_deref().filter(|session| session.is_open()) {
            return Ok(self.live_report(session));
        }
        let stored = async {
            let mut tx = self.db.begin(op).await?;
            let stored = store::session::session_fetch(&mut tx, op, id).await?;
            tx.commit().await?;
            Ok::<_, Error>(stored)
        };
        match (stored.await, remembered) {
            // The drain has not carried the end yet: memory knows better.
            (Ok(Some(row)), Some(session)) if row.stopped_at.is_none() => Ok(self.live_report(&session)),
            (Ok(Some(row)), _) => Ok(self.stored_report(row)),
            (_, Some(session)) => Ok(self.live_report(&session)),
            (Ok(None), None) => Err(Error::not_found("session", id)),
            (Err(error), None) => Err(error),
        }
    }

    /// The sessions that held an address, or one of a network's, or a prefix around it, at some time; the newest first, at
    /// most [`store::session::HOLDERS_MAX`].
    ///
    /// From the history alone, which is behind the NAS by what the drain has not carried yet. A session that changed its
    /// address is found by its last one.
    pub async fn session_list_at(
        &self,
        op: &OpContext,
        network: IpNet,
        at: OffsetDateTime,
    ) -> Result<Vec<SessionReport>, Error> {
        let mut tx = self.db.begin(op).await?;
        let mut held = Vec::new();
        for id in store::session::session_list_at(&mut tx, op, network, at).await? {
            held.extend(store::session::session_fetch(&mut tx, op, id).await?);
        }
        tx.commit().await?;
        held.sort_unstable_by_key(|row| (Reverse(row.started_at), row.id));
        Ok(held.into_iter().map(|row| self.stored_report(row)).collect())
    }

    /// What memory has of a session of this partner, open or closed a short while ago.
    pub(in crate::app) fn session_remembered(
        &self,
        partner: PartnerId,
        id: SessionId,
    ) -> Option<Arc<Session>> {
        self.plane
            .sessions
            .get(id.as_uuid().into())
            .filter(|session| session.partner == plane_partner(partner))
    }

    /// One page of a partner's open sessions.
    fn session_list_open(
        &self,
        partner: PartnerId,
        username: Option<&str>,
        nas: Option<NasId>,
        window: Window,
    ) -> Listed<SessionReport> {
        let own = plane_partner(partner);
        let mut sessions = match (username, nas) {
            (Some(username), _) => self.plane.sessions.by_username(own, username),
            (None, Some(nas)) => self.plane.sessions.by_nas(nas.as_uuid().into()),
            (None, None) => self.plane.sessions.by_partner(own),
        };
        let on = nas.map(|nas| nas.as_uuid());
        sessions
            .retain(|session| session.partner == own && on.is_none_or(|nas| session.nas.as_uuid() == nas));
        sessions.sort_unstable_by_key(|session| (Reverse(session.started_unix_s), session.id));
        let total = i64::try_from(sessions.len()).unwrap_or(i64::MAX);
        let (skip, take) = (window.offset.max(0), window.limit.max(0));
        let page = sessions
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
            .take(usize::try_from(take).unwrap_or(usize::MAX));
        Listed {
            rows: page.map(|session| self.live_report(session)).collect(),
            total,
        }
    }

    /// The NAS of this partner that a caller names, by id or by name.
    pub(in crate::app) fn nas_named(&self, partner: PartnerId, named: &str) -> Option<NasId> {
        let own = plane_partner(partner);
        let id = named.parse::<uuid::Uuid>().ok();
        let known = self.plane.directory.nas_list().into_iter().find(|nas| {
            nas.partner.id() == own && (id == Some(nas.id.as_uuid()) || nas.name.eq_ignore_ascii_case(named))
        });
        // A NAS that was removed still has history: its id is enough to ask for it, row security does the rest.
        known.map(|nas| nas.id.as_uuid()).or(id).map(NasId::from)
    }

    /// A session of the session table as people see it.
    pub(super) fn live_report(&self, session: &Session) -> SessionReport {
        let text = |kind| {
            session
                .attribute(kind)
                .map(|octets| clean(&String::from_utf8_lossy(octets)).into_owned())
        };
        let prefix = |kind| {
            let (address, length) = session.attribute(kind).and_then(read_ipv6_prefix)?;
            IpNet::new(address.into(), length).ok()
        };
        let port = session
            .attribute(kind::NAS_PORT)
            .and_then(|octets| octets.try_into().ok())
            .map(u32::from_be_bytes);
        let cause = session.closed.as_ref().map(|closed| match closed.cause {
            CloseCause::NasRestarted => "NAS-Reboot".to_owned(),
            CloseCause::Silent => "Stale".to_owned(),
            CloseCause::Stop {
                terminate_cause: None,
            } => "not given".to_owned(),
            CloseCause::Stop {
                terminate_cause: Some(number),
            } => dictionary::STANDARD
                .by_number(0, kind::ACCT_TERMINATE_CAUSE)
                .and_then(|definition| definition.value_name(number.into()))
                .map_or_else(|| number.to_string(), str::to_owned),
        });
        SessionReport {
            id: session.id.as_uuid().into(),
            partner_id: session.partner.as_uuid().into(),
            partner: self
                .plane
                .directory
                .partner(session.partner)
                .map(|partner| partner.name().to_string()),
            nas_id: session.nas.as_uuid().into(),
            nas: self
                .plane
                .directory
                .nas(session.nas)
                .map(|nas| nas.name.to_string()),
            nas_port: text(kind::NAS_PORT_ID).or_else(|| port.map(|port| port.to_string())),
            subscriber_id: session.subscriber.map(|subscriber| subscriber.as_uuid().into()),
            username: text(kind::USER_NAME),
            calling_station: text(kind::CALLING_STATION_ID),
            called_station: text(kind::CALLED_STATION_ID),
            framed_ip: session.framed_ip().map(IpAddr::from),
            framed_ipv6: session
                .attribute(kind::FRAMED_IPV6_ADDRESS)
                .and_then(read_ipv6)
                .map(IpAddr::from),
            framed_ipv6_prefix: prefix(kind::FRAMED_IPV6_PREFIX),
            framed_interface_id: session.attribute(kind::FRAMED_INTERFACE_ID).map(hex),
            delegated_ipv6_prefix: prefix(kind::DELEGATED_IPV6_PREFIX),
            acct_session_id: session_id_text(session.acct_session_id()).into_owned(),
            started_at: instant(session.started_unix_s),
            updated_at: instant(session.updated_unix_s),
            age_s: unix_now_s().saturating_sub(session.updated_unix_s).max(0),
            stopped_at: session.closed.as_ref().map(|closed| instant(closed.at_unix_s)),
            terminate_cause: cause,
            session_time_s: i64::from(session.session_time_s),
            octets_in: session.counted.octets_in,
            octets_out: session.counted.octets_out,
            octets_in6: None,
            octets_out6: None,
            counter_wraps: session.counted.wraps.into(),
            counter_resets: session.counted.resets.into(),
            stop_evidence: None,
            start_seen: session.start_seen,
            source: Source::Memory,
        }
    }

    /// A session of the history as people see it.
    fn stored_report(&self, row: StoredSession) -> SessionReport {
        let partner = self.plane.directory.partner(row.tenant_id.into());
        SessionReport {
            id: row.id.into(),
            partner_id: row.tenant_id.into(),
            partner: partner.map(|partner| partner.name().to_string()),
            nas_id: row.nas_id.into(),
            nas: row.nas,
            nas_port: row.nas_port,
            subscriber_id: row.subscriber_id.map(SubscriberId::from),
            username: row.username,
            calling_station: row.calling_station,
            called_station: row.called_station,
            framed_ip: row.framed_ip.map(|net| net.addr()),
            framed_ipv6: row.framed_ipv6.map(|net| net.addr()),
            framed_ipv6_prefix: row.framed_ipv6_prefix,
            framed_interface_id: row.framed_interface_id,
            delegated_ipv6_prefix: row.delegated_ipv6_prefix,
            acct_session_id: row.acct_session_id,
            started_at: row.started_at,
            updated_at: row.updated_at,
            age_s: unix_now_s()
                .saturating_sub(row.updated_at.unix_timestamp())
                .max(0),
            stopped_at: row.stopped_at,
            terminate_cause: row.terminate_cause,
            session_time_s: row.session_time.unwrap_or(0),
            octets_in: u64::try_from(row.octets_in).unwrap_or(0),
            octets_out: u64::try_from(row.octets_out).unwrap_or(0),
            octets_in6: row.octets_in6.and_then(|octets| u64::try_from(octets).ok()),
            octets_out6: row.octets_out6.and_then(|octets| u64::try_from(octets).ok()),
            counter_wraps: u32::try_from(row.counter_wraps).unwrap_or(0),
            counter_resets: u32::try_from(row.counter_resets).unwrap_or(0),
            stop_evidence: row.stop_evidence,
            start_seen: row.start_seen,
            source: Source::Database,
        }
    }
}
