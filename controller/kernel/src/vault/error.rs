//! Why a secret could not be read from a vault, told apart by what an operator would do about it.
//! Never holds a secret or a token.

use crate::error::Error;
use crate::outbound::CallError;

/// How a look into a vault ended badly.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It is up and locked; somebody has to unseal it.
    #[error("the vault is sealed; unseal it")]
    Sealed,
    /// It is up and was never set up.
    #[error("the vault is not initialized")]
    NotInitialized,
    /// It knows our token, and its policy does not allow this path.
    #[error("the vault does not allow {path}; its policy for this role has to")]
    Forbidden {
        /// Which path.
        path: String,
    },
    /// It does not take our token or our role.
    #[error("the vault does not accept our credential ({login}); a new one is needed")]
    LoginRefused {
        /// What we showed: "token", "approle".
        login: &'static str,
    },
    /// The file with our credential cannot be read, or has none in it.
    #[error("the vault's credential cannot be read from {path}")]
    NoCredential {
        /// Which file.
        path: String,
        /// What the operating system said; `None`: it is empty or too long.
        #[source]
        source: Option<std::io::Error>,
    },
    /// There is nothing at this path, or it was deleted.
    #[error("the vault has nothing at {path}")]
    NotFound {
        /// Which path.
        path: String,
    },
    /// There is something, without this field.
    #[error("the vault has no text named {field} at {path}")]
    NoSuchField {
        /// Which path.
        path: String,
        /// Which field.
        field: String,
    },
    /// It cannot be reached, or does not behave.
    #[error("the vault does not answer: {0}")]
    Unreachable(#[source] CallError),
}

impl VaultError {
    /// Whether what was read before may be served instead: the vault is away, as opposed to having said no.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Sealed | Self::NotInitialized | Self::Unreachable(_))
    }

    /// A word from a closed list, for metrics and programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::NotInitialized => "not_initialized",
            Self::Forbidden { .. } => "forbidden",
            Self::LoginRefused { .. } => "login_refused",
            Self::NoCredential { .. } => "no_credential",
            Self::NotFound { .. } => "not_found",
            Self::NoSuchField { .. } => "no_such_field",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl From<VaultError> for Error {
    fn from(source: VaultError) -> Self {
        match &source {
            VaultError::Sealed | VaultError::NotInitialized | VaultError::Unreachable(_) => {
                Self::Unavailable {
                    what: source.to_string(),
                    source: Box::new(source),
                }
            }
            // Where a file of the platform is says nothing to a partner.
            VaultError::NoCredential { .. } => Self::Unavailable {
                what: "the vault cannot be logged in to".to_owned(),
                source: Box::new(source),
            },
            _ => Self::conflict("secret", source.to_string()),
        }
    }
}
