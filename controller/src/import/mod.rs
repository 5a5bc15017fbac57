//! `headend import`: what another system knew, read where it is, and sent to the API in batches.
//! Never writes to the other system, and never goes past the API: what may come in is decided there.
//!
//! In the order data flows: a [`source`] ([`dump`] with its [`lexer`], or a live database, both as [`copy_text`]; [`csv`] by
//! itself, in a [`list`] or as [`port_blocks`]) gives rows of a [`table`]; [`collected`] puts people and groups together; [`group`], [`person`], [`nas`] and
//! [`session`] make bodies of them, with moments read by [`moment`] and names by `escaped`; [`send`] brings them, and the [`report`] adds up.

pub mod collected;
pub mod copy_text;
pub mod csv;
pub mod dump;
mod escaped;
pub mod freeradius;
pub mod group;
pub mod lexer;
pub mod list;
pub mod moment;
pub mod nas;
mod octets;
pub mod person;
pub mod port_blocks;
pub mod report;
pub mod send;
pub mod session;
pub mod source;
pub mod table;

use serde_json::json;

use self::report::Report;
use self::send::Target;
use crate::client::Api;
use crate::failure::{Exit, Failure};

/// What every import is told.
pub struct Asked<'a> {
    /// The API.
    pub api: &'a Api,
    /// The partner.
    pub partner: &'a str,
    /// Client and site of who comes without one.
    pub site: (&'a str, &'a str),
    /// The plan of who comes without one; `None`: a bare one is made.
    pub plan: Option<&'a str>,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
    /// Whether those who are here become as the source has them.
    pub update: bool,
}

impl Asked<'_> {
    /// Begins an import at the server, unless it is a trial; its id.
    async fn start(&self, source: &str) -> Result<Option<String>, Failure> {
        if self.dry_run {
            return Ok(None);
        }
        let path = ["partners", self.partner, "imports"];
        let source: String = source.chars().take(200).collect();
        let import = self.api.post(&path, &json!({ "source": source })).await?;
        match import["id"].as_str() {
            Some(id) => Ok(Some(id.to_owned())),
            None => Err(Failure::new(
                Exit::Failed,
                "the server gave an import without an id",
            )),
        }
    }

    /// Ends it.
    async fn finish(&self, target: &Target<'_>, report: &mut Report) -> Result<(), Failure> {
        if let Some(import) = target.import {
            let path = ["partners", self.partner, "imports", import, "finish"];
            self.api.post(&path, &json!({})).await?;
        }
        report.close()
    }
}
