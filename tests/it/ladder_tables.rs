//! Tables of the plan: one line for each situation the flow's own documents name.

use git_hotfix::error::Kind;
use git_hotfix::hotfix::goal::{Ballot, Goal};
use git_hotfix::hotfix::plan::{Next, State, plan, question};
use git_hotfix::hotfix::rung::{Rung, slots};
use git_hotfix::hotfix::snapshot::*;
use git_hotfix::hotfix::step::Step;

use crate::ladder::{deployment, fresh, job, landed, pipeline, request, rule, sha, waiting_for_approvals};

fn ship() -> Goal {
    Goal::Ship(Box::default())
}

fn blocked(s: &Snapshot, goal: &Goal) -> (Rung, Kind, String) {
    match plan(s, goal).next {
        Next::Blocked(blocks) => {
            let (rung, block) = blocks.first().expect("blocked by nothing").clone();
            assert!(!block.hints.is_empty(), "no way out: {}", block.what);
            (rung, block.kind, block.what)
        }
        other => panic!("not blocked: {other:?}"),
    }
}

pub(crate) fn opened() -> Snapshot {
    let mut s = fresh();
    s.remote = Fact::Known(sha(1));
    s.local_contains_remote = Fact::Known(true);
    s.merge_request = Fact::Known(request(RequestState::Opened));
    s
}

pub(crate) fn with_request(change: impl FnOnce(&mut MergeRequest)) -> Snapshot {
    let mut s = opened();
    let mut mr = request(RequestState::Opened);
    change(&mut mr);
    s.merge_request = Fact::Known(mr);
    s
}

pub(crate) fn with_deployment(change: impl FnOnce(&mut Deployment)) -> Snapshot {
    let mut s = waiting_for_approvals();
    let rules = vec![rule("tech-leads", &["bo"], &["bo"]), rule("product", &["cleo"], &["cleo", "dan"])];
    let mut d = deployment(RunStatus::Manual, rules);
    change(&mut d);
    s.deployment = Fact::Known(d);
    s
}

pub(crate) fn deployed() -> Snapshot {
    let mut s = with_deployment(|d| d.job.status = RunStatus::Success);
    if let Fact::Known(production) = &mut s.production {
        production.has_fix = Fact::Known(true);
        production.had_fix = Fact::Known(true);
        production.commit = sha(9);
    }
    s
}

#[test]
fn a_red_pipeline_is_said_at_once_even_while_approvals_are_open() {
    let s = with_request(|mr| {
        mr.merge_status = "not_approved".into();
        mr.pipeline =
            Fact::Known(Pipeline { failed_jobs: vec!["trivy".into()], ..pipeline(RunStatus::Failed) });
    });
    assert_eq!(
        blocked(&s, &ship()),
        (Rung::Pipeline, Kind::Rejected, "pipeline 88123 failed in trivy".into())
    );
}

#[test]
fn a_new_commit_is_pushed_over_a_red_pipeline() {
    let mut s = with_request(|mr| mr.pipeline = Fact::Known(pipeline(RunStatus::Failed)));
    if let Fact::Known(local) = &mut s.local {
        local.tip = sha(3);
    }
    let Next::Do(step) = plan(&s, &ship()).next else { panic!("nothing to do") };
    assert_eq!(*step, Step::Push { branch: "hotfix/login-500".into(), tip: sha(3), expect: Some(sha(1)) });
}

#[test]
fn each_merge_status_waits_blocks_or_passes() {
    let cases = [
        ("mergeable", State::Done),
        ("ci_must_pass", State::Done),
        ("ci_still_running", State::Done),
        ("preparing", State::Waiting),
        ("checking", State::Waiting),
        ("unchecked", State::Waiting),
        ("approvals_syncing", State::Waiting),
        ("not_approved", State::Waiting),
        ("discussions_not_resolved", State::Waiting),
        ("status_checks_must_pass", State::Waiting),
        ("merge_time", State::Waiting),
        ("draft_status", State::Blocked),
        ("conflict", State::Blocked),
        ("need_rebase", State::Blocked),
        ("commits_status", State::Blocked),
        ("requested_changes", State::Blocked),
        ("not_open", State::Blocked),
        ("jira_association_missing", State::Blocked),
        ("merge_request_blocked", State::Blocked),
        ("security_policy_violations", State::Blocked),
        ("locked_paths", State::Blocked),
        ("locked_lfs_files", State::Blocked),
        ("title_regex", State::Blocked),
        ("a_code_of_next_year", State::Blocked),
    ];
    for (code, state) in cases {
        let s = with_request(|mr| mr.merge_status = code.into());
        assert_eq!(plan(&s, &ship()).state(Rung::Review), Some(state), "{code}");
    }
}

