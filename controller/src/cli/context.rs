//! What every client command needs: the API with a token, the partner that is meant, how to print.
//! Never guesses a partner when there are several. Next: [`super::lookup`] for names inside a partner.

use serde_json::Value;

use super::Globals;
use crate::client::Api;
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::output;
use crate::secret::{Ask, Secret};

/// The server when nobody names one.
pub const URL_DEFAULT: &str = "http://127.0.0.1:8080";

/// One call of the program.
pub struct Context {
    /// The server, as whoever calls.
    pub api: Api,
    /// The partner that was named.
    partner: Option<String>,
    /// Whether to print JSON.
    pub json: bool,
}

impl Context {
    /// Puts flags, variables and the credentials file together.
    pub fn new(globals: &Globals) -> Result<Context, Failure> {
        let remembered = Credentials::load()?;
        // A token belongs to the server it was made for; another server must not see it.
        let url = globals
            .url
            .clone()
            .or_else(|| remembered.url.clone())
            .unwrap_or_else(|| URL_DEFAULT.to_owned());
        let same = remembered
            .url
            .as_deref()
            .is_none_or(|known| known.trim_end_matches('/') == url.trim_end_matches('/'));
        let remembered = if same { remembered } else { Credentials::default() };
        let given = match &globals.token {
            Some(token) => Some(Secret::from(token.clone())),
            None => Ask {
                what: "token",
                file: globals.token_file.as_deref(),
                flag: "--token-file",
                env: "HEADEND_TOKEN",
            }
            .given()?,
        };
        let token = given.or_else(|| remembered.token.map(Secret::from));
        let partner = globals.partner.clone().or(remembered.partner);
        Ok(Context {
            api: Api::new(&url, token)?.with_approval(globals.approval.clone()),
            partner,
            json: globals.json,
        })
    }

    /// The partner that is meant: the one named, else the only one this caller can see.
    pub async fn partner(&self) -> Result<String, Failure> {
        if let Some(partner) = &self.partner {
            return Ok(partner.clone());
        }
        let me = self.api.get(&["me"]).await?;
        let mut slugs: Vec<String> = names(me["partners"].as_array().map_or(&[][..], Vec::as_slice));
        if slugs.is_empty() {
            slugs = names(&self.api.list(&["partners"], &[]).await?);
        }
        match slugs.as_slice() {
            [only] => Ok(only.clone()),
            [] => {
                Err(Failure::usage("there is no partner yet").next("headend partner create SLUG --name NAME"))
            }
            several => {
                Err(Failure::usage("which partner?").next(format!("give --partner: {}", several.join(", "))))
            }
        }
    }

    /// Prints a list: a table, or the objects themselves.
    pub fn show_list(&self, items: Vec<Value>, headings: &[&str], row: impl Fn(&Value) -> Vec<String>) {
        if self.json {
            output::json(&Value::Array(items));
        } else {
            output::table(headings, &items.iter().map(row).collect::<Vec<_>>());
        }
    }

    /// Prints one object: its fields, or itself.
    pub fn show_one(&self, object: &Value) {
        if self.json {
            output::json(object);
        } else {
            output::fields(object);
        }
    }

    /// Says what was done to which object: one line, or the object itself.
    pub fn done(&self, what: &str, name: &str, object: &Value) {
        if self.json {
            output::json(object);
        } else {
            match object["id"].as_str() {
                Some(id) => output::line(&format!("{what} {name} ({id})")),
                None => output::line(&format!("{what} {name}")),
            }
        }
    }
}

/// The slugs of a list of partners.
fn names(partners: &[Value]) -> Vec<String> {
    partners
        .iter()
        .filter_map(|partner| partner["slug"].as_str())
        .map(str::to_owned)
        .collect()
}
