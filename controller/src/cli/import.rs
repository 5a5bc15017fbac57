//! `headend import`: moving in from FreeRADIUS or from a list.
//! Never changes anything with `--dry-run`, which reports the same; see [`crate::import`] and docs/migration.md.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use time::UtcOffset;

use super::context::Context;
use super::lookup;
use crate::failure::Failure;
use crate::import::freeradius::{self, Sessions, Wanted};
use crate::import::group::Rules;
use crate::import::report::Report;
use crate::import::source::Source;
use crate::import::{Asked, list, moment, port_blocks};
use crate::output::{self, cell, column};

/// From where.
#[derive(Subcommand)]
pub enum Command {
    /// From FreeRADIUS's SQL schema: users, groups, NAS, sessions
    Freeradius(Freeradius),
    /// From a list of subscribers as comma-separated values
    Csv(List),
    /// From the log of a carrier-grade NAT as comma-separated values: whose ports were whose
    PortBlocks(PortBlocks),
    /// List what was imported
    List,
}

/// What every import can be told.
#[derive(Args)]
pub struct Common {
    /// The site of who comes without one [default: the only one]
    #[arg(long, value_name = "CLIENT/SITE")]
    site: Option<String>,
    /// The plan of who comes without one
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Report what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Make passwords, rows and ends of service of those who are here already what the source says
    #[arg(long)]
    update: bool,
    /// Write everything that was refused to a file: kind, place, name, reason, tabs between
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// The offset of moments that have none
    #[arg(long, value_name = "OFFSET", default_value = "+00:00", allow_hyphen_values = true, value_parser = moment::offset)]
    utc_offset: UtcOffset,
}

/// From FreeRADIUS.
#[derive(Args)]
pub struct Freeradius {
    /// A live PostgreSQL, read and never written; leave the password to PGPASSWORD or ~/.pgpass
    #[arg(
        long,
        value_name = "URL",
        env = "HEADEND_IMPORT_DSN",
        hide_env_values = true,
        required_unless_present = "dump"
    )]
    dsn: Option<String>,
    /// A dump: mysqldump, mariadb-dump or pg_dump as text; wins over --dsn
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// The plan of a group's members, which has to be there; may be given again
    #[arg(long, value_name = "GROUP=PLAN", value_parser = pair)]
    plan_for: Vec<(String, String)>,
    /// Keep all that groups reply as rows, instead of making plans of what plans can say
    #[arg(long)]
    keep_group_rows: bool,
    /// Which sessions to take
    #[arg(long, value_enum, default_value_t = Sessions::All)]
    sessions: Sessions,
    /// What every import can be told
    #[command(flatten)]
    common: Common,
}

/// From a list.
#[derive(Args)]
pub struct List {
    /// The file; docs/migration.md lists its columns
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// What every import can be told
    #[command(flatten)]
    common: Common,
}

/// From the log of a NAT.
#[derive(Args)]
pub struct PortBlocks {
    /// The file; docs/migration.md lists its columns
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Report what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Write everything that was refused to a file: kind, place, name, reason, tabs between
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// The offset of moments that have none
    #[arg(long, value_name = "OFFSET", default_value = "+00:00", allow_hyphen_values = true, value_parser = moment::offset)]
    utc_offset: UtcOffset,
}

/// Reads `GROUP=PLAN`; a group's name may hold an equals sign, a plan's slug cannot.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((group, plan)) if !group.is_empty() && !plan.is_empty() => {
            Ok((group.to_owned(), plan.to_owned()))
        }
        _ => Err("write GROUP=PLAN".to_owned()),
    }
}

