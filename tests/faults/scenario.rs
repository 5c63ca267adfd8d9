//! What is disturbed: a command from the state in which it has something to do, what must be there once it is
//! done, and what must never be, whatever happened.

use git_hotfix::sim::Setup;
use serde_json::{Value, json};

use crate::lab::{Lab, Ready, Seat};
use crate::sound::sound;

/// One command in one state.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) story: &'static str,
    change: fn(&mut Setup),
    prepare: fn(&Lab),
    who: &'static str,
    place: &'static str,
    pub(crate) args: &'static [&'static str],
    /// The exit code of a run that nothing disturbs.
    pub(crate) ends: i32,
    /// What a run may also end with that has written nothing: how things stand before it, or nobody in sight who
    /// could approve.
    pub(crate) before: &'static [i32],
    /// Whether it works on the clone itself.
    pub(crate) moves: bool,
    /// What must be there after it.
    wanted: fn(&Lab) -> Result<(), String>,
}

const PLAIN: fn(&mut Setup) = |_| {};

impl Scenario {
    pub(crate) fn all() -> Vec<Scenario> {
        let clean = |name, args, prepare, wanted| Scenario {
            name,
            story: "clean",
            change: PLAIN,
            prepare,
            who: "dev",
            place: "dev",
            args,
            ends: 0,
            before: &[],
            moves: false,
            wanted,
        };
        vec![
            Scenario {
                moves: true,
                ..clean("start", &["start", "login-500"], |lab| drop(lab.desk("dev", "dev")), started)
            },
            clean("open", &["open"], fixed, opened),
            clean("merge", &["merge", "--yes"], open, merged),
            Scenario {
                who: "bo",
                before: &[4],
                ..clean("approve", &["approve", "--yes", "!412"], landed, approved)
            },
            clean("deploy", &["deploy", "--yes"], allowed, deployed),
            Scenario {
                change: |setup| setup.job("deploy-prod-hotfix").unwrap().failures = 1,
                ends: 8,
                before: &[7],
                ..clean("again", &["deploy", "--yes", "--again", "--timeout", "0s"], failed, begun_again)
            },
            Scenario {
                story: "migrations-failing",
                change: |setup| setup.job("run-migrations-prod").unwrap().failures = 0,
                ..clean("migrate", &["migrate", "--yes"], live, migrated)
            },
            clean("backport", &["backport"], landed, backported),
            Scenario { story: "conflict", ends: 3, ..clean("conflict", &["backport"], landed, placed) },
            Scenario {
                story: "conflict",
                ..clean("continue", &["backport", "--continue", "!413"], resolved, backported)
            },
            Scenario { who: "bot", place: "runner", ..clean("ci", &["ci", "backport"], runner, backported) },
            Scenario {
                ends: 8,
                ..clean("verify", &["verify", "--confirm", "login works"], carried, confirmed)
            },
            clean("abort", &["abort", "--yes"], open, given_up),
            Scenario {
                change: |setup| setup.job("deploy-prod-hotfix").unwrap().failures = 1,
                ..clean("rollback", &["rollback", "--yes"], failed, rolled_back)
            },
            Scenario {
                change: |setup| setup.job("rollback-prod-hotfix").unwrap().failures = 1,
                before: &[7],
                ..clean("rollback-again", &["rollback", "--yes", "--again"], stuck, rolled_back)
            },
            clean("revert", &["revert"], live, reverted),
            clean("ship", &["ship", "--yes"], awaited, shipped),
        ]
    }

    pub(crate) fn named(name: &str) -> Scenario {
        Scenario::all().into_iter().find(|scenario| scenario.name == name).unwrap()
    }

    pub(crate) fn ready(&self) -> Ready {
        self.ready_with(self.change)
    }

    /// The same in another setup.
    pub(crate) fn ready_with(&self, change: fn(&mut Setup)) -> Ready {
        Ready::new(self.story, change, self.prepare)
    }

    pub(crate) fn seat<'a>(&self, lab: &'a Lab) -> Seat<'a> {
        let seat = lab.seat(self.who, self.place);
        match self.name {
            "ci" => job(seat),
            _ => seat,
        }
    }

    /// Whether what it is for is there, and nothing twice.
    pub(crate) fn reached(&self, lab: &Lab) -> Result<(), String> {
        (self.wanted)(lab)?;
        sound(lab)
    }
}

fn fixed(lab: &Lab) {
    lab.fixed("dev", "dev");
}

