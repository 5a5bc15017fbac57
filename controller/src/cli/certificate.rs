//! `headend radius certificate`: certificates for RADIUS over TLS, of the authority in the data directory on this machine.
//! Asks the server only which NAS is meant, and not even that for an id. Never prints a key; it goes into a file.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use radius_server::NasId;
use radius_server::radsec::authority::{
    Authority, AuthorityError, Certificate, Issued, NAS_DAYS, NAS_DAYS_MAX,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::lookup::{NAS, id_of};
use super::serve::Serve;
use crate::config::Radius;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::secret::write_private;

/// Where the rest is written.
const PAGE: &str = "docs/radsec.md says how the authority is kept";

/// What to do with certificates.
#[derive(Subcommand)]
pub enum Command {
    /// Issue a NAS its key and certificate, as PEM files; the authority is made at first use
    Issue(Issue),
    /// Take certificates of a NAS back; its connections are closed
    Revoke(Revoke),
    /// List what was issued
    List {
        /// Which server.
        #[command(flatten)]
        server: Serve,
    },
}

/// `headend radius certificate issue`
#[derive(Args)]
pub struct Issue {
    /// Which server.
    #[command(flatten)]
    server: Serve,
    /// Name or id
    nas: String,
    /// How many days it lasts
    #[arg(long, default_value_t = NAS_DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(NAS_DAYS_MAX)))]
    days: u32,
    /// Where the files go
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
}

/// `headend radius certificate revoke`
#[derive(Args)]
pub struct Revoke {
    /// Which server.
    #[command(flatten)]
    server: Serve,
    /// A serial number as `list` shows it, or name or id of a NAS for all of its certificates
    which: String,
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::Issue(issue) => issue.run(context).await,
            Command::Revoke(revoke) => revoke.run(context).await,
            Command::List { server } => list(&server, context.json),
        }
    }
}

impl Issue {
    /// Finds the NAS, issues, and writes the files.
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let (nas, name) = nas(context, &self.nas).await?;
        let authority = authority(&self.server, true)?;
        let issued = authority
            .issue(nas, &name, self.days, OffsetDateTime::now_utc())
            .map_err(|error| failed(&error))?;
        let stem = file_stem(&name);
        let at = |suffix: &str| self.out.join(format!("{stem}{suffix}"));
        let (key, certificate, ca) = (at("-key.pem"), at(".pem"), self.out.join("headend-ca.pem"));
        let written = write(&issued, &key, &certificate, &ca);
        if let Err((path, error)) = written {
            // Nobody has this certificate now; it must not stay good.
            let revoked = authority.revoke(|one| one.serial == issued.serial, OffsetDateTime::now_utc());
            let title = format!("cannot write {}: {error}", path.display());
            return Err(Failure::new(Exit::Failed, title).next(match revoked {
                Ok(_) => "the certificate was revoked again; give --out a directory that can be written",
                Err(_) => "revoke the certificate, then give --out a directory that can be written",
            }));
        }
        let said = json!({
            "serial": issued.serial, "nas": nas.as_uuid().to_string(), "name": name,
            "expires_at": moment(issued.expires_unix_s), "key": key, "certificate": certificate, "ca": ca,
        });
        if context.json {
            output::json(&said);
            return Ok(());
        }
        output::line(&format!(
            "issued certificate {} for NAS {name}, good until {}",
            issued.serial,
            moment(issued.expires_unix_s)
        ));
        output::line(&format!("  key          {}", key.display()));
        output::line(&format!("  certificate  {}", certificate.display()));
        output::line(&format!("  authority    {}", ca.display()));
        output::line("put all three on the NAS; its shared secret for RADIUS over TLS is \"radsec\"");
        Ok(())
    }
}

impl Revoke {
    /// Revokes one or all of a NAS.
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let authority = authority(&self.server, false)?;
        let known = authority.list().map_err(|error| failed(&error))?;
        let which = self.which.as_str();
        let of_nas = |one: &Certificate| one.name == which || one.nas.as_uuid().to_string() == which;
        let mut revoked = Vec::new();
        if known.iter().any(|one| one.serial == which || of_nas(one)) {
            revoked = authority
                .revoke(
                    |one| one.serial == which || of_nas(one),
                    OffsetDateTime::now_utc(),
                )
                .map_err(|error| failed(&error))?;
        } else if let Ok((nas, _)) = nas(context, which).await {
            // It was renamed since.
            revoked = authority
                .revoke(|one| one.nas == nas, OffsetDateTime::now_utc())
                .map_err(|error| failed(&error))?;
        }
        if revoked.is_empty() {
            let title = format!("there is no good certificate of {which}");
            return Err(
                Failure::new(Exit::NotFound, title).next("headend radius certificate list shows them")
            );
        }
        if context.json {
            output::json(&Value::Array(revoked.iter().map(shown).collect()));
            return Ok(());
        }
        for one in &revoked {
            output::line(&format!("revoked certificate {} of NAS {}", one.serial, one.name));
        }
        Ok(())
    }
}

