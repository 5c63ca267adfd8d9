//! The stories of the demo, one short list of acts for each scenario: what is typed, by whom, and the exit
//! code it ends with.

use super::here::Here;
use crate::sim::World;

/// What somebody does in the web page.
pub(super) type Deed = fn(&mut World, &str) -> Result<(), String>;

/// One act.
pub(super) enum Act {
    /// A line of narration.
    Say(&'static str),
    /// The developer writes and commits the fix.
    Fix,
    /// The developer writes and commits the harmless fix of a fire drill.
    Drill,
    /// The developer resolves the conflict.
    Resolve,
    /// Somebody clicks in the web page.
    Web(&'static str, Deed, &'static str),
    /// Somebody types a command.
    Run {
        /// Who.
        who: &'static str,
        /// What, after `git hotfix`.
        args: Vec<String>,
        /// The exit code it ends with.
        code: u8,
    },
}

/// A story.
pub(super) struct Story {
    /// Whether the scenario's colleagues act by themselves; else the story types their commands.
    pub(super) colleagues: bool,
    /// What happens.
    pub(super) acts: Vec<Act>,
    /// The exit code of its last command.
    pub(super) ends_with: u8,
}

fn dev(args: &'static [&'static str], code: u8) -> Act {
    Act::Run { who: "dev", args: owned(args), code }
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn run(who: &'static str, args: &'static [&'static str]) -> Act {
    Act::Run { who, args: owned(args), code: 0 }
}

/// The story of a scenario.
pub(super) fn of(name: &str) -> Option<Story> {
    let slug = match name {
        "conflict" => &["start", "session-expiry"],
        "migrations-failing" => &["start", "session-index"],
        _ => &["start", "login-500"],
    };
    let mut acts =
        vec![Act::Say("3 a.m.: production is broken. Cut a hotfix from main."), dev(slug, 0), Act::Fix];
    let ship: &[&str] = &["ship", "--yes"];
    let verify: &[&str] = &["verify"];
    match name {
        "clean" => acts.extend(by_hand()),
        "conflict" => acts.extend([
            dev(&["open"], 0),
            Act::Say("develop rewrote the same lines; ship goes on and says so with exit 3"),
            dev(ship, 3),
            Act::Say("the placeholder holds its place; now a developer finishes it"),
            dev(&["backport", "--continue"], 3),
            Act::Resolve,
            dev(&["backport", "--continue"], 0),
            dev(&["status"], 0),
        ]),
        "rejected" => acts.extend([dev(ship, 7), dev(&["status"], 0), dev(&["deploy", "--yes"], 7)]),
        "red-pipeline" => acts.extend([
            dev(ship, 7),
            Act::Web("mia", retry_failed, "runs the failed job again"),
            dev(ship, 0),
        ]),
        "flaky-job" => acts.extend([
            dev(ship, 7),
            Act::Say("mia runs the job again while somebody watches"),
            dev(&["status"], 0),
            dev(&["status"], 0),
            dev(ship, 0),
        ]),
        "migrations-failing" => acts.extend([
            Act::Say("the migration fails: the backport is made all the same, and ship ends with exit 7"),
            dev(ship, 7),
            Act::Web("mia", retry_failed, "mends the data and runs the migration again"),
            dev(&["migrate", "--yes"], 0),
            dev(&["status"], 0),
        ]),
        "two-hotfixes" => acts.extend([
            Act::Say("mia lands another hotfix meanwhile; it would ship too, and nobody agreed to that"),
            dev(ship, 5),
            Act::Say("mia was asked, and agrees"),
            dev(&["ship", "--yes", "--with", "{other}"], 0),
            dev(&["list"], 0),
        ]),
        "rolled-back" => acts.extend([
            dev(ship, 0),
            Act::Say("mia sees errors and rolls production back"),
            dev(&["status"], 0),
            dev(&["status"], 0),
            dev(&["status"], 0),
            dev(&["deploy", "--yes"], 5),
        ]),
        "rollback" => acts.extend([
            Act::Say("portal got the release, admin did not: production is half way"),
            dev(ship, 7),
            dev(&["status"], 0),
            Act::Say("the job beside the deployment takes every app back to what it ran before"),
            dev(&["rollback", "--yes"], 0),
            Act::Say("once is enough: nothing is played again"),
            dev(&["rollback", "--yes"], 0),
        ]),
        "revert" => acts.extend([
            dev(ship, 0),
            Act::Say("it makes things worse: take it back on main, through a merge request of its own"),
            dev(&["revert"], 0),
            dev(&["merge", "--yes", "!414"], 0),
            Act::Say("what is reverted needs no backport"),
            dev(&["status"], 0),
            dev(&["list", "--missing"], 0),
        ]),
        "slow-approvals" | "colleague-merges" | "ci-backports-first" => {
            acts.extend([dev(ship, 0), dev(&["status"], 0)]);
        }
        _ => return None,
    }
    if name == "clean" || name == "slow-approvals" {
        acts.extend([
            dev(&["verify", "--confirm", "login works again, checked with two accounts"], 8),
            Act::Web("mia", merge_backports, "reviews and merges the backport"),
            dev(verify, 0),
        ]);
    }
    let ends_with = acts
        .iter()
        .rev()
        .find_map(|act| match act {
            Act::Run { code, .. } => Some(*code),
            _ => None,
        })
        .unwrap_or(0);
    Some(Story { colleagues: name != "clean", acts, ends_with })
}

/// The clean story, each step by its own command.
fn by_hand() -> Vec<Act> {
    vec![
        dev(&["open"], 0),
        dev(&["status"], 0),
        Act::Say("merge once the pipeline is green"),
        dev(&["merge", "--yes"], 0),
        dev(&["wait", "build"], 0),
        Act::Say("both roles approve, each from their own laptop; nothing starts by itself"),
        run("bo", &["approve", "--as", "tech-lead", "--yes"]),
        dev(&["status"], 0),
        run("cleo", &["approve", "--as", "pm", "--yes"]),
        Act::Say("the rest in one go: play the job once, follow it, backport"),
        dev(&["ship", "--yes"], 0),
        dev(&["status"], 0),
    ]
}

/// A story's fire drill in the user's own repository: its acts, with a harmless fix.
pub(super) fn drill(name: &str, here: &Here) -> Option<Story> {
    if name != "clean" {
        let mut story = of(name)?;
        for act in &mut story.acts {
            match act {
                Act::Fix => *act = Act::Drill,
                Act::Run { args, .. } if args.first().is_some_and(|verb| verb == "start") => {
                    *args = owned(&["start", "fire-drill"]);
                }
                _ => {}
            }
        }
        return Some(story);
    }
    let mut acts = vec![
        Act::Say("a fire drill: a harmless fix, on its way to production"),
        dev(&["start", "fire-drill"], 0),
    ];
    acts.extend([Act::Drill, dev(&["open"], 0), dev(&["merge", "--yes"], 0), dev(&["wait", "build"], 0)]);
    for (role, who) in &here.roles {
        acts.push(Act::Run { who, args: owned(&["approve", "--as", role, "--yes"]), code: 0 });
    }
    acts.extend([Act::Say("play the job once, follow it, backport"), dev(&["ship", "--yes"], 0)]);
    let confirm = ["verify", "--confirm", "the drill's line is there"];
    let open = if here.has_target { 8 } else { 0 };
    acts.push(Act::Run { who: "dev", args: owned(&confirm), code: open });
    if here.has_target {
        acts.push(Act::Web("mia", merge_backports, "reviews and merges the backports"));
        acts.push(dev(&["verify"], 0));
    }
    Some(Story { colleagues: false, acts, ends_with: 0 })
}

fn retry_failed(world: &mut World, who: &str) -> Result<(), String> {
    let failed = world.failed_jobs();
    if failed.is_empty() {
        return Err("no job has failed".to_owned());
    }
    for job in failed {
        let answer = world.api_as(who, "POST", &format!("jobs/{job}/retry"), serde_json::json!({}));
        if !answer.is_success() {
            return Err(format!("GitLab answered {}", answer.status));
        }
    }
    Ok(())
}

fn merge_backports(world: &mut World, who: &str) -> Result<(), String> {
    for iid in world.open_backports() {
        let answer = world.merge_as(who, iid);
        if !answer.is_success() {
            return Err(format!("GitLab answered {}", answer.status));
        }
    }
    Ok(())
}
