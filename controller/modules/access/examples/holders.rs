//! What "who had this address" costs while the history grows: a month of sessions after the other, and after each the same
//! questions, planned and counted by PostgreSQL itself. `benches/HOLDERS.md` is what it printed.
//! Never for a database that anybody needs: it writes rows straight past everything.
//!
//! ```text
//! cargo run -p access --example holders -- --database URL --sessions N [--months N] [--daily N]
//! ```
//!
//! The URL is that of the role that owns an empty schema; row security holds for it as for the program. Most addresses have
//! `--daily` sessions a day, one after the other, one in twenty has a single one for 75 days, which ends a day before the
//! next. A question is asked of five addresses of each sort.

use std::error::Error;
use std::io::Write as _;

use access::store::session::{HELD, HOLDERS_MAX};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use time::{Date, Duration, Month, OffsetDateTime};
use uuid::Uuid;

/// Where the history begins.
const FIRST_YEAR: i32 = 2025;
/// Days for which a month counts here, so that each has as many rows.
const DAYS: i64 = 28;
/// Addresses that are asked for, of each sort.
const ASKED: i64 = 5;

/// What the command line asks for.
struct Asked {
    /// The database.
    database: PgConnectOptions,
    /// Sessions in the end.
    sessions: i64,
    /// Months they are spread over.
    months: i64,
    /// Sessions of an address a day.
    daily: i64,
}

