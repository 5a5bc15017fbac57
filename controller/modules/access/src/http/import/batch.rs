//! The bodies of an import's batches, and how they become what [`crate::app::import`] takes.
//! Never decides about one of the things in them: a body is refused as a whole only when it has another shape.

use std::net::IpAddr;

use garde::Validate;
use ipnet::IpNet;
use kernel::Error;
use kernel::id::ImportId;
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::port_block::PortBlockBody;
use super::super::subscriber::Status;
use crate::app::import::group::GroupIn;
use crate::app::import::nas::NasIn;
use crate::app::import::port_block::BlockIn;
use crate::app::import::session::SessionIn;
use crate::app::import::subscriber::{SubscriberIn, SubscriberRules};
use crate::app::import::{BATCH_ITEMS_MAX, ROWS_MAX, Said};
use crate::store::import::session::SessionImported;

/// Plans or NAS a trial may take as made.
const ASSUMED_MAX: usize = 4_096;
/// Groups of one subscriber, and what he is recognised by.
const PER_SUBSCRIBER_MAX: usize = 64;

/// A row of one of FreeRADIUS's tables.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowBody {
    /// The attribute.
    attribute: String,
    /// `=`, `:=`, `+=`, `==`, ...
    op: String,
    /// Its value; that of a password is stored sealed.
    #[schema(write_only)]
    value: String,
}

/// NAS to admit.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct NasBatch {
    /// The import; absent: a trial, which changes nothing.
    import_id: Option<ImportId>,
    /// At most 1000.
    #[garde(length(max = BATCH_ITEMS_MAX))]
    items: Vec<NasBody>,
}

/// A NAS.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NasBody {
    /// Its source address, or a network in CIDR.
    nasname: String,
    /// How people call it.
    name: String,
    /// Its make.
    r#type: String,
    /// Kept, not used.
    ports: Option<i32>,
    /// Its shared secret; stored sealed.
    #[schema(write_only)]
    secret: String,
    /// Kept, not used.
    server: Option<String>,
    /// Kept, not used.
    #[schema(write_only)]
    community: Option<String>,
    /// Free text.
    description: Option<String>,
}

/// Groups to take in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct GroupBatch {
    /// The import; absent: a trial, which changes nothing.
    import_id: Option<ImportId>,
    /// Whether the rows of groups that are here are replaced.
    #[serde(default)]
    update: bool,
    /// At most 1000.
    #[garde(length(max = BATCH_ITEMS_MAX), dive)]
    items: Vec<GroupBody>,
}

/// A group.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct GroupBody {
    /// Its name.
    name: String,
    /// radgroupcheck.
    #[serde(default)]
    #[garde(length(max = ROWS_MAX))]
    check: Vec<RowBody>,
    /// radgroupreply.
    #[serde(default)]
    #[garde(length(max = ROWS_MAX))]
    reply: Vec<RowBody>,
}

/// Subscribers to take in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SubscriberBatch {
    /// The import; absent: a trial, which changes nothing.
    import_id: Option<ImportId>,
    /// Whether passwords, rows and ends of service of those who are here become the source's.
    #[serde(default)]
    update: bool,
    /// Plans that a trial takes as made.
    #[serde(default)]
    #[garde(length(max = ASSUMED_MAX))]
    assumed_plans: Vec<String>,
    /// At most 1000.
    #[garde(length(max = BATCH_ITEMS_MAX), dive)]
    items: Vec<SubscriberBody>,
}

/// A subscriber.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SubscriberBody {
    /// The name he logs in with.
    username: String,
    /// His plan's slug.
    plan: String,
    /// His client's slug.
    client: String,
    /// His site's slug.
    site: String,
    /// What people call the service.
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    name: String,
    /// Whether the service is given.
    #[serde(default)]
    status: Status,
    /// Why.
    #[garde(length(chars, max = 200))]
    status_reason: Option<String>,
    /// When the service ends by itself.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// radcheck: passwords and the rest.
    #[serde(default)]
    #[garde(length(max = ROWS_MAX))]
    check: Vec<RowBody>,
    /// radreply.
    #[serde(default)]
    #[garde(length(max = ROWS_MAX))]
    reply: Vec<RowBody>,
    /// radusergroup.
    #[serde(default)]
    #[garde(length(max = PER_SUBSCRIBER_MAX))]
    groups: Vec<MembershipBody>,
    /// What he is recognised by beside his user name, as when a subscriber is made.
    #[serde(default)]
    #[garde(length(max = PER_SUBSCRIBER_MAX))]
    identified_by: Vec<String>,
}

