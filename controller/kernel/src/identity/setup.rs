//! The one-time set-up: a link printed at the first start makes the first person, and then closes for ever.
//! There is no default password, and no way to open it again.

use serde_json::json;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::email::EmailAddress;
use super::token::{Token, TokenDigest, TokenKind, digest_of};
use super::user::{User, check_password, roles_find_in_tx, user_create_in_tx};
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::authz::role::PLATFORM_ADMIN;
use crate::error::{Error, FieldError};
use crate::input::Input;
use crate::op::OpContext;
use crate::tenancy::partner::partner_create_in_tx;
use crate::tenancy::{Name, NewPartner, Partner};

/// What the set-up makes.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The first partner, when there shall be one at once.
    pub partner: Option<NewPartner>,
    /// The platform administrator's address.
    pub email: String,
    /// His name.
    pub name: String,
    /// His password.
    pub password: Zeroizing<String>,
}

/// Why the set-up did not happen.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It happened already.
    #[error("set-up is closed: it has been completed and never opens again")]
    Closed,
    /// The token is not the one of the newest link.
    #[error(
        "this is not the newest set-up link; the server prints it at every start until set-up is completed"
    )]
    WrongToken,
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl Identity {
    /// Issues the set-up link's token while nobody has completed the set-up and nobody exists; the one before is void.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn setup_issue(&self) -> Result<Option<Token>, Error> {
        let op = OpContext::system("setup");
        let mut tx = self.db.begin(&op).await?;
        if !store::setup::setup_is_open_in_tx(&mut tx, &op).await? {
            return Ok(None);
        }
        let token = Token::draw(TokenKind::Setup)?;
        let issued = store::setup::setup_issue_in_tx(&mut tx, &op, &token.digest()).await?;
        tx.commit().await?;
        Ok(issued.then_some(token))
    }

    /// Whether the set-up is still to be done.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn setup_is_open(&self) -> Result<bool, Error> {
        let op = OpContext::system("setup");
        let mut tx = self.db.begin(&op).await?;
        store::setup::setup_is_open_in_tx(&mut tx, &op).await
    }

    /// Completes the set-up: the platform administrator, and the first partner if asked for.
    ///
    /// # Errors
    /// [`SetupError::Closed`] for ever after the first success; [`SetupError::WrongToken`]; [`Error::Invalid`].
    pub async fn setup_complete(
        &self,
        op: &OpContext,
        token: &str,
        setup: Setup,
    ) -> Result<(User, Option<Partner>), SetupError> {
        let op = self.on_behalf(op);
        let presented = digest_of(token)
            .filter(|(kind, _)| *kind == TokenKind::Setup)
            .map(|(_, digest)| digest);
        // The token first: neither rules nor hashing are for strangers.
        let mut tx = self.db.begin(&op).await?;
        check_token(store::setup::setup_lock_in_tx(&mut tx, &op).await?, presented)?;
        tx.commit().await.map_err(Error::from)?;
        let (email, name) = check_setup(&setup)?;
        let hash = self.passwords.hash(setup.password).await?;
        let mut tx = self.db.begin(&op).await?;
        check_token(store::setup::setup_lock_in_tx(&mut tx, &op).await?, presented)?;
        let roles = roles_find_in_tx(&mut tx, &op, &[PLATFORM_ADMIN.to_owned()]).await?;
        let user = user_create_in_tx(&mut tx, &op, &email, &name, &hash, &roles).await?;
        let partner = match &setup.partner {
            Some(new) => Some(
                partner_create_in_tx(&mut tx, &op, new)
                    .await
                    .map_err(|error| below("/partner", error))?,
            ),
            None => None,
        };
        store::setup::setup_close_in_tx(&mut tx, &op).await?;
        let entry = Entry::ok("setup.complete", "platform")
            .object(user.id, &user.email)
            .after(json!({ "partner": partner.as_ref().map(|partner| &partner.slug) }));
        audit::record(&mut tx, &op, entry).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok((user, partner))
    }
}

/// Compares the presented token with what is stored.
fn check_token(stored: Option<TokenDigest>, presented: Option<TokenDigest>) -> Result<(), SetupError> {
    match (stored, presented) {
        (None, _) => Err(SetupError::Closed),
        (Some(stored), Some(presented)) if bool::from(stored.ct_eq(&presented)) => Ok(()),
        (Some(_), _) => Err(SetupError::WrongToken),
    }
}

/// Applies the rules for people to the first of them.
fn check_setup(setup: &Setup) -> Result<(EmailAddress, Name), Error> {
    let mut input = Input::new();
    let email: Option<EmailAddress> = input.parse("/admin/email", &setup.email);
    let name: Option<Name> = input.parse("/admin/name", &setup.name);
    check_password(&mut input, "/admin/password", &setup.password);
    match (email, name) {
        (Some(email), Some(name)) => input.finish().map(|()| (email, name)),
        _ => Err(input.into_error()),
    }
}

/// Moves the pointers of an error below the member it came from.
pub(super) fn below(member: &str, error: Error) -> Error {
    match error {
        Error::Invalid { fields } => Error::Invalid {
            fields: fields
                .into_iter()
                .map(|field| FieldError::new(format!("{member}{}", field.pointer), field.message))
                .collect(),
        },
        other => other,
    }
}
