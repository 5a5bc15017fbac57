//! FreeRADIUS 3's SQL schema, from a dump or a live database: NAS, plans, groups, users, sessions, in this order.
//! Never holds sessions: they are read a second time, and sent as they come.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use time::UtcOffset;

use super::collected::{Collected, Group};
use super::dump::Broken;
use super::group::{self, Fate, Plan, Rules};
use super::person::{self, Place};
use super::report::{Kind, Report};
use super::send::{Batches, Target};
use super::source::Source;
use super::table::Table;
use super::{Asked, nas, session};
use crate::failure::Failure;

/// The plan of who has no group with one.
pub const PLAN_DEFAULT: &str = "imported";

/// Which sessions are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sessions {
    /// Those that are open, and history.
    All,
    /// Those that are open.
    Open,
    /// None.
    None,
}

/// What is asked of it.
pub struct Wanted {
    /// How groups become plans.
    pub rules: Rules,
    /// Which sessions are taken.
    pub sessions: Sessions,
    /// The offset of moments without one.
    pub offset: UtcOffset,
}

/// Does it.
///
/// # Errors
/// The source cannot be read, or the API's.
pub async fn run(
    asked: &Asked<'_>,
    wanted: &Wanted,
    source: &mut Source,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut collected = Collected::default();
    source
        .visit(&Collected::TABLES, async |item| collected.take(item, report))
        .await?;
    let import = asked.start(&source.words()).await?;
    let target = Target {
        api: asked.api,
        partner: asked.partner,
        import: import.as_deref(),
    };
    let (addresses, makes) = nas_send(&target, &collected, report).await?;
    let fates = group::fates(&collected, &makes, &wanted.rules);
    let plan = asked.plan.unwrap_or(PLAN_DEFAULT);
    let assumed = plans_make(asked, &fates, &collected, report).await?;
    groups_send(asked, &target, &collected.groups, &fates, report).await?;
    let place = Place {
        site: asked.site,
        fates: &fates,
        groups: &collected.groups,
        plan,
        offset: wanted.offset,
    };
    let mut beside = Map::new();
    beside.insert("update".to_owned(), json!(asked.update));
    beside.insert("assumed_plans".to_owned(), json!(assumed));
    let mut batches = Batches::new(&target, Kind::Subscriber, "subscribers", beside);
    for (name, person) in &collected.people {
        match person::of(name, person, &place) {
            Ok((body, notes)) => {
                for note in notes {
                    report.note(note, name);
                }
                batches.push(body, person.place.clone(), name, report).await?;
            }
            Err(why) => {
                report.tally(Kind::Subscriber).read += 1;
                report.refuse(Kind::Subscriber, person.place.clone(), name, &why);
            }
        }
    }
    batches.send(report).await?;
    drop((fates, collected));
    if wanted.sessions != Sessions::None {
        sessions_send(&target, wanted, source, addresses, report).await?;
    }
    asked.finish(&target, report).await
}

/// Sends NAS; their addresses and their makes.
async fn nas_send(
    target: &Target<'_>,
    collected: &Collected,
    report: &mut Report,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let mut batches = Batches::new(target, Kind::Nas, "nas", Map::new());
    let mut names = BTreeSet::new();
    let (mut addresses, mut makes) = (Vec::new(), Vec::new());
    for row in &collected.nas {
        let place = format!("nas {}", row.line);
        match nas::of(row, &mut names) {
            Ok(nas) => {
                batches.push(nas.body, place, &nas.address, report).await?;
                addresses.push(nas.address);
                makes.push(nas.make);
            }
            Err(why) => {
                let name = row.said("nasname").unwrap_or("-").to_owned();
                report.tally(Kind::Nas).read += 1;
                report.refuse(Kind::Nas, place, &name, why);
            }
        }
    }
    batches.send(report).await?;
    Ok((addresses, makes))
}