#[test]
fn an_unknown_pipeline_status_is_neither_success_nor_failure() {
    let s = with_request(|mr| mr.pipeline = Fact::Known(pipeline(RunStatus::parse("quantum"))));
    assert_eq!(plan(&s, &ship()).state(Rung::Pipeline), Some(State::Waiting));
}

#[test]
fn main_without_productions_commit_is_not_merged_into_and_not_deployed() {
    let mut s = opened();
    if let Fact::Known(production) = &mut s.production {
        production.on_main = Fact::Known(false);
    }
    let (rung, kind, what) = blocked(&s, &Goal::Merge { auto: false });
    assert_eq!((rung, kind), (Rung::Merge, Kind::Refused));
    assert!(what.contains("would take it back"), "{what}");

    let mut s = with_deployment(|_| {});
    if let Fact::Known(production) = &mut s.production {
        production.on_main = Fact::Known(false);
    }
    assert_eq!(blocked(&s, &Goal::Deploy { again: false }).1, Kind::Refused);
}

#[test]
fn both_roles_are_waited_for_and_the_merger_is_not_named_for_his_own() {
    let mut s = waiting_for_approvals();
    if let Fact::Known(d) = &mut s.deployment {
        d.rules = Fact::Known(vec![rule("tech-leads", &[], &["ana", "bo"]), rule("product", &["cleo"], &[])]);
        d.approvals_left = Fact::Known(1);
    }
    let Next::Wait(waits) = plan(&s, &Goal::Deploy { again: false }).next else { panic!("no wait") };
    assert_eq!(waits.len(), 1);
    assert_eq!(waits[0].1.what, "approval by tech-lead (bo)");
    assert_eq!(
        waits[0].1.who,
        git_hotfix::hotfix::rung::Who::People(vec!["bo".into()]),
        "ana merged, so GitLab does not let her"
    );
}

#[test]
fn one_person_fills_one_role_and_the_others_find_theirs() {
    let roles = crate::ladder::policy().roles;
    let rules = vec![rule("tech-leads", &["bo", "cleo"], &[]), rule("product", &["bo"], &[])];
    let filled: Vec<_> = slots(&roles, &rules).iter().map(|slot| slot.filled_by).collect();
    assert_eq!(filled, [Some("cleo"), Some("bo")]);

    let rules = vec![rule("tech-leads", &["bo"], &[]), rule("product", &["bo"], &[])];
    let filled = slots(&roles, &rules).iter().filter(|slot| slot.filled_by.is_some()).count();
    assert_eq!(filled, 1);
}

#[test]
fn no_rules_or_a_missing_rule_is_blocked_not_approved() {
    let s = with_deployment(|d| d.rules = Fact::Known(vec![]));
    let (rung, kind, what) = blocked(&s, &Goal::Deploy { again: false });
    assert_eq!((rung, kind), (Rung::Approve, Kind::Refused));
    assert!(what.contains("no approval rules"), "{what}");

    let s = with_deployment(|d| d.rules = Fact::Known(vec![rule("tech-leads", &["bo"], &[])]));
    assert!(blocked(&s, &Goal::Deploy { again: false }).2.contains("`product`"));
}

#[test]
fn where_no_role_is_asked_for_and_gitlab_counts_none_nobody_is_waited_for() {
    let mut s = with_deployment(|d| {
        d.rules = Fact::Known(vec![]);
        d.approvals_left = Fact::Absent;
    });
    s.policy.roles.clear();
    let Next::Do(step) = plan(&s, &Goal::Deploy { again: false }).next else { panic!("nothing to do") };
    assert!(matches!(*step, Step::Play { .. }), "{step:?}");
    if let Fact::Known(d) = &mut s.deployment {
        d.approvals_left = Fact::Unknown;
    }
    assert!(matches!(plan(&s, &Goal::Deploy { again: false }).next, Next::Wait(_)));
}

