//! The whole text of everything that can block a hotfix, as `ship` and the other commands say it.

use git_hotfix::hotfix::goal::{Ballot, Goal};
use git_hotfix::hotfix::plan::{Next, plan};
use git_hotfix::hotfix::snapshot::*;
use insta::assert_snapshot;

use super::commands;
use crate::ladder::{deployment, fresh, job, pipeline, rule, sha, waiting_for_approvals};
use crate::ladder_tables::{deployed, opened, with_deployment, with_request};

/// What blocks, with the exit code and the way out; every command in it can be typed.
#[track_caller]
fn said(s: &Snapshot, goal: &Goal) -> String {
    let Next::Blocked(blocks) = plan(s, goal).next else {
        panic!("nothing blocks: {:?}", plan(s, goal).next);
    };
    let mut text = String::new();
    for (rung, block) in blocks {
        text.push_str(&format!("{} ({}): {}\n", rung.name(), block.kind.exit_code(), block.what));
        assert!(!block.hints.is_empty(), "no way out: {text}");
        for hint in block.hints {
            let commands = commands::named(&hint);
            let way_out = ["git ", "http", "the same command again"].iter().any(|way| hint.contains(way));
            assert!(way_out, "no way out: {hint}");
            let wrong: Vec<String> = commands.iter().filter_map(|words| commands::wrong(words)).collect();
            assert!(wrong.is_empty(), "{hint}: {}", wrong.join("\n"));
            text.push_str(&format!("  hint: {hint}\n"));
        }
    }
    text
}

/// One after the other.
#[track_caller]
fn all(cases: &[(Snapshot, Goal)]) -> String {
    cases.iter().map(|(s, goal)| said(s, goal)).collect()
}

fn ship() -> Goal {
    Goal::Ship(Box::default())
}

fn backport() -> Goal {
    Goal::Backport
}

fn merge() -> Goal {
    Goal::Merge { auto: false }
}

fn changed(mut s: Snapshot, change: impl FnOnce(&mut Snapshot)) -> Snapshot {
    change(&mut s);
    s
}

fn status(code: &str) -> Snapshot {
    with_request(|mr| mr.merge_status = code.into())
}

fn vote(role: Option<&str>) -> Goal {
    Goal::Approve(Ballot { role: role.map(str::to_owned), approve: true, comment: None })
}

fn production(s: Snapshot, change: impl FnOnce(&mut Production)) -> Snapshot {
    changed(s, |s| {
        if let Fact::Known(production) = &mut s.production {
            change(production);
        }
    })
}

fn in_lane(change: impl FnOnce(&mut Lane)) -> Snapshot {
    changed(deployed(), |s| change(&mut s.lanes[0]))
}

fn backport_request(state: RequestState, placeholder: bool) -> Fact<BackportRequest> {
    Fact::Known(BackportRequest {
        iid: 415,
        state,
        draft: placeholder,
        title: "Backport".into(),
        labels: vec!["backport".into(), "conflicts".into()],
        head: sha(0xb),
        placeholder: Fact::Known(placeholder),
        assignees: vec!["ana".into()],
        web_url: "https://gitlab.example/shop/web/-/merge_requests/415".into(),
        created_at: None,
    })
}

