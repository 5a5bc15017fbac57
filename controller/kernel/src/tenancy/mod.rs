//! Tenancy: partners, their clients, the clients' sites, and a partner's settings.
//! Never decides who may see them: `http` has done so, and row-level security does it again below.
//!
//! [`name`] says how things may be called; [`partner`], [`client`], [`site`] and [`setting`] hold the rules; [`deletion`] hides and brings back; [`store`]
//! all the SQL. Other modules reach sites through [`site_find_in_tx`] and [`site_fetch_in_tx`].

pub mod client;
pub mod deletion;
pub mod name;
pub mod partner;
pub mod setting;
pub mod site;
pub mod store;
pub mod zone;

pub use client::{Client, ClientChange, NewClient};
pub use deletion::Deleted;
pub use name::{ClientName, Key, Name, Slug};
pub use partner::{NewPartner, Partner, PartnerChange, Visible};
pub use site::{NewSite, Site, SiteChange, site_fetch_in_tx, site_find_in_tx};
pub use zone::ZoneName;

use crate::database::Database;

/// Partners, clients, sites and settings; the entry to all verbs on them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tenancy {
    /// Where they are kept.
    db: Database,
}

impl Tenancy {
    /// Over this database.
    pub fn new(db: Database) -> Self {
        Self { db }
    }
}

/// Whether a partner or a client is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Active,
    /// It exists and is not served.
    Suspended,
}

impl Status {
    /// The spelling in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// The text is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use active or suspended")]
pub struct NotAStatus;

impl std::str::FromStr for Status {
    type Err = NotAStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(NotAStatus)
    }
}
