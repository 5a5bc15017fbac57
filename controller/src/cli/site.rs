//! `headend site`: where a client has its services; written `client/site`.
//! Never holds a rule; see the API's `/clients/{client_id}/sites`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::Context;
use super::lookup::{self, CLIENT};
use crate::failure::Failure;
use crate::output::{self, field};

/// What to do with sites.
#[derive(Subcommand)]
pub enum Command {
    /// List the sites of a partner, or of one client
    List {
        /// Only of this client
        #[arg(long, value_name = "SLUG")]
        client: Option<String>,
    },
    /// Create a site
    Create {
        /// Client and stable short name, such as homes/main-street
        #[arg(value_name = "CLIENT/SLUG")]
        site: String,
        /// What people read
        #[arg(long)]
        name: String,
        /// Where it is; a site may also be a grouping without a place
        #[arg(long)]
        address: Option<String>,
    },
    /// Delete a site with its subscribers; they can come back
    Delete {
        /// Client and site
        #[arg(value_name = "CLIENT/SLUG")]
        site: String,
    },
    /// Bring a deleted site back, with the subscribers that were deleted with it
    Restore {
        /// Client and site
        #[arg(value_name = "CLIENT/SLUG")]
        site: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        match self {
            Command::List { client } => {
                let sites = list(context, &partner, client.as_deref()).await?;
                context.show_list(sites, &["SITE", "NAME", "ADDRESS", "ID"], |site| {
                    let full = format!("{}/{}", field(site, "client"), field(site, "slug"));
                    vec![
                        full,
                        field(site, "name"),
                        field(site, "address"),
                        field(site, "id"),
                    ]
                });
            }
            Command::Create { site, name, address } => {
                let (client, slug) = lookup::split_site(&site)?;
                let client_id = CLIENT.id(context, &partner, client).await?;
                let mut body = json!({"slug": slug, "name": name});
                if let Some(address) = address {
                    body["address"] = address.into();
                }
                let made = context
                    .api
                    .post(&["partners", &partner, "clients", &client_id, "sites"], &body)
                    .await?;
                context.done("created site", &site, &made);
            }
            Command::Delete { site } => {
                let (client, slug) = lookup::split_site(&site)?;
                let path = ["partners", &partner, "clients", client, "sites", slug];
                context.api.delete(&path, &[]).await?;
                output::line(&format!("deleted site {site}"));
            }
            Command::Restore { site } => {
                let (client, slug) = lookup::split_site(&site)?;
                let path = ["partners", &partner, "clients", client, "sites", slug, "restore"];
                context.api.post(&path, &json!({})).await?;
                output::line(&format!("restored site {site}"));
            }
        }
        Ok(())
    }
}

/// The sites of one client or of all, each with its client's slug in `client`.
async fn list(context: &Context, partner: &str, client: Option<&str>) -> Result<Vec<Value>, Failure> {
    let clients = match client {
        Some(slug) => vec![CLIENT.find(context, partner, slug).await?],
        None => context.api.list(&["partners", partner, "clients"], &[]).await?,
    };
    let mut sites = Vec::new();
    for client in clients {
        let id = lookup::id_of(&client)?;
        for mut site in context
            .api
            .list(&["partners", partner, "clients", &id, "sites"], &[])
            .await?
        {
            site["client"] = client["slug"].clone();
            sites.push(site);
        }
    }
    Ok(sites)
}
