//! Properties of the plan, over random snapshots: what must hold whatever git and GitLab say.

use git_hotfix::hotfix::goal::{Ballot, Goal};
use git_hotfix::hotfix::plan::{Next, plan};
use git_hotfix::hotfix::snapshot::*;
use git_hotfix::hotfix::step::Step;
use proptest::prelude::*;

pub(crate) fn sha(n: u8) -> Sha {
    Sha::parse(&format!("{n:02x}").repeat(20)).unwrap()
}

pub(crate) fn policy() -> Policy {
    let role = |name: &str, rule: &str| Role { name: name.into(), rule: rule.into() };
    Policy {
        remote: "origin".into(),
        production_branch: "main".into(),
        environment: "production".into(),
        deploy_jobs: vec!["deploy-prod-hotfix".into()],
        apps: vec!["portal".into(), "admin".into(), "api-gateway".into()],
        roles: vec![role("tech-lead", "tech-leads"), role("pm", "product")],
        rollback_job: "rollback-prod-hotfix".into(),
        migration_job: "run-migrations-prod".into(),
        backport_labels: vec!["backport".into(), "auto-backport".into()],
        conflict_labels: vec!["backport".into(), "conflicts".into()],
    }
}

pub(crate) fn job(status: RunStatus) -> Job {
    Job {
        id: 991,
        name: "deploy-prod-hotfix".into(),
        status,
        failure_reason: None,
        web_url: "https://gitlab.example/shop/web/-/jobs/991".into(),
        finished_at: None,
    }
}

pub(crate) fn pipeline(status: RunStatus) -> Pipeline {
    Pipeline {
        id: 88123,
        status,
        web_url: "https://gitlab.example/shop/web/-/pipelines/88123".into(),
        failed_jobs: vec![],
        created_at: None,
        seconds: None,
    }
}

pub(crate) fn request(state: RequestState) -> MergeRequest {
    MergeRequest {
        iid: 412,
        title: "Fix login 500".into(),
        state,
        head: sha(1),
        author: "ana".into(),
        author_id: 7,
        web_url: "https://gitlab.example/shop/web/-/merge_requests/412".into(),
        merge_status: "mergeable".into(),
        merge_error: None,
        auto_merge: false,
        pipeline: Fact::Known(pipeline(RunStatus::Success)),
        approvals_left: Fact::Known(0),
        approved_by: vec![],
        merged_by: None,
        merged_at: None,
    }
}

pub(crate) fn rule(label: &str, by: &[&str], may: &[&str]) -> Rule {
    let vote = |by: &&str| Vote { by: (*by).into(), approved: true, at: None, comment: None };
    Rule {
        label: label.into(),
        required: 1,
        votes: by.iter().map(vote).collect(),
        may: may.iter().map(|name| (*name).into()).collect(),
    }
}

pub(crate) fn deployment(status: RunStatus, rules: Vec<Rule>) -> Deployment {
    let given: u32 = rules.iter().map(|rule| u32::from(!rule.votes.is_empty())).sum();
    Deployment {
        id: 55,
        commit: sha(9),
        status: DeployStatus::Blocked,
        job: job(status),
        triggered_by: "ana".into(),
        approvals_left: Fact::Known(rules.len() as u32 - given),
        rules: Fact::Known(rules),
        created_at: None,
        updated_at: None,
    }
}

pub(crate) fn landed() -> Landed {
    Landed { commit: sha(9), kind: LandedKind::Merge, subject: "Fix login 500".into(), reverted_by: None }
}

pub(crate) fn lane(target: &str) -> Lane {
    Lane {
        directory_renames_off: false,
        clean_once: None,
        target: target.into(),
        tip: Fact::Known(sha(0xd)),
        branch: Some(format!("backport/{target}-09090909")),
        remote: Fact::Absent,
        contained: Fact::Absent,
        pick: Fact::Known(Pick::Clean { trees: vec![sha(0xe)] }),
        merge_request: Fact::Absent,
    }
}

