//! Ports behind carrier-grade NAT over HTTP: whose one was, and what a NAT says of them.
//! Never holds a rule; see [`crate::app::port_block`] and [`crate::app::import::port_block`].

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Problem, Query, Valid};
use kernel::id::{NasId, SubscriberId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::import::OutcomeView;
use super::session::SessionView;
use crate::app::App;
use crate::app::import::BATCH_ITEMS_MAX;
use crate::app::import::port_block::BlockIn;
use crate::app::port_block::Holder;

/// Which port, and when.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PortAtQuery {
    /// The public IPv4 address.
    #[param(value_type = String)]
    address: Ipv4Addr,
    /// The port.
    port: u16,
    /// When, as in RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[param(value_type = String)]
    at: OffsetDateTime,
}

/// Blocks that a NAT gave or took back.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PortBlocks {
    /// At most 1000.
    #[garde(length(min = 1, max = BATCH_ITEMS_MAX), dive)]
    items: Vec<PortBlockBody>,
}

/// A block of ports that somebody was behind. The same again with `until` ends it.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PortBlockBody {
    /// The public IPv4 address.
    #[schema(value_type = String)]
    public_address: IpAddr,
    /// The first port.
    port_first: u16,
    /// The last one.
    port_last: u16,
    /// When it was given.
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    /// When it was taken back; absent: it is still his.
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
    /// The address behind the NAT; this or `username` is needed.
    #[schema(value_type = Option<String>)]
    inside: Option<IpAddr>,
    /// The NAS, by name; needed where the same addresses are behind several.
    #[garde(length(chars, max = 63))]
    nas: Option<String>,
    /// The user name.
    #[garde(length(bytes, max = 253))]
    username: Option<String>,
}

/// Somebody who had a port.
#[derive(Serialize, ToSchema)]
pub struct PortHolderView {
    /// The public address.
    #[schema(value_type = String)]
    public_address: Ipv4Addr,
    /// The first port that was his.
    port_first: u16,
    /// The last one.
    port_last: u16,
    /// Since when, as far as anybody said.
    #[serde(with = "time::serde::rfc3339::option")]
    since: Option<OffsetDateTime>,
    /// When it was taken back; `null`: as long as the session lasts.
    #[serde(with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
    /// Who says so: `accounting`, `api`, `import`; `address`: the whole address was the session's.
    source: String,
    /// The address behind the NAT.
    #[schema(value_type = Option<String>)]
    inside: Option<IpAddr>,
    /// The NAS, where it is known.
    nas_id: Option<NasId>,
    /// Its name.
    nas: Option<String>,
    /// Whose service.
    subscriber_id: Option<SubscriberId>,
    /// User-Name.
    username: Option<String>,
    /// The session that had it; `null`: none is known.
    session: Option<SessionView>,
}

/// Tells whose a port of a public address was at some time: who had the block of ports that it is in, else who had the whole
/// address. Newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/port-blocks/at",
    params(("partner_id" = String, Path), PortAtQuery, Page),
    responses((status = 200, body = Data<Vec<PortHolderView>>)))]
pub async fn port_holder_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
    Query(query): Query<PortAtQuery>,
) -> Result<Data<Vec<PortHolderView>>, Problem> {
    let held = app
        .port_holder_list(&op, query.address, query.port, query.at)
        .await?;
    let total = i64::try_from(held.len()).unwrap_or(i64::MAX);
    // They are few; every page has the ones that are left behind those before it.
    let rows = held
        .into_iter()
        .skip(usize::try_from(page.offset()).unwrap_or(usize::MAX))
        .take(usize::try_from(page.limit()).unwrap_or_default())
        .map(|holder| view(query.address, holder))
        .collect();
    Ok(Data::list(&op, &page, total, rows))
}

/// Takes in blocks that a NAT gave or took back, as it says them. The figures of the answer add up to what came.
#[utoipa::path(post, path = "/partners/{partner_id}/port-blocks", params(("partner_id" = String, Path)),
    request_body = PortBlocks, responses((status = 200, body = Data<OutcomeView>)))]
pub async fn port_blocks_add(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<PortBlocks>,
) -> Result<Data<OutcomeView>, Problem> {
    let batch: Vec<BlockIn> = body.items.into_iter().map(BlockIn::from).collect();
    Ok(Data::one(&op, app.port_blocks_add(&op, &batch).await?.into()))
}

/// A holder as people see him.
fn view(address: Ipv4Addr, holder: Holder) -> PortHolderView {
    let port = |number: i32| u16::try_from(number).unwrap_or_default();
    let session = holder.session;
    let (block, of_session) = (holder.block, session.as_ref());
    PortHolderView {
        public_address: address,
        port_first: block.as_ref().map_or(0, |block| port(block.port_first)),
        port_last: block.as_ref().map_or(u16::MAX, |block| port(block.port_last)),
        since: match &block {
            Some(block) => Some(block.since),
            None => of_session.map(|session| session.started_at),
        },
        until: match &block {
            Some(block) => block.until,
            None => of_session.and_then(|session| session.stopped_at),
        },
        source: block
            .as_ref()
            .map_or_else(|| "address".to_owned(), |block| block.source.clone()),
        inside: holder.inside,
        nas_id: block
            .as_ref()
            .and_then(|block| block.nas_id)
            .map(NasId::from)
            .or(of_session.map(|session| session.nas_id)),
        nas: block
            .and_then(|block| block.nas)
            .or_else(|| of_session.and_then(|session| session.nas.clone())),
        subscriber_id: holder.subscriber_id,
        username: holder.username,
        session: session.map(SessionView::from),
    }
}

impl From<PortBlockBody> for BlockIn {
    fn from(body: PortBlockBody) -> Self {
        Self {
            public_address: body.public_address,
            port_first: body.port_first,
            port_last: body.port_last,
            since: body.since,
            until: body.until,
            inside: body.inside,
            nas: body.nas,
            username: body.username,
        }
    }
}
