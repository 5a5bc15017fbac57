//! Makes an ISP of any size in a database, for measurements: one partner, NAS, plans, subscribers with sealed passwords.
//! Never for a database that anybody needs: it writes rows straight past the API, its rules and its audit.
//!
//! ```text
//! cargo run --release -p access --example population -- --database URL --data-dir DIR --subscribers N [--nas N]
//! ```
//!
//! The URL is that of the role that owns the schema. `--data-dir` is where `headend serve` has (or will have) its
//! `master.key`; it is made when missing. Everything is made in one transaction; a `headend` that runs already gets it
//! from the one change line at its end, one that starts later loads it.
//!
//! - subscriber *n* (from 0): user name `user<n, 7 digits>@isp`, password `secret-<n, 7 digits>`, one of ten plans; every
//!   tenth has a Framed-IP-Address of his own;
//! - NAS *n*: address 127.a.b.c with 127.1.0.1 + n, secret `population-secret`, make `mikrotik`.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use access::sealing;
use kernel::secrets::Sealer;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use uuid::Uuid;

/// Octets handed to COPY at a time.
const COPY_OCTETS: usize = 256 * 1024;
/// Plans that the subscribers share.
const PLANS: usize = 10;
/// One subscriber in so many has an address of his own.
const STATIC_EVERY: usize = 10;
/// The tables that are filled; the one change line at the end speaks for all of their rows.
const TABLES: [&str; 5] = [
    "access.subscribers",
    "access.radcheck",
    "access.radreply",
    "access.plans",
    "access.nas",
];

/// What the command line asks for.
struct Asked {
    /// The database, as the owner of the schema.
    database: PgConnectOptions,
    /// Where the master key is.
    data_dir: PathBuf,
    /// How many subscribers.
    subscribers: usize,
    /// How many NAS.
    nas: usize,
}

/// The rows that everything else hangs on.
struct Isp {
    /// The partner.
    partner: Uuid,
    /// The site that all live at.
    site: Uuid,
    /// The plans.
    plans: Vec<Uuid>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let asked = asked()?;
    let sealer = Sealer::load(&asked.data_dir)?;
    let mut db = PgConnection::connect_with(&asked.database).await?;
    let mut tx = db.begin().await?;
    tx.execute("SET LOCAL app.scope = 'platform'").await?;
    guards(&mut tx, "DISABLE", "NO FORCE").await?;
    let isp = isp(&mut tx).await?;
    nas(&mut tx, &sealer, &isp, asked.nas).await?;
    subscribers(&mut tx, &sealer, &isp, asked.subscribers).await?;
    guards(&mut tx, "ENABLE", "FORCE").await?;
    sqlx::query(
        "INSERT INTO access.directory_change (tenant_id, kind, key) VALUES ($1, 'partner', $1::text)",
    )
    .bind(isp.partner)
    .execute(&mut *tx)
    .await?;
    tx.execute("NOTIFY access_directory").await?;
    tx.commit().await?;
    // What autovacuum would do in a minute, so that the first load is planned with figures.
    db.execute("VACUUM ANALYZE access.subscribers, access.radcheck, access.radreply")
        .await?;
    writeln!(
        std::io::stdout(),
        "partner {}: {} subscribers, {} NAS",
        isp.partner,
        asked.subscribers,
        asked.nas
    )?;
    Ok(())
}

/// Reads the command line.
fn asked() -> Result<Asked, Box<dyn Error>> {
    let (mut database, mut data_dir, mut subscribers, mut nas) = (None, None, None, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} wants a value"))?;
        match word.as_str() {
            "--database" => database = Some(value.parse()?),
            "--data-dir" => data_dir = Some(PathBuf::from(value)),
            "--subscribers" => subscribers = Some(value.parse()?),
            "--nas" => nas = value.parse()?,
            other => return Err(format!("{other} is not known").into()),
        }
    }
    Ok(Asked {
        database: database.ok_or("--database is missing")?,
        data_dir: data_dir.ok_or("--data-dir is missing")?,
        subscribers: subscribers.ok_or("--subscribers is missing")?,
        nas,
    })
}

