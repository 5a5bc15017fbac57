//! What the NAS told, what was acknowledged of it, and whether a table says the same. Pure: no socket, no clock, no SQL.
//!
//! A record that was sent and not acknowledged may be stored or not; one that was acknowledged must be, and only once.
//! [`compare`] holds rows of `radacct` against [`Account`]s and finds every [`Difference`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::Ipv4Addr;

/// What a session used so far. Grows with each record of its session, each of its members does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Usage {
    /// Acct-Session-Time.
    pub seconds: u32,
    /// Acct-Input-Octets and Gigawords.
    pub octets_in: u64,
    /// Acct-Output-Octets and Gigawords.
    pub octets_out: u64,
}

/// Why a session ended: the causes the drill uses (RFC 2866 section 5.10), and one the server finds by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The subscriber logged out.
    UserRequest,
    /// The line went dead.
    LostCarrier,
    /// Nothing was sent for too long.
    IdleTimeout,
    /// An Accounting-On told the server that the NAS forgot its sessions; no Stop ever says this here.
    NasReboot,
}

impl Cause {
    /// Those that a Stop carries.
    pub const OF_STOPS: [Cause; 3] = [Cause::UserRequest, Cause::LostCarrier, Cause::IdleTimeout];

    /// Acct-Terminate-Cause.
    pub fn number(self) -> u32 {
        match self {
            Cause::UserRequest => 1,
            Cause::LostCarrier => 2,
            Cause::IdleTimeout => 4,
            Cause::NasReboot => 11,
        }
    }

    /// What `acctterminatecause` holds.
    pub fn name(self) -> &'static str {
        match self {
            Cause::UserRequest => "User-Request",
            Cause::LostCarrier => "Lost-Carrier",
            Cause::IdleTimeout => "Idle-Timeout",
            Cause::NasReboot => "NAS-Reboot",
        }
    }
}

/// What one accounting record says of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tale {
    /// It began.
    Start,
    /// It goes on.
    Interim(Usage),
    /// It is over.
    Stop(Usage, Cause),
}

impl Tale {
    /// The counters it carries; a Start has none, which the table holds as zeros.
    fn usage(self) -> Usage {
        match self {
            Tale::Start => Usage::default(),
            Tale::Interim(usage) | Tale::Stop(usage, _) => usage,
        }
    }
}

/// One session as its NAS remembers it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Acct-Session-Id.
    pub session: String,
    /// The NAS.
    pub nas: Ipv4Addr,
    /// User-Name.
    pub username: String,
    /// Whether anything of it was acknowledged.
    heard: bool,
    /// Whether its Start was.
    start: bool,
    /// The greatest counters that were acknowledged.
    usage: Usage,
    /// Its Stop, once that was acknowledged.
    stop: Option<Cause>,
    /// Its NAS restarted, said so, and was acknowledged, while the session was open.
    rebooted: bool,
    /// Records without an acknowledgement, by their number.
    loose: BTreeMap<u32, Tale>,
    /// How many records it has.
    told: u32,
}

impl Account {
    /// A session of which nothing was told yet.
    pub fn new(session: String, nas: Ipv4Addr, username: String) -> Account {
        Account {
            session,
            nas,
            username,
            heard: false,
            start: false,
            usage: Usage::default(),
            stop: None,
            rebooted: false,
            loose: BTreeMap::new(),
            told: 0,
        }
    }

    /// Notes a record that is about to be sent for the first time; gives its number.
    pub fn tell(&mut self, tale: Tale) -> u32 {
        let number = self.told;
        self.loose.insert(number, tale);
        self.told += 1;
        number
    }

    /// Notes that a record was acknowledged; again is no news.
    pub fn acknowledge(&mut self, number: u32) {
        let Some(tale) = self.loose.remove(&number) else {
            return;
        };
        self.heard = true;
        self.usage = self.usage.max(tale.usage());
        match tale {
            Tale::Start => self.start = true,
            Tale::Stop(_, cause) => self.stop = Some(cause),
            Tale::Interim(_) => {}
        }
    }

    /// Notes that the NAS lost it in a restart of which it told the server.
    pub fn reboot(&mut self) {
        self.rebooted = true;
    }

    /// Whether the table must hold it.
    pub fn must_be_stored(&self) -> bool {
        self.heard
    }

    /// Whether these counters can come from what was acknowledged and some of what was not.
    fn allows(&self, stored: Usage) -> bool {
        let later = self.loose.values().map(|tale| tale.usage());
        stored == self.usage
            || later
                .into_iter()
                .any(|usage| usage > self.usage && usage == stored)
    }

    /// Whether a Start can have been seen, or not.
    fn allows_start(&self, seen: bool) -> bool {
        let loose = self.loose.values().any(|tale| *tale == Tale::Start);
        seen == self.start || (seen && loose)
    }

