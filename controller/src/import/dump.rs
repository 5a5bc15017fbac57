//! A dump of FreeRADIUS's database: what `mysqldump`, `mariadb-dump` and `pg_dump` write, read row by row.
//! Never runs any of it, and never holds more than one row: statements about other tables are passed over.
//!
//! ```text
//! CREATE TABLE radcheck (...);            the columns, when INSERT does not name them
//! INSERT INTO radcheck VALUES (...),(...);        MySQL, and pg_dump --inserts
//! COPY public.radcheck (...) FROM stdin;          pg_dump: lines until one that is \.
//! ```

use std::collections::BTreeMap;
use std::io::Read;
use std::rc::Rc;

use super::copy_text::{self, LINE_OCTETS_MAX};
use super::lexer::{LexError, Lexer, Token};
use super::table::{Row, Table};

/// Columns a table may have; FreeRADIUS's have 29 at most, and people add theirs.
const COLUMNS_MAX: usize = 256;

/// A dump being read.
pub struct Dump<R> {
    /// The file as tokens.
    lexer: Lexer<R>,
    /// The columns of the tables seen so far.
    columns: BTreeMap<Table, Rc<[String]>>,
    /// What is being read.
    state: State,
}

/// Where the reader is.
enum State {
    /// Between two statements.
    Between,
    /// In the values of an INSERT.
    Values(Table, Rc<[String]>),
    /// In the lines of a COPY.
    Lines(Table, Rc<[String]>),
}

/// A row, or why what should be one is none.
pub type Item = Result<Row, Broken>;

/// A row that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// Of which table.
    pub table: Table,
    /// In which line.
    pub line: u64,
    /// Why.
    pub why: String,
}

impl<R: Read> Dump<R> {
    /// Reads a dump from its beginning.
    pub fn new(file: R) -> Self {
        Self {
            lexer: Lexer::new(file),
            columns: BTreeMap::new(),
            state: State::Between,
        }
    }

    /// The next row of a table that is read; `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or is no dump.
    pub fn next_row(&mut self) -> Result<Option<Item>, LexError> {
        loop {
            match std::mem::replace(&mut self.state, State::Between) {
                State::Between => {
                    if !self.statement()? {
                        return Ok(None);
                    }
                }
                State::Values(table, columns) => {
                    if let Some(item) = self.value_row(table, &columns)? {
                        return Ok(Some(item));
                    }
                }
                State::Lines(table, columns) => {
                    if let Some(item) = self.copy_row(table, &columns)? {
                        return Ok(Some(item));
                    }
                }
            }
        }
    }

    /// Reads the beginning of a statement, up to its first row if it has any; `false` at the end of the file.
    fn statement(&mut self) -> Result<bool, LexError> {
        let Some(first) = self.lexer.next_token()? else {
            return Ok(false);
        };
        match first {
            Token::End => {}
            first if first.is_word("create") => self.create()?,
            first if first.is_word("insert") || first.is_word("replace") => self.insert()?,
            first if first.is_word("copy") => self.copy()?,
            _ => self.lexer.skip_statement()?,
        }
        Ok(true)
    }

    /// `CREATE TABLE [IF NOT EXISTS] name (column type ..., KEY ...) ...;`
    fn create(&mut self) -> Result<(), LexError> {
        let mut name = None;
        loop {
            match self.lexer.next_token()? {
                None | Some(Token::End) => return Ok(()),
                Some(Token::Mark(b'(')) => break,
                Some(Token::Mark(b'.')) => {}
                Some(Token::Word(word))
                    if ["table", "if", "not", "exists", "unlogged", "only"].contains(&&*word) => {}
                // The last name before the parenthesis: a schema may stand before it.
                Some(Token::Word(word) | Token::Name(word)) => name = Some(word),
                Some(_) => return self.lexer.skip_statement(),
            }
        }
        let Some(table) = name.and_then(|name| Table::of(&name)) else {
            return self.lexer.skip_statement();
        };
        let mut columns = Vec::new();
        let (mut depth, mut first) = (1_u32, true);
        while depth > 0 {
            match self.lexer.next_token()? {
                None | Some(Token::End) => return Ok(()),
                Some(Token::Mark(b'(')) => depth += 1,
                Some(Token::Mark(b')')) => depth -= 1,
                Some(Token::Mark(b',')) if depth == 1 => {
                    first = true;
                    continue;
                }
                Some(Token::Name(name)) if first => columns.push(name.to_ascii_lowercase()),
                Some(Token::Word(word)) if first && !is_constraint(&word) => columns.push(word),
                Some(_) => {}
            }
            first = false;
            if columns.len() > COLUMNS_MAX {
                return Err(self
                    .lexer
                    .wrong(format!("{} has more than {COLUMNS_MAX} columns", table.name())));
            }
        }
        self.columns.insert(table, columns.into());
        self.lexer.skip_statement()
    }

