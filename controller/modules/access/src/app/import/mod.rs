//! Moving in: what another system knew, taken in by the batch, each thing by the rules it would meet alone.
//! Never changes what is here unless it is told to, and never takes half a batch: a batch is one transaction.
//!
//! A batch without an import is a trial: everything is decided as it would be, and nothing is written. So that a trial can
//! decide about things that hang on each other, it is told what would have been made by then (`assumed`). Each thing ends
//! as exactly one of imported, updated, unchanged or refused; `Outcome::is_whole` is checked before anything is kept.
//! One file a kind: [`nas`], [`group`], [`subscriber`], [`session`], [`port_block`].

pub mod group;
pub mod nas;
pub mod port_block;
pub mod session;
pub mod subscriber;

use kernel::audit::{self, Entry};
use kernel::events::{self, Event};
use kernel::id::ImportId;
use kernel::{Error, OpContext};
use serde_json::{Value, json};

use super::App;
use crate::events as happened;
use crate::store::import::{self as rows, Count, Import};
use crate::store::{Listed, Tx, Window};

/// Things a batch may hold; the API's bound on a body is met earlier when they are large.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// Rows of FreeRADIUS's tables one thing may have.
pub const ROWS_MAX: usize = 128;
/// Characters an attribute, a group or a user name may have in FreeRADIUS's tables.
const NAME_CHARS_MAX: usize = 64;
/// Characters of a value, as FreeRADIUS's MySQL schema has it.
const VALUE_CHARS_MAX: usize = 253;
/// Characters of an operator.
const OP_CHARS_MAX: usize = 2;

/// A row about a user name or a group. Its value may be a password, so it never prints.
#[derive(Clone)]
pub struct Said {
    /// The attribute.
    pub attribute: String,
    /// `=`, `:=`, `+=`, `==`, ...
    pub op: String,
    /// Its value.
    pub value: String,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Said({} {} REDACTED)", self.attribute, self.op)
    }
}

impl Said {
    /// Refuses what FreeRADIUS's tables have no room for.
    fn check(&self) -> Result<(), String> {
        let chars = self.attribute.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&chars) {
            return Err(format!("an attribute's name has {chars} characters"));
        }
        if self.op.chars().count() > OP_CHARS_MAX {
            return Err(format!("{}: there is no operator {}", self.attribute, self.op));
        }
        let chars = self.value.chars().count();
        if chars > VALUE_CHARS_MAX {
            return Err(format!(
                "{}: its value has {chars} characters, {VALUE_CHARS_MAX} are the most",
                self.attribute
            ));
        }
        Ok(())
    }
}

/// What is to be said about one thing of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// In words.
    pub says: String,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// New here.
    pub imported: usize,
    /// Were here and are as the source has them now.
    pub updated: usize,
    /// Were here already.
    pub unchanged: usize,
    /// Were not taken, and why.
    pub refused: Vec<Remark>,
}

impl Outcome {
    /// Notes that one was not taken.
    fn refuse(&mut self, index: usize, why: impl Into<String>) {
        self.refused.push(Remark {
            index,
            says: why.into(),
        });
    }

    /// Whether every thing of a batch is accounted for.
    fn is_whole(&self, read: usize) -> bool {
        self.imported + self.updated + self.unchanged + self.refused.len() == read
    }

    /// The same as the database counts.
    fn count(&self, kind: &str) -> Count {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        Count {
            kind: kind.to_owned(),
            imported: count(self.imported),
            updated: count(self.updated),
            unchanged: count(self.unchanged),
            refused: count(self.refused.len()),
        }
    }
}

/// An import with what became of what it brought.
#[derive(Debug, Clone)]
pub struct ImportShown {
    /// The import.
    pub import: Import,
    /// One line a kind.
    pub counts: Vec<Count>,
}

