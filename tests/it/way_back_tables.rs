//! Tables of the ways back: what `rollback` and `revert` do in each situation.

use git_hotfix::hotfix::goal::Goal;
use git_hotfix::hotfix::plan::{Next, plan, question};
use git_hotfix::hotfix::rung::{Check, Rung, revert_branch};
use git_hotfix::hotfix::snapshot::*;
use git_hotfix::hotfix::step::Step;

use crate::ladder::{deployment, fresh, job, landed, lane, request, rule, sha, waiting_for_approvals};

fn next(s: &Snapshot, goal: &Goal) -> String {
    match plan(s, goal).next {
        Next::Do(step) => step.words(),
        Next::Wait(waits) => format!("wait: {}", waits[0].1.what),
        Next::Blocked(blocks) => {
            let block = &blocks[0].1;
            format!("{}: {} | {}", block.kind.exit_code(), block.what, block.hints[0])
        }
        Next::Done => match goal.rungs(s)[0].check(s, goal) {
            Check::Done(detail) => format!("done: {detail}"),
            other => panic!("{other:?}"),
        },
    }
}

fn at(minute: u8) -> Option<jiff::Timestamp> {
    Some(format!("2026-03-01T03:{minute:02}:00Z").parse().unwrap())
}

fn way(status: RunStatus) -> Fact<Job> {
    let finished_at = matches!(status, RunStatus::Success | RunStatus::Failed).then(|| at(30)).flatten();
    Fact::Known(Job { id: 993, name: "rollback-prod-hotfix".into(), finished_at, ..job(status) })
}

/// Deployed with success, and the rollback job waits beside it.
fn deployed() -> Snapshot {
    let mut s = waiting_for_approvals();
    let rules = vec![rule("tech-leads", &["bo"], &["bo"]), rule("product", &["cleo"], &["cleo"])];
    s.deployment = Fact::Known(Deployment { created_at: at(10), ..deployment(RunStatus::Success, rules) });
    if let Fact::Known(production) = &mut s.production {
        production.commit = sha(9);
        production.deployment = 55;
        production.has_fix = Fact::Known(true);
        production.had_fix = Fact::Known(true);
    }
    s.way_back = WayBack {
        job: way(RunStatus::Manual),
        before: Fact::Known(sha(2)),
        receipt: Fact::Unknown,
        hidden: None,
    };
    s
}

fn with_job(status: RunStatus, reason: Option<&str>) -> Snapshot {
    let mut s = deployed();
    if let Fact::Known(d) = &mut s.deployment {
        d.job.status = status;
        d.job.failure_reason = reason.map(str::to_owned);
    }
    s.production = fresh().production;
    s
}

fn with_way(job: Fact<Job>) -> Snapshot {
    let mut s = deployed();
    s.way_back.job = job;
    s
}

fn with_production(change: impl FnOnce(&mut Production)) -> Snapshot {
    let mut s = deployed();
    if let Fact::Known(production) = &mut s.production {
        change(production);
    }
    s
}