/// Makes the plans that are not there; the slugs of all that are needed.
async fn plans_make(
    asked: &Asked<'_>,
    fates: &BTreeMap<String, Fate>,
    collected: &Collected,
    report: &mut Report,
) -> Result<Vec<String>, Failure> {
    let path = ["partners", asked.partner, "plans"];
    let there = asked.api.list(&path, &[]).await?;
    let mut there: BTreeSet<String> = there
        .iter()
        .filter_map(|plan| plan["slug"].as_str())
        .map(str::to_owned)
        .collect();
    let mut wanted: Vec<Plan> = fates.values().filter_map(|fate| fate.plan.clone()).collect();
    let without = |groups: &[(String, i32)]| {
        !groups
            .iter()
            .any(|(group, _)| fates.get(group).is_some_and(|fate| fate.plan.is_some()))
    };
    if collected.people.values().any(|person| without(&person.groups)) {
        let slug = asked.plan.unwrap_or(PLAN_DEFAULT);
        let make = asked
            .plan
            .is_none()
            .then(|| json!({ "slug": slug, "name": "Imported" }));
        wanted.push(Plan {
            slug: slug.to_owned(),
            make,
            place: "users without a group".to_owned(),
        });
    }
    let mut assumed = BTreeSet::new();
    for plan in wanted {
        if !assumed.insert(plan.slug.clone()) {
            continue;
        }
        report.tally(Kind::Plan).read += 1;
        let Some(make) = plan.make.filter(|_| !there.contains(&plan.slug)) else {
            if there.contains(&plan.slug) {
                report.tally(Kind::Plan).unchanged += 1;
            } else {
                assumed.remove(&plan.slug);
                report.refuse(Kind::Plan, plan.place, &plan.slug, "there is no such plan");
            }
            continue;
        };
        if !asked.dry_run {
            asked.api.post(&path, &make).await?;
        }
        there.insert(plan.slug);
        report.tally(Kind::Plan).imported += 1;
    }
    Ok(assumed.into_iter().collect())
}

/// Sends what no plan has taken over of the groups.
async fn groups_send(
    asked: &Asked<'_>,
    target: &Target<'_>,
    groups: &BTreeMap<String, Group>,
    fates: &BTreeMap<String, Fate>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut beside = Map::new();
    beside.insert("update".to_owned(), json!(asked.update));
    let mut batches = Batches::new(target, Kind::Group, "groups", beside);
    for (name, group) in groups {
        let moved = fates.get(name).map(|fate| &fate.moved);
        let stays = |at: usize| moved.is_none_or(|moved| !moved.contains(&at));
        let reply: Vec<Value> = group
            .reply
            .iter()
            .enumerate()
            .filter(|(at, _)| stays(*at))
            .map(|(_, said)| person::row(&said.attribute, said))
            .collect();
        for said in &group.check {
            if said.is("Simultaneous-Use") {
                report.note(
                    "Simultaneous-Use of a group is kept; give its plan the limit",
                    name,
                );
            } else if !said.sets() {
                let note = format!(
                    "{} {} of a group is kept and not looked at",
                    said.attribute, said.op
                );
                report.note(note, name);
            }
        }
        let check: Vec<Value> = group
            .check
            .iter()
            .map(|said| person::row(&said.attribute, said))
            .collect();
        if reply.is_empty() && check.is_empty() {
            continue;
        }
        let body = json!({ "name": name, "check": check, "reply": reply });
        batches.push(body, group.place.clone(), name, report).await?;
    }
    batches.send(report).await
}

/// Sends sessions as they are read.
async fn sessions_send(
    target: &Target<'_>,
    wanted: &Wanted,
    source: &mut Source,
    addresses: Vec<String>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut beside = Map::new();
    if target.import.is_none() {
        beside.insert("assumed_nas".to_owned(), json!(addresses));
    }
    let mut batches = Batches::new(target, Kind::Session, "sessions", beside);
    source
        .visit(&[Table::Radacct], async |item| {
            report.row_read(Table::Radacct);
            let row = match item {
                Ok(row) => row,
                Err(Broken { table, line, why }) => {
                    report.row_broken(table, line, &why);
                    return Ok(());
                }
            };
            if wanted.sessions == Sessions::Open && !session::is_open(&row) {
                return Ok(());
            }
            let place = format!("radacct {}", row.line);
            let name = row.said("acctsessionid").unwrap_or("-");
            match session::of(&row, wanted.offset) {
                Ok(body) => batches.push(body, place, name, report).await,
                Err(why) => {
                    report.tally(Kind::Session).read += 1;
                    report.refuse(Kind::Session, place, name, &why);
                    Ok(())
                }
            }
        })
        .await?;
    batches.send(report).await
}
