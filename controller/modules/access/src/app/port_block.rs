//! Whose a port of a public address was at some time: by the blocks that carrier-grade NAT gave, else by who had the whole
//! address. Never guesses: where more than one fits, all are told, the newest first, each with who said so.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use kernel::id::{SessionId, SubscriberId};
use kernel::{Error, OpContext};
use time::OffsetDateTime;

use super::App;
use super::session::SessionReport;
use crate::store::port_block::{StoredBlock, block_list_at};

/// Somebody who had a port.
#[derive(Debug)]
pub struct Holder {
    /// The block it was in; `None`: the whole address was his.
    pub block: Option<StoredBlock>,
    /// Whose service.
    pub subscriber_id: Option<SubscriberId>,
    /// His user name.
    pub username: Option<String>,
    /// The address behind the NAT.
    pub inside: Option<IpAddr>,
    /// The session that had it, if one is found.
    pub session: Option<SessionReport>,
}

impl App {
    /// Who had a port of a public address at some time; the newest first.
    ///
    /// From the history alone, which is behind the NAS by what the drain has not carried yet.
    pub async fn port_holder_list(
        &self,
        op: &OpContext,
        public: Ipv4Addr,
        port: u16,
        at: OffsetDateTime,
    ) -> Result<Vec<Holder>, Error> {
        let public = IpNet::from(IpAddr::V4(public));
        let mut tx = self.db.begin(op).await?;
        let blocks = block_list_at(&mut tx, op, public, port, at).await?;
        tx.commit().await?;
        let mut holders = Vec::new();
        for block in blocks {
            holders.extend(self.holders_of(op, block, at).await?);
        }
        if holders.is_empty() {
            // Nobody shares it: then it was one session's.
            let held = self.session_list_at(op, public, at).await?;
            holders.extend(held.into_iter().map(|session| Holder {
                block: None,
                subscriber_id: session.subscriber_id,
                username: session.username.clone(),
                inside: None,
                session: Some(session),
            }));
        }
        Ok(holders)
    }

    /// Who had a block then: nobody, when its session had ended before.
    async fn holders_of(
        &self,
        op: &OpContext,
        block: StoredBlock,
        at: OffsetDateTime,
    ) -> Result<Vec<Holder>, Error> {
        let holder = |block: StoredBlock, session: Option<SessionReport>| Holder {
            subscriber_id: session
                .as_ref()
                .and_then(|session| session.subscriber_id)
                .or(block.subscriber_id.map(SubscriberId::from)),
            username: session
                .as_ref()
                .and_then(|session| session.username.clone())
                .or_else(|| block.username.clone()),
            inside: block.inside.map(|net| net.addr()).or_else(|| {
                let session = session.as_ref()?;
                session.framed_ip.or(session.framed_ipv6)
            }),
            session,
            block: Some(block),
        };
        if let Some(id) = block.session_id {
            let found = match self.session_get(op, SessionId::from(id)).await {
                Ok(session) => Some(session),
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
            let over = found
                .as_ref()
                .and_then(|session| session.stopped_at)
                .is_some_and(|end| end < at);
            return Ok(match over {
                true => Vec::new(),
                false => vec![holder(block, found)],
            });
        }
        let Some(inside) = block.inside else {
            return Ok(vec![holder(block, None)]);
        };
        let sessions = self.session_list_at(op, inside, at).await?;
        // The same address may be behind the NAT of every NAS.
        let there: Vec<_> = sessions
            .into_iter()
            .filter(|session| block.nas_id.is_none_or(|nas| session.nas_id.as_uuid() == nas))
            .filter(|session| {
                let same = |name: &String| session.username.as_ref() == Some(name);
                block.username.as_ref().is_none_or(same)
            })
            .collect();
        if there.is_empty() {
            return Ok(vec![holder(block, None)]);
        }
        Ok(there
            .into_iter()
            .map(|session| holder(block.clone(), Some(session)))
            .collect())
    }
}