/// A hotfix with one commit, nothing pushed, production on main's tip.
pub(crate) fn fresh() -> Snapshot {
    let commit = CommitLine {
        id: sha(1),
        subject: "Fix login 500".into(),
        body: "The session was nil.".into(),
        author: "Ana".into(),
        at: None,
    };
    Snapshot {
        policy: policy(),
        project: Some("shop/web".into()),
        branch: Some("hotfix/login-500".into()),
        local: Fact::Known(LocalBranch { tip: sha(1), commits: vec![commit], template: None }),
        remote: Fact::Absent,
        local_contains_remote: Fact::Absent,
        main: Fact::Known(sha(2)),
        merge_request: Fact::Absent,
        landed: Fact::Absent,
        production: Fact::Known(Production {
            commit: sha(2),
            deployment: 50,
            at: None,
            on_main: Fact::Known(true),
            has_fix: Fact::Known(false),
            had_fix: Fact::Known(false),
        }),
        main_pipeline: Fact::Absent,
        deployment: Fact::Absent,
        gate: Fact::Unknown,
        ships: Fact::Absent,
        migration: Migration { paths: Fact::Absent, job: Fact::Absent },
        lanes: vec![lane("develop")],
        way_back: WayBack::default(),
        revert: None,
        confirmed: Fact::Absent,
        me: Fact::Known(Person { id: 7, username: "ana".into() }),
        self_approval: Fact::Known(false),
    }
}

/// The landed hotfix, waiting for its two approvals.
pub(crate) fn waiting_for_approvals() -> Snapshot {
    let mut s = fresh();
    s.remote = Fact::Known(sha(1));
    let mut mr = request(RequestState::Merged);
    mr.merged_by = Some("ana".into());
    s.merge_request = Fact::Known(mr);
    s.landed = Fact::Known(landed());
    s.main_pipeline = Fact::Known(pipeline(RunStatus::Manual));
    let rules = vec![rule("tech-leads", &[], &["bo"]), rule("product", &[], &["cleo", "dan"])];
    s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
    s.ships = Fact::Known(vec![Shipment {
        commit: sha(9),
        iid: Some(412),
        title: "Fix login 500".into(),
        own: true,
    }]);
    s
}

/// What a step does to the world, if all goes well.
fn carry_out(s: &mut Snapshot, step: &Step) {
    match step {
        Step::Push { tip, .. } => {
            s.remote = Fact::Known(tip.clone());
            s.local_contains_remote = Fact::Known(true);
        }
        Step::Open { .. } => {
            let mut mr = request(RequestState::Opened);
            mr.merge_status = "preparing".into();
            mr.pipeline = Fact::Absent;
            s.merge_request = Fact::Known(mr);
        }
        Step::Merge { .. } => {
            s.merge_request = Fact::Known(request(RequestState::Merged));
            s.landed = Fact::Known(landed());
        }
        Step::Play { deployment: Some(_), .. } => set_job(s, RunStatus::Running),
        Step::Play { deployment: None, .. } => s.migration.job = Fact::Known(job(RunStatus::Running)),
        Step::Retry { .. } => {
            let rules = vec![rule("tech-leads", &[], &["bo"]), rule("product", &[], &["cleo"])];
            s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
        }
        Step::PushBackport { target, pick, .. } => {
            let content = match pick {
                Pick::Conflicts(_) => BranchContent::Placeholder,
                _ => BranchContent::Recomputes,
            };
            let lane = s.lanes.iter_mut().find(|lane| lane.target == *target).unwrap();
            lane.remote = Fact::Known(BackportBranch { tip: sha(0xb), content });
        }
        Step::OpenBackport { target, labels, found, .. } => {
            let placeholder = found.content == BranchContent::Placeholder;
            let lane = s.lanes.iter_mut().find(|lane| lane.target == *target).unwrap();
            lane.merge_request = Fact::Known(BackportRequest {
                iid: 415,
                state: RequestState::Opened,
                draft: placeholder,
                title: "x".into(),
                labels: labels.clone(),
                head: sha(0xb),
                placeholder: Fact::Known(placeholder),
                assignees: vec![],
                web_url: "https://gitlab.example/415".into(),
                created_at: None,
            });
        }
        Step::MendBackport { target, title, add, remove, .. } => {
            let lane = s.lanes.iter_mut().find(|lane| lane.target == *target).unwrap();
            let Fact::Known(request) = &mut lane.merge_request else { panic!("mended nothing") };
            request.labels.retain(|label| !remove.contains(label));
            request.labels.extend(add.iter().cloned());
            if let Some(title) = title {
                request.draft = title.starts_with("Draft:");
                request.title = title.clone();
            }
        }
        Step::Close { .. } => s.merge_request = Fact::Known(request(RequestState::Closed)),
        Step::DeleteRemoteBranch { .. } => s.remote = Fact::Absent,
        Step::Vote { .. }
        | Step::Confirm { .. }
        | Step::Rollback { .. }
        | Step::PushRevert { .. }
        | Step::OpenRevert { .. } => panic!("ship never does that: {step:?}"),
    }
}

