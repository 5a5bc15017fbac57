//! Network access servers: admitting, changing and removing them, and how each is doing.
//! Never gives a secret back: it goes in sealed and is opened only by the feeder.
//!
//! `input` says what may stand in a field, `health` how a NAS is doing, `posture` how safely it asks; `secret` replaces its
//! secret while it goes on working.

mod health;
mod input;
mod posture;
mod secret;

pub use health::{NasHealth, NasReport};
pub use input::{SECRET_CHARS_ADVISED, SECRET_CHARS_MAX, SECRET_CHARS_MIN, address_parse, make_parse};
pub use posture::{NasPosture, UNSIGNED_QUIET_DAYS, Verdict};
pub use secret::{OVERLAP_S, SecretRotation};

use ipnet::IpNet;
use kernel::audit::{self, Entry};
use kernel::events::{self, Event};
use kernel::id::NasId;
use kernel::{Error, OnConstraint, OpContext};
use radius_server::sessions::{CloseCause, Closed, Session};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(super) use self::input::secret_check;
use super::identity_policy::identify_check;
use super::{App, Change, changed, unix_now_s};
use crate::events as happened;
use crate::sealing;
use crate::store::nas::{Nas, NasRow, SealedSecrets};
use crate::store::{self, Listed, Tx, Window};

/// Acct-Terminate-Cause Admin Reset: "the administrator reset the port or session" (RFC 2866 section 5.10).
const ADMIN_RESET: u32 = 6;

/// A new NAS.
#[derive(Debug)]
pub struct NasDraft {
    /// What it is to be.
    pub row: NasRow,
    /// Its shared secret.
    pub secret: Zeroizing<String>,
    /// A secret of its own for Disconnect-Requests.
    pub coa_secret: Option<Zeroizing<String>>,
}

/// A change of a NAS; what is absent stays.
#[derive(Debug, Default)]
pub struct NasPatch {
    /// How people call it.
    pub name: Option<String>,
    /// Its source address or network.
    pub address: Option<IpNet>,
    /// Its make.
    pub make: Option<String>,
    /// Its shared secret.
    pub secret: Option<Zeroizing<String>>,
    /// Where it listens for Disconnect-Requests.
    pub coa_port: Option<u16>,
    /// A secret of its own for them; emptied, the shared secret serves both.
    pub coa_secret: Change<Zeroizing<String>>,
    /// `no`, `yes` or `auto`.
    pub require_message_authenticator: Option<String>,
    /// `no`, `yes` or `auto`.
    pub limit_proxy_state: Option<String>,
    /// Access-Requests a second.
    pub request_rate: Change<i32>,
    /// Access-Requests at once.
    pub request_burst: Change<i32>,
    /// By what its subscribers are recognised; emptied, as its partner says.
    pub identify: Change<Vec<String>>,
    /// What its certificate must carry when somebody else's authority issued it.
    pub tls_name: Change<String>,
    /// Free text.
    pub description: Change<String>,
}

/// A NAS that was just written, with what the caller should hear about it.
#[derive(Debug)]
pub struct NasWritten {
    /// As it is now.
    pub report: NasReport,
    /// Warnings in words.
    pub warnings: Vec<String>,
}

impl App {
    /// Lists a partner's NAS by name.
    pub async fn nas_list(&self, op: &OpContext, window: Window) -> Result<Listed<NasReport>, Error> {
        let mut tx = self.db.begin(op).await?;
        let Listed { rows, total } = store::nas::nas_list(&mut tx, op, window).await?;
        tx.commit().await?;
        Ok(Listed {
            rows: rows.into_iter().map(|nas| self.nas_report(nas)).collect(),
            total,
        })
    }

