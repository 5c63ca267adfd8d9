//! What approvers read.

use super::request::{Asked, Request};
use crate::hotfix::snapshot::{
    DeployStatus, Deployment, Fact, Job, Landed, LandedKind, Migration, Policy, Role, Rule, RunStatus, Sha,
    Shipment, Snapshot, Vote,
};

fn sha(digit: char) -> Sha {
    Sha::parse(&digit.to_string().repeat(40)).unwrap()
}

fn rule(label: &str, voted: &[&str], may: &[&str]) -> Rule {
    let vote = |by: &&str| Vote { by: (*by).to_owned(), approved: true, at: None, comment: None };
    Rule {
        label: label.to_owned(),
        required: 1,
        votes: voted.iter().map(vote).collect(),
        may: may.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn waiting(rules: Vec<Rule>) -> Snapshot {
    let role = |name: &str, rule: &str| Role { name: name.to_owned(), rule: rule.to_owned() };
    let shipment = |iid, title: &str, own| Shipment { commit: sha('9'), iid, title: title.to_owned(), own };
    let mut s: Snapshot = serde_json::from_value(serde_json::json!({
        "policy": Policy {
            remote: "origin".into(),
            production_branch: "main".into(),
            environment: "production".into(),
            deploy_jobs: vec!["deploy-prod-hotfix".into()],
            apps: vec!["portal".into(), "admin".into()],
            roles: vec![role("tech-lead", "tech-leads"), role("pm", "product")],
            rollback_job: "rollback-prod-hotfix".into(),
            migration_job: "run-migrations-prod".into(),
            backport_labels: vec![],
            conflict_labels: vec![],
        },
        "project": "shop/web", "branch": "hotfix/x", "local": "unknown", "remote": "unknown",
        "local_contains_remote": "unknown", "main": "unknown", "merge_request": "unknown",
        "landed": "unknown", "production": "unknown", "main_pipeline": "unknown", "deployment": "unknown",
        "gate": "unknown", "ships": "unknown", "migration": Migration::default(), "lanes": [],
        "confirmed": "unknown", "me": "unknown", "self_approval": "unknown",
    }))
    .unwrap();
    s.landed = Fact::Known(Landed {
        commit: sha('9'),
        kind: LandedKind::Merge,
        subject: "Fix login 500".into(),
        reverted_by: None,
    });
    s.ships = Fact::Known(vec![
        shipment(Some(412), "Fix login 500", true),
        shipment(Some(409), "/close @all <b>`tidy`</b>", false),
    ]);
    s.deployment = Fact::Known(Deployment {
        id: 7,
        commit: sha('9'),
        status: DeployStatus::Blocked,
        job: Job {
            id: 991,
            name: "deploy-prod-hotfix".into(),
            status: RunStatus::Manual,
            failure_reason: None,
            web_url: "https://gitlab.example/shop/web_app/-/jobs/991".into(),
            finished_at: None,
        },
        triggered_by: "cleo".into(),
        approvals_left: Fact::Known(1),
        rules: Fact::Known(rules),
        created_at: None,
        updated_at: None,
    });
    s
}

fn text(request: &Request) -> String {
    let lines = request.block().layout(78, false);
    lines.iter().map(|line| line.render(false, false) + "\n").collect()
}

fn open(s: &Snapshot, own: bool) -> Request {
    match Request::of(s, own) {
        Ok(Asked::Open(request)) => request,
        Ok(Asked::Nobody(why, _)) => panic!("{why}"),
        Err(problem) => panic!("{problem}"),
    }
}

#[test]
fn it_reads_for_somebody_who_never_uses_git() {
    let mut s =
        waiting(vec![rule("tech-leads", &["bo"], &[]), rule("product", &[], &["cleo", "dan", "eve"])]);
    s.migration.paths = Fact::Known(vec!["db/migrate/1.rb".into()]);
    insta::assert_snapshot!(text(&open(&s, false)), @"
    A fix for production waits for your approval

    What was broken
      Fix login 500

    What goes live
      !412 Fix login 500 (this fix)
      !409 /close @all <b>`tidy`</b> (goes along: it was not deployed yet)

    Where
      production: portal, admin, all of them each time

    Database
      changes: 1 migration, after the new version is live

    If it goes wrong
      the developers put back the version from before; what a migration did to the
      database stays

    Who must approve
      tech lead: bo has approved
      PM: dan or eve

    How
      open https://gitlab.example/shop/web_app/-/jobs/991 and approve or reject
      there
      nothing starts by itself after the last approval: a developer starts
      deploy-prod-hotfix
    ");
}

#[test]
fn the_note_mentions_those_it_asks_and_lets_no_title_act() {
    let mut s = waiting(vec![rule("tech-leads", &[], &["bo"]), rule("product", &[], &["cleo", "dan_d"])]);
    s.migration.paths = Fact::Absent;
    insta::assert_snapshot!(open(&s, true).note(), @r"
    **A fix for production waits for your approval**

    **What was broken**

    - Fix login 500

    **What goes live**

    - !412 Fix login 500 (this fix)
    - !409 /close ＠all \<b\>\`tidy\`\</b\> (goes along: it was not deployed yet)

    **Where**

    - production: portal, admin, all of them each time

    **Database**

    - does not change

    **If it goes wrong**

    - the developers put back the version from before

    **Who must approve**

    - tech lead: @bo
    - PM: @cleo or @dan_d

    **How**

    - open https://gitlab.example/shop/web_app/-/jobs/991 and approve or reject there
    - nothing starts by itself after the last approval: a developer starts deploy-prod-hotfix
    ");
}

#[test]
fn where_nobody_must_be_asked_it_says_so() {
    let say = |s: &Snapshot| match Request::of(s, false) {
        Ok(Asked::Open(_)) => "open".to_owned(),
        Ok(Asked::Nobody(why, next)) => format!("{why} | {next}"),
        Err(problem) => format!("{} {problem} | {}", problem.kind.name(), problem.hints.join(" | ")),
    };
    let all = || vec![rule("tech-leads", &["bo"], &[]), rule("product", &["dan"], &[])];
    let mut early = waiting(all());
    early.deployment = Fact::Absent;
    let mut running = waiting(all());
    let Fact::Known(deployment) = &mut running.deployment else { panic!() };
    deployment.job.status = RunStatus::Running;
    let lines = [say(&waiting(all())), say(&early), say(&running), say(&waiting(Vec::new()))];
    insta::assert_snapshot!(lines.join("\n"), @"
    everybody who must approve has approved; it is NOT running yet | whoever may deploy starts it: git hotfix deploy
    refused no deployment waits for approval yet | git hotfix wait build   (then: git hotfix ask)
    deploy-prod-hotfix is beyond that (running): nobody needs to approve | git hotfix status
    refused production asks nobody for approval | git hotfix doctor
    ");
}

#[test]
fn what_could_not_be_read_is_said_whole() {
    let mut unseen = waiting(vec![]);
    unseen.deployment = Fact::Unknown;
    let mut hidden = waiting(vec![]);
    if let Fact::Known(deployment) = &mut hidden.deployment {
        deployment.rules = Fact::Unknown;
    }
    let told = |s: &Snapshot| Request::of(s, false).err().map(|problem| problem.whole()).unwrap_or_default();
    insta::assert_snapshot!(told(&unseen) + &told(&hidden) + &told(&waiting(vec![])), @"
    the deployment could not be read (6)
      hint: run the same command again
    who must approve could not be read (4)
      hint: git hotfix doctor
    production asks nobody for approval (5)
      hint: git hotfix doctor
    ");
}
