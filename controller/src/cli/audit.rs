//! `headend audit`: who did what, when, from where, with what outcome; and whether that is still as it was written.
//! Never changes a line; nobody can. What a chain is and how it is verified is in [`kernel::audit`].

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kernel::audit::chain::Hash;
use kernel::audit::verify::{Report, Verifier};

use super::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{self, field};

/// The longest line of an export that is read, in octets; the server's are bounded by what a request may hold.
const LINE_OCTETS_MAX: u64 = 8 * 1024 * 1024;

/// What to ask the audit.
#[derive(Subcommand)]
pub enum Command {
    /// List audit lines, newest first
    List {
        /// Only this action, such as nas.create
        #[arg(long)]
        action: Option<String>,
        /// Only by this actor, by name
        #[arg(long)]
        actor: Option<String>,
        /// Only on this object, by id
        #[arg(long)]
        object: Option<String>,
        /// Lines of the platform instead of a partner
        #[arg(long)]
        platform: bool,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Write the chain of audit lines with their hashes, as lines of JSON
    Export {
        /// The chain of the platform instead of a partner's
        #[arg(long)]
        platform: bool,
        /// Only what comes after this place, such as where the last export ended
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
        /// Write to this file instead of printing
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Find lines that were changed, removed, inserted or moved
    Verify(Verify),
}

/// What to verify.
#[derive(Args)]
pub struct Verify {
    /// An export, - for stdin; several that follow each other are one. Needs no server
    #[arg(long, short, value_name = "FILE", conflicts_with = "platform")]
    file: Vec<PathBuf>,
    /// The chain of the platform instead of a partner's
    #[arg(long)]
    platform: bool,
    /// What an earlier run said of a place; then a chain that was written anew is found, too
    #[arg(long, value_name = "SEQ:HASH", value_parser = place)]
    expect: Option<(i64, Hash)>,
}

/// Reads `SEQ:HASH`.
fn place(text: &str) -> Result<(i64, Hash), String> {
    text.split_once(':')
        .and_then(|(seq, hash)| Some((seq.parse().ok().filter(|seq| *seq > 0)?, Hash::read(hash)?)))
        .ok_or_else(|| "write the place, a colon and its hash of 64 hexadecimal digits".to_owned())
}

impl Command {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Command::List {
                action,
                actor,
                object,
                platform,
                limit,
            } => {
                list(
                    context,
                    [("action", action), ("actor", actor), ("object", object)],
                    platform,
                    limit,
                )
                .await
            }
            Command::Export { platform, after, out } => {
                let mut write: Box<dyn Write> = match &out {
                    Some(path) => {
                        Box::new(File::create(path).map_err(|error| Failure::file("write", path, &error))?)
                    }
                    None => Box::new(std::io::stdout().lock()),
                };
                let named = out.as_deref().unwrap_or(Path::new("stdout"));
                let mut written = |page: &str| {
                    write
                        .write_all(page.as_bytes())
                        .and_then(|()| write.flush())
                        .map_err(|error| Failure::file("write", named, &error))
                };
                pages(context, platform, after, &mut written).await
            }
            Command::Verify(verify) => verify.run(context).await,
        }
    }
}

impl Verify {
    /// Does it; fails when something is wrong.
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut verifier = match self.expect {
            Some((seq, hash)) => Verifier::expecting(seq, hash),
            None => Verifier::new(),
        };
        for path in &self.file {
            read(path, &mut verifier)?;
        }
        if self.file.is_empty() {
            let mut fed = |page: &str| {
                page.lines().for_each(|line| verifier.feed(line));
                Ok(())
            };
            pages(context, self.platform, 0, &mut fed).await?;
        }
        say(&verifier.finish(), context.json)
    }
}

/// Reads an export from a file.
fn read(path: &Path, verifier: &mut Verifier) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let mut lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(failed)?))
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = std::io::Read::take(&mut lines, LINE_OCTETS_MAX);
        if bounded.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        verifier.feed(&String::from_utf8_lossy(&line));
    }
}

/// Asks the server for a chain, page by page.
async fn pages(
    context: &Context,
    platform: bool,
    after: i64,
    each: &mut dyn FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let partner = if platform {
        String::new()
    } else {
        context.partner().await?
    };
    let path: &[&str] = if platform {
        &["audit", "export"]
    } else {
        &["partners", &partner, "audit", "export"]
    };
    let mut after = after;
    loop {
        let from = after.to_string();
        let page = context.api.text(path, &[("after", from.as_str())]).await?;
        each(&page)?;
        let end = page
            .lines()
            .next_back()
            .and_then(|end| serde_json::from_str::<serde_json::Value>(end).ok())
            .unwrap_or_default();
        let reached = end["end"]["seq"].as_i64().unwrap_or(after);
        if end["end"]["more"].as_bool() != Some(true) || reached <= after {
            return Ok(());
        }
        after = reached;
    }
}

/// Says what was found.
fn say(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        output::json(&report.to_json());
    } else {
        for fault in &report.faults {
            let place = fault.seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
            let id = fault.id.as_deref().unwrap_or("-");
            output::line(&format!("{place}  {id}  {}", fault.what));
        }
        let chain = &report.chain;
        let from = match report.after {
            0 => "from the beginning".to_owned(),
            after => format!("after {after}"),
        };
        output::line(&format!("{} lines of the chain of {chain}, {from}", report.lines));
        output::line(&format!(
            "keep this for the next time: --expect {}:{}",
            report.head.0, report.head.1
        ));
    }
    match report.faults.len() as u64 + report.further {
        0 => Ok(()),
        faults => Err(Failure::new(
            Exit::Failed,
            format!("the audit is not as it was written: {faults} faults"),
        )),
    }
}

/// Lists lines, newest first.
async fn list(
    context: &Context,
    filter: [(&str, Option<String>); 3],
    platform: bool,
    limit: usize,
) -> Result<(), Failure> {
    let filter: Vec<(&str, &str)> = filter
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
        .collect();
    let lines = if platform {
        context.api.list_some(&["audit"], &filter, limit).await?
    } else {
        let partner = context.partner().await?;
        context
            .api
            .list_some(&["partners", &partner, "audit"], &filter, limit)
            .await?
    };
    context.show_list(
        lines,
        &["AT", "ACTOR", "ACTION", "OBJECT", "OUTCOME", "REASON"],
        |line| {
            let object = match field(line, "object.label") {
                none if none == "-" => field(line, "object.id"),
                label => label,
            };
            let kind = field(line, "object.kind");
            vec![
                output::column(line, "at"),
                field(line, "actor.name"),
                field(line, "action"),
                if kind == "-" {
                    object
                } else {
                    format!("{kind} {object}")
                },
                field(line, "outcome"),
                field(line, "reason"),
            ]
        },
    );
    Ok(())
}
