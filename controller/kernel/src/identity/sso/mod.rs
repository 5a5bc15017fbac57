//! Single sign-on: a partner's own OpenID provider says who somebody is; the partner has said what that makes him here.
//! Never believes a provider about another partner, never takes an account over by its address, and never gives a right that
//! the partner has not mapped: who is in no mapped group stays out, and a session counts in that partner only.
//!
//! [`setting`] is what a partner keeps of its provider; [`login`] the two steps of a login (authorization code with PKCE);
//! [`provider`] speaks to the provider over HTTP; [`token`] verifies what it signed. No redirect is followed, and addresses
//! are judged by [`crate::outbound`].

pub mod login;
pub mod provider;
pub mod setting;
pub mod token;

pub use login::{Begun, Returned};
pub use provider::ProviderError;
pub use setting::{NewProvider, SsoProvider};
pub use token::TokenError;

use crate::error::Error;

/// Why a login by a provider did not happen.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// There is none, or it is switched off.
    #[error("this partner has no single sign-on")]
    NotConfigured,
    /// What came back belongs to no login that this browser began here, or to one that is over.
    #[error("this browser began no such login within ten minutes, or has completed it; begin again")]
    OtherLogin,
    /// The provider itself refused.
    #[error("the provider said {code}")]
    Refused {
        /// Its code, shortened and without odd characters.
        code: String,
    },
    /// The provider did not do what it should.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// What it signed proves nothing.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The provider says that the address is not his.
    #[error("the provider has not verified the e-mail address, or gave none")]
    NoEmail,
    /// He is in no group that may anything here.
    #[error("none of the groups the provider names may do anything here; the partner maps groups to roles")]
    NoRole,
    /// There is an account with this address that was not made by this provider.
    #[error("there is an account with this e-mail address already, and it is not taken over")]
    AccountExists,
    /// He is disabled here.
    #[error("the account is disabled")]
    Disabled,
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}