fn set_job(s: &mut Snapshot, status: RunStatus) {
    if let Fact::Known(deployment) = &mut s.deployment {
        deployment.job.status = status;
    }
}

/// What everybody else does meanwhile, if all goes well.
fn world_moves(s: &mut Snapshot) {
    if let Fact::Known(mr) = &mut s.merge_request {
        if mr.state == RequestState::Opened {
            mr.merge_status = "mergeable".into();
            mr.pipeline = Fact::Known(pipeline(RunStatus::Success));
        }
        if mr.auto_merge || mr.state == RequestState::Locked || mr.state == RequestState::Merged {
            mr.state = RequestState::Merged;
            s.landed = Fact::Known(landed());
        }
    }
    if s.landed.known().is_none() {
        return;
    }
    match &mut s.deployment {
        Fact::Known(d) if matches!(d.job.status, RunStatus::Manual | RunStatus::Created) => {
            d.job.status = RunStatus::Manual;
            d.rules = Fact::Known(vec![rule("tech-leads", &["bo"], &[]), rule("product", &["cleo"], &[])]);
            d.approvals_left = Fact::Known(0);
        }
        Fact::Known(_) => {
            s.production = Fact::Known(Production {
                commit: sha(9),
                deployment: 55,
                at: None,
                on_main: Fact::Known(true),
                has_fix: Fact::Known(true),
                had_fix: Fact::Known(true),
            });
        }
        _ => {
            let rules = vec![rule("tech-leads", &[], &[]), rule("product", &[], &[])];
            s.deployment = Fact::Known(deployment(RunStatus::Manual, rules));
            s.ships = Fact::Known(vec![]);
        }
    }
    if let Fact::Known(job) = &mut s.migration.job
        && job.status != RunStatus::Manual
    {
        job.status = RunStatus::Success;
    }
}

fn ship() -> Goal {
    Goal::Ship(Box::default())
}

fn run_statuses() -> impl Strategy<Value = RunStatus> {
    prop::sample::select(
        [
            "created",
            "pending",
            "running",
            "success",
            "failed",
            "canceling",
            "canceled",
            "skipped",
            "manual",
            "scheduled",
            "preparing",
            "waiting_for_resource",
            "surprise",
        ]
        .map(RunStatus::parse)
        .to_vec(),
    )
}

fn fact<T: Clone + std::fmt::Debug + 'static>(
    known: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Fact<T>> {
    prop_oneof![1 => Just(Fact::Unknown), 1 => Just(Fact::Absent), 3 => known.prop_map(Fact::Known)]
}

fn states() -> impl Strategy<Value = RequestState> {
    prop_oneof![
        3 => Just(RequestState::Opened),
        1 => Just(RequestState::Closed),
        1 => Just(RequestState::Locked),
        3 => Just(RequestState::Merged),
        1 => Just(RequestState::Other("odd".into())),
    ]
}

fn requests() -> impl Strategy<Value = MergeRequest> {
    let codes = prop::sample::select(vec![
        "mergeable",
        "checking",
        "preparing",
        "not_approved",
        "ci_still_running",
        "conflict",
        "draft_status",
        "need_rebase",
        "brand_new_code",
    ]);
    (states(), codes, fact(run_statuses().prop_map(pipeline)), any::<bool>(), 1u8..4).prop_map(
        |(state, code, pipeline, auto_merge, head)| MergeRequest {
            merge_status: code.into(),
            pipeline,
            auto_merge,
            head: sha(head),
            ..request(state)
        },
    )
}

fn deployments() -> impl Strategy<Value = Deployment> {
    let people = || prop::collection::vec(prop::sample::select(vec!["ana", "bo", "cleo"]), 0..3);
    let rules = prop_oneof![
        4 => (people(), people()).prop_map(|(a, b)| vec![
            rule("tech-leads", &a, &["bo"]),
            rule("product", &b, &["cleo"]),
        ]),
        1 => Just(vec![]),
        1 => people().prop_map(|a| vec![rule("tech-leads", &a, &["bo"])]),
    ];
    (run_statuses(), rules, 0u32..3).prop_map(|(status, rules, left)| Deployment {
        approvals_left: Fact::Known(left),
        ..deployment(status, rules)
    })
}

fn productions() -> impl Strategy<Value = Production> {
    let yes = || fact(any::<bool>());
    (yes(), yes(), yes()).prop_map(|(on_main, has_fix, had_fix)| Production {
        commit: sha(2),
        deployment: 50,
        at: None,
        on_main,
        has_fix,
        had_fix,
    })
}