    /// `INSERT [IGNORE] INTO name [(column, ...)] VALUES`, up to the first row.
    fn insert(&mut self) -> Result<(), LexError> {
        let mut name = None;
        let mut named: Option<Vec<String>> = None;
        loop {
            match self.lexer.next_token()? {
                None | Some(Token::End) => return Ok(()),
                Some(Token::Word(word)) if matches!(&*word, "values" | "value") => break,
                Some(Token::Word(word))
                    if [
                        "into",
                        "ignore",
                        "delayed",
                        "low_priority",
                        "overriding",
                        "system",
                    ]
                    .contains(&&*word) => {}
                Some(Token::Word(word) | Token::Name(word)) => match &mut named {
                    Some(columns) if columns.len() < COLUMNS_MAX => columns.push(word.to_ascii_lowercase()),
                    Some(_) => return Err(self.lexer.wrong("an INSERT names too many columns")),
                    None => name = Some(word),
                },
                Some(Token::Mark(b'(')) => named = Some(Vec::new()),
                Some(Token::Mark(b')' | b',' | b'.')) => {}
                // INSERT ... SET, or ... SELECT: no dump writes them.
                Some(_) => return self.lexer.skip_statement(),
            }
        }
        let Some(table) = name.and_then(|name| Table::of(&name)) else {
            return self.lexer.skip_statement();
        };
        let columns = match named {
            Some(columns) => Some(columns.into()),
            None => self.columns.get(&table).cloned(),
        };
        let Some(columns) = columns else {
            let message = format!(
                "rows of {} come before its columns: dump the schema, too",
                table.name()
            );
            return Err(self.lexer.wrong(message));
        };
        self.state = State::Values(table, columns);
        Ok(())
    }

    /// One `(...)` of an INSERT; `None` at its end.
    fn value_row(&mut self, table: Table, columns: &Rc<[String]>) -> Result<Option<Item>, LexError> {
        loop {
            match self.lexer.next_token()? {
                None | Some(Token::End) => return Ok(None),
                Some(Token::Mark(b'(')) => break,
                Some(Token::Mark(b',')) => {}
                // ON DUPLICATE KEY ..., ON CONFLICT ...
                Some(_) => {
                    self.lexer.skip_statement()?;
                    return Ok(None);
                }
            }
        }
        let line = self.lexer.line();
        let mut values = Vec::with_capacity(columns.len());
        let mut wrong = None;
        loop {
            match self.lexer.value()? {
                Ok(value) => values.push(value),
                Err(why) => {
                    wrong.get_or_insert(why);
                    values.push(None);
                }
            }
            if values.len() > COLUMNS_MAX {
                return Err(self.lexer.wrong("a row has too many values"));
            }
            match self.lexer.next_token()? {
                Some(Token::Mark(b',')) => {}
                Some(Token::Mark(b')')) => break,
                _ => return Err(self.lexer.wrong("a row does not end")),
            }
        }
        self.state = State::Values(table, Rc::clone(columns));
        Ok(Some(row(table, line, columns, values, wrong)))
    }

    /// `COPY name (column, ...) FROM stdin;`, up to the first line.
    fn copy(&mut self) -> Result<(), LexError> {
        let mut name = None;
        let mut columns: Option<Vec<String>> = None;
        let mut from_stdin = false;
        loop {
            match self.lexer.next_token()? {
                None => return Ok(()),
                Some(Token::End) => break,
                Some(Token::Mark(b'(')) if columns.is_none() => columns = Some(Vec::new()),
                Some(Token::Word(word)) if &*word == "stdin" => from_stdin = true,
                Some(Token::Word(word)) if &*word == "from" => {}
                Some(Token::Word(word) | Token::Name(word)) => match &mut columns {
                    Some(columns) if columns.len() < COLUMNS_MAX => columns.push(word.to_ascii_lowercase()),
                    Some(_) => return Err(self.lexer.wrong("a COPY names too many columns")),
                    None => name = Some(word),
                },
                Some(_) => {}
            }
        }
        if !from_stdin {
            return Ok(());
        }
        self.lexer.skip_line()?;
        match (name.and_then(|name| Table::of(&name)), columns) {
            (Some(table), Some(columns)) => self.state = State::Lines(table, columns.into()),
            (Some(table), None) => {
                let message = format!("COPY of {} names no columns", table.name());
                return Err(self.lexer.wrong(message));
            }
            (None, _) => while self.lexer.copy_line()?.is_some() {},
        }
        Ok(())
    }

    /// One line of a COPY; `None` at its end.
    fn copy_row(&mut self, table: Table, columns: &Rc<[String]>) -> Result<Option<Item>, LexError> {
        let line = self.lexer.line();
        let Some(octets) = self.lexer.copy_line()? else {
            return Ok(None);
        };
        let read = if octets.len() > LINE_OCTETS_MAX {
            Err("the line is too long".to_owned())
        } else {
            copy_text::fields(octets)
        };
        self.state = State::Lines(table, Rc::clone(columns));
        Ok(Some(match read {
            Ok(values) => row(table, line, columns, values, None),
            Err(why) => Err(Broken { table, line, why }),
        }))
    }
}

/// A row that has a value for each column, or why it is none.
fn row(
    table: Table,
    line: u64,
    columns: &Rc<[String]>,
    values: Vec<Option<String>>,
    wrong: Option<String>,
) -> Item {
    let why = match wrong {
        Some(why) => why,
        None if values.len() == columns.len() => {
            return Ok(Row {
                table,
                line,
                columns: Rc::clone(columns),
                values,
            });
        }
        None => format!(
            "the row has {} values for {} columns",
            values.len(),
            columns.len()
        ),
    };
    Err(Broken { table, line, why })
}

/// Whether a word begins something in a CREATE TABLE that is no column.
fn is_constraint(word: &str) -> bool {
    matches!(
        word,
        "primary"
            | "key"
            | "unique"
            | "index"
            | "constraint"
            | "foreign"
            | "fulltext"
            | "spatial"
            | "check"
            | "exclude"
            | "like"
    )
}

#[cfg(test)]
mod tests;