impl Asked {
    /// Addresses that have sessions every day.
    const fn addresses(&self) -> i64 {
        self.sessions / self.months / (self.daily * DAYS)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let asked = asked()?;
    let mut db = PgConnection::connect_with(&asked.database).await?;
    db.execute(
        "SET app.scope = 'platform'; SET synchronous_commit = off; SET maintenance_work_mem = '512MB'",
    )
    .await?;
    let tenant = Uuid::now_v7();
    sqlx::query("INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, 'holders', 'Holders')")
        .bind(tenant)
        .execute(&mut db)
        .await?;
    say(
        "| sessions | table and indexes | asked for | pages of one address | of one that is held long | of a /28 | ms |",
    )?;
    say("| ---: | ---: | --- | ---: | ---: | ---: | ---: |")?;
    for month in 0..asked.months {
        fill(&mut db, tenant, &asked, month).await?;
        if month < 2 || (month + 1) % 3 != 0 {
            continue;
        }
        for (words, at) in [("the second month", 1), ("the month before the last", month - 1)] {
            measure(&mut db, tenant, &asked, month, (words, at)).await?;
        }
    }
    Ok(())
}

/// The beginning of a month.
fn month_start(month: i64) -> Result<OffsetDateTime, Box<dyn Error>> {
    let (years, rest) = (month / 12, month % 12);
    let number = Month::try_from(u8::try_from(rest + 1)?)?;
    let day = Date::from_calendar_date(FIRST_YEAR + i32::try_from(years)?, number, 1)?;
    Ok(day.midnight().assume_utc())
}

/// A month of sessions, in a partition that is filled before it gets its indexes.
async fn fill(db: &mut PgConnection, tenant: Uuid, asked: &Asked, month: i64) -> Result<(), Box<dyn Error>> {
    let (start, end) = (month_start(month)?, month_start(month + 1)?);
    let part = format!("access.radacct_{}{:02}", start.year(), u8::from(start.month()));
    let (addresses, daily) = (asked.addresses(), asked.daily);
    let long = addresses / 20;
    let script = format!(
        "CREATE TABLE {part} (LIKE access.radacct INCLUDING DEFAULTS);
         INSERT INTO {part} (radacctid, tenant_id, nas_id, subscriber_id, acctsessionid, acctuniqueid, username, nasipaddress,
                             nasportid, acctstarttime, acctupdatetime, acctstoptime, acctsessiontime, acctinputoctets,
                             acctoutputoctets, callingstationid, acctterminatecause, framedipaddress, start_seen)
         SELECT row_number() OVER () + {month}::bigint * 1000000000, '{tenant}', md5('nas' || a % 50)::uuid,
                md5('subscriber' || a)::uuid, s.name, md5({month} || '-' || a || '-' || s.name), 'user' || a || '@isp',
                '10.0.0.1', 'ge-0/0/' || a % 48, s.began, s.ended, s.ended, extract(epoch FROM s.ended - s.began)::bigint,
                a * 1000, a * 9000, '02:00:00:00:00:01', 'User-Request', '100.64.0.0'::inet + a, true
           FROM generate_series(0, {addresses} - 1) a,
                LATERAL (SELECT n::text AS name, '{start}'::timestamptz + (n - 1) * interval '1 day' / {daily} AS began,
                                '{start}'::timestamptz + n * interval '1 day' / {daily} - interval '1 minute' AS ended
                           FROM generate_series(1, {DAYS} * {daily}) n) s
         UNION ALL
         SELECT a + {month}::bigint * 1000000000 + 900000000, '{tenant}', md5('nas' || a % 50)::uuid,
                md5('subscriber-' || a)::uuid, 'long', md5({month} || '-long-' || a), 'long' || a || '@isp', '10.0.0.1', 'xe-1',
                '{start}', '{start}', '{start}'::timestamptz + interval '75 days', 75 * 86400, 1, 1, '02:00:00:00:00:02',
                'User-Request', '100.96.0.0'::inet + a, true
           FROM generate_series(0, {long} - 1) a WHERE a % 3 = {month} % 3;
         ALTER TABLE access.radacct ATTACH PARTITION {part} FOR VALUES FROM ('{start}') TO ('{end}');
         CALL kernel.isolate('{part}');"
    );
    db.execute(AssertSqlSafe(script)).await?;
    db.execute(AssertSqlSafe(format!("VACUUM ANALYZE {part}")))
        .await?;
    Ok(())
}

/// Asks who had addresses in the middle of a month, and prints what that cost.
async fn measure(
    db: &mut PgConnection,
    tenant: Uuid,
    asked: &Asked,
    months: i64,
    (words, month): (&str, i64),
) -> Result<(), Box<dyn Error>> {
    let at = month_start(month)? + Duration::days(DAYS / 2) + Duration::minutes(7);
    let (rows, size): (i64, String) = sqlx::query_as(
        "SELECT sum(c.reltuples)::bigint, pg_size_pretty(sum(pg_total_relation_size(c.oid)))
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'access.radacct'::regclass",
    )
    .fetch_one(&mut *db)
    .await?;
    // As the program asks: seen by one partner only.
    let mut tx = db.begin().await?;
    sqlx::query("SELECT set_config('app.scope', '', true), set_config('app.tenant_id', $1, true)")
        .bind(tenant.to_string())
        .execute(&mut *tx)
        .await?;
    let step = (asked.addresses() / ASKED).max(1);
    let of = |base: [u8; 4], n: i64, len: u8| -> Result<IpNet, Box<dyn Error>> {
        let address = u32::from_be_bytes(base) + u32::try_from(n)?;
        Ok(IpNet::new(std::net::Ipv4Addr::from(address).into(), len)?.trunc())
    };
    let (mut short, mut long, mut network, mut ms) = (0, 0, 0, 0.0_f64);
    for n in 0..ASKED {
        // The first question of a connection pays for what it has not seen of the catalogue yet.
        explain(&mut tx, tenant, of([100, 64, 0, 0], n * step, 32)?, at).await?;
        let (pages, took, found) = explain(&mut tx, tenant, of([100, 64, 0, 0], n * step, 32)?, at).await?;
        if found != 1 {
            return Err(format!("{found} sessions had one address at {at}").into());
        }
        (short, ms) = (pages.max(short), took.max(ms));
        long = explain(&mut tx, tenant, of([100, 96, 0, 0], n * 3 + month % 3, 32)?, at)
            .await?
            .0
            .max(long);
        network = explain(&mut tx, tenant, of([100, 64, 0, 0], n * step, 28)?, at)
            .await?
            .0
            .max(network);
    }
    tx.rollback().await?;
    say(&format!(
        "| {rows} | {size} | {words} of {} | {short} | {long} | {network} | {ms:.2} |",
        months + 1
    ))
}

/// Pages that a question touched, milliseconds it took, and how many sessions it found.
async fn explain(
    db: &mut PgConnection,
    tenant: Uuid,
    network: IpNet,
    at: OffsetDateTime,
) -> Result<(i64, f64, i64), Box<dyn Error>> {
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(format!(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {HELD}"
    )))
    .bind(tenant)
    .bind(match network.prefix_len() {
        32 => IpNet::from(network.addr()),
        _ => network,
    })
    .bind(IpNet::from(network.broadcast()))
    .bind(Vec::<IpNet>::new())
    .bind(at)
    .bind(HOLDERS_MAX)
    .fetch_one(db)
    .await?;
    let top = &plan[0]["Plan"];
    let number = |name: &str| top[name].as_i64().unwrap_or_default();
    Ok((
        number("Shared Hit Blocks") + number("Shared Read Blocks"),
        plan[0]["Execution Time"].as_f64().unwrap_or_default(),
        number("Actual Rows"),
    ))
}

/// Prints a line.
fn say(line: &str) -> Result<(), Box<dyn Error>> {
    writeln!(std::io::stdout(), "{line}")?;
    std::io::stdout().flush()?;
    Ok(())
}

/// Reads the command line.
fn asked() -> Result<Asked, Box<dyn Error>> {
    let (mut database, mut sessions, mut months, mut daily) = (None, None, 12, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} wants a value"))?;
        match word.as_str() {
            "--database" => database = Some(value.parse()?),
            "--sessions" => sessions = Some(value.parse()?),
            "--months" => months = value.parse()?,
            "--daily" => daily = value.parse()?,
            other => return Err(format!("{other} is not known").into()),
        }
    }
    Ok(Asked {
        database: database.ok_or("--database is missing")?,
        sessions: sessions.ok_or("--sessions is missing")?,
        months,
        daily,
    })
}
