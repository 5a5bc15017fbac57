//! What the browser saw: which act, on which page, for which challenge (section 5.8.1).
//! Never decides whether the challenge was ours.

use serde::Deserialize;

use super::{MESSAGE_OCTETS_MAX, Party, PasskeyError};

/// The most of a foreign origin that a message repeats, in characters.
const ORIGIN_CHARS_SHOWN_MAX: usize = 100;

/// Which act it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A new key.
    Create,
    /// A proof by a known one.
    Get,
}

impl Act {
    /// As browsers spell it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
        }
    }
}

/// The client data; browsers may add members.
#[derive(Debug, Deserialize)]
pub struct ClientData {
    /// Which act.
    #[serde(rename = "type")]
    act: String,
    /// What was to be signed, in base64url.
    pub challenge: String,
    /// The page.
    origin: String,
    /// Whether that page was inside a foreign one.
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

impl ClientData {
    /// Reads it.
    ///
    /// # Errors
    /// [`PasskeyError::Malformed`].
    pub fn read(octets: &[u8]) -> Result<Self, PasskeyError> {
        let malformed = |why| PasskeyError::Malformed {
            what: "the client data",
            why,
        };
        if octets.len() > MESSAGE_OCTETS_MAX {
            return Err(malformed("it is too long"));
        }
        serde_json::from_slice(octets).map_err(|_| malformed("it is not the JSON it should be"))
    }

    /// Wants it to be made for this act and on a page of ours.
    ///
    /// # Errors
    /// [`PasskeyError::OtherAct`]; [`PasskeyError::OtherOrigin`].
    pub fn check(&self, act: Act, party: &Party) -> Result<(), PasskeyError> {
        if self.act != act.as_str() {
            return Err(PasskeyError::OtherAct);
        }
        if self.origin != party.origin() || self.cross_origin {
            return Err(PasskeyError::OtherOrigin {
                origin: self.origin.chars().take(ORIGIN_CHARS_SHOWN_MAX).collect(),
                ours: party.origin().to_owned(),
            });
        }
        Ok(())
    }
}
