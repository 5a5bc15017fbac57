//! Acts that want a second person: asked, decided by somebody else, done once.
//! Never does an act by itself: who asked sends the very same request again. Never lets anybody decide about his own, nor about
//! what a key of his asked, nor about what he could not do himself.
//!
//! Which permissions want it is a partner's choice. Where any does, `users:manage`, `roles:manage` and `api-keys:manage` do, too: who
//! could make people by himself could make his own second person; and so changing the choice wants a second person as well.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};

use super::principal::{Credential, Principal};
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::authz::{Permission, PermissionSet};
use crate::error::Error;
use crate::id::{ApprovalId, UserId};
use crate::input::Input;
use crate::op::OpContext;

/// How long an approval may be asked for, decided and used, in seconds: a working day.
pub const APPROVAL_S_MAX: i64 = 24 * 60 * 60;
/// Most of a partner that wait at one time.
pub const WAITING_MAX: i64 = 1000;
/// The longest body that is shown to who decides, in octets.
const BODY_SHOWN_OCTETS_MAX: usize = 16 * 1024;
/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 500;
/// The longest path, in characters.
const PATH_CHARS_MAX: usize = 2000;
/// What wants a second person wherever anything does.
const ALWAYS: [Permission; 3] = [
    Permission::UsersManage,
    Permission::RolesManage,
    Permission::ApiKeysManage,
];
/// How many people must be able to decide.
const DECIDERS_MIN: i64 = 2;

/// A request that waits, or waited, for a second person.
#[derive(Debug, Clone)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What the act needs.
    pub permission: String,
    /// Its method.
    pub method: String,
    /// Its path, below the mount.
    pub path: String,
    /// Its body without secrets; `None`: none, or too long to show.
    pub body: Option<Value>,
    /// Who asks.
    pub asked_name: String,
    /// The person behind.
    pub asked_person: Option<UserId>,
    /// When he asked.
    pub asked_at: OffsetDateTime,
    /// Until when it may be decided and used.
    pub expires_at: OffsetDateTime,
    /// `approved`, `denied`, or not decided.
    pub decision: Option<String>,
    /// Who decided.
    pub decided_name: Option<String>,
    /// When.
    pub decided_at: Option<OffsetDateTime>,
    /// Why.
    pub reason: Option<String>,
    /// When the act was done.
    pub used_at: Option<OffsetDateTime>,
}

/// A request, as far as it must be the same when it is sent again.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// What it needs.
    pub permission: Permission,
    /// Its method.
    pub method: &'a str,
    /// Its path below the mount, query included.
    pub path: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