fn awaited(lab: &Lab) {
    fixed(lab);
    lab.server.with_world(|world| world.expect(lab.story.events.clone()));
}

fn open(lab: &Lab) {
    let dev = lab.fixed("dev", "dev");
    dev.ends(&["open"], 0);
    dev.ends(&["wait", "review"], 0);
}

/// Merged, and the deployment waits for approvals.
pub(crate) fn landed(lab: &Lab) {
    open(lab);
    let dev = lab.seat("dev", "dev");
    dev.ends(&["merge", "--yes"], 0);
    dev.ends(&["wait", "build"], 0);
    lab.desk("bo", "bo");
}

/// Both have approved.
pub(crate) fn allowed(lab: &Lab) {
    landed(lab);
    let last = lab.server.with_world(|world| world.deployment_ids()).pop().unwrap();
    for who in ["bo", "cleo"] {
        let done = lab.server.with_world(|world| world.approve_deployment_as(who, last, true));
        assert!(done.is_success(), "{who}: {}", done.value());
    }
}

fn live(lab: &Lab) {
    allowed(lab);
    lab.seat("dev", "dev").ends(&["deploy", "--yes"], 0);
}

/// Live and carried back: all but verified.
fn carried(lab: &Lab) {
    live(lab);
    lab.seat("dev", "dev").ends(&["backport"], 0);
}

fn failed(lab: &Lab) {
    allowed(lab);
    lab.seat("dev", "dev").ends(&["deploy", "--yes"], 7);
}

/// Live, and the job that takes it back has failed.
fn stuck(lab: &Lab) {
    live(lab);
    lab.seat("dev", "dev").ends(&["rollback", "--yes"], 7);
}

/// A placeholder is open, and the pick is resolved in its work tree, not committed.
fn resolved(lab: &Lab) {
    landed(lab);
    let dev = lab.seat("dev", "dev");
    dev.ends(&["backport"], 3);
    dev.ends(&["backport", "--continue", "!413"], 3);
    let branch = backport_branches(lab).remove(0);
    let tree = lab.dir().join(format!("dev/web-{}", branch.replace('/', "-")));
    std::fs::write(tree.join(SESSION), "# resolved by hand\nLIFETIME = 15 * 60\n").unwrap();
    dev.git_in(&tree, &["add", SESSION]);
}

const SESSION: &str = "apps/portal/app/session.rb";

fn runner(lab: &Lab) {
    landed(lab);
    checkout(lab, "runner");
}

/// A runner's checkout of what landed: detached, with a job token in the remote's address.
pub(crate) fn checkout(lab: &Lab, place: &str) {
    let seat = lab.seat("bot", place);
    let landed = lab.tip("main").unwrap();
    std::fs::create_dir_all(seat.dir()).unwrap();
    let token = lab.server.with_world(|world| world.add_token("dev", &["read_repository"], None)).unwrap();
    let url = lab.server.project_url();
    let remote = url.replacen("http://", &format!("http://gitlab-ci-token:{token}@"), 1);
    seat.git(&["init", "--quiet"]);
    seat.git(&["remote", "add", "origin", &remote]);
    seat.git(&[
        "fetch",
        "--quiet",
        "--no-write-fetch-head",
        "origin",
        &format!("+{landed}:refs/pipelines/7"),
    ]);
    seat.git(&["checkout", "--quiet", "--detach", &landed]);
}

/// The environment of the job that backports.
pub(crate) fn job(seat: Seat<'_>) -> Seat<'_> {
    let landed = seat.git(&["rev-parse", "HEAD"]);
    let url = seat.url.clone();
    seat.with("GITLAB_CI", "true")
        .with("CI_SERVER_URL", url)
        .with("CI_PROJECT_PATH", "shop/web")
        .with("CI_COMMIT_SHA", landed)
        .with("CI_COMMIT_BRANCH", "main")
}

pub(crate) fn that(holds: bool, else_said: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_said()) }
}

fn started(lab: &Lab) -> Result<(), String> {
    let seat = lab.seat("dev", "dev");
    let head = seat.git(&["symbolic-ref", "HEAD"]);
    that(head == "refs/heads/hotfix/login-500", || format!("HEAD is {head}"))?;
    let tip = seat.git(&["rev-parse", "HEAD"]);
    that(Some(&tip) == lab.tip("main").as_ref(), || format!("cut at {tip}"))?;
    let status = seat.git(&["status", "--porcelain"]);
    that(status.is_empty(), || format!("the work tree is not clean: {status}"))
}