/// Being in a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MembershipBody {
    /// The group.
    group: String,
    /// Its place among his groups; the lowest first.
    #[serde(default)]
    priority: i32,
}

/// Sessions to take in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionBatch {
    /// The import; absent: a trial, which changes nothing.
    import_id: Option<ImportId>,
    /// Addresses or networks of NAS that a trial takes as admitted.
    #[serde(default)]
    #[garde(length(max = ASSUMED_MAX))]
    assumed_nas: Vec<String>,
    /// At most 1000.
    #[garde(length(max = BATCH_ITEMS_MAX), dive)]
    items: Vec<SessionBody>,
}

/// A session as FreeRADIUS's radacct has it; columns that are not named stay empty.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionBody {
    /// Acct-Session-Id.
    #[garde(length(bytes, min = 1, max = 253))]
    acctsessionid: String,
    /// User-Name.
    #[garde(length(bytes, max = 253))]
    username: Option<String>,
    /// Realm.
    #[garde(length(bytes, max = 253))]
    realm: Option<String>,
    /// Group.
    #[garde(length(bytes, max = 253))]
    groupname: Option<String>,
    /// NAS-IP-Address, which names the NAS here.
    #[schema(value_type = String)]
    nasipaddress: IpAddr,
    /// NAS-Port-Id.
    #[garde(length(bytes, max = 253))]
    nasportid: Option<String>,
    /// NAS-Port-Type in words.
    #[garde(length(bytes, max = 253))]
    nasporttype: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    acctstarttime: OffsetDateTime,
    /// When it was last heard of; absent: when it ended, else when it began.
    #[serde(default, with = "time::serde::rfc3339::option")]
    acctupdatetime: Option<OffsetDateTime>,
    /// When it ended; absent: it is open.
    #[serde(default, with = "time::serde::rfc3339::option")]
    acctstoptime: Option<OffsetDateTime>,
    /// Seconds between its last two records.
    acctinterval: Option<i64>,
    /// Seconds it lasted.
    acctsessiontime: Option<i64>,
    /// Acct-Authentic in words.
    #[garde(length(bytes, max = 253))]
    acctauthentic: Option<String>,
    /// Connect-Info of the Start.
    #[garde(length(bytes, max = 253))]
    connectinfo_start: Option<String>,
    /// Connect-Info of the Stop.
    #[garde(length(bytes, max = 253))]
    connectinfo_stop: Option<String>,
    /// Octets from the subscriber.
    #[serde(default)]
    #[garde(range(min = 0))]
    acctinputoctets: i64,
    /// Octets to the subscriber.
    #[serde(default)]
    #[garde(range(min = 0))]
    acctoutputoctets: i64,
    /// Called-Station-Id.
    #[garde(length(bytes, max = 253))]
    calledstationid: Option<String>,
    /// Calling-Station-Id.
    #[garde(length(bytes, max = 253))]
    callingstationid: Option<String>,
    /// Why it ended, in words.
    #[garde(length(bytes, max = 253))]
    acctterminatecause: Option<String>,
    /// Service-Type in words.
    #[garde(length(bytes, max = 253))]
    servicetype: Option<String>,
    /// Framed-Protocol in words.
    #[garde(length(bytes, max = 253))]
    framedprotocol: Option<String>,
    /// Framed-IP-Address.
    #[schema(value_type = Option<String>)]
    framedipaddress: Option<IpAddr>,
    /// Framed-IPv6-Address.
    #[schema(value_type = Option<String>)]
    framedipv6address: Option<IpAddr>,
    /// Framed-IPv6-Prefix.
    #[schema(value_type = Option<String>)]
    framedipv6prefix: Option<IpNet>,
    /// Framed-Interface-Id.
    #[garde(length(bytes, max = 253))]
    framedinterfaceid: Option<String>,
    /// Delegated-IPv6-Prefix.
    #[schema(value_type = Option<String>)]
    delegatedipv6prefix: Option<IpNet>,
    /// Class in hex.
    #[garde(length(bytes, max = 506))]
    class: Option<String>,
}

impl NasBatch {
    /// The import and its NAS.
    pub(super) fn into_parts(self) -> (Option<ImportId>, Vec<NasIn>) {
        let items = self.items.into_iter().map(|nas| NasIn {
            nasname: nas.nasname,
            name: nas.name,
            make: nas.r#type,
            ports: nas.ports,
            secret: Zeroizing::new(nas.secret),
            server: nas.server,
            community: nas.community,
            description: nas.description,
        });
        (self.import_id, items.collect())
    }
}