/// Why a request does not pass.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// A second person is wanted first.
    #[error(
        "{permission} wants a second person here: have approval {id} granted and send the same request again with it"
    )]
    Required {
        /// What wants it.
        permission: Permission,
        /// What to have granted.
        id: ApprovalId,
    },
    /// The approval that was sent does not cover this request.
    #[error("this approval {0}")]
    Unfit(&'static str),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl Identity {
    /// What wants a second person in the partner.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn approval_policy(&self, op: &OpContext) -> Result<PermissionSet, Error> {
        let mut tx = self.db.begin(op).await?;
        store::approval::policy_fetch_in_tx(&mut tx, op).await
    }

    /// Says what wants a second person.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is not critical, or when something is missing without which it would be no protection;
    /// [`Error::Conflict`] when there are not two people who could decide.
    pub async fn approval_policy_put(
        &self,
        op: &OpContext,
        names: &[String],
    ) -> Result<PermissionSet, Error> {
        let partner = op.require_partner()?;
        let mut input = Input::new();
        let mut wanted = PermissionSet::empty();
        for (index, name) in names.iter().enumerate().take(Permission::ALL.len() + 1) {
            let pointer = format!("/permissions/{index}");
            match input.parse::<Permission>(&pointer, name) {
                Some(permission) if !permission.critical() || permission.is_platform() => {
                    input.wrong(
                        pointer,
                        "only what is critical within a partner can want a second person",
                    );
                }
                Some(permission) => wanted = wanted.union(PermissionSet::of(&[permission])),
                None => {}
            }
        }
        for missing in ALWAYS
            .into_iter()
            .filter(|one| !wanted.is_empty() && !wanted.contains(*one))
        {
            input.wrong(
                "/permissions",
                format!("name {missing} as well: by it the others could be got around"),
            );
        }
        input.finish()?;
        let mut tx = self.db.begin(op).await?;
        for permission in wanted.iter() {
            if store::approval::deciders_in_tx(&mut tx, op, permission).await? < DECIDERS_MIN {
                let message = format!(
                    "fewer than {DECIDERS_MIN} people of the partner hold both {permission} and {}; nobody could decide",
                    Permission::PartnerRead
                );
                return Err(Error::conflict("approval", message));
            }
        }
        let before = store::approval::policy_fetch_in_tx(&mut tx, op).await?;
        store::approval::policy_put_in_tx(&mut tx, op, wanted).await?;
        let entry = Entry::ok("approval-policy.put", "partner")
            .object(partner, "approvals")
            .before(json!({ "permissions": before.names() }))
            .after(json!({ "permissions": wanted.names() }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(wanted)
    }

    /// Lists what the actor asked for or could decide, the newest first, with the number of all such.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn approval_list(
        &self,
        op: &OpContext,
        open_only: bool,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Approval>, i64), Error> {
        let mut tx = self.db.begin(op).await?;
        let open_at = open_only.then(|| self.clock.now());
        store::approval::approval_list_in_tx(&mut tx, op, open_at, limit, offset).await
    }

    /// Decides.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that waits and that the actor could see; [`Error::Forbidden`] when he lacks what the
    /// act needs; [`Error::Conflict`] for one's own, for a program, or when it is decided or over.
    pub async fn approval_decide(
        &self,
        op: &OpContext,
        principal: &Principal,
        id: ApprovalId,
        approve: bool,
        reason: Option<&str>,
    ) -> Result<Approval, Error> {
        let Credential::Session { user, .. } = principal.credential else {
            return Err(Error::conflict("approval", "a person decides; a key does not"));
        };
        if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
            return Err(Error::invalid(
                "/reason",
                format!("use at most {REASON_CHARS_MAX} characters"),
            ));
        }
        let mut tx = self.db.begin(op).await?;
        let found = store::approval::approval_lock_in_tx(&mut tx, op, id)
            .await?
            .ok_or_else(|| Error::not_found("approval", id))?;
        if let Ok(permission) = found.permission.parse::<Permission>()
            && !op.permissions.contains(permission)
        {
            return Err(Error::Forbidden { permission });
        }
        if found.asked_person == Some(user) {
            return Err(Error::conflict(
                "approval",
                "nobody decides about what he asked for himself, or a key of his",
            ));
        }
        if found.decision.is_some() || found.expires_at <= self.clock.now() {
            return Err(Error::conflict(
                "approval",
                "this one is decided already, or over",
            ));
        }
        let decision = if approve { "approved" } else { "denied" };
        let now = self.clock.now();
        let decided =
            store::approval::approval_decide_in_tx(&mut tx, op, id, decision, user, reason, now).await?;
        let entry = Entry::ok(
            if approve {
                "approval.approve"
            } else {
                "approval.deny"
            },
            "approval",
        )
        .object(id, format!("{} {}", decided.method, decided.path))
        .reason(reason.unwrap_or_default())
        .after(json!({ "permission": decided.permission, "asked_by": decided.asked_name }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(decided)
    }

    /// Lets a request pass that needs no second person, or has one; answers the approval it uses up.
    ///
    /// # Errors
    /// [`ApprovalError::Required`] with the approval to have granted; [`ApprovalError::Unfit`].
    pub async fn approval_pass(
        &self,
        op: &OpContext,
        act: &Act<'_>,
        sent: Option<ApprovalId>,
    ) -> Result<Option<ApprovalId>, ApprovalError> {
        let now = self.clock.now();
        let digest = Sha256::digest(act.body);
        let mut tx = self.db.begin(op).await?;
        if let Some(id) = sent {
            let found = store::approval::claim_lock_in_tx(&mut tx, op, id)
                .await?
                .ok_or(ApprovalError::Unfit("is not known here"))?;
            let context = context(id);
            let approved = self
                .sealer
                .open(&context, &found.body_digest)
                .map_err(Error::from)?;
            let same_body = bool::from(approved.as_slice().ct_eq(digest.as_slice()));
            let same = found.permission == act.permission.as_str()
                && found.method == act.method
                && found.path == act.path
                && Some(found.asked_by) == op.actor.id;
            let unfit = match found.decision.as_deref() {
                _ if !same || !same_body => Some("is for another request, or of somebody else"),
                None => Some("is not decided yet"),
                Some("denied") => Some("was denied"),
                Some(_) if found.used_at.is_some() => Some("was used already"),
                Some(_) if found.expires_at <= now => Some("is over"),
                Some(_) => None,
            };
            if let Some(why) = unfit {
                return Err(ApprovalError::Unfit(why));
            }
            store::approval::approval_used_in_tx(&mut tx, op, id, Some(now)).await?;
            tx.commit().await.map_err(Error::from)?;
            return Ok(Some(id));
        }
        let id = self.approval_ask(op, act, &digest, now).await?;
        Err(ApprovalError::Required {
            permission: act.permission,
            id,
        })
    }

    /// Gives an approval back that was used by a request which was refused for another reason and did nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer; it is used up then.
    pub async fn approval_give_back(&self, op: &OpContext, id: ApprovalId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        store::approval::approval_used_in_tx(&mut tx, op, id, None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Asks for a second person; the one that waits for the same is not asked for twice.
    async fn approval_ask(
        &self,
        op: &OpContext,
        act: &Act<'_>,
        digest: &[u8],
        now: OffsetDateTime,
    ) -> Result<ApprovalId, Error> {
        let asked_by = op
            .actor
            .id
            .ok_or_else(|| Error::internal("asking for a second person", "nobody asks"))?;
        if act.path.chars().count() > PATH_CHARS_MAX {
            return Err(Error::invalid(
                "",
                "the path is too long for a request that wants a second person",
            ));
        }
        let mut tx = self.db.begin(op).await?;
        store::approval::approval_forget_old_in_tx(&mut tx, op, now).await?;
        for (id, sealed) in store::approval::waiting_like_in_tx(&mut tx, op, act, asked_by, now).await? {
            let known = self.sealer.open(&context(id), &sealed)?;
            if bool::from(known.as_slice().ct_eq(digest)) {
                return Ok(id);
            }
        }
        if store::approval::waiting_count_in_tx(&mut tx, op, now).await? >= WAITING_MAX {
            let message = format!("{WAITING_MAX} requests wait for a second person already");
            return Err(Error::conflict("approval", message));
        }
        let id = ApprovalId::new();
        let shown = (act.body.len() <= BODY_SHOWN_OCTETS_MAX)
            .then(|| serde_json::from_slice::<Value>(act.body).ok())
            .flatten()
            .map(audit::entry::scrub);
        let until = now + Duration::seconds(APPROVAL_S_MAX);
        let sealed = self.sealer.seal(&context(id), digest)?;
        store::approval::approval_insert_in_tx(&mut tx, op, id, act, &sealed, shown, asked_by, (now, until))
            .await?;
        let entry = Entry::ok("approval.ask", "approval")
            .object(id, format!("{} {}", act.method, act.path))
            .after(json!({ "permission": act.permission.as_str() }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(id)
    }
}

/// Where a body's digest is sealed for.
fn context(id: ApprovalId) -> String {
    format!("kernel.approvals/{id}/body_digest")
}