    /// One NAS and how it is doing.
    pub async fn nas_get(&self, op: &OpContext, id: NasId) -> Result<NasReport, Error> {
        let mut tx = self.db.begin(op).await?;
        let nas = nas_found(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(self.nas_report(nas))
    }

    /// Admits a NAS.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address or the name is taken; whose the address is stays unsaid.
    pub async fn nas_create(&self, op: &OpContext, draft: NasDraft) -> Result<NasWritten, Error> {
        let mut warnings = Vec::new();
        secret_check("/secret", &draft.secret, &mut warnings)?;
        if let Some(secret) = &draft.coa_secret {
            secret_check("/coa_secret", secret, &mut warnings)?;
        }
        let mut draft = draft;
        draft.row.identify = checked(draft.row.identify)?;
        let id = NasId::new();
        let sealed = self.nas_seal(op, id, Some(&draft.secret), draft.coa_secret.as_ref().map(Some))?;
        self.nas_address_free(op, draft.row.address).await?;
        let mut tx = self.db.begin(op).await?;
        let secret = sealed.secret.as_deref().unwrap_or_default();
        let coa_secret = sealed.coa_secret.as_ref().and_then(Option::as_deref);
        taken(
            store::nas::nas_insert(&mut tx, op, id, &draft.row, secret, coa_secret).await,
            &draft.row,
        )?;
        let nas = nas_found(&mut tx, op, id).await?;
        audit::record(
            &mut tx,
            op,
            Entry::ok("nas.create", "nas")
                .object(id, &nas.name)
                .after(shown(&nas)),
        )
        .await?;
        let event = Event::new(&happened::NAS_CREATED, id, &nas.name).data(shown(&nas));
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        self.plane.unknown_sources.forget(nas.address.addr());
        Ok(NasWritten {
            report: self.nas_report(nas),
            warnings,
        })
    }

    /// Changes a NAS; the next datagram meets the new settings.
    ///
    /// # Errors
    /// As [`Self::nas_create`], and [`Error::NotFound`].
    pub async fn nas_update(&self, op: &OpContext, id: NasId, patch: NasPatch) -> Result<NasWritten, Error> {
        let mut warnings = Vec::new();
        if let Some(secret) = &patch.secret {
            secret_check("/secret", secret, &mut warnings)?;
        }
        if let Some(Some(secret)) = &patch.coa_secret {
            secret_check("/coa_secret", secret, &mut warnings)?;
        }
        if let Some(address) = patch.address {
            self.nas_address_free(op, address).await?;
        }
        let identify = patch.identify.map(checked).transpose()?;
        let coa_secret = patch.coa_secret.as_ref().map(Option::as_ref);
        let sealed = self.nas_seal(op, id, patch.secret.as_ref(), coa_secret)?;
        let mut tx = self.db.begin(op).await?;
        store::nas::nas_lock(&mut tx, op, id).await?;
        let before = nas_found(&mut tx, op, id).await?;
        let row = NasRow {
            name: patch.name.unwrap_or_else(|| before.name.clone()),
            address: patch.address.unwrap_or(before.address),
            make: patch.make.unwrap_or_else(|| before.make.clone()),
            coa_port: patch.coa_port.map_or(before.coa_port, i32::from),
            require_message_authenticator: patch
                .require_message_authenticator
                .unwrap_or_else(|| before.require_message_authenticator.clone()),
            limit_proxy_state: patch
                .limit_proxy_state
                .unwrap_or_else(|| before.limit_proxy_state.clone()),
            request_rate: changed(before.request_rate, patch.request_rate),
            request_burst: changed(before.request_burst, patch.request_burst),
            identify: changed(before.identify.clone(), identify),
            tls_name: changed(before.tls_name.clone(), patch.tls_name),
            description: changed(before.description.clone(), patch.description),
        };
        taken(store::nas::nas_update(&mut tx, op, id, &row, &sealed).await, &row)?;
        let after = nas_found(&mut tx, op, id).await?;
        let mut now = shown(&after);
        if sealed.secret.is_some() {
            now["secret"] = json!("changed");
        }
        let event = Event::new(&happened::NAS_UPDATED, id, &after.name).changed(&shown(&before), &now);
        let entry = Entry::ok("nas.update", "nas")
            .object(id, &after.name)
            .before(shown(&before))
            .after(now);
        audit::record(&mut tx, op, entry).await?;
        if let Some(event) = event {
            events::emit(&mut tx, op, event).await?;
        }
        tx.commit().await?;
        Ok(NasWritten {
            report: self.nas_report(after),
            warnings,
        })
    }

    /// Removes a NAS; its history stays. With `force` its open sessions are closed as well: nothing will be heard of
    /// them any more.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it has open sessions and `force` is not given.
    pub async fn nas_delete(&self, op: &OpContext, id: NasId, force: bool) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        store::nas::nas_lock(&mut tx, op, id).await?;
        let nas = nas_found(&mut tx, op, id).await?;
        let open = self.plane.sessions.by_nas(id.as_uuid().into()).len();
        if open > 0 && !force {
            return Err(Error::conflict(
                "nas",
                format!(
                    "NAS {} has {open} open sessions; disconnect them first, or repeat with force=true: \
                     their accounting then ends here",
                    nas.name
                ),
            ));
        }
        let closed = store::accounting::session_close_by_removal(&mut tx, op, id).await?;
        store::nas::nas_delete(&mut tx, op, id).await?;
        let entry = Entry::ok("nas.delete", "nas")
            .object(id, &nas.name)
            .before(shown(&nas))
            .after(json!({ "sessions_closed": closed }));
        audit::record(&mut tx, op, entry).await?;
        let event =
            Event::new(&happened::NAS_DELETED, id, &nas.name).data(json!({ "sessions_closed": closed }));
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        self.sessions_forget(id);
        Ok(())
    }

