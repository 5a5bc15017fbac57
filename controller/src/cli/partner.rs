//! `headend partner`: the ISPs on the platform.
//! Never holds a rule; see the API's `/partners`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::lookup;
use crate::client::ClientError;
use crate::failure::Failure;
use crate::output::{self, field};
use crate::secret::Ask;

/// What to do with partners.
#[derive(Subcommand)]
pub enum Command {
    /// List the partners you can see
    List,
    /// Create a partner
    Create {
        /// Stable short name: a-z, 0-9 and -
        slug: String,
        /// What people read
        #[arg(long)]
        name: String,
    },
    /// Change a partner; what is not named stays
    Set {
        /// Slug or id
        partner: String,
        /// What people read
        #[arg(long)]
        name: Option<String>,
        /// By whose clock its days, weeks and months begin, such as Europe/Berlin
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
    },
    /// Create a partner with his administrator, and his first client and site, in one go
    Onboard {
        /// Stable short name: a-z, 0-9 and -
        slug: String,
        /// What people read
        #[arg(long)]
        name: String,
        /// The administrator's e-mail address
        #[arg(long, value_name = "EMAIL")]
        admin_email: String,
        /// The administrator's name
        #[arg(long, value_name = "NAME")]
        admin_name: String,
        /// File with the administrator's first password, - for stdin [else HEADEND_USER_PASSWORD, else a prompt]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// His first client and its first site, such as homes/main-street; named like their slugs
        #[arg(long, value_name = "CLIENT/SLUG")]
        site: Option<String>,
    },
    /// Delete a partner: hidden from everybody, its subscribers turned away; it can come back
    Delete {
        /// Slug or id
        partner: String,
    },
    /// Bring a deleted partner back
    Restore {
        /// Slug or id
        partner: String,
    },
    /// Show one partner
    Show {
        /// Slug or id
        partner: String,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::List => {
                let partners = context.api.list(&["partners"], &[]).await?;
                context.show_list(
                    partners,
                    &["SLUG", "NAME", "STATUS", "TIME_ZONE", "ID"],
                    |partner| {
                        ["slug", "name", "status", "time_zone", "id"]
                            .map(|name| field(partner, name))
                            .to_vec()
                    },
                );
            }
            Command::Create { slug, name } => {
                let made = context
                    .api
                    .post(&["partners"], &json!({"slug": slug, "name": name}))
                    .await?;
                context.done("created partner", &slug, &made);
            }
            Command::Set {
                partner,
                name,
                time_zone,
            } => {
                let named = [("name", name), ("time_zone", time_zone)];
                let body: serde_json::Map<String, serde_json::Value> = named
                    .into_iter()
                    .filter_map(|(field, value)| Some((field.to_owned(), value?.into())))
                    .collect();
                if body.is_empty() {
                    return Err(Failure::usage("nothing to change")
                        .next("headend partner set --help lists what can be set"));
                }
                let changed = context.api.patch(&["partners", &partner], &body.into()).await?;
                context.done("changed partner", &partner, &changed);
            }
            Command::Onboard {
                slug,
                name,
                admin_email,
                admin_name,
                password_file,
                site,
            } => {
                let ask = Ask {
                    what: "first password",
                    file: password_file.as_deref(),
                    flag: "--password-file",
                    env: "HEADEND_USER_PASSWORD",
                };
                let mut body = json!({
                    "partner": { "slug": slug, "name": name },
                    "admin": { "email": admin_email, "name": admin_name, "password": ask.secret()?.reveal() },
                });
                if let Some(site) = &site {
                    let (client, site) = lookup::split_site(site)?;
                    body["client"] = json!({ "slug": client, "name": client });
                    body["site"] = json!({ "slug": site, "name": site });
                }
                let made = context.api.post(&["partners", "onboard"], &body).await?;
                context.done("created partner", &slug, &made);
            }
            Command::Delete { partner } => {
                context
                    .api
                    .put(&["deleted-partners", &partner], &json!({}))
                    .await?;
                output::line(&format!("deleted partner {partner}"));
            }
            Command::Restore { partner } => {
                let path = ["deleted-partners", &partner, "restore"];
                context.api.post(&path, &json!({})).await?;
                output::line(&format!("restored partner {partner}"));
            }
            Command::Show { partner } => match context.api.get(&["partners", &partner]).await {
                Ok(found) => context.show_one(&found),
                Err(ClientError::Problem(problem)) if problem.status == 404 => {
                    let known = context.api.list(&["partners"], &[]).await.unwrap_or_default();
                    let slugs = known.iter().filter_map(|item| item["slug"].as_str());
                    return Err(no_partner(&partner, slugs));
                }
                Err(error) => return Err(error.into()),
            },
        }
        Ok(())
    }
}

/// The failure for a partner nobody knows, with close names.
fn no_partner<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Failure {
    let failure = Failure::new(
        crate::failure::Exit::NotFound,
        format!("there is no partner {name}"),
    );
    match crate::suggest::close(name, known).as_slice() {
        [] => failure,
        near => failure.next(format!("did you mean {}?", near.join(" or "))),
    }
}