impl App {
    /// Begins an import; its batches name it.
    pub async fn import_start(&self, op: &OpContext, source: &str) -> Result<ImportShown, Error> {
        let id = ImportId::new();
        let mut tx = self.db.begin(op).await?;
        rows::import_insert(&mut tx, op, id, source).await?;
        audit::record(
            &mut tx,
            op,
            Entry::ok("import.start", "import").object(id, source),
        )
        .await?;
        let import = import_found(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(ImportShown {
            import,
            counts: Vec::new(),
        })
    }

    /// Ends an import; the audit keeps what it brought.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it has ended.
    pub async fn import_finish(&self, op: &OpContext, id: ImportId) -> Result<ImportShown, Error> {
        let mut tx = self.db.begin(op).await?;
        rows::import_lock(&mut tx, op).await?;
        import_running(&mut tx, op, id).await?;
        rows::import_finish(&mut tx, op, id).await?;
        let import = import_found(&mut tx, op, id).await?;
        let counts = rows::import_counts(&mut tx, op, id).await?;
        let entry = Entry::ok("import.finish", "import")
            .object(id, &import.source)
            .after(shown(&counts));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&happened::IMPORT_FINISHED, id, &import.source).data(shown(&counts));
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        Ok(ImportShown { import, counts })
    }

    /// Lists a partner's imports, newest first.
    pub async fn import_list(&self, op: &OpContext, window: Window) -> Result<Listed<ImportShown>, Error> {
        let mut tx = self.db.begin(op).await?;
        let Listed { rows: imports, total } = rows::import_list(&mut tx, op, window).await?;
        let mut shown = Vec::with_capacity(imports.len());
        for import in imports {
            let counts = rows::import_counts(&mut tx, op, import.id).await?;
            shown.push(ImportShown { import, counts });
        }
        tx.commit().await?;
        Ok(Listed { rows: shown, total })
    }

    /// Opens the transaction of a batch.
    async fn batch_begin(&self, op: &OpContext, import: Option<ImportId>) -> Result<Tx, Error> {
        let mut tx = self.db.begin(op).await?;
        rows::import_lock(&mut tx, op).await?;
        if let Some(id) = import {
            import_running(&mut tx, op, id).await?;
        }
        Ok(tx)
    }
}

/// Closes the transaction of a batch that had so many things: kept with its counts, or nothing of it for a trial.
async fn batch_end(
    mut tx: Tx,
    op: &OpContext,
    import: Option<ImportId>,
    kind: &str,
    read: usize,
    outcome: &Outcome,
) -> Result<(), Error> {
    if !outcome.is_whole(read) {
        return Err(Error::internal(
            "an import's batch",
            format!("{read} {kind} do not add up: {outcome:?}"),
        ));
    }
    let Some(id) = import else {
        tx.rollback().await?;
        return Ok(());
    };
    let add = outcome.count(kind);
    let imported = rows::import_count_add(&mut tx, op, id, &add).await?;
    // Each time there are several times as many: often enough for good plans, and never a cost that shows.
    let size = |count: i64| count.max(1).ilog(4);
    if size(imported) > size(imported - add.imported) {
        rows::import_look(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// An import of this partner, or not found.
async fn import_found(tx: &mut Tx, op: &OpContext, id: ImportId) -> Result<Import, Error> {
    rows::import_fetch(tx, op, id)
        .await?
        .ok_or_else(|| Error::not_found("import", id))
}

/// Refuses an import that has ended.
async fn import_running(tx: &mut Tx, op: &OpContext, id: ImportId) -> Result<(), Error> {
    match import_found(tx, op, id).await?.finished_at {
        None => Ok(()),
        Some(_) => Err(Error::conflict("import", format!("the import {id} has ended"))),
    }
}

/// Counts as the audit keeps them.
fn shown(counts: &[Count]) -> Value {
    counts
        .iter()
        .map(|count| {
            let figures = json!({ "imported": count.imported, "updated": count.updated,
                "unchanged": count.unchanged, "refused": count.refused });
            (count.kind.clone(), figures)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What an error of a rule says about one thing of a batch; any other error is the batch's.
fn why(error: Error) -> Result<String, Error> {
    match error {
        Error::Invalid { fields } => Ok(fields
            .into_iter()
            .map(|field| format!("{} {}", field.pointer.trim_start_matches('/'), field.message))
            .collect::<Vec<_>>()
            .join("; ")),
        Error::Conflict { message, .. } => Ok(message),
        other => Err(other),
    }
}