impl GroupBatch {
    /// The import, whether to update, and its groups.
    pub(super) fn into_parts(self) -> (Option<ImportId>, bool, Vec<GroupIn>) {
        let items = self.items.into_iter().map(|group| GroupIn {
            name: group.name,
            check: said(group.check),
            reply: said(group.reply),
        });
        (self.import_id, self.update, items.collect())
    }
}

impl SubscriberBatch {
    /// The import, its rules, and its subscribers.
    pub(super) fn into_parts(self) -> (Option<ImportId>, SubscriberRules, Vec<SubscriberIn>) {
        let rules = SubscriberRules {
            update: self.update,
            assumed_plans: self.assumed_plans,
        };
        let items = self.items.into_iter().map(|given| SubscriberIn {
            username: given.username,
            plan: given.plan,
            client: given.client,
            site: given.site,
            name: given.name,
            status: given.status.as_str(),
            status_reason: given.status_reason,
            expires_at: given.expires_at,
            check: said(given.check),
            reply: said(given.reply),
            groups: given
                .groups
                .into_iter()
                .map(|one| (one.group, one.priority))
                .collect(),
            identified_by: given.identified_by,
        });
        (self.import_id, rules, items.collect())
    }
}

/// The import, the NAS a trial takes as admitted, and sessions.
type SessionParts = (Option<ImportId>, Vec<IpNet>, Vec<SessionIn>);

impl SessionBatch {
    /// The import, the NAS a trial takes as admitted, and its sessions.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a network that is none.
    pub(super) fn into_parts(self) -> Result<SessionParts, Error> {
        let assumed: Result<Vec<IpNet>, Error> = self
            .assumed_nas
            .iter()
            .map(|text| crate::app::nas::address_parse(text))
            .collect();
        let items = self
            .items
            .into_iter()
            .map(|row| SessionIn { row: row.into_row() });
        Ok((self.import_id, assumed?, items.collect()))
    }
}

/// Port blocks to take in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PortBlockBatch {
    /// The import; absent: a trial, which changes nothing.
    import_id: Option<ImportId>,
    /// At most 1000.
    #[garde(length(max = BATCH_ITEMS_MAX), dive)]
    items: Vec<PortBlockBody>,
}

impl PortBlockBatch {
    /// The import, and its blocks.
    pub(super) fn into_parts(self) -> (Option<ImportId>, Vec<BlockIn>) {
        (
            self.import_id,
            self.items.into_iter().map(BlockIn::from).collect(),
        )
    }
}

impl SessionBody {
    /// The row, but for what is found out here.
    fn into_row(self) -> SessionImported {
        let host = IpNet::from;
        SessionImported {
            acctuniqueid: String::new(),
            nas_id: Uuid::nil(),
            subscriber_id: None,
            acctsessionid: self.acctsessionid,
            username: self.username,
            realm: self.realm,
            groupname: self.groupname,
            nasipaddress: host(self.nasipaddress),
            nasportid: self.nasportid,
            nasporttype: self.nasporttype,
            acctstarttime: self.acctstarttime,
            acctupdatetime: self
                .acctupdatetime
                .or(self.acctstoptime)
                .unwrap_or(self.acctstarttime),
            acctstoptime: self.acctstoptime,
            acctinterval: self.acctinterval,
            acctsessiontime: self.acctsessiontime,
            acctauthentic: self.acctauthentic,
            connectinfo_start: self.connectinfo_start,
            connectinfo_stop: self.connectinfo_stop,
            acctinputoctets: self.acctinputoctets,
            acctoutputoctets: self.acctoutputoctets,
            calledstationid: self.calledstationid,
            callingstationid: self.callingstationid,
            acctterminatecause: self.acctterminatecause,
            servicetype: self.servicetype,
            framedprotocol: self.framedprotocol,
            framedipaddress: self.framedipaddress.map(host),
            framedipv6address: self.framedipv6address.map(host),
            framedipv6prefix: self.framedipv6prefix,
            framedinterfaceid: self.framedinterfaceid,
            delegatedipv6prefix: self.delegatedipv6prefix,
            class: self.class,
        }
    }
}

/// Rows as the rules take them.
fn said(rows: Vec<RowBody>) -> Vec<Said> {
    rows.into_iter()
        .map(|row| Said {
            attribute: row.attribute,
            op: row.op,
            value: row.value,
        })
        .collect()
}