    /// Ends the sessions of a removed NAS in memory, as the database has ended them.
    fn sessions_forget(&self, nas: NasId) {
        let now_s = unix_now_s();
        for session in self.plane.sessions.by_nas(nas.as_uuid().into()) {
            let mut ended = Session::clone(&session);
            ended.closed = Some(Closed {
                at_unix_s: now_s,
                heard_unix_s: now_s,
                cause: CloseCause::Stop {
                    terminate_cause: Some(ADMIN_RESET),
                },
            });
            self.plane.sessions.restore(ended);
        }
    }

    /// Refuses an address that would take another partner's packets, or give ours to him: networks of two partners must
    /// not overlap, because the most specific one wins.
    pub(in crate::app) async fn nas_address_free(&self, op: &OpContext, address: IpNet) -> Result<(), Error> {
        let partner = op.require_partner()?;
        let platform = OpContext::system("access");
        let mut tx = self.db.begin(&platform).await?;
        let overlaps = store::nas::nas_overlaps_foreign(&mut tx, partner, address).await?;
        tx.commit().await?;
        if overlaps {
            Err(address_taken(address))
        } else {
            Ok(())
        }
    }

    /// Seals the secrets that are given.
    fn nas_seal(
        &self,
        op: &OpContext,
        id: NasId,
        secret: Option<&Zeroizing<String>>,
        coa_secret: Change<&Zeroizing<String>>,
    ) -> Result<SealedSecrets, Error> {
        let tenant = op.require_partner()?.as_uuid();
        let id = id.as_uuid();
        let seal = |context: String, clear: &Zeroizing<String>| self.sealer.seal(&context, clear.as_bytes());
        Ok(SealedSecrets {
            secret: secret
                .map(|clear| seal(sealing::nas_secret(tenant, id), clear))
                .transpose()?,
            coa_secret: match coa_secret {
                None => None,
                Some(None) => Some(None),
                Some(Some(clear)) => Some(Some(seal(sealing::nas_coa_secret(tenant, id), clear)?)),
            },
        })
    }
}

/// A NAS of this partner, or not found.
async fn nas_found(tx: &mut Tx, op: &OpContext, id: NasId) -> Result<Nas, Error> {
    store::nas::nas_fetch(tx, op, id)
        .await?
        .ok_or_else(|| Error::not_found("NAS", id))
}

/// Says what a violated constraint means.
fn taken(result: Result<(), sqlx::Error>, row: &NasRow) -> Result<(), Error> {
    result
        .on_constraint("nas_address_key", || address_taken(row.address))
        .on_constraint("nas_tenant_id_shortname_key", || {
            Error::conflict("nas", format!("there is already a NAS named {}", row.name))
        })
}

/// The address is in use; by whom is nobody's business.
fn address_taken(address: IpNet) -> Error {
    Error::conflict("nas", format!("the address {address} is already in use"))
}

/// Refuses rules that are none.
fn checked(identify: Option<Vec<String>>) -> Result<Option<Vec<String>>, Error> {
    let check = |words| identify_check("/identify", words);
    identify.map(check).transpose()
}

/// A NAS as the audit keeps it.
fn shown(nas: &Nas) -> Value {
    json!({
        "name": nas.name,
        "address": nas.address,
        "type": nas.make,
        "coa_port": nas.coa_port,
        "require_message_authenticator": nas.require_message_authenticator,
        "limit_proxy_state": nas.limit_proxy_state,
        "request_rate": nas.request_rate,
        "request_burst": nas.request_burst,
        "tls_name": nas.tls_name,
        "older_secret_until": nas.older_secret_until.map(|until| until.to_string()),
        "identify": nas.identify,
        "description": nas.description,
    })
}