#[test]
fn a_rejection_ends_it_with_its_comment_and_again_starts_over() {
    let s = with_deployment(|d| {
        d.status = DeployStatus::Failed;
        d.job = Job { failure_reason: Some("deployment_rejected".into()), ..job(RunStatus::Failed) };
        let mut no = rule("product", &["cleo"], &[]);
        no.votes[0].approved = false;
        no.votes[0].comment = Some("not on a Friday".into());
        d.rules = Fact::Known(vec![rule("tech-leads", &["bo"], &[]), no]);
    });
    let (rung, kind, what) = blocked(&s, &ship());
    assert_eq!((rung, kind), (Rung::Approve, Kind::Rejected));
    assert_eq!(what, "cleo rejected deployment 55: \"not on a Friday\"");

    let Next::Do(step) = plan(&s, &Goal::Deploy { again: true }).next else { panic!("nothing to do") };
    assert!(matches!(*step, Step::Retry { job: 991, .. }), "{step:?}");
}

#[test]
fn a_later_deployment_without_the_fix_is_a_rollback_and_never_played_over() {
    let mut s = deployed();
    if let Fact::Known(production) = &mut s.production {
        production.has_fix = Fact::Known(false);
    }
    let (rung, kind, what) = blocked(&s, &ship());
    assert_eq!((rung, kind), (Rung::Deploy, Kind::Refused));
    assert!(what.contains("rolled back"), "{what}");
}

#[test]
fn shipped_with_another_hotfix_counts_and_goes_on_to_its_backport() {
    let mut s = deployed();
    s.deployment = Fact::Absent;
    let Next::Do(step) = plan(&s, &ship()).next else { panic!("nothing to do") };
    assert!(matches!(*step, Step::PushBackport { .. }), "{step:?}");
}

#[test]
fn a_failed_migration_does_not_stop_the_backport_and_is_said_after_it() {
    let mut s = deployed();
    s.migration.paths = Fact::Known(vec!["db/migrate/7.sql".into()]);
    s.migration.job = Fact::Known(job(RunStatus::Failed));
    let Next::Do(step) = plan(&s, &ship()).next else { panic!("nothing to do") };
    assert!(matches!(*step, Step::PushBackport { .. }));

    s.lanes[0].contained = Fact::Known(Containment::Ancestor);
    assert_eq!(blocked(&s, &ship()).1, Kind::Rejected);
}

#[test]
fn lanes_fail_alone() {
    let mut s = deployed();
    s.lanes[0].pick = Fact::Known(Pick::Failed("assertion".into()));
    s.lanes.push(crate::ladder::lane("release/2.4"));
    let Next::Do(step) = plan(&s, &ship()).next else { panic!("nothing to do") };
    assert!(matches!(*step, Step::PushBackport { target, .. } if target == "release/2.4"));
}

fn lane_request(state: RequestState, labels: &[&str], draft: bool, placeholder: bool) -> BackportRequest {
    BackportRequest {
        iid: 415,
        state,
        draft,
        title: if draft { "Draft: Backport".into() } else { "Backport".into() },
        labels: labels.iter().map(|label| (*label).into()).collect(),
        head: sha(0xb),
        placeholder: Fact::Known(placeholder),
        assignees: vec![],
        web_url: "https://gitlab.example/415".into(),
        created_at: None,
    }
}

fn lane_of(content: BranchContent, request: BackportRequest) -> Snapshot {
    let mut s = deployed();
    s.lanes[0].remote = Fact::Known(BackportBranch { tip: sha(0xb), content });
    s.lanes[0].merge_request = Fact::Known(request);
    s
}

#[test]
fn a_merged_placeholder_is_missing_not_done() {
    let s = lane_of(
        BranchContent::Placeholder,
        lane_request(RequestState::Merged, &["backport", "conflicts"], false, true),
    );
    let (rung, kind, _) = blocked(&s, &Goal::Backport);
    assert_eq!((rung, kind), (Rung::Backport(0), Kind::Hands));
    let mut unread = s.clone();
    unread.lanes[0].remote = Fact::Unknown;
    unread.lanes[0].merge_request = Fact::Known(BackportRequest {
        placeholder: Fact::Unknown,
        ..lane_request(RequestState::Merged, &[], false, false)
    });
    let (_, kind, what) = blocked(&unread, &Goal::Backport);
    assert_eq!(
        (kind, what.as_str()),
        (Kind::Unreachable, "backport: what !415 put on develop could not be told")
    );
}