/// Takes away, or brings back, what would write a line a row and what COPY does not go together with: the triggers and
/// row-level security for the owner. Others see neither, the transaction holds the tables.
async fn guards(tx: &mut PgConnection, triggers: &str, security: &str) -> Result<(), sqlx::Error> {
    for table in TABLES {
        let sql = format!(
            "ALTER TABLE {table} {triggers} TRIGGER note_change; ALTER TABLE {table} {security} ROW LEVEL SECURITY"
        );
        tx.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}

/// Makes the partner, its client and site, and the plans.
async fn isp(tx: &mut PgConnection) -> Result<Isp, sqlx::Error> {
    let [partner, client, site] = [(); 3].map(|()| Uuid::now_v7());
    // The random end of the id, so that there can be several.
    let slug = format!("population-{}", &partner.simple().to_string()[20..]);
    sqlx::query("INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, $2, 'Population')")
        .bind(partner)
        .bind(slug)
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO kernel.clients (id, tenant_id, slug, name) VALUES ($1, $2, 'all', 'All')")
        .bind(client)
        .bind(partner)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO kernel.sites (id, tenant_id, client_id, slug, name) VALUES ($1, $2, $3, 'all', 'All')",
    )
    .bind(site)
    .bind(partner)
    .bind(client)
    .execute(&mut *tx)
    .await?;
    let mut plans = Vec::new();
    for number in 0..PLANS {
        let [profile, plan] = [(); 2].map(|()| Uuid::now_v7());
        let bps = i64::try_from(number + 1).unwrap_or(1) * 100_000_000;
        sqlx::query(
            "INSERT INTO access.radius_bandwidth_profiles (id, tenant_id, name, download_bps, upload_bps)
             VALUES ($1, $2, $3, $4, $4)",
        )
        .bind(profile)
        .bind(partner)
        .bind(format!("p{number}"))
        .bind(bps)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO access.plans (id, tenant_id, slug, name, bandwidth_profile_id, session_timeout_s)
             VALUES ($1, $2, $3, $3, $4, 86400)",
        )
        .bind(plan)
        .bind(partner)
        .bind(format!("plan-{number}"))
        .bind(profile)
        .execute(&mut *tx)
        .await?;
        plans.push(plan);
    }
    Ok(Isp { partner, site, plans })
}

/// Makes the NAS.
async fn nas(tx: &mut PgConnection, sealer: &Sealer, isp: &Isp, count: usize) -> Result<(), Box<dyn Error>> {
    for number in 0..count {
        let id = Uuid::now_v7();
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + u32::try_from(number)?);
        let secret = sealer.seal(&sealing::nas_secret(isp.partner, id), b"population-secret")?;
        sqlx::query(
            "INSERT INTO access.nas (id, tenant_id, nasname, address, shortname, type, secret)
             VALUES ($1, $2, $3, $3::cidr, $4, 'mikrotik', $5)",
        )
        .bind(id)
        .bind(isp.partner)
        .bind(address.to_string())
        .bind(format!("nas-{number}"))
        .bind(secret)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Makes the subscribers with their passwords and addresses.
async fn subscribers(
    tx: &mut PgConnection,
    sealer: &Sealer,
    isp: &Isp,
    count: usize,
) -> Result<(), Box<dyn Error>> {
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    let partner = isp.partner;
    let sql = "COPY access.subscribers (id, tenant_id, site_id, plan_id, username) FROM STDIN";
    copy(tx, sql, count, |number, out| {
        let plan = isp.plans[number % isp.plans.len()];
        Ok(writeln!(
            out,
            "{}\t{partner}\t{}\t{plan}\t{}",
            ids[number],
            isp.site,
            username(number)
        )?)
    })
    .await?;
    let sql = "COPY access.radcheck (tenant_id, subscriber_id, username, attribute, value) FROM STDIN";
    copy(tx, sql, count, |number, out| {
        let (name, id) = (username(number), ids[number]);
        let clear = format!("secret-{number:07}");
        let sealed = sealer.seal(&sealing::password(partner, &name), clear.as_bytes())?;
        Ok(writeln!(
            out,
            "{partner}\t{id}\t{name}\tCleartext-Password\t{sealed}"
        )?)
    })
    .await?;
    let sql = "COPY access.radreply (tenant_id, subscriber_id, username, attribute, value) FROM STDIN";
    copy(tx, sql, count / STATIC_EVERY, |number, out| {
        let number = number * STATIC_EVERY;
        let (name, id) = (username(number), ids[number]);
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + u32::try_from(number)?);
        Ok(writeln!(
            out,
            "{partner}\t{id}\t{name}\tFramed-IP-Address\t{address}"
        )?)
    })
    .await
}

/// The user name of a subscriber.
fn username(number: usize) -> String {
    format!("user{number:07}@isp")
}

/// Copies lines into a table.
async fn copy(
    tx: &mut PgConnection,
    sql: &'static str,
    count: usize,
    line: impl Fn(usize, &mut String) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut copying = tx.copy_in_raw(sql).await?;
    let mut lines = String::with_capacity(COPY_OCTETS + 1024);
    for number in 0..count {
        line(number, &mut lines)?;
        if lines.len() >= COPY_OCTETS {
            copying.send(lines.as_bytes()).await?;
            lines.clear();
        }
    }
    copying.send(lines.as_bytes()).await?;
    copying.finish().await?;
    Ok(())
}
