//! `headend login`, `logout`, `whoami`.
//! Never stores a password, only the session token the server gives for it.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Globals;
use super::context::{Context, URL_DEFAULT};
use crate::client::{Api, ClientError};
use crate::credentials::{self, Credentials};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::secret::{Ask, Secret};

/// What the server calls it when a password is not enough.
const CODE_REQUIRED: &str = "second_factor_required";

/// Who logs in.
#[derive(Args)]
pub struct Login {
    /// E-mail address
    #[arg(long, env = "HEADEND_EMAIL")]
    email: String,
    /// File with the password, - for stdin [else HEADEND_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File with a code of the second factor, - for stdin [else HEADEND_CODE, else a prompt when one is wanted]
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

impl Login {
    /// Logs in and writes the credentials file.
    pub async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let remembered = Credentials::load()?;
        let url = globals
            .url
            .clone()
            .or(remembered.url)
            .unwrap_or_else(|| URL_DEFAULT.to_owned());
        let ask = Ask {
            what: "password",
            file: self.password_file.as_deref(),
            flag: "--password-file",
            env: "HEADEND_PASSWORD",
        };
        let password = ask.secret()?;
        let code = code_of(self.code_file.as_deref());
        let session = open(
            &Api::new(&url, None)?,
            &self.email,
            &password,
            &code,
            globals.partner.clone(),
        )
        .await?;
        if globals.json {
            output::json(&json!({"user": session["user"], "expires_at": session["expires_at"]}));
        } else {
            let until = output::column(&session, "expires_at");
            output::line(&format!("logged in to {url} as {} until {until}", self.email));
        }
        Ok(())
    }
}

/// Logs in, writes the credentials file, and gives the server's answer.
pub async fn open(
    api: &Api,
    email: &str,
    password: &Secret,
    code: &Ask<'_>,
    partner: Option<String>,
) -> Result<Value, Failure> {
    let (session, token) = session(api, email, password, code).await?;
    let kept = Credentials {
        url: Some(api.url().to_owned()),
        token: Some(token.reveal().to_owned()),
        partner,
    };
    kept.store()?;
    Ok(session)
}

/// Logs in without remembering it: the server's answer, and the token in it.
pub async fn session(
    api: &Api,
    email: &str,
    password: &Secret,
    code: &Ask<'_>,
) -> Result<(Value, Secret), Failure> {
    let mut body = json!({"email": email, "password": password.reveal()});
    let mut answer = api.post(&["login"], &body).await;
    // Asked for only when the server wants one: most people have no second factor, and a code lives half a minute.
    if matches!(&answer, Err(error) if error.code() == Some(CODE_REQUIRED)) {
        body["code"] = code.secret()?.reveal().into();
        answer = api.post(&["login"], &body).await;
    }
    let session = answer.map_err(|error| match error {
        // The server does not say which of the two is wrong, and no hint to log in helps here.
        ClientError::Problem(problem) if problem.status == 401 && problem.code == "unauthenticated" => {
            Failure::new(
                Exit::Refused,
                format!(
                    "cannot log in to {} as {email}: wrong e-mail address or password",
                    api.url()
                ),
            )
        }
        other => other.into(),
    })?;
    let token = session["token"]
        .as_str()
        .map(|token| Secret::from(token.to_owned()));
    match token {
        Some(token) => Ok((session, token)),
        None => Err(Failure::new(Exit::Failed, "the server gave no token")),
    }
}

/// Where a code of the second factor comes from.
pub fn code_of(file: Option<&std::path::Path>) -> Ask<'_> {
    Ask {
        what: "code",
        file,
        flag: "--code-file",
        env: "HEADEND_CODE",
    }
}

/// Ends the session at the server and forgets it here.
pub async fn logout(context: &Context) -> Result<(), Failure> {
    let ended = if context.api.has_token() {
        context.api.post(&["logout"], &json!({})).await.map(drop)
    } else {
        Ok(())
    };
    if let Some(path) = credentials::path() {
        Credentials::forget(&path)?;
    }
    match ended {
        // A session that is over already is as good.
        Err(ClientError::Problem(problem)) if problem.status == 401 => {}
        Err(error) => output::note(&format!(
            "forgotten here, but not ended there: {}",
            Failure::from(error).title
        )),
        Ok(()) => {}
    }
    output::line("logged out");
    Ok(())
}

/// Shows who the token belongs to.
pub async fn whoami(context: &Context) -> Result<(), Failure> {
    let me = context.api.get(&["me"]).await?;
    if context.json {
        output::json(&me);
        return Ok(());
    }
    let name = match output::field(&me, "user.email") {
        none if none == "-" => output::field(&me, "user.name"),
        email => email,
    };
    output::line(&format!("{name} at {}", context.api.url()));
    if me["platform_roles"]
        .as_array()
        .is_some_and(|roles| !roles.is_empty())
    {
        output::line(&format!("platform: {}", output::cell(&me["platform_roles"])));
    }
    for partner in me["partners"].as_array().into_iter().flatten() {
        let roles = match output::field(partner, "roles") {
            none if none == "-" => "(as the platform)".to_owned(),
            roles => roles,
        };
        output::line(&format!("partner {}: {roles}", output::field(partner, "slug")));
    }
    Ok(())
}