/// The merge requests to a branch, but for one that a person closed and that was opened anew.
fn requests_to(lab: &Lab, target: &str) -> Vec<Value> {
    let replaced = lab.replaced.get().copied();
    let counts = |row: &Value| row["target_branch"] == target && row["iid"].as_u64() != replaced;
    lab.rows("merge_requests").into_iter().filter(counts).collect()
}

fn to_main(lab: &Lab) -> Result<Value, String> {
    let rows = requests_to(lab, "main");
    match rows.as_slice() {
        [one] => Ok(one.clone()),
        rows => Err(format!("{} merge requests to main", rows.len())),
    }
}

fn opened(lab: &Lab) -> Result<(), String> {
    let mr = to_main(lab)?;
    that(mr["state"] == "opened", || format!("it is {}", mr["state"]))?;
    let tip = lab.tip(&lab.branch());
    let own = lab.seat("dev", "dev").git(&["rev-parse", "HEAD"]);
    that(tip.as_deref() == Some(&own), || format!("the remote branch is at {tip:?}, not {own}"))
}

fn merged(lab: &Lab) -> Result<(), String> {
    let mr = to_main(lab)?;
    that(mr["state"] == "merged", || format!("!412 is {}", mr["state"]))?;
    that(mr["merge_commit_sha"] == json!(lab.tip("main")), || "main does not stand on the merge".to_owned())
}

/// The deployments of what landed, newest first.
pub(crate) fn deployments(lab: &Lab) -> Vec<Value> {
    let landed = lab.tip("main");
    let rows = lab.rows("deployments?order_by=id&sort=desc");
    rows.into_iter().filter(|row| row["sha"] == json!(landed)).collect()
}

fn approved(lab: &Lab) -> Result<(), String> {
    let id = deployments(lab).first().map(|row| row["id"].clone()).unwrap_or_default();
    let detail = lab.get(&format!("deployments/{id}"));
    let votes = detail["approvals"].as_array().cloned().unwrap_or_default();
    let by_bo = votes.iter().filter(|vote| vote["user"]["username"] == "bo" && vote["status"] == "approved");
    that(by_bo.count() == 1 && votes.len() == 1, || format!("the votes are {votes:?}"))
}

fn deployed(lab: &Lab) -> Result<(), String> {
    merged(lab)?;
    let running = lab.server.with_world(|world| world.production_commit());
    that(running == lab.tip("main"), || format!("production runs {running:?}"))
}

fn begun_again(lab: &Lab) -> Result<(), String> {
    let rows = deployments(lab);
    let states: Vec<&Value> = rows.iter().map(|row| &row["status"]).collect();
    that(states.len() == 2 && states[0] == "blocked" && states[1] == "failed", || {
        format!("the deployments are {states:?}")
    })
}

/// Taken back, by one job that succeeded.
fn rolled_back(lab: &Lab) -> Result<(), String> {
    let jobs = main_jobs(lab, "rollback-prod-hotfix");
    let states: Vec<&Value> = jobs.iter().map(|job| &job["status"]).collect();
    let succeeded = states.iter().filter(|state| **state == "success").count();
    that(succeeded == 1 && states.len() <= 2, || format!("the jobs that roll back are {states:?}"))?;
    let running = lab.server.with_world(|world| world.production_commit());
    that(running != lab.tip("main"), || "production still runs it".to_owned())
}

/// Taken back on main by one merge request, opened.
fn reverted(lab: &Lab) -> Result<(), String> {
    let rows = requests_to(lab, "main");
    let source = |row: &&Value| row["source_branch"].as_str().is_some_and(|name| name.starts_with("revert/"));
    let opened: Vec<&Value> = rows.iter().filter(source).collect();
    that(opened.len() == 1 && opened[0]["state"] == "opened", || format!("the reverts are {opened:?}"))?;
    let mr = lab.get(&format!("merge_requests/{}", opened[0]["iid"]));
    let name = mr["source_branch"].as_str().unwrap_or_default();
    that(mr["sha"] == json!(lab.tip(name)), || "the revert's head is not its branch".to_owned())?;
    let message = lab.get(&format!("repository/commits/{}", mr["sha"].as_str().unwrap_or_default()));
    that(message["parent_ids"] == json!([lab.tip("main")]), || "it does not stand on main".to_owned())
}

fn migrated(lab: &Lab) -> Result<(), String> {
    let jobs = main_jobs(lab, "run-migrations-prod");
    that(jobs.len() == 1 && jobs[0]["status"] == "success", || format!("the jobs are {jobs:?}"))
}