/// Lists what was issued.
fn list(server: &Serve, json: bool) -> Result<(), Failure> {
    let all = authority(server, false)?.list().map_err(|error| failed(&error))?;
    if json {
        output::json(&Value::Array(all.iter().map(shown).collect()));
        return Ok(());
    }
    let now_unix_s = OffsetDateTime::now_utc().unix_timestamp();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            vec![
                one.serial.clone(),
                one.name.clone(),
                state(one, now_unix_s).to_owned(),
                moment(one.issued_unix_s),
                moment(one.expires_unix_s),
            ]
        })
        .collect();
    output::table(&["SERIAL", "NAS", "STATE", "ISSUED", "EXPIRES"], &rows);
    Ok(())
}

/// The authority of the server on this machine; only one who issues makes it.
fn authority(server: &Serve, make: bool) -> Result<Authority, Failure> {
    let dir = Radius::radsec_authority(&server.configuration()?.data_dir);
    if !make && !Authority::exists(&dir) {
        let title = format!("there is no certificate authority in {}", dir.display());
        return Err(Failure::new(Exit::NotFound, title)
            .next("give --data-dir or --config of the server, or issue a certificate, which makes it"));
    }
    Authority::open(&dir, OffsetDateTime::now_utc()).map_err(|error| failed(&error))
}

/// Id and name of a NAS; an id is taken as it is when there is no server to ask.
async fn nas(context: &Context, which: &str) -> Result<(NasId, String), Failure> {
    let found = async {
        let partner = context.partner().await?;
        NAS.find(context, &partner, which).await
    };
    let (id, name) = match (found.await, uuid::Uuid::try_parse(which)) {
        (Ok(found), _) => (id_of(&found)?, found["name"].as_str().unwrap_or(which).to_owned()),
        (Err(failure), Ok(_)) if failure.exit as u8 == Exit::Unreachable as u8 => {
            (which.to_owned(), which.to_owned())
        }
        (Err(failure), _) => return Err(failure),
    };
    let id = uuid::Uuid::try_parse(&id)
        .map_err(|_| Failure::new(Exit::Failed, format!("the server gave a NAS the id {id}")))?;
    Ok((NasId::from(id), name))
}

/// Writes the three files; what could not be written, and why.
fn write<'p>(
    issued: &Issued,
    key: &'p Path,
    certificate: &'p Path,
    ca: &'p Path,
) -> Result<(), (&'p Path, std::io::Error)> {
    write_private(key, &issued.key_pem).map_err(|error| (key, error))?;
    std::fs::write(certificate, &issued.certificate_pem).map_err(|error| (certificate, error))?;
    std::fs::write(ca, &issued.authority_pem).map_err(|error| (ca, error))
}

/// A name as a file may be called.
fn file_stem(name: &str) -> String {
    let plain = |char: char| {
        if char.is_ascii_alphanumeric() || matches!(char, '-' | '_') {
            char
        } else {
            '-'
        }
    };
    name.chars().take(64).map(plain).collect()
}

/// How a certificate is.
fn state(one: &Certificate, now_unix_s: i64) -> &'static str {
    if one.revoked_unix_s.is_some() {
        "revoked"
    } else if one.expires_unix_s <= now_unix_s {
        "expired"
    } else {
        "good"
    }
}

/// A certificate as JSON.
fn shown(one: &Certificate) -> Value {
    json!({
        "serial": one.serial, "nas": one.nas.as_uuid().to_string(), "name": one.name,
        "state": state(one, OffsetDateTime::now_utc().unix_timestamp()),
        "issued_at": moment(one.issued_unix_s), "expires_at": moment(one.expires_unix_s),
        "revoked_at": one.revoked_unix_s.map(moment),
    })
}

/// A moment in words.
fn moment(unix_s: i64) -> String {
    OffsetDateTime::from_unix_timestamp(unix_s)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| unix_s.to_string())
}

/// The failure of the authority, with its causes.
fn failed(error: &AuthorityError) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Failure::new(Exit::Failed, text).next(PAGE)
}

#[cfg(test)]
mod tests {
    use super::file_stem;

    #[test]
    fn a_name_leaves_its_directory_alone() {
        assert_eq!(file_stem("../../etc/BNG 1"), "------etc-BNG-1");
    }
}
