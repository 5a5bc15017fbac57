//! `headend setup`: completes the first start unattended, from a file, with the one-time token.
//! Never invents a password and never works twice: the server closes set-up for ever.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Globals;
use super::context::URL_DEFAULT;
use super::{api_key, login};
use crate::client::{Api, ClientError};
use crate::failure::{Exit, Failure};
use crate::mistake;
use crate::output;
use crate::secret::{Ask, Secret, SecretSource};
use crate::serve::announce::{Announcement, SETUP_TOKEN_FILE};

/// How to reach a server that nobody can log in to yet.
#[derive(Args)]
pub struct Setup {
    /// The file; docs/apply.md describes it
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Data directory of the server on this machine: token and address are read from there
    #[arg(long, env = "HEADEND_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// File with the one-time token, - for stdin [else HEADEND_SETUP_TOKEN]
    #[arg(long, value_name = "FILE")]
    setup_token_file: Option<PathBuf>,
    /// Also log in as the new administrator and remember it
    #[arg(long)]
    login: bool,
}

/// The set-up file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The platform administrator.
    admin: Admin,
    /// The first partner.
    partner: Option<Partner>,
    /// A key for automation.
    api_token: Option<ApiToken>,
}

/// `[admin]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Admin {
    /// The login.
    email: String,
    /// What people read; the e-mail address when absent.
    name: Option<String>,
    /// The password.
    password: SecretSource,
}

/// `[partner]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Partner {
    /// Stable short name.
    slug: String,
    /// What people read.
    name: String,
}

/// `[api_token]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiToken {
    /// What it is for.
    name: String,
    /// Where it is written, mode 0600, relative to the set-up file.
    file: PathBuf,
    /// What it may do; everything the administrator may do in the partner when absent.
    permissions: Option<Vec<String>>,
}

impl Setup {
    /// Does it.
    pub async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let dir = self.file.parent().unwrap_or(Path::new(".")).to_owned();
        let file = read(&self.file)?;
        let wrong = |why: String| Failure::usage(format!("{}: [admin] password: {why}", self.file.display()));
        let password = file.admin.password.resolve(&dir).map_err(wrong)?;
        let api = self.server(globals)?;
        let token = self.token()?;
        let mut body = json!({
            "token": token.reveal(),
            "admin": {
                "email": file.admin.email,
                "name": file.admin.name.as_ref().unwrap_or(&file.admin.email),
                "password": password.reveal(),
            },
        });
        if let Some(partner) = &file.partner {
            body["partner"] = json!({"slug": partner.slug, "name": partner.name});
        }
        let answer = api.post(&["setup"], &body).await.map_err(refused)?;
        if let Some(dir) = &self.data_dir {
            // The server removes it as well; whoever is first.
            drop(std::fs::remove_file(dir.join(SETUP_TOKEN_FILE)));
        }
        let slug = file.partner.as_ref().map(|partner| partner.slug.clone());
        if let (Some(wanted), Some(slug)) = (&file.api_token, &slug) {
            let (_, session) =
                login::session(&api, &file.admin.email, &password, &login::code_of(None)).await?;
            make_token(&api.with_token(session), slug, wanted, &dir)
                .await
                .map_err(|failure| {
                    let title = format!(
                        "set-up is complete, but the API key is not made: {}",
                        failure.title
                    );
                    Failure { title, ..failure }.next("log in, and make it with headend api-key create")
                })?;
        }
        if self.login {
            login::open(
                &api,
                &file.admin.email,
                &password,
                &login::code_of(None),
                slug.clone(),
            )
            .await?;
        }
        if globals.json {
            output::json(&answer);
        } else {
            let partner = slug.map(|slug| format!(", partner {slug}")).unwrap_or_default();
            output::line(&format!(
                "set-up complete: administrator {}{partner}",
                file.admin.email
            ));
        }
        Ok(())
    }

    /// The server: named, or the one that runs on the data directory.
    fn server(&self, globals: &Globals) -> Result<Api, Failure> {
        let announced = || {
            self.data_dir
                .as_deref()
                .and_then(|dir| Announcement::read(dir).ok())
        };
        let url = match &globals.url {
            Some(url) => url.clone(),
            None => announced().map_or_else(|| URL_DEFAULT.to_owned(), |found| found.url),
        };
        Api::new(&url, None)
    }

    /// The one-time token: given, or the file the server wrote into the data directory.
    fn token(&self) -> Result<Secret, Failure> {
        let ask = Ask {
            what: "set-up token",
            file: self.setup_token_file.as_deref(),
            flag: "--setup-token-file",
            env: "HEADEND_SETUP_TOKEN",
        };
        if let Some(token) = ask.given()? {
            return Ok(token);
        }
        let Some(dir) = &self.data_dir else {
            return Err(Failure::usage("no set-up token given")
                .next("give --data-dir on the server's machine, or --setup-token-file with the token of the printed link"));
        };
        let path = dir.join(SETUP_TOKEN_FILE);
        match std::fs::read_to_string(&path) {
            Ok(token) => Ok(Secret::from(token.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(closed(&path)),
            Err(error) => Err(Failure::file("read", &path, &error)),
        }
    }
}

/// The failure when the token's file is not there: set-up is done, or the directory is another one.
fn closed(path: &Path) -> Failure {
    let dir = path.parent().unwrap_or(path);
    if Announcement::read(dir).is_ok() {
        Failure::new(
            Exit::Refused,
            format!("set-up is closed: {} is gone", path.display()),
        )
        .next("headend login --email …")
    } else {
        let shown = format!("no server has started on {}", dir.display());
        Failure::new(Exit::Unreachable, shown).next("start headend serve with this data directory first")
    }
}

/// Reads the set-up file.
fn read(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let failure = Failure::usage(format!("{} is no set-up file", path.display()));
        failure
            .detail(mistake::line_and_words(&text, &error))
            .next("docs/apply.md describes the format")
    })?;
    if file.api_token.is_some() && file.partner.is_none() {
        let shown = format!(
            "{}: [api_token] needs a [partner]: a key belongs to one",
            path.display()
        );
        return Err(Failure::usage(shown));
    }
    Ok(file)
}

/// Words for a refused set-up.
fn refused(error: ClientError) -> Failure {
    match error.code() {
        Some("setup_closed") => {
            let told = "set-up is closed: it was completed before and never opens again";
            Failure::new(Exit::Refused, told).next("log in as the administrator: headend login --email …")
        }
        _ => error.into(),
    }
}

/// Makes the API key and writes it to its file.
async fn make_token(api: &Api, partner: &str, wanted: &ApiToken, dir: &Path) -> Result<(), Failure> {
    let permissions = match &wanted.permissions {
        Some(permissions) => json!(permissions),
        None => json!(permissions_in(&api.get(&["me"]).await?, partner)),
    };
    let body = json!({"name": wanted.name, "permissions": permissions});
    let made = api.post(&["partners", partner, "api-keys"], &body).await?;
    api_key::write_token(
        &dir.join(&wanted.file),
        made["token"].as_str().unwrap_or_default(),
    )
}

/// What somebody may do in a partner, from `/me`. A right over the platform means nothing within a partner.
fn permissions_in<'a>(me: &'a Value, partner: &str) -> Vec<&'a str> {
    let partners = me["partners"].as_array().into_iter().flatten();
    let own = partners
        .filter(|found| found["slug"] == partner)
        .flat_map(|found| found["permissions"].as_array());
    own.flatten()
        .filter_map(Value::as_str)
        .filter(|name| !name.starts_with("platform:"))
        .collect()
}
