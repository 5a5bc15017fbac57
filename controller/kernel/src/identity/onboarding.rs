//! A new partner in one call: himself, his administrator, his first client with its first site; all of it or nothing.
//! Never connects him to anything: what he is connected to, he says himself.

use serde_json::json;
use zeroize::Zeroizing;

use super::Identity;
use super::email::EmailAddress;
use super::grant;
use super::setup::below;
use super::user::{User, check_password, roles_find_in_tx, user_create_in_tx};
use crate::audit::{self, Entry};
use crate::authz::role::PARTNER_ADMIN;
use crate::error::Error;
use crate::id::{ClientId, SiteId};
use crate::input::Input;
use crate::op::OpContext;
use crate::tenancy::client::client_create_in_tx;
use crate::tenancy::partner::partner_create_in_tx;
use crate::tenancy::site::site_create_in_tx;
use crate::tenancy::{Name, NewClient, NewPartner, NewSite, Partner};

/// A partner's first person.
#[derive(Debug, Clone)]
pub struct NewAdmin {
    /// The account's name.
    pub email: String,
    /// For people.
    pub name: String,
    /// His first password.
    pub password: Zeroizing<String>,
}

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Onboarding {
    /// The partner.
    pub partner: NewPartner,
    /// Who makes everybody else.
    pub admin: NewAdmin,
    /// His first client.
    pub client: Option<NewClient>,
    /// That client's first site.
    pub site: Option<NewSite>,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Onboarded {
    /// The partner.
    pub partner: Partner,
    /// His administrator.
    pub admin: User,
    /// His first client.
    pub client: Option<ClientId>,
    /// Its first site.
    pub site: Option<SiteId>,
}

impl Identity {
    /// Makes a partner with what he needs to begin.
    ///
    /// # Errors
    /// [`Error::Invalid`] with pointers below `/partner`, `/admin`, `/client` and `/site`; [`Error::Conflict`] when the partner's slug
    /// or the administrator's address is taken; nothing is made then.
    pub async fn partner_onboard(&self, op: &OpContext, new: Onboarding) -> Result<Onboarded, Error> {
        let mut input = Input::new();
        let email: Option<EmailAddress> = input.parse("/admin/email", &new.admin.email);
        let name: Option<Name> = input.parse("/admin/name", &new.admin.name);
        check_password(&mut input, "/admin/password", &new.admin.password);
        if new.site.is_some() && new.client.is_none() {
            input.wrong("/client", "a site is below a client; name one");
        }
        let (Some(email), Some(name)) = (email, name) else {
            return Err(input.into_error());
        };
        input.finish()?;
        // Hashed outside of the transaction: it may wait its turn for seconds.
        let hash = self.passwords.hash(new.admin.password).await?;
        let mut tx = self.db.begin(op).await?;
        let partner = partner_create_in_tx(&mut tx, op, &new.partner)
            .await
            .map_err(|error| below("/partner", error))?;
        let within = op.in_partner(partner.id);
        let roles = roles_find_in_tx(&mut tx, &within, &[PARTNER_ADMIN.to_owned()]).await?;
        grant::check_grant(&within, &roles)?;
        let admin = user_create_in_tx(&mut tx, &within, &email, &name, &hash, &roles)
            .await
            .map_err(|error| below("/admin", error))?;
        let client = match &new.client {
            Some(client) => Some(
                client_create_in_tx(&mut tx, &within, client)
                    .await
                    .map_err(|error| below("/client", error))?,
            ),
            None => None,
        };
        let site = match (&client, &new.site) {
            (Some(client), Some(site)) => Some(
                site_create_in_tx(&mut tx, &within, client.id, site)
                    .await
                    .map_err(|error| below("/site", error))?,
            ),
            _ => None,
        };
        let entry = Entry::ok("partner.onboard", "partner")
            .object(partner.id, &partner.slug)
            .after(json!({
                "admin": admin.email, "client": client.as_ref().map(|client| &client.slug),
                "site": site.as_ref().map(|site| &site.slug),
            }));
        audit::record(&mut tx, &within, entry).await?;
        tx.commit().await?;
        Ok(Onboarded {
            partner,
            admin,
            client: client.map(|client| client.id),
            site: site.map(|site| site.id),
        })
    }
}
