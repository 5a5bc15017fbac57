//! FreeRADIUS's tables and their rows, as any source gives them.
//! Never knows where a row comes from, but for the line that names it in a report.

use std::rc::Rc;

/// A table that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Network access servers.
    Nas,
    /// What a user is checked for, his password above all.
    Radcheck,
    /// What he is replied.
    Radreply,
    /// His groups.
    Radusergroup,
    /// What a group is checked for.
    Radgroupcheck,
    /// What a group is replied.
    Radgroupreply,
    /// Sessions.
    Radacct,
}

impl Table {
    /// All of them, users before sessions.
    pub const ALL: [Table; 7] = [
        Table::Nas,
        Table::Radcheck,
        Table::Radreply,
        Table::Radusergroup,
        Table::Radgroupcheck,
        Table::Radgroupreply,
        Table::Radacct,
    ];

    /// Its name in FreeRADIUS's schema.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Nas => "nas",
            Table::Radcheck => "radcheck",
            Table::Radreply => "radreply",
            Table::Radusergroup => "radusergroup",
            Table::Radgroupcheck => "radgroupcheck",
            Table::Radgroupreply => "radgroupreply",
            Table::Radacct => "radacct",
        }
    }

    /// The table of a name, whatever its case and schema.
    pub fn of(name: &str) -> Option<Table> {
        let name = name.rsplit('.').next().unwrap_or(name);
        Table::ALL
            .into_iter()
            .find(|table| table.name().eq_ignore_ascii_case(name))
    }
}

/// A row of a table. It may hold a password, so it never prints its values.
pub struct Row {
    /// Of which.
    pub table: Table,
    /// The line of a dump, or the number of the row.
    pub line: u64,
    /// The columns in small letters, shared by all rows of a statement.
    pub columns: Rc<[String]>,
    /// Their values; `None` is NULL.
    pub values: Vec<Option<String>>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({:?} {} REDACTED)", self.table, self.line)
    }
}

impl Row {
    /// The value of a column; `None` when there is no such column, or when it is NULL.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.columns.iter().position(|column| column == name)?;
        self.values.get(at)?.as_deref()
    }

    /// The value of a column that says something.
    pub fn said(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}