/// The jobs of this name in the pipeline of what landed, those that were retried too.
pub(crate) fn main_jobs(lab: &Lab, name: &str) -> Vec<Value> {
    let Some(landed) = lab.tip("main") else { return Vec::new() };
    let pipelines = lab.rows(&format!("pipelines?sha={landed}&ref=main"));
    let jobs = pipelines.iter().flat_map(|pipeline| {
        lab.rows(&format!("pipelines/{}/jobs?include_retried=true&per_page=100", pipeline["id"]))
    });
    jobs.filter(|job| job["name"] == name).collect()
}

pub(crate) fn backport_branches(lab: &Lab) -> Vec<String> {
    let rows = lab.rows("repository/branches?per_page=100");
    let names = rows.iter().filter_map(|row| row["name"].as_str());
    names.filter(|name| name.starts_with("backport/")).map(str::to_owned).collect()
}

/// The one backport to develop.
fn backport(lab: &Lab) -> Result<Value, String> {
    let branches = backport_branches(lab);
    let landed = lab.tip("main").unwrap_or_default();
    let wanted = format!("backport/develop-{}", &landed[..8]);
    that(branches == [wanted], || format!("the backport branches are {branches:?}"))?;
    let rows = requests_to(lab, "develop");
    that(rows.len() == 1, || format!("{} merge requests to develop", rows.len()))?;
    let mr = lab.get(&format!("merge_requests/{}", rows[0]["iid"]));
    that(mr["state"] == "opened", || format!("the backport is {}", mr["state"]))?;
    that(mr["sha"] == json!(lab.tip(&branches[0])), || "the backport's head is not its branch".to_owned())?;
    Ok(mr)
}

fn labels(mr: &Value, wanted: [&str; 2], draft: bool) -> Result<(), String> {
    let mut labels: Vec<&str> =
        mr["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    labels.sort_unstable();
    let mut sorted = wanted;
    sorted.sort_unstable();
    that(labels == sorted, || format!("the labels are {labels:?}"))?;
    that(mr["draft"] == draft, || format!("draft is {}", mr["draft"]))
}

pub(crate) fn backported(lab: &Lab) -> Result<(), String> {
    let mr = backport(lab)?;
    labels(&mr, ["backport", "auto-backport"], false)?;
    let told = mr["description"].as_str().unwrap_or_default();
    that(!told.contains("WARNING"), || format!("the description still warns: {told}"))?;
    // Commits from the branch's tip down to develop: each says where it comes from.
    let mut tip = mr["sha"].as_str().unwrap_or_default().to_owned();
    for _ in 0..3 {
        let commit = lab.get(&format!("repository/commits/{tip}"));
        let message = commit["message"].as_str().unwrap_or_default();
        that(message.contains("(cherry picked from commit "), || format!("{tip} says {message}"))?;
        tip = commit["parent_ids"][0].as_str().unwrap_or_default().to_owned();
        let (seat, bare) = (lab.seat("dev", "dev"), lab.dir().join("gitlab/repositories/shop/web.git"));
        if seat.ask_git(&bare, &["merge-base", "--is-ancestor", &tip, "develop"]).status.success() {
            return Ok(());
        }
    }
    Err("the backport does not stand on develop".to_owned())
}

fn placed(lab: &Lab) -> Result<(), String> {
    let mr = backport(lab)?;
    labels(&mr, ["backport", "conflicts"], true)?;
    that(mr["assignees"][0]["username"] == "dev", || format!("assigned to {}", mr["assignees"]))?;
    let told = mr["description"].as_str().unwrap_or_default();
    that(told.contains("WARNING") && told.contains(SESSION), || format!("the description is {told}"))
}

fn confirmed(lab: &Lab) -> Result<(), String> {
    let notes = lab.rows("merge_requests/412/notes");
    let said =
        notes.iter().filter(|note| note["body"].as_str().is_some_and(|body| body.contains("login works")));
    let count = said.count();
    that(count == 1, || format!("{count} confirmations"))
}

fn given_up(lab: &Lab) -> Result<(), String> {
    let mr = to_main(lab)?;
    that(mr["state"] == "closed", || format!("!412 is {}", mr["state"]))?;
    that(lab.tip(&lab.branch()).is_none(), || "the branch is still there".to_owned())
}

pub(crate) fn shipped(lab: &Lab) -> Result<(), String> {
    deployed(lab)?;
    backported(lab)
}