#[test]
fn before_the_merge_request() {
    let nowhere = changed(fresh(), |s| s.local = Fact::Absent);
    let empty = changed(fresh(), |s| {
        if let Fact::Known(local) = &mut s.local {
            local.commits.clear();
        }
    });
    let ahead = changed(fresh(), |s| {
        s.remote = Fact::Known(sha(3));
        s.local_contains_remote = Fact::Known(false);
    });
    let elsewhere = changed(fresh(), |s| {
        s.local = Fact::Absent;
        s.remote = Fact::Known(sha(1));
    });
    let closed = with_request(|mr| mr.state = RequestState::Closed);
    let strange = with_request(|mr| mr.state = RequestState::Other("frozen".into()));
    let unread = changed(opened(), |s| s.merge_request = Fact::Unknown);
    let text = all(&[
        (nowhere, ship()),
        (empty, ship()),
        (ahead, ship()),
        (elsewhere, ship()),
        (closed, ship()),
        (strange, ship()),
        (unread, ship()),
    ]);
    assert_snapshot!(text, @r"
    start (5): there is no hotfix `hotfix/login-500` here or on GitLab
      hint: see what is in flight: git hotfix list   (or begin one: git hotfix start <slug>)
    start (5): hotfix/login-500 has no commit beyond main yet
      hint: commit the fix, then: git hotfix open
    push (5): hotfix/login-500 on the remote holds what yours does not (03030303)
      hint: if somebody pushed to it, take that over: git pull --rebase origin hotfix/login-500
      hint: if you rewrote yours (rebase, amend): git push --force-with-lease=hotfix/login-500:03030303 origin hotfix/login-500
    open (5): hotfix/login-500 has no merge request, and the branch is not in this clone
      hint: git switch hotfix/login-500 && git hotfix open
    open (5): !412 was closed by a person
      hint: reopen it at https://gitlab.example/shop/web/-/merge_requests/412 if it is still wanted, then: git hotfix status
    open (6): open: !412 has the unknown state `frozen`
      hint: nothing was concluded; run the same command again
    open (6): open: merge requests were not read
      hint: nothing was concluded; run the same command again
    ");
}

#[test]
fn before_the_merge() {
    let pipelines = |run: Pipeline| with_request(|mr| mr.pipeline = Fact::Known(run));
    let mut red = pipeline(RunStatus::Failed);
    red.failed_jobs = vec!["lint".into(), "trivy".into()];
    let text = all(&[
        (pipelines(red), ship()),
        (pipelines(pipeline(RunStatus::Canceled)), ship()),
        (pipelines(pipeline(RunStatus::Manual)), ship()),
        (status("draft_status"), ship()),
        (status("conflict"), ship()),
        (status("need_rebase"), ship()),
        (status("commits_status"), ship()),
        (status("requested_changes"), ship()),
        (status("jira_association_missing"), ship()),
        (production(opened(), |p| p.on_main = Fact::Known(false)), ship()),
        (changed(opened(), |s| s.production = Fact::Unknown), ship()),
        (fresh(), merge()),
    ]);
    assert_snapshot!(text, @r"
    pipeline (7): pipeline 88123 failed in lint, trivy
      hint: see https://gitlab.example/shop/web/-/pipelines/88123 ; push a fix or retry the job there, then run the same command again
    pipeline (7): pipeline 88123 is canceled
      hint: run it again at https://gitlab.example/shop/web/-/pipelines/88123 , then run the same command again
    pipeline (7): pipeline 88123 stopped at a manual job
      hint: somebody must play or unblock it at https://gitlab.example/shop/web/-/pipelines/88123
    review (5): !412 is a draft
      hint: mark it ready at https://gitlab.example/shop/web/-/merge_requests/412 , then run the same command again
    review (5): !412 conflicts with its target
      hint: git fetch && git merge origin/main, resolve, then: git hotfix open
    review (5): !412 must be rebased first: the project merges fast-forward only
      hint: git fetch && git rebase origin/main, then: git hotfix open
    review (5): !412 has no commits beyond its target
      hint: commit the fix, then: git hotfix open
    review (7): a reviewer of !412 asked for changes
      hint: see https://gitlab.example/shop/web/-/merge_requests/412 ; push them, then: git hotfix open
    review (5): GitLab does not let !412 be merged: jira association missing
      hint: see what it asks for at https://gitlab.example/shop/web/-/merge_requests/412 , then run the same command again
    merge (5): production runs 02020202, which main does not contain: deploying main would take it back
      hint: bring 02020202 to main first (a merge request, or your sync job), then run the same command again
    merge (6): merge: what production runs could not be read
      hint: nothing was concluded; run the same command again
    push (5): 01010101 is not pushed yet
      hint: git hotfix open   (or all in order: git hotfix ship)
    ");
}

#[test]
fn before_the_deployment() {
    let landed_only = || {
        changed(waiting_for_approvals(), |s| {
            s.deployment = Fact::Absent;
        })
    };
    let red = changed(landed_only(), |s| {
        let mut run = pipeline(RunStatus::Failed);
        run.failed_jobs = vec!["build".into()];
        s.main_pipeline = Fact::Known(run);
    });
    let unnamed = changed(waiting_for_approvals(), |s| s.landed = Fact::Absent);
    let no_rules = changed(waiting_for_approvals(), |s| {
        s.deployment = Fact::Known(deployment(RunStatus::Manual, vec![]));
    });
    let other_rules = changed(waiting_for_approvals(), |s| {
        let rules = vec![rule("tech-leads", &[], &["bo"]), rule("owners", &[], &["mia"])];
        s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
    });
    let rejected = changed(waiting_for_approvals(), |s| {
        let mut no = rule("product", &["cleo"], &["cleo"]);
        no.votes[0].approved = false;
        no.votes[0].comment = Some("not before the sale ends".into());
        s.deployment = Fact::Known(deployment(RunStatus::Failed, vec![no]));
    });
    let text = all(&[
        (red, ship()),
        (unnamed, ship()),
        (no_rules, ship()),
        (other_rules, ship()),
        (rejected, ship()),
        (opened(), Goal::Deploy { again: false }),
    ]);
    assert_snapshot!(text, @r#"
    build (7): pipeline 88123 on main failed in build
      hint: retry the job at https://gitlab.example/shop/web/-/pipelines/88123 , then run the same command again
    merge (5): !412 is merged, but none of the commits GitLab names for it is on main
      hint: find the commit on main and name it: git hotfix backport --landed <sha>
    approve (5): the environment production has no approval rules: nobody is asked
      hint: a maintainer adds one rule for each role in the environment's protection; then: git hotfix doctor
    approve (5): no approval rule of production is called `product`, which stands for pm (rules: tech-leads, owners)
      hint: set deploy.approvals.pm in .hotfix.toml, then: git hotfix doctor
    approve (7): cleo rejected deployment 55: "not before the sale ends"
      hint: settle why, then start over with a new job (approvals start from zero): git hotfix deploy --again
    merge (5): !412 is not merged yet
      hint: git hotfix merge   (or all in order: git hotfix ship)
    "#);
}

#[test]
fn votes() {
    let as_person = |name: &str, goal: Goal| {
        let s = changed(waiting_for_approvals(), |s| {
            s.me = Fact::Known(Person { id: 1, username: name.into() });
        });
        (s, goal)
    };
    let both = changed(waiting_for_approvals(), |s| {
        s.me = Fact::Known(Person { id: 1, username: "bo".into() });
        let rules = vec![rule("tech-leads", &[], &["bo"]), rule("product", &[], &["bo", "dan"])];
        s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
    });
    let text = all(&[
        as_person("zoe", vote(None)),
        as_person("bo", vote(Some("ceo"))),
        as_person("ana", vote(Some("tech-lead"))),
        (both, vote(None)),
    ]);
    assert_snapshot!(text, @r"
    approve (5): zoe can fill none of the roles that must approve
      hint: ask those who can: git hotfix ask --post   (who that is: git hotfix status)
    approve (2): there is no role `ceo` (roles: tech-lead, pm)
      hint: git hotfix approve --as tech-lead
    approve (5): GitLab does not let ana approve: it is your own deployment, since you merged
      hint: somebody else of tech-leads must approve: git hotfix ask
    approve (5): bo can fill several roles (tech-lead, pm)
      hint: name one: git hotfix approve --as tech-lead
    ");
}

#[test]
fn in_production() {
    let failed = |reason: &str| {
        with_deployment(|d| {
            d.job.status = RunStatus::Failed;
            d.job.failure_reason = Some(reason.into());
            d.status = DeployStatus::Failed;
        })
    };
    let rolled_back = production(with_deployment(|_| {}), |p| p.had_fix = Fact::Known(true));
    let behind = production(with_deployment(|_| {}), |p| p.on_main = Fact::Known(false));
    let migrating = |change: fn(&mut Migration)| {
        changed(deployed(), |s| {
            s.migration.paths = Fact::Known(vec!["db/migrate/7_add.sql".into()]);
            change(&mut s.migration);
        })
    };
    let text = all(&[
        (failed("script_failure"), ship()),
        (failed("failed_outdated_deployment_job"), ship()),
        (rolled_back, ship()),
        (behind, ship()),
        (migrating(|_| {}), Goal::Migrate),
        (migrating(|m| m.job = Fact::Known(job(RunStatus::Failed))), Goal::Migrate),
        (deployed(), Goal::Abort),
        (with_request(|mr| mr.state = RequestState::Locked), Goal::Abort),
    ]);
    assert_snapshot!(text, @r"
    deploy (7): deploy-prod-hotfix failed (script failure)
      hint: see https://gitlab.example/shop/web/-/jobs/991 ; then, as a new job with new approvals: git hotfix deploy --again
    deploy (7): deploy-prod-hotfix failed (a newer deployment went first; this one would have taken production back)
      hint: see https://gitlab.example/shop/web/-/jobs/991 ; then, as a new job with new approvals: git hotfix deploy --again
    deploy (5): it was in production and was rolled back: 02020202 runs now, without it
      hint: find out why first, then: git hotfix revert   (or, as a new decision: a deployment of the current main)
    deploy (5): production runs 02020202, which main does not contain: deploying main would take it back
      hint: bring 02020202 to main first (a merge request, or your sync job), then run the same command again
    migrate (7): the change holds db/migrate/7_add.sql, but the pipeline has no job run-migrations-prod to run it
      hint: run the migrations as your team does, then record what you saw: git hotfix verify --confirm <text>
    migrate (7): run-migrations-prod failed; production runs the new code without its migrations
      hint: see https://gitlab.example/shop/web/-/jobs/991 , mend it and retry the job there, then: git hotfix migrate
    abort (5): the change has landed: there is nothing left to give up
      hint: take it back: git hotfix revert   (what production runs: git hotfix rollback)
    abort (5): !412 is being merged right now
      hint: git hotfix status
    ");
}

#[test]
fn backports() {
    let foreign = BranchContent::Foreign("it adds app/extra.rb".into());
    let branch = |content| Fact::Known(BackportBranch { tip: sha(0xb), content });
    let gone = changed(fresh(), |s| s.merge_request = Fact::Absent);
    let text = all(&[
        (opened(), backport()),
        (gone, backport()),
        (in_lane(|lane| lane.merge_request = backport_request(RequestState::Merged, true)), backport()),
        (in_lane(|lane| lane.merge_request = backport_request(RequestState::Closed, false)), backport()),
        (in_lane(|lane| lane.remote = branch(foreign)), backport()),
        (in_lane(|lane| lane.pick = Fact::Known(Pick::Failed("killed by signal 6".into()))), backport()),
        (in_lane(|lane| lane.tip = Fact::Absent), backport()),
        (in_lane(|lane| lane.merge_request = Fact::Unknown), backport()),
    ]);
    assert_snapshot!(text, @r"
    backport (5): !412 has not landed on main yet
      hint: git hotfix ship   (or see how the backport will go: git hotfix backport --dry-run)
    backport (5): nothing has landed yet
      hint: git hotfix ship   (or name what landed: git hotfix backport <commit>)
    backport (3): !415 was merged with its conflicts unresolved: develop still lacks the fix
      hint: pick it by hand: git hotfix backport --continue '!415'
    backport (3): !415 to develop was closed by a person, and develop lacks the fix
      hint: reopen it at https://gitlab.example/shop/web/-/merge_requests/415 , or label it backport-declined; then: git hotfix status
    backport (5): backport/develop-09090909 on the remote is not what this pick gives: it adds app/extra.rb
      hint: it is a person's work: open its merge request to develop yourself, or remove the branch and run: git hotfix backport '!412'
    backport (1): git could not pick 09090909 onto develop: killed by signal 6
      hint: try it by hand: git switch -c backport/develop-09090909 origin/develop && git cherry-pick -x -m 1 09090909
    backport (6): backport: the tip of develop was not read
      hint: nothing was concluded; run the same command again
    backport (6): backport: backport merge requests were not read
      hint: nothing was concluded; run the same command again
    ");
}
