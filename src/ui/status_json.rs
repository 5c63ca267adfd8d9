//! The machine-readable status, version 1: fields may be added, never changed.

use serde_json::{Value, json};

use super::called::Called;
use super::next::{command_line, hands, next_command};
use super::way_back;
use crate::hotfix::plan::{Next, Plan, Standing, State};
use crate::hotfix::rung::{Check, Rung, Who};
use crate::hotfix::snapshot::{Fact, Landed, LandedKind, Lane, PathConflict, Pick, Snapshot};

/// The whole document.
pub fn document(s: &Snapshot, plan: &Plan, named: &str, called: &Called) -> Value {
    json!({
        "version": 1,
        "project": s.project,
        "hotfix": hotfix(s),
        "production": fact(&s.production),
        "deployment": fact(&s.deployment),
        "ships": fact(&s.ships),
        "lanes": s.lanes.iter().map(lane).collect::<Vec<_>>(),
        "confirmed": fact(&s.confirmed),
        "way_back": s.deployment.known().map(|_| way_back::document(s)),
        "rungs": plan.rungs.iter().map(|standing| rung(s, standing)).collect::<Vec<_>>(),
        "next": next(plan, named, called),
    })
}

fn hotfix(s: &Snapshot) -> Value {
    let mr = s.merge_request.known();
    json!({
        "branch": s.branch,
        "tip": s.local.known().map(|local| &local.tip),
        "merge_request": mr.map(|mr| json!({
            "iid": mr.iid,
            "title": mr.title,
            "state": mr.state,
            "web_url": mr.web_url,
            "author": mr.author,
            "head": mr.head,
            "merged_by": mr.merged_by,
            "merged_at": mr.merged_at,
        })),
        "landed": s.landed.known().map(|landed| json!({
            "commit": landed.commit,
            "subject": landed.subject,
            "reverted_by": landed.reverted_by,
        })),
    })
}

/// `null` for what is not there; what is not known is left to `rungs` to say.
fn fact<T: serde::Serialize>(fact: &Fact<T>) -> Value {
    fact.known().map_or(Value::Null, |value| json!(value))
}

fn rung(s: &Snapshot, standing: &Standing) -> Value {
    let detail = match (&standing.check, standing.state) {
        (_, State::Todo) => String::new(),
        (Check::Done(detail), _) => detail.clone(),
        (Check::Do(step), _) => step.words(),
        (Check::Wait(wait), _) => format!("waiting for {}", wait.what),
        (Check::Blocked(block), _) => block.what.clone(),
        (Check::Unknown(what), _) => what.clone(),
    };
    let mut value = json!({ "name": standing.rung.name(), "state": standing.state, "detail": detail });
    if let (Rung::Backport(index) | Rung::Close(index), Some(object)) = (standing.rung, value.as_object_mut())
    {
        object.insert("target".into(), json!(s.lanes.get(index).map(|lane| &lane.target)));
    }
    value
}

fn next(plan: &Plan, named: &str, called: &Called) -> Value {
    let words = next_command(plan, named);
    let command = words.as_deref().map(|words| called.put(&command_line(words)));
    let argv = words.map(|words| {
        let (verb, rest) = words.split_at(words.len().min(2));
        let place = verb.last().map(|verb| called.place_of(verb)).unwrap_or_default();
        [&["git".to_owned()], verb, &place, rest].concat()
    });
    let (state, who, waiting_for) = match &plan.next {
        Next::Do(_) => ("you", json!(["you"]), Vec::new()),
        Next::Wait(waits) => {
            let people: Vec<&String> = waits
                .iter()
                .filter_map(|(_, wait)| match &wait.who {
                    Who::People(people) => Some(people),
                    Who::GitLab => None,
                })
                .flatten()
                .collect();
            let who = match (hands(plan), people.as_slice()) {
                (Some(_), _) => json!(["you"]),
                (None, []) => json!(["gitlab"]),
                (None, people) => json!(people),
            };
            ("waiting", who, waits.iter().map(|(_, wait)| wait.what.clone()).collect())
        }
        Next::Blocked(blocks) => {
            ("blocked", json!(["you"]), blocks.iter().map(|(_, block)| block.what.clone()).collect())
        }
        Next::Done => ("done", json!([]), Vec::new()),
    };
    json!({
        "state": state,
        "command": command,
        "argv": argv,
        "who": who,
        "waiting_for": waiting_for,
        "hints": match &plan.next {
            Next::Blocked(blocks) => {
                blocks.iter().flat_map(|(_, block)| &block.hints).map(|hint| called.put(hint)).collect()
            }
            _ => Vec::<String>::new(),
        },
    })
}

/// One conflicted path.
pub fn conflict(conflict: &PathConflict) -> Value {
    let mut value = json!({
        "path": conflict.path,
        "kind": conflict.kind,
        "touched_by": conflict.touched_by.iter().map(|commit| json!({
            "commit": commit.id, "subject": commit.subject, "author": commit.author,
        })).collect::<Vec<_>>(),
    });
    if let (true, Some(object)) = (conflict.encoded, value.as_object_mut()) {
        object.insert("path_encoding".into(), json!("percent"));
    }
    value
}

fn lane(lane: &Lane) -> Value {
    json!({
        "target": lane.target,
        "branch": lane.branch,
        "contained": lane.contained.known().is_some(),
        "forecast": match &lane.pick {
            Fact::Known(Pick::Clean { .. }) => Some("clean"),
            Fact::Known(Pick::AlreadyThere) => Some("already-there"),
            Fact::Known(Pick::Conflicts(_)) => Some("conflicts"),
            Fact::Known(Pick::Failed(_)) => Some("failed"),
            Fact::Absent | Fact::Unknown => None,
        },
        "conflicts": match &lane.pick {
            Fact::Known(Pick::Conflicts(paths)) => paths.iter().map(conflict).collect(),
            _ => Vec::new(),
        },
        "merge_request": lane.merge_request.known().map(|request| json!({
            "iid": request.iid,
            "state": request.state,
            "draft": request.draft,
            "labels": request.labels,
            "web_url": request.web_url,
        })),
    })
}

/// What a backport picks, for `backport --json`.
pub fn source(s: &Snapshot, landed: Option<&Landed>) -> Value {
    let commits: Vec<String> = match landed {
        Some(Landed { kind: LandedKind::Series(series), .. }) => {
            series.iter().map(ToString::to_string).collect()
        }
        Some(landed) => vec![landed.commit.to_string()],
        None => s.local.known().map(|local| local.tip.to_string()).into_iter().collect(),
    };
    json!({
        "commits": commits,
        "mainline": landed.filter(|landed| landed.kind == LandedKind::Merge).map(|_| 1),
        "merge_request": s.merge_request.known().map(|mr| mr.iid),
    })
}