    /// Whether the session can have ended this way; `None` is not at all.
    fn allows_end(&self, ended: Option<&str>) -> bool {
        if let Some(cause) = self.stop {
            return ended == Some(cause.name());
        }
        let stop = self.loose.values().find_map(|tale| match tale {
            Tale::Stop(_, cause) => Some(cause.name()),
            _ => None,
        });
        if ended.is_some() && ended == stop {
            return true;
        }
        match ended {
            Some(name) => self.rebooted && name == Cause::NasReboot.name(),
            // A record that was under way when the NAS restarted may have come in behind the Accounting-On.
            None => !self.rebooted || !self.loose.is_empty(),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Usage {
            seconds,
            octets_in,
            octets_out,
        } = self.usage;
        write!(
            f,
            "{} of {} on {}: {} records, acknowledged: start {}, {seconds} s, {octets_in} in, {octets_out} out, stop {}",
            self.session,
            self.username,
            self.nas,
            self.told,
            self.start,
            self.stop.map_or("no", Cause::name),
        )?;
        if self.rebooted {
            f.write_str(", lost in a restart of the NAS")?;
        }
        if !self.loose.is_empty() {
            write!(f, ", not acknowledged: {:?}", self.loose)?;
        }
        Ok(())
    }
}

/// A row of `radacct`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// acctsessionid.
    pub session: String,
    /// username.
    pub username: String,
    /// nasipaddress.
    pub nas: String,
    /// Counters.
    pub usage: Usage,
    /// start_seen.
    pub start_seen: bool,
    /// acctterminatecause of a session that has an acctstoptime.
    pub ended: Option<String>,
}

impl Row {
    /// The columns of a row, in the order that [`Row::parse`] takes them.
    pub const COLUMNS: &str = "acctsessionid, username, host(nasipaddress), coalesce(acctsessiontime, 0), acctinputoctets, \
        acctoutputoctets, start_seen, acctstoptime is not null, coalesce(acctterminatecause, '')";

    /// Reads a line of psql's unaligned output.
    pub fn parse(line: &str) -> Option<Row> {
        let columns: Vec<&str> = line.split('|').collect();
        let [
            session,
            username,
            nas,
            seconds,
            octets_in,
            octets_out,
            start_seen,
            stopped,
            cause,
        ] = columns.as_slice()
        else {
            return None;
        };
        Some(Row {
            session: (*session).to_owned(),
            username: (*username).to_owned(),
            nas: (*nas).to_owned(),
            usage: Usage {
                seconds: seconds.parse().ok()?,
                octets_in: octets_in.parse().ok()?,
                octets_out: octets_out.parse().ok()?,
            },
            start_seen: *start_seen == "t",
            ended: (*stopped == "t").then(|| (*cause).to_owned()),
        })
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Acknowledged and not in the table.
    Lost,
    /// More than one row.
    Doubled,
    /// A row that says something else than the NAS did.
    Wrong(&'static str),
    /// A row of a session that no NAS had.
    NeverSent,
    /// Acknowledged, and its octets are not in the journal, which still reaches back to it.
    NotInJournal,
    /// In the journal, and no NAS sent these octets.
    JournalledNeverSent,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost => f.write_str("LOST: acknowledged and not stored"),
            Fault::Doubled => f.write_str("DOUBLED: stored more than once"),
            Fault::Wrong(what) => write!(f, "WRONG: {what} differs"),
            Fault::NeverSent => f.write_str("NEVER SENT: stored, and no NAS had it"),
            Fault::NotInJournal => f.write_str("LOST: acknowledged and not in the journal"),
            Fault::JournalledNeverSent => {
                f.write_str("NEVER SENT: in the journal, and no NAS sent these octets")
            }
        }
    }
}

/// A session about which ledger and table disagree.
#[derive(Debug, Clone)]
pub struct Difference {
    /// What is wrong.
    pub fault: Fault,
    /// What the ledger says.
    pub ledger: String,
    /// What the database says.
    pub database: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n  ledger:   {}\n  database: {}",
            self.fault, self.ledger, self.database
        )
    }
}

/// Holds rows against accounts, session by session; every row must belong to one of these accounts.
pub fn compare<'a>(accounts: impl IntoIterator<Item = &'a Account>, rows: &[Row]) -> Vec<Difference> {
    let mut by_session: HashMap<&str, Vec<&Row>> = HashMap::new();
    for row in rows {
        by_session.entry(&row.session).or_default().push(row);
    }
    let mut differences = Vec::new();
    for account in accounts {
        let found = by_session.remove(account.session.as_str()).unwrap_or_default();
        if let Some(fault) = fault(account, &found) {
            differences.push(Difference {
                fault,
                ledger: account.to_string(),
                database: shown(&found),
            });
        }
    }
    let mut strangers: Vec<&str> = by_session.keys().copied().collect();
    strangers.sort_unstable();
    differences.extend(strangers.into_iter().map(|session| {
        Difference {
            fault: Fault::NeverSent,
            ledger: "nothing".to_owned(),
            database: by_session
                .get(session)
                .map(|rows| shown(rows))
                .unwrap_or_default(),
        }
    }));
    differences
}

/// What is wrong about one session.
fn fault(account: &Account, rows: &[&Row]) -> Option<Fault> {
    let row = match rows {
        [] => return account.must_be_stored().then_some(Fault::Lost),
        [row] => row,
        _ => return Some(Fault::Doubled),
    };
    let checks = [
        (account.allows(row.usage), "a counter"),
        (account.allows_start(row.start_seen), "whether it began"),
        (account.allows_end(row.ended.as_deref()), "how it ended"),
        (row.username == account.username, "the user name"),
        (row.nas == account.nas.to_string(), "the NAS"),
    ];
    checks
        .into_iter()
        .find_map(|(holds, what)| (!holds).then_some(Fault::Wrong(what)))
}

/// Rows for people.
fn shown(rows: &[&Row]) -> String {
    match rows {
        [] => "no row".to_owned(),
        rows => rows
            .iter()
            .map(|row| format!("{row:?}"))
            .collect::<Vec<_>>()
            .join("\n            "),
    }
}

#[cfg(test)]
mod tests;