#[test]
fn a_deployment_is_taken_back_once_and_only_where_there_is_one() {
    let once = Goal::Rollback { again: false };
    let again = Goal::Rollback { again: true };
    let earlier = |mut s: Snapshot| {
        if let Fact::Known(job) = &mut s.way_back.job {
            job.finished_at = at(5);
        }
        s
    };
    let rows = [
        ("nothing landed", next(&fresh(), &once)),
        ("not deployed", {
            let mut s = deployed();
            s.deployment = Fact::Absent;
            next(&s, &once)
        }),
        ("not read", {
            let mut s = deployed();
            s.deployment = Fact::Unknown;
            next(&s, &once)
        }),
        ("waits for approvals", next(&with_job(RunStatus::Manual, None), &once)),
        ("rejected", next(&with_job(RunStatus::Failed, Some("deployment_rejected")), &once)),
        ("runs", next(&with_job(RunStatus::Running, None), &once)),
        ("succeeded", next(&deployed(), &once)),
        ("failed half way", next(&with_job(RunStatus::Failed, Some("script_failure")), &once)),
        ("canceled", next(&with_job(RunStatus::Canceled, None), &once)),
        ("rolling back", next(&with_way(way(RunStatus::Running)), &once)),
        ("rolled back", next(&with_way(way(RunStatus::Success)), &once)),
        ("rolled back, asked again", next(&with_way(way(RunStatus::Success)), &again)),
        ("an earlier deployment was rolled back", next(&earlier(with_way(way(RunStatus::Success))), &once)),
        ("rollback failed", next(&with_way(way(RunStatus::Failed)), &once)),
        ("rollback failed, again", next(&with_way(way(RunStatus::Failed)), &again)),
        ("rollback skipped", next(&with_way(way(RunStatus::Skipped)), &once)),
        ("rollback not reached", next(&with_way(way(RunStatus::Created)), &once)),
        ("no such job", next(&with_way(Fact::Absent), &once)),
        ("job not read", next(&with_way(Fact::Unknown), &once)),
        ("deployed over", next(&with_production(|p| p.deployment = 60), &once)),
        ("recorded as rolled back", next(&with_production(|p| p.has_fix = Fact::Known(false)), &once)),
        ("production not told", next(&with_production(|p| p.has_fix = Fact::Unknown), &once)),
    ];
    let rows: Vec<String> = rows.iter().map(|(name, says)| format!("{name}: {says}")).collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    nothing landed: 5: nothing has landed: there is nothing in production to take back | git hotfix status   (or give the hotfix up: git hotfix abort)
    not deployed: 5: it was never deployed: there is nothing in production to take back | git hotfix status   (to take it back on the production branch: git hotfix revert)
    not read: 6: rollback: the deployment was not read | nothing was concluded; run the same command again
    waits for approvals: 5: deploy-prod-hotfix has not run: nobody has played it | git hotfix status   (there is nothing in production to take back)
    rejected: 5: deploy-prod-hotfix was rejected and never ran | git hotfix status   (there is nothing in production to take back)
    runs: wait: deploy-prod-hotfix (job 991) to end: running
    succeeded: play rollback-prod-hotfix (job 993)
    failed half way: play rollback-prod-hotfix (job 993)
    canceled: play rollback-prod-hotfix (job 993)
    rolling back: wait: rollback-prod-hotfix (job 993): running
    rolled back: done: rollback-prod-hotfix (job 993) took it back
    rolled back, asked again: done: rollback-prod-hotfix (job 993) took it back
    an earlier deployment was rolled back: make a new rollback-prod-hotfix of job 993
    rollback failed: 7: rollback-prod-hotfix failed: what each app runs is in its log | see https://gitlab.example/shop/web/-/jobs/991 ; then, as a new job: git hotfix rollback --again
    rollback failed, again: make a new rollback-prod-hotfix of job 993
    rollback skipped: 5: GitLab skipped rollback-prod-hotfix: a job before it in the pipeline failed, and it needs that one | give the job `needs: []` as `git hotfix ci template` does; now, by hand: git hotfix ci promote --rollback <receipt> --outside-pipeline <reason>
    rollback not reached: 5: rollback-prod-hotfix waits for other jobs of its pipeline | see https://gitlab.example/shop/web/-/jobs/991 ; then: git hotfix rollback
    no such job: 4: the pipeline of the deployment has no job rollback-prod-hotfix | name yours: [deploy] rollback_job in .hotfix.toml   (none yet: git hotfix ci template)
    job not read: 6: rollback: rollback-prod-hotfix was not read | nothing was concluded; run the same command again
    deployed over: 5: production runs 09090909 by now, deployed after this: that would go along | take back what was deployed last, first: git hotfix rollback <that hotfix>   (or land a revert: git hotfix revert)
    recorded as rolled back: done: production runs 09090909 again, without it
    production not told: 6: rollback: whether production holds the change could not be told | nothing was concluded; run the same command again
    ");
}

