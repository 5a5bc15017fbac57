//! NAS: the source address decides whose packets they are, so one that clashes is refused, by whom ever it is held.
//! Never replaces a secret: one that differs is refused, and `headend nas rotate` replaces it without an outage.

use ipnet::IpNet;
use kernel::id::{ImportId, NasId};
use kernel::{Error, OnConstraint, OpContext};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{App, Outcome, batch_end, why};
use crate::app::nas::{address_parse, make_parse, secret_check};
use crate::sealing;
use crate::store::import::nas::{self as rows, KnownNas, NasImported};

/// Characters the name of a NAS may have.
const NAME_CHARS_MAX: usize = 63;
/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// A NAS as FreeRADIUS's table has it.
pub struct NasIn {
    /// Its source address, or a network in CIDR.
    pub nasname: String,
    /// How people call it.
    pub name: String,
    /// Its make.
    pub make: String,
    /// Kept, not used.
    pub ports: Option<i32>,
    /// Its shared secret.
    pub secret: Zeroizing<String>,
    /// Kept, not used.
    pub server: Option<String>,
    /// Kept, not used.
    pub community: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

impl App {
    /// Takes in a batch of NAS.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Conflict`] for the import itself.
    pub async fn import_nas(
        &self,
        op: &OpContext,
        import: Option<ImportId>,
        batch: &[NasIn],
    ) -> Result<Outcome, Error> {
        let mut tx = self.batch_begin(op, import).await?;
        let mut known = rows::nas_known(&mut tx, op).await?;
        let mut outcome = Outcome::default();
        let mut admitted = Vec::new();
        for (index, nas) in batch.iter().enumerate() {
            let address = match fits(nas) {
                Ok(address) => address,
                Err(error) => {
                    outcome.refuse(index, why(error)?);
                    continue;
                }
            };
            if let Some(there) = known.iter().find(|known| known.address == address) {
                match self.same_secret(op, there, &nas.secret) {
                    true => outcome.unchanged += 1,
                    false => outcome.refuse(
                        index,
                        format!("it is admitted already, as {}, with another secret", there.name),
                    ),
                }
                continue;
            }
            if let Some(there) = known.iter().find(|known| known.name == nas.name) {
                let message = format!("there is already a NAS {} at {}", there.name, there.address);
                outcome.refuse(index, message);
                continue;
            }
            if let Err(error) = self.nas_address_free(op, address).await {
                outcome.refuse(index, why(error)?);
                continue;
            }
            let id = NasId::new();
            let context = sealing::nas_secret(op.require_partner()?.as_uuid(), id.as_uuid());
            let secret = self.sealer.seal(&context, nas.secret.as_bytes())?;
            if import.is_some() {
                rows::nas_imported_insert(&mut tx, op, id, &row(nas, address, secret.clone()))
                    .await
                    .on_constraint("nas_address_key", || {
                        Error::conflict(
                            "nas",
                            format!("the address {address} was just taken; import again"),
                        )
                    })?;
            }
            known.push(KnownNas {
                id,
                address,
                name: nas.name.clone(),
                secret,
            });
            admitted.push(address);
            outcome.imported += 1;
        }
        batch_end(tx, op, import, "nas", batch.len(), &outcome).await?;
        if import.is_some() {
            for address in admitted {
                self.plane.unknown_sources.forget(address.addr());
            }
        }
        Ok(outcome)
    }

    /// Whether a NAS that is here has this secret. One that does not open is another one.
    fn same_secret(&self, op: &OpContext, there: &KnownNas, secret: &str) -> bool {
        let Some(partner) = op.partner else { return false };
        let context = sealing::nas_secret(partner.as_uuid(), there.id.as_uuid());
        sealing::reveal(&self.sealer, &context, &there.secret)
            .is_ok_and(|stored| bool::from(stored.as_slice().ct_eq(secret.as_bytes())))
    }
}

/// The address of a NAS that could be admitted.
fn fits(nas: &NasIn) -> Result<IpNet, Error> {
    let address = address_parse(&nas.nasname)?;
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if !(1..=NAME_CHARS_MAX).contains(&nas.name.len()) || !nas.name.chars().all(letter) {
        let message = format!("must be 1 to {NAME_CHARS_MAX} letters, digits, dots, hyphens");
        return Err(Error::invalid("/name", message));
    }
    make_parse(&nas.make)?;
    // A warning about a short secret is not worth a line a NAS: the posture lists them.
    secret_check("/secret", &nas.secret, &mut Vec::new())?;
    Ok(address)
}

/// A NAS as it is stored.
fn row(nas: &NasIn, address: IpNet, secret: String) -> NasImported {
    let cut = |text: &String| text.chars().take(DESCRIPTION_CHARS_MAX).collect();
    NasImported {
        address,
        nasname: nas.nasname.trim().to_owned(),
        name: nas.name.clone(),
        make: nas.make.clone(),
        ports: nas.ports,
        secret,
        server: nas.server.clone(),
        community: nas.community.clone(),
        description: nas.description.as_ref().map(cut),
    }
}
