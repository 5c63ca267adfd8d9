//! Each scenario, played by a client that only does what the developer would.

use git_hotfix::sim::{Scenario, Server, World};
use serde_json::{Value, json};

/// Drives a story as dev over the in-process door: opens, merges, plays; looks often enough.
struct Rehearsal {
    server: Server,
    client: reqwest::blocking::Client,
    _dir: tempfile::TempDir,
}

impl Rehearsal {
    fn of(name: &str) -> Rehearsal {
        let scenario = Scenario::named(name).unwrap();
        let dir = crate::room::tempdir();
        let files: Vec<_> = scenario
            .fix()
            .iter()
            .map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())))
            .collect();
        let mut world = World::new(&dir.path().join("sim"), scenario.setup.clone()).unwrap();
        world.expect(scenario.events.clone());
        let branch = format!("hotfix/{}", scenario.slug);
        world.push_as("dev", &branch, scenario.message, &files).unwrap();
        let title = scenario.message.lines().next().unwrap();
        let body = json!({"source_branch": branch, "target_branch": "main", "title": title});
        assert_eq!(world.api_as("dev", "POST", "merge_requests", body).status, 201);
        let server = Server::start(world).unwrap();
        crate::room::record(|file| server.record(file));
        Rehearsal { server, client: crate::sim_lab::client(), _dir: dir }
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/v4/projects/42/{path}", self.server.url());
        self.client.get(url).bearer_auth(self.server.token("dev")).send().unwrap().json().unwrap()
    }

    fn act(&self, method: &str, path: &str) -> u16 {
        self.server.with_world(|world| world.api_as("dev", method, path, json!({}))).status
    }

    /// Looks until it holds.
    fn until(&self, what: &str, holds: impl Fn(&Rehearsal) -> bool) {
        assert!((0..60).any(|_| holds(self)), "never: {what}; refused: {:?}", self.refused());
    }

    fn refused(&self) -> Vec<String> {
        self.server.with_world(|world| world.refused.clone())
    }

    fn merge(&self) {
        let is = |status: &str| self.get("merge_requests/412")["detailed_merge_status"] == status;
        self.until("mergeable", |_| is("mergeable"));
        assert_eq!(self.act("PUT", "merge_requests/412/merge"), 200);
    }

    fn newest(&self, name: &str) -> u64 {
        self.server.with_world(|world| *world.jobs_named(name).last().unwrap())
    }

    fn job(&self, name: &str) -> Value {
        self.get(&format!("jobs/{}", self.newest(name)))
    }

    fn deploy(&self) {
        self.until("approved", |lab| {
            let job = lab.job("deploy-prod-hotfix");
            job["status"] == "manual" && lab.act("POST", &format!("jobs/{}/play", job["id"])) == 200
        });
        self.until("deployed", |lab| lab.contains_fix());
    }

    fn contains_fix(&self) -> bool {
        let head = self.get("merge_requests/412")["sha"].as_str().unwrap().to_owned();
        let running = self.server.with_world(|world| world.production_commit()).unwrap();
        let between = self.get(&format!("repository/compare?from={running}&to={head}"));
        between["commits"].as_array().is_some_and(Vec::is_empty)
    }
}

#[test]
fn every_story_has_a_name_of_its_own_and_a_fix() {
    let all = Scenario::all();
    let mut names: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
    names.dedup();
    assert_eq!(names.len(), all.len());
    assert!(all.iter().all(|scenario| !scenario.fix().is_empty() && !scenario.about.is_empty()));
    assert!(Scenario::named("nonsense").is_none());
}

#[test]
fn clean_and_slow_stories_reach_production() {
    for name in ["clean", "slow-approvals", "conflict", "two-hotfixes"] {
        let story = Rehearsal::of(name);
        story.merge();
        story.deploy();
        assert_eq!(story.refused(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_rejected_deployment_stays_failed() {
    let story = Rehearsal::of("rejected");
    story.merge();
    story.until("rejected", |lab| lab.job("deploy-prod-hotfix")["failure_reason"] == "deployment_rejected");
    assert!(!story.contains_fix());
}

#[test]
fn red_stays_red_and_flaky_is_retried() {
    let story = Rehearsal::of("red-pipeline");
    story.until("red", |lab| lab.get("merge_requests/412")["head_pipeline"]["status"] == "failed");
    assert_eq!(story.get("merge_requests/412")["detailed_merge_status"], "ci_must_pass");
    let build = story.newest("build");
    assert_eq!(story.act("POST", &format!("jobs/{build}/retry")), 201);
    story.merge();

    let story = Rehearsal::of("flaky-job");
    story.merge();
    story.deploy();
}

#[test]
fn the_migration_fails_once() {
    let story = Rehearsal::of("migrations-failing");
    story.merge();
    story.deploy();
    let play = |lab: &Rehearsal| {
        let job = lab.newest("run-migrations-prod");
        assert_eq!(lab.act("POST", &format!("jobs/{job}/play")), 200);
    };
    play(&story);
    story.until("failed", |lab| lab.job("run-migrations-prod")["status"] == "failed");
    play(&story);
    story.until("migrated", |lab| lab.job("run-migrations-prod")["status"] == "success");
}

#[test]
fn a_colleague_merges_and_production_is_rolled_back() {
    let story = Rehearsal::of("colleague-merges");
    story.until("merged", |lab| lab.get("merge_requests/412")["state"] == "merged");
    assert_eq!(story.get("merge_requests/412")["merge_user"]["username"], "mia");

    let story = Rehearsal::of("rolled-back");
    story.merge();
    story.deploy();
    // Mia looks at production only once the developer has gone on to the backport.
    let opened = story.server.with_world(|world| {
        let files = [("docs/note.md".to_owned(), Some("a note".to_owned()))];
        world.push_as("dev", "backport/develop-x", "Note it", &files).unwrap();
        let body =
            json!({"source_branch": "backport/develop-x", "target_branch": "develop", "title": "Note it"});
        world.api_as("dev", "POST", "merge_requests", body).status
    });
    assert_eq!(opened, 201);
    story.until("rolled back", |lab| !lab.contains_fix());
}

#[test]
fn the_pipeline_backports_first() {
    let story = Rehearsal::of("ci-backports-first");
    story.merge();
    story.deploy();
    story.until("backported", |lab| lab.get("merge_requests?target_branch=develop")[0].is_object());
    let backport = &story.get("merge_requests?target_branch=develop")[0];
    assert_eq!(backport["labels"], json!(["backport", "auto-backport"]));
    assert_eq!(backport["author"]["username"], "bot");
    let commit = story.get(&format!("repository/commits/{}", backport["sha"].as_str().unwrap()));
    assert!(commit["message"].as_str().unwrap().contains("(cherry picked from commit "));
}