fn lanes() -> impl Strategy<Value = Lane> {
    let content = prop_oneof![
        Just(BranchContent::Recomputes),
        Just(BranchContent::Placeholder),
        Just(BranchContent::Resolved),
        Just(BranchContent::Foreign("another tree".into())),
    ];
    let branch = content.prop_map(|content| BackportBranch { tip: sha(0xb), content });
    let labels = prop::sample::subsequence(vec!["backport", "auto-backport", "conflicts"], 0..=3);
    let request = (states(), any::<bool>(), labels, fact(any::<bool>())).prop_map(
        |(state, draft, labels, placeholder)| BackportRequest {
            iid: 415,
            state,
            draft,
            title: if draft { "Draft: x".into() } else { "x".into() },
            labels: labels.into_iter().map(str::to_owned).collect(),
            head: sha(0xb),
            placeholder,
            assignees: vec![],
            web_url: "https://gitlab.example/415".into(),
            created_at: None,
        },
    );
    let pick = prop_oneof![
        Just(Pick::Clean { trees: vec![sha(0xe)] }),
        Just(Pick::AlreadyThere),
        Just(Pick::Conflicts(vec![])),
        Just(Pick::Failed("abort".into())),
    ];
    let contained = prop_oneof![Just(Containment::Ancestor), Just(Containment::PickedAs(sha(4)))];
    let contained =
        prop_oneof![1 => Just(Fact::Unknown), 4 => Just(Fact::Absent), 1 => contained.prop_map(Fact::Known)];
    (fact(branch), contained, fact(pick), fact(request)).prop_map(
        |(remote, contained, pick, merge_request)| Lane {
            clean_once: None,
            remote,
            contained,
            pick,
            merge_request,
            ..lane("develop")
        },
    )
}

/// Anything at all, consistent or not.
fn snapshots() -> impl Strategy<Value = Snapshot> {
    let landed_or_not = fact(Just(landed()));
    let migration = (fact(Just(vec!["db/migrate/1.sql".to_owned()])), fact(run_statuses().prop_map(job)));
    (
        fact(requests()),
        landed_or_not,
        fact(productions()),
        fact(run_statuses().prop_map(pipeline)),
        fact(deployments()),
        fact(Just(vec![])),
        migration,
        lanes(),
        fact((1u8..4).prop_map(sha)),
        fact(any::<bool>()),
    )
        .prop_map(
            |(mr, landed, production, main_pipeline, deployment, ships, (paths, job), lane, remote, ff)| {
                Snapshot {
                    merge_request: mr,
                    landed,
                    production,
                    main_pipeline,
                    deployment,
                    ships,
                    migration: Migration { paths, job },
                    lanes: vec![lane],
                    remote,
                    local_contains_remote: ff,
                    ..fresh()
                }
            },
        )
}

fn goals() -> impl Strategy<Value = Goal> {
    let ballot = Ballot { role: Some("pm".into()), approve: true, comment: None };
    prop::sample::select(vec![
        Goal::Look,
        Goal::Wait(None),
        Goal::Open(Box::default()),
        Goal::Merge { auto: false },
        Goal::Approve(ballot),
        Goal::Deploy { again: false },
        Goal::Deploy { again: true },
        Goal::Migrate,
        Goal::Backport,
        ship(),
        Goal::Verify { confirm: Some("seen".into()) },
        Goal::Abort,
        Goal::Rollback { again: false },
        Goal::Rollback { again: true },
        Goal::Revert,
    ])
}