#[test]
fn what_is_consented_to_names_what_it_goes_back_to_and_what_stays() {
    let of = |s: &Snapshot| match plan(s, &Goal::Rollback { again: false }).next {
        Next::Do(step) => *step,
        other => panic!("{other:?}"),
    };
    let step = of(&deployed());
    let Step::Rollback { commit, to, migrations, .. } = &step else { panic!("{step:?}") };
    assert_eq!((commit, to, migrations), (&sha(9), &Some(sha(2)), &Fact::Absent));
    let Step::Rollback { to, .. } = of(&with_job(RunStatus::Failed, None)) else { panic!() };
    assert_eq!(to, Some(sha(2)), "GitLab still calls it production");

    let mut s = deployed();
    s.migration.paths = Fact::Known(vec!["db/migrate/1.rb".into()]);
    for (job, stays) in [
        (Fact::Known(job(RunStatus::Success)), 1),
        (Fact::Known(job(RunStatus::Failed)), 1),
        (Fact::Absent, 1),
        (Fact::Unknown, 1),
        (Fact::Known(job(RunStatus::Manual)), 0),
    ] {
        s.migration.job = job;
        let step = of(&s);
        let asked = question(&s, &step);
        assert_eq!(asked.warnings.len(), stays, "{asked:?}");
        let mut moved = step.clone();
        if let Step::Rollback { to, .. } = &mut moved {
            *to = Some(sha(4));
        }
        let consent = asked.confirmed();
        assert!(consent.covers(&step) && !consent.covers(&moved), "bound to what it goes back to");
    }
    (s.ships, s.migration.paths) = (Fact::Unknown, Fact::Unknown);
    assert_eq!(
        question(&s, &of(&s)).warnings,
        [
            "what else goes back with it could not be told",
            "whether it holds migrations could not be told: what they did would stay",
        ]
    );
}

#[test]
fn what_was_taken_back_is_not_live() {
    let s = with_way(way(RunStatus::Success));
    let says = |s: &Snapshot| match Rung::Deploy.check(s, &Goal::Look) {
        Check::Blocked(block) => block.what,
        Check::Done(detail) => detail,
        other => panic!("{other:?}"),
    };
    assert_eq!(says(&deployed()), "live on all 3 apps");
    assert_eq!(says(&s), "live on all 3 apps", "deployed again since, in another pipeline");
    let without = |had: Fact<bool>| {
        with_production(|p| {
            p.commit = sha(2);
            (p.has_fix, p.had_fix) = (Fact::Absent, had);
        })
        .production
    };
    let by = "it was in production and was rolled back (rollback-prod-hotfix, job 993): ";
    let mut back = Snapshot { production: without(Fact::Known(true)), ..s };
    let runs = format!("{} runs now, without it", sha(2).short());
    assert_eq!(says(&back), format!("{by}{runs}"));
    back.way_back.job = Fact::Absent;
    assert_eq!(says(&back), format!("it was in production and was rolled back: {runs}"));
    let mut only = with_way(way(RunStatus::Success));
    only.production = Fact::Absent;
    assert_eq!(says(&only), format!("{by}nothing runs now, without it"));
}

fn reverting(change: impl FnOnce(&mut Lane)) -> Snapshot {
    let mut s = deployed();
    let branch = revert_branch(s.branch.as_deref(), &sha(9));
    let mut lane = Lane { branch: Some(branch), ..lane("main") };
    change(&mut lane);
    s.revert = Some(lane);
    s
}

fn reverting_request(state: RequestState) -> Fact<BackportRequest> {
    let mr = request(state);
    Fact::Known(BackportRequest {
        iid: 414,
        state: mr.state,
        draft: false,
        title: mr.title,
        labels: vec![],
        head: sha(5),
        placeholder: Fact::Unknown,
        assignees: vec![],
        web_url: mr.web_url,
        created_at: None,
    })
}