#[test]
fn a_closed_backport_is_declined_only_with_its_label() {
    let closed = |labels: &[&str]| {
        lane_of(BranchContent::Recomputes, lane_request(RequestState::Closed, labels, false, false))
    };
    assert_eq!(plan(&closed(&["backport", "backport-declined"]), &Goal::Backport).next, Next::Done);
    assert_eq!(blocked(&closed(&["backport"]), &Goal::Backport).1, Kind::Hands);
}

#[test]
fn labels_and_draft_follow_what_is_on_the_branch() {
    // A person pushed the fix on top of the placeholder: mended, never forced.
    let s = lane_of(
        BranchContent::Resolved,
        lane_request(RequestState::Opened, &["backport", "conflicts"], true, false),
    );
    let Next::Do(step) = plan(&s, &Goal::Backport).next else { panic!("nothing to do") };
    assert_eq!(
        *step,
        Step::MendBackport {
            target: "develop".into(),
            iid: 415,
            head: sha(0xb),
            title: Some("Backport".into()),
            add: vec!["auto-backport".into()],
            remove: vec!["conflicts".into()],
            resolved: true,
        }
    );
    // The draft mark of a clean one that a person set is left alone.
    let s = lane_of(
        BranchContent::Recomputes,
        lane_request(RequestState::Opened, &["backport", "auto-backport"], true, false),
    );
    assert_eq!(plan(&s, &Goal::Backport).next, Next::Done);
}

#[test]
fn a_persons_branch_is_never_overwritten() {
    let mut s = deployed();
    let content = BranchContent::Foreign("commit 1c2d3e4f gives another tree".into());
    s.lanes[0].remote = Fact::Known(BackportBranch { tip: sha(0xb), content });
    assert_eq!(blocked(&s, &Goal::Backport).1, Kind::Refused);
}

#[test]
fn each_command_writes_only_what_its_name_says() {
    let (_, kind, what) = blocked(&fresh(), &Goal::Deploy { again: false });
    assert_eq!(kind, Kind::Refused);
    assert_eq!(what, "01010101 is not pushed yet");
    assert_eq!(blocked(&opened(), &Goal::Deploy { again: false }).2, "!412 is not merged yet");
}

#[test]
fn votes_are_given_once_in_the_right_role_and_not_on_ones_own_deployment() {
    let ballot = |role: Option<&str>, approve| {
        Goal::Approve(Ballot { role: role.map(str::to_owned), approve, comment: None })
    };
    let as_user = |name: &str| {
        let mut s = waiting_for_approvals();
        s.me = Fact::Known(Person { id: 1, username: name.into() });
        s
    };
    // Bo can fill one role: it is found.
    let Next::Do(step) = plan(&as_user("bo"), &ballot(None, true)).next else { panic!("nothing to do") };
    assert!(matches!(*step, Step::Vote { role, rule, .. } if role == "tech-lead" && rule == "tech-leads"));
    // Ana merged: GitLab would refuse, and so do we, saying why.
    assert!(blocked(&as_user("ana"), &ballot(Some("pm"), true)).2.contains("your own deployment"));
    // Rejecting one's own is allowed.
    assert!(matches!(plan(&as_user("ana"), &ballot(Some("pm"), false)).next, Next::Do(_)));
    // A stranger can fill nothing.
    assert!(blocked(&as_user("eve"), &ballot(None, true)).2.contains("none of the roles"));
    assert_eq!(blocked(&as_user("bo"), &ballot(Some("ceo"), true)).1, Kind::Usage);
    // A vote that is there is not given again.
    let mut s = as_user("bo");
    if let Fact::Known(d) = &mut s.deployment {
        d.rules = Fact::Known(vec![rule("tech-leads", &["bo"], &["bo"]), rule("product", &[], &["cleo"])]);
    }
    assert_eq!(plan(&s, &ballot(None, true)).next, Next::Done);
}