fn next_step(s: &Snapshot, goal: &Goal) -> Option<Step> {
    match plan(s, goal).next {
        Next::Do(step) => Some(*step),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_job_is_played_only_while_manual_known_and_approved_by_two_people(s in snapshots(), goal in goals()) {
        if let Some(Step::Play { deployment: Some(_), job, .. }) = next_step(&s, &goal) {
            let d = s.deployment.known().expect("played an unknown deployment");
            prop_assert_eq!(&d.job.status, &RunStatus::Manual);
            prop_assert_eq!(d.job.id, job);
            prop_assert!(s.ships.known().is_some(), "played without knowing what ships");
            prop_assert!(!s.migration.paths.is_unknown(), "played without knowing of migrations");
            prop_assert!(!s.production.is_unknown(), "played without knowing production");
            let voters = |label: &str| {
                let rules = d.rules.known().expect("rules unknown");
                let rule = rules.iter().find(|rule| rule.label == label).expect("rule missing");
                rule.votes.iter().map(|vote| vote.by.clone()).collect::<Vec<_>>()
            };
            let (leads, pms) = (voters("tech-leads"), voters("product"));
            prop_assert!(
                leads.iter().any(|lead| pms.iter().any(|pm| pm != lead)),
                "one person filled both roles: {:?} {:?}", leads, pms
            );
        }
    }

    #[test]
    fn what_was_merged_is_never_pushed_opened_merged_or_closed_again(s in snapshots(), goal in goals()) {
        let merged = s.merge_request.known().is_some_and(|mr| mr.state == RequestState::Merged)
            || s.landed.known().is_some();
        if merged {
            let step = next_step(&s, &goal);
            prop_assert!(
                !matches!(step, Some(
                    Step::Push { .. } | Step::Open { .. } | Step::Merge { .. } | Step::Close { .. }
                    | Step::DeleteRemoteBranch { .. })),
                "{step:?}"
            );
        }
    }

    #[test]
    fn nothing_is_made_where_it_is_not_known_to_be_missing(s in snapshots(), goal in goals()) {
        match next_step(&s, &goal) {
            Some(Step::Open { .. }) => prop_assert!(s.merge_request.is_absent()),
            Some(Step::Push { expect: None, .. }) => prop_assert!(s.remote.is_absent()),
            Some(Step::Push { expect: Some(_), .. }) => prop_assert!(s.local_contains_remote.yes()),
            Some(Step::PushBackport { .. }) => {
                prop_assert!(s.lanes[0].remote.is_absent());
                prop_assert!(s.lanes[0].merge_request.is_absent());
                prop_assert!(s.lanes[0].contained.is_absent());
            }
            Some(Step::OpenBackport { .. }) => prop_assert!(s.lanes[0].merge_request.is_absent()),
            Some(Step::MendBackport { .. }) => {
                let content = &s.lanes[0].remote.known().expect("mended unseen").content;
                prop_assert!(!matches!(content, BranchContent::Foreign(_)), "mended a person's work");
            }
            Some(Step::Merge { .. }) => prop_assert!(!s.production.is_unknown()),
            _ => {}
        }
    }

    #[test]
    fn ship_neither_approves_nor_confirms_and_looking_never_writes(s in snapshots()) {
        let step = next_step(&s, &ship());
        prop_assert!(
            !matches!(step, Some(Step::Vote { .. } | Step::Confirm { .. } | Step::Close { .. })),
            "{step:?}"
        );
        prop_assert!(!Goal::Look.writes());
    }

    #[test]
    fn what_is_unknown_never_counts_as_done(s in snapshots()) {
        if plan(&s, &Goal::Deploy { again: false }).next == Next::Done {
            prop_assert!(s.production.known().is_some_and(|production| production.has_fix.yes()));
        }
    }

    #[test]
    fn a_plan_is_a_function(s in snapshots(), goal in goals()) {
        prop_assert_eq!(plan(&s, &goal), plan(&s.clone(), &goal));
        let json = serde_json::to_string(&s).unwrap();
        prop_assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), s);
    }

    #[test]
    fn ideal_effects_reach_the_goal_from_anywhere_on_the_way(
        stop in 0usize..14, conflicts: bool, migrations: bool, two_lanes: bool,
    ) {
        let mut s = fresh();
        if conflicts {
            s.lanes[0].pick = Fact::Known(Pick::Conflicts(vec![]));
        }
        if two_lanes {
            s.lanes.push(lane("release/2.4"));
        }
        if migrations {
            s.migration.paths = Fact::Known(vec!["db/migrate/1.sql".into()]);
            s.migration.job = Fact::Known(job(RunStatus::Manual));
        }
        // Stop somewhere on the way, forget everything but the world, and go on from there.
        let mut turns = 0;
        for leg in [stop, 60] {
            for _ in 0..leg {
                match plan(&s, &ship()).next {
                    Next::Do(step) => carry_out(&mut s, &step),
                    Next::Wait(_) => world_moves(&mut s),
                    Next::Done => break,
                    Next::Blocked(blocks) => prop_assert!(false, "blocked: {blocks:?}"),
                }
                turns += 1;
            }
            s = serde_json::from_str(&serde_json::to_string(&s).unwrap()).unwrap();
        }
        prop_assert_eq!(plan(&s, &ship()).next, Next::Done);
        prop_assert!(turns < 40, "{} turns", turns);
    }
}