#[test]
fn a_revert_is_made_once_and_a_persons_work_is_left_alone() {
    let remote = |content| Fact::Known(BackportBranch { tip: sha(5), content });
    let conflict = PathConflict {
        path: "app/login.rb".into(),
        encoded: false,
        kind: "content".into(),
        touched_by: vec![],
    };
    let rows = [
        ("nothing landed", next(&fresh(), &Goal::Revert)),
        ("without a clone", next(&deployed(), &Goal::Revert)),
        ("clean", next(&reverting(|_| {}), &Goal::Revert)),
        ("reverted", {
            let mut s = reverting(|_| {});
            s.landed = Fact::Known(Landed { reverted_by: Some(sha(7)), ..landed() });
            next(&s, &Goal::Revert)
        }),
        ("pushed", next(&reverting(|l| l.remote = remote(BranchContent::Recomputes)), &Goal::Revert)),
        (
            "foreign",
            next(&reverting(|l| l.remote = remote(BranchContent::Foreign("x".into()))), &Goal::Revert),
        ),
        ("branch not read", next(&reverting(|l| l.remote = Fact::Unknown), &Goal::Revert)),
        (
            "open",
            next(&reverting(|l| l.merge_request = reverting_request(RequestState::Opened)), &Goal::Revert),
        ),
        (
            "closed",
            next(&reverting(|l| l.merge_request = reverting_request(RequestState::Closed)), &Goal::Revert),
        ),
        (
            "merged, and reverted itself",
            next(&reverting(|l| l.merge_request = reverting_request(RequestState::Merged)), &Goal::Revert),
        ),
        ("requests not read", next(&reverting(|l| l.merge_request = Fact::Unknown), &Goal::Revert)),
        ("gone already", next(&reverting(|l| l.pick = Fact::Known(Pick::AlreadyThere)), &Goal::Revert)),
        (
            "conflicts",
            next(&reverting(|l| l.pick = Fact::Known(Pick::Conflicts(vec![conflict]))), &Goal::Revert),
        ),
        ("git fails", next(&reverting(|l| l.pick = Fact::Known(Pick::Failed("odd".into()))), &Goal::Revert)),
        ("not tried", next(&reverting(|l| l.pick = Fact::Unknown), &Goal::Revert)),
    ];
    let rows: Vec<String> = rows.iter().map(|(name, says)| format!("{name}: {says}")).collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    nothing landed: 5: nothing has landed on main: there is nothing to revert | to give the hotfix up: git hotfix abort
    without a clone: 6: revert: the revert could not be tried without a clone | nothing was concluded; run the same command again
    clean: push revert/login-500-09090909
    reverted: done: reverted on main by 07070707
    pushed: open the merge request revert/login-500-09090909 -> main
    foreign: 5: revert/login-500-09090909 on the remote is not what the revert gives | it is a person's work: open its merge request to main yourself, or remove the branch and run: git hotfix revert
    branch not read: 6: revert: revert/login-500-09090909 was not read | nothing was concluded; run the same command again
    open: done: !414 open to main
    closed: 5: !414, the revert, was closed by a person | reopen it at https://gitlab.example/shop/web/-/merge_requests/412 , then: git hotfix revert
    merged, and reverted itself: push revert/login-500-09090909
    requests not read: 6: revert: merge requests were not read | nothing was concluded; run the same command again
    gone already: done: main no longer holds it: a revert changes nothing
    conflicts: 3: main changed since: reverting 09090909 conflicts in app/login.rb (content) | by hand: git fetch && git switch -c revert/login-500-09090909 origin/main && git revert -m 1 09090909   (resolve, git add, git revert --continue)
    git fails: 1: git could not revert 09090909: odd | by hand: git fetch && git switch -c revert/login-500-09090909 origin/main && git revert -m 1 09090909   (resolve, git add, git revert --continue)
    not tried: 6: revert: the revert was not tried | nothing was concluded; run the same command again
    ");
    assert_eq!(revert_branch(None, &sha(9)), "revert/09090909");
}
