//! Groups: what FreeRADIUS checks and replies for all their members. They stay rows, and the feeder reads them.
//! Never makes a plan of a group; whoever imports decides that before.

use std::collections::{BTreeMap, BTreeSet};

use kernel::id::ImportId;
use kernel::{Error, OpContext};

use super::{App, NAME_CHARS_MAX, Outcome, Said, batch_end};
use crate::store::import::group::{self as rows, GroupRow};

/// A group.
#[derive(Debug, Clone)]
pub struct GroupIn {
    /// Its name.
    pub name: String,
    /// radgroupcheck.
    pub check: Vec<Said>,
    /// radgroupreply.
    pub reply: Vec<Said>,
}

/// What is stored of a group: check and reply, each as attribute, operator, value.
type Stored = (Vec<GroupRow>, Vec<GroupRow>);

impl App {
    /// Takes in a batch of groups. One that is here with other rows is refused, or replaced when `update` says so.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Conflict`] for the import itself.
    pub async fn import_groups(
        &self,
        op: &OpContext,
        import: Option<ImportId>,
        update: bool,
        batch: &[GroupIn],
    ) -> Result<Outcome, Error> {
        let mut tx = self.batch_begin(op, import).await?;
        let names: Vec<String> = batch.iter().map(|group| group.name.clone()).collect();
        let mut known: BTreeMap<String, Stored> = BTreeMap::new();
        for row in rows::radgroupcheck_rows(&mut tx, op, &names).await? {
            known.entry(row.groupname.clone()).or_default().0.push(row);
        }
        for row in rows::radgroupreply_rows(&mut tx, op, &names).await? {
            known.entry(row.groupname.clone()).or_default().1.push(row);
        }
        let mut outcome = Outcome::default();
        let (mut replaced, mut check, mut reply) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for (index, group) in batch.iter().enumerate() {
            if let Err(why) = fits(group, &mut seen) {
                outcome.refuse(index, why);
                continue;
            }
            let wanted = (table(group, &group.check), table(group, &group.reply));
            match known.get(&group.name) {
                Some(stored) if *stored == wanted => {
                    outcome.unchanged += 1;
                    continue;
                }
                Some(_) if !update => {
                    outcome.refuse(index, "there is already a group of this name with other rows");
                    continue;
                }
                Some(_) => {
                    outcome.updated += 1;
                    replaced.push(group.name.clone());
                }
                None => outcome.imported += 1,
            }
            check.extend(wanted.0);
            reply.extend(wanted.1);
        }
        if import.is_some() {
            rows::group_rows_delete(&mut tx, op, &replaced).await?;
            rows::group_rows_insert(&mut tx, op, &check, &reply).await?;
        }
        batch_end(tx, op, import, "group", batch.len(), &outcome).await?;
        Ok(outcome)
    }
}

/// Refuses a group that the tables have no room for, or that came before.
fn fits<'g>(group: &'g GroupIn, seen: &mut BTreeSet<&'g str>) -> Result<(), String> {
    let chars = group.name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) {
        return Err(format!(
            "its name has {chars} characters, {NAME_CHARS_MAX} are the most"
        ));
    }
    if !seen.insert(&group.name) {
        return Err("it comes twice".to_owned());
    }
    group.check.iter().chain(&group.reply).try_for_each(Said::check)
}

/// What is said of a group as rows.
fn table(group: &GroupIn, said: &[Said]) -> Vec<GroupRow> {
    said.iter()
        .map(|said| GroupRow {
            groupname: group.name.clone(),
            attribute: said.attribute.clone(),
            op: said.op.clone(),
            value: said.value.clone(),
        })
        .collect()
}