#[test]
fn whoever_merges_is_warned_when_it_costs_an_approver() {
    let mut s = opened();
    s.gate = Fact::Known(vec![rule("tech-leads", &[], &["ana", "bo"]), rule("product", &[], &["cleo"])]);
    let Next::Do(step) = plan(&s, &Goal::Merge { auto: false }).next else { panic!("nothing to do") };
    let question = question(&s, &step);
    assert_eq!(
        question.warnings,
        ["if ana merges, GitLab does not let ana approve the deployment as tech-lead; bo can"]
    );
    assert!(question.clone().confirmed().covers(&step));
}

#[test]
fn consent_covers_only_what_was_shown() {
    let s = with_deployment(|_| {});
    let Next::Do(step) = plan(&s, &ship()).next else { panic!("nothing to do") };
    let consent = question(&s, &step).confirmed();
    assert!(consent.covers(&step));
    let mut grown = s.clone();
    if let Fact::Known(ships) = &mut grown.ships {
        ships.push(Shipment { commit: sha(8), iid: Some(413), title: "Other".into(), own: false });
    }
    let Next::Do(other) = plan(&grown, &ship()).next else { panic!("nothing to do") };
    assert!(!consent.covers(&other), "another hotfix joined: ask again");
    assert_eq!(question(&grown, &other).others().len(), 1);
}

#[test]
fn what_could_not_be_told_is_neither_approved_nor_played() {
    let vote = |approve| Goal::Approve(Ballot { role: None, approve, comment: None });
    let told = |s: &Snapshot, goal: &Goal| match plan(s, goal).next {
        Next::Do(step) => step.words(),
        Next::Blocked(blocks) => blocks[0].1.what.clone(),
        other => panic!("{other:?}"),
    };
    let mut s = waiting_for_approvals();
    s.me = Fact::Known(Person { id: 8, username: "bo".into() });
    assert_eq!(told(&s, &vote(true)), "approve deployment 55 as tech-lead");
    s.ships = Fact::Unknown;
    assert_eq!(told(&s, &vote(true)), "approve: what this deployment ships could not be told");
    assert_eq!(told(&s, &vote(false)), "reject deployment 55 as tech-lead", "no needs nothing to be known");
    let mut approved = with_deployment(|_| {});
    approved.migration.paths = Fact::Unknown;
    assert_eq!(told(&approved, &ship()), "deploy: whether the change holds migrations could not be told");
}

#[test]
fn abort_works_only_while_nothing_has_landed() {
    let Next::Do(step) = plan(&opened(), &Goal::Abort).next else { panic!("nothing to do") };
    assert_eq!(*step, Step::Close { iid: 412 });
    assert!(step.dangerous());
    let mut closed = opened();
    if let Fact::Known(mr) = &mut closed.merge_request {
        mr.state = RequestState::Closed;
    }
    let Next::Do(step) = plan(&closed, &Goal::Abort).next else { panic!("the branch is still there") };
    assert!(step.dangerous());
    closed.local_contains_remote = Fact::Known(true);
    assert_eq!(question(&closed, &step).warnings, Vec::<String>::new());
    for other in [Fact::Known(false), Fact::Unknown] {
        closed.local_contains_remote = other;
        assert_eq!(question(&closed, &step).warnings.len(), 1, "what a colleague pushed is lost");
    }
    assert_eq!(blocked(&waiting_for_approvals(), &Goal::Abort).1, Kind::Refused);
}

#[test]
fn a_reverted_hotfix_needs_no_backport() {
    let mut s = deployed();
    s.landed = Fact::Known(Landed { reverted_by: Some(sha(6)), ..landed() });
    assert_eq!(plan(&s, &Goal::Backport).next, Next::Done);
}

#[test]
fn a_merged_request_whose_commit_is_nowhere_says_how_to_name_it() {
    let mut s = opened();
    s.merge_request = Fact::Known(request(RequestState::Merged));
    s.landed = Fact::Absent;
    let (rung, _, what) = blocked(&s, &ship());
    assert_eq!(rung, Rung::Merge);
    assert!(what.contains("none of the commits"), "{what}");
}