impl Command {
    /// Runs one.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let partner = context.partner().await?;
        let common = match &self {
            Command::Freeradius(freeradius) => &freeradius.common,
            Command::Csv(list) => &list.common,
            Command::PortBlocks(wanted) => return wanted.import(context, &partner).await,
            Command::List => return imports(context, &partner).await,
        };
        let (client, site) = site_of(context, &partner, common.site.as_deref()).await?;
        let asked = Asked {
            api: &context.api,
            partner: &partner,
            site: (&client, &site),
            plan: common.plan.as_deref(),
            dry_run: common.dry_run,
            update: common.update,
        };
        let mut report = Report::new(common.refused.as_deref())?;
        match &self {
            Command::Freeradius(wanted) => wanted.import(&asked, &mut report).await?,
            Command::Csv(wanted) => list::run(&asked, &wanted.file, common.utc_offset, &mut report).await?,
            Command::PortBlocks(_) | Command::List => {}
        }
        show(context, &report, common.dry_run);
        Ok(())
    }
}

/// Prints what became of everything.
fn show(context: &Context, report: &Report, dry_run: bool) {
    match context.json {
        true => output::json(&report.to_json(dry_run)),
        false => report.print(dry_run),
    }
}

impl PortBlocks {
    /// Does it.
    async fn import(&self, context: &Context, partner: &str) -> Result<(), Failure> {
        let asked = Asked {
            api: &context.api,
            partner,
            site: ("", ""),
            plan: None,
            dry_run: self.dry_run,
            update: false,
        };
        let mut report = Report::new(self.refused.as_deref())?;
        port_blocks::run(&asked, &self.file, self.utc_offset, &mut report).await?;
        show(context, &report, self.dry_run);
        Ok(())
    }
}

impl Freeradius {
    /// Does it.
    async fn import(&self, asked: &Asked<'_>, report: &mut Report) -> Result<(), Failure> {
        let mut source = match (&self.dump, &self.dsn) {
            (Some(path), _) => Source::dump(path)?,
            (None, Some(url)) => Source::postgres(url).await?,
            (None, None) => return Err(Failure::usage("where from?").next("give --dsn or --dump")),
        };
        let wanted = Wanted {
            rules: Rules {
                plan_for: self.plan_for.iter().cloned().collect::<BTreeMap<_, _>>(),
                keep_rows: self.keep_group_rows,
            },
            sessions: self.sessions,
            offset: self.common.utc_offset,
        };
        freeradius::run(asked, &wanted, &mut source, report).await
    }
}

/// The client and the site that are meant: those named, else the only ones.
async fn site_of(context: &Context, partner: &str, named: Option<&str>) -> Result<(String, String), Failure> {
    if let Some(written) = named {
        lookup::site(context, partner, written).await?;
        let (client, site) = lookup::split_site(written)?;
        return Ok((client.to_owned(), site.to_owned()));
    }
    let mut all = Vec::new();
    for client in context.api.list(&["partners", partner, "clients"], &[]).await? {
        let id = lookup::id_of(&client)?;
        let path = ["partners", partner, "clients", &id, "sites"];
        for site in context.api.list(&path, &[]).await? {
            all.push((cell(&client["slug"]), cell(&site["slug"])));
        }
    }
    match <[_; 1]>::try_from(all) {
        Ok([only]) => Ok(only),
        Err(all) if all.is_empty() => Err(Failure::usage("the partner has no site to put subscribers at")
            .next("headend client create SLUG --name N, then headend site create CLIENT/SLUG --name N")),
        Err(_) => {
            Err(Failure::usage("at which site do the subscribers live?").next("give --site CLIENT/SITE"))
        }
    }
}

/// Lists what was imported.
async fn imports(context: &Context, partner: &str) -> Result<(), Failure> {
    let items = context.api.list(&["partners", partner, "imports"], &[]).await?;
    let headings = [
        "SOURCE", "STARTED", "FINISHED", "BY", "IMPORTED", "UPDATED", "REFUSED", "ID",
    ];
    context.show_list(items, &headings, |item| {
        let sum = |figure: &str| {
            let counts = item["counts"].as_array().into_iter().flatten();
            counts
                .filter_map(|count| count[figure].as_u64())
                .sum::<u64>()
                .to_string()
        };
        vec![
            cell(&item["source"]),
            column(item, "started_at"),
            column(item, "finished_at"),
            cell(&item["started_by"]),
            sum("imported"),
            sum("updated"),
            sum("refused"),
            cell(&item["id"]),
        ]
    });
    Ok(())
}
