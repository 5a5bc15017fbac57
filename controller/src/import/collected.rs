//! Everything of a source but its sessions, in memory: people by user name, groups by name, NAS.
//! Never decides what becomes of it; [`super::person`], [`super::group`] and [`super::nas`] do.

use std::collections::BTreeMap;

use super::dump::{Broken, Item};
use super::escaped;
use super::report::Report;
use super::table::{Row, Table};
use crate::failure::{Exit, Failure};

/// Rows that may be held: some millions of users.
const ROWS_MAX: u64 = 20_000_000;

/// A row about a user or a group. Its value may be a password, so it never prints.
#[derive(Clone)]
pub struct Said {
    /// The attribute.
    pub attribute: String,
    /// `=`, `:=`, `+=`, `==`, ...
    pub op: String,
    /// Its value.
    pub value: String,
}

impl Said {
    /// Whether it is about this attribute.
    pub fn is(&self, attribute: &str) -> bool {
        self.attribute.eq_ignore_ascii_case(attribute)
    }

    /// Whether it sets something, where others compare.
    pub fn sets(&self) -> bool {
        matches!(self.op.as_str(), "=" | ":=" | "+=")
    }
}

/// Somebody who has rows.
#[derive(Default)]
pub struct Person {
    /// Where he is named first.
    pub place: String,
    /// radcheck.
    pub check: Vec<Said>,
    /// radreply.
    pub reply: Vec<Said>,
    /// radusergroup: group and priority, in the order that counts.
    pub groups: Vec<(String, i32)>,
}

/// A group that has rows, or members.
#[derive(Default)]
pub struct Group {
    /// Where it is named first.
    pub place: String,
    /// radgroupcheck.
    pub check: Vec<Said>,
    /// radgroupreply.
    pub reply: Vec<Said>,
}

/// Everything of a source but its sessions.
#[derive(Default)]
pub struct Collected {
    /// By user name.
    pub people: BTreeMap<String, Person>,
    /// By name.
    pub groups: BTreeMap<String, Group>,
    /// In their order.
    pub nas: Vec<Row>,
    /// Rows held.
    rows: u64,
}

impl Collected {
    /// The tables it is made of.
    pub const TABLES: [Table; 6] = [
        Table::Nas,
        Table::Radcheck,
        Table::Radreply,
        Table::Radusergroup,
        Table::Radgroupcheck,
        Table::Radgroupreply,
    ];

    /// Takes a row in; one that makes no sense is reported.
    ///
    /// # Errors
    /// There are more than memory should hold.
    pub fn take(&mut self, item: Item, report: &mut Report) -> Result<(), Failure> {
        self.rows += 1;
        if self.rows > ROWS_MAX {
            let message = format!("the source has more than {ROWS_MAX} rows of users");
            return Err(Failure::new(Exit::Failed, message));
        }
        let table = match &item {
            Ok(row) => row.table,
            Err(broken) => broken.table,
        };
        report.row_read(table);
        if let Err(Broken { table, line, why }) = item.and_then(|row| self.put(row)) {
            report.row_broken(table, line, &why);
        }
        Ok(())
    }

    /// Puts a row where it belongs.
    fn put(&mut self, row: Row) -> Result<(), Broken> {
        let broken = |why: &str| Broken {
            table: row.table,
            line: row.line,
            why: why.to_owned(),
        };
        let place = || format!("{} {}", row.table.name(), row.line);
        let name = |column: &str, why: &str| row.said(column).map(str::to_owned).ok_or_else(|| broken(why));
        match row.table {
            Table::Nas => self.nas.push(row),
            Table::Radcheck | Table::Radreply => {
                let name = escaped::read(&name("username", "it has no user name")?);
                let said = said(&row).ok_or_else(|| broken("it has no attribute"))?;
                let person = self.people.entry(name).or_insert_with(|| Person {
                    place: place(),
                    ..Person::default()
                });
                match row.table {
                    Table::Radcheck => person.check.push(said),
                    _ => person.reply.push(said),
                }
            }
            Table::Radusergroup => {
                let name = escaped::read(&name("username", "it has no user name")?);
                let group = row.said("groupname").ok_or_else(|| broken("it has no group"))?;
                let priority = row.said("priority").unwrap_or("0").parse();
                let priority: i32 = priority.map_err(|_| broken("its priority is no number"))?;
                let person = self.people.entry(name).or_insert_with(|| Person {
                    place: place(),
                    ..Person::default()
                });
                let behind = person.groups.partition_point(|(_, other)| *other <= priority);
                person.groups.insert(behind, (group.to_owned(), priority));
                self.groups.entry(group.to_owned()).or_insert_with(|| Group {
                    place: place(),
                    ..Group::default()
                });
            }
            Table::Radgroupcheck | Table::Radgroupreply => {
                let name = name("groupname", "it has no group")?;
                let said = said(&row).ok_or_else(|| broken("it has no attribute"))?;
                let group = self.groups.entry(name).or_insert_with(|| Group {
                    place: place(),
                    ..Group::default()
                });
                match row.table {
                    Table::Radgroupcheck => group.check.push(said),
                    _ => group.reply.push(said),
                }
            }
            Table::Radacct => {}
        }
        Ok(())
    }
}

/// What a row says.
fn said(row: &Row) -> Option<Said> {
    let usual = if matches!(row.table, Table::Radcheck | Table::Radgroupcheck) {
        "=="
    } else {
        "="
    };
    Some(Said {
        attribute: row.said("attribute")?.to_owned(),
        op: row.said("op").unwrap_or(usual).trim().to_owned(),
        value: row.get("value").unwrap_or_default().to_owned(),
    })
}
