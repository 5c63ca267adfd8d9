//! The truth table of pushes and of jobs' own tokens: push options, push rules, what `CI_JOB_TOKEN` may do.

use git_hotfix::sim::{Lag, Setup};
use serde_json::{Value, json};

use crate::sim_lab::{Lab, git, said};

fn committed(lab: &Lab, branch: &str, message: &str) -> std::path::PathBuf {
    let clone = lab.clone_as("dev");
    std::fs::write(clone.join("note.md"), "a note\n").unwrap();
    for args in
        [&["switch", "--quiet", "-c", branch][..], &["add", "note.md"], &["commit", "--quiet", "-m", message]]
    {
        let done = git(&clone, args);
        assert!(done.status.success(), "{args:?}: {}", said(&done));
    }
    clone
}

#[test]
fn push_options_open_a_merge_request() {
    let lab = Lab::at_once();
    let clone = committed(&lab, "hotfix/a", "Note it");
    let options = [
        "-o",
        "merge_request.create",
        "-o",
        "merge_request.target=develop",
        "-o",
        "merge_request.title=A note, it's \"quoted\"",
        "-o",
        "merge_request.label=hotfix",
        "-o",
        "merge_request.label=urgent",
        "-o",
        "merge_request.remove_source_branch",
    ];
    let args = [&["push", "--quiet"], &options[..], &["origin", "hotfix/a"]].concat();
    let pushed = git(&clone, &args);
    assert!(pushed.status.success(), "{}", said(&pushed));
    let all = lab.project("merge_requests?source_branch=hotfix/a");
    let found = &all[0];
    assert_eq!(
        (&found["title"], &found["target_branch"], &found["labels"], &found["force_remove_source_branch"]),
        (&json!("A note, it's \"quoted\""), &json!("develop"), &json!(["hotfix", "urgent"]), &json!(true))
    );
    // Pushed again, it is the same one.
    assert!(git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "More"]).status.success());
    assert!(git(&clone, &args).status.success());
    assert_eq!(lab.project("merge_requests?source_branch=hotfix/a").as_array().map(Vec::len), Some(1));
    let pipelines = lab.project(&format!("merge_requests/{}/pipelines", found["iid"]));
    assert_eq!(pipelines.as_array().map(Vec::len), Some(2));
    // One that wants no pipeline gets none.
    assert!(git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "Quiet"]).status.success());
    assert!(git(&clone, &["push", "--quiet", "-o", "ci.skip", "origin", "hotfix/a"]).status.success());
    let pipelines = lab.project(&format!("merge_requests/{}/pipelines", found["iid"]));
    assert_eq!(pipelines.as_array().map(Vec::len), Some(2));
}

#[test]
fn push_rules_refuse_a_commit_and_a_branch() {
    let lab = Lab::new(Setup {
        lag: Lag::none(),
        commit_message_rule: Some("^(HOT|DEV)-[0-9]+: ".to_owned()),
        branch_name_rule: Some("^(hotfix|backport)/".to_owned()),
        ..Setup::default()
    });
    let clone = committed(&lab, "hotfix/a", "Note it");
    let refused = git(&clone, &["push", "origin", "hotfix/a"]);
    assert!(!refused.status.success());
    let words = "GitLab: Commit message does not follow the pattern '^(HOT|DEV)-[0-9]+: '";
    assert!(said(&refused).contains(words), "{}", said(&refused));
    assert!(git(&clone, &["commit", "--quiet", "--amend", "-m", "HOT-1: note it"]).status.success());
    let refused = git(&clone, &["push", "origin", "HEAD:refs/heads/note"]);
    let words = "GitLab: Branch name 'note' does not follow the pattern '^(hotfix|backport)/'";
    assert!(said(&refused).contains(words), "{}", said(&refused));
    let pushed = git(&clone, &["push", "--quiet", "origin", "hotfix/a"]);
    assert!(pushed.status.success(), "{}", said(&pushed));
}

/// A lab whose `lint` on main runs, and that job's token.
fn with_running_job(job_token_push: bool) -> (Lab, Value, String) {
    let lab =
        Lab::new(Setup { lag: Lag { job_step: 60, ..Lag::none() }, job_token_push, ..Setup::default() });
    let pushed = lab.server.with_world(|world| {
        let files = [("docs/x.md".to_owned(), Some("x\n".to_owned()))];
        world.push_as("mia", "main", "Docs\n", &files).unwrap()
    });
    let running = (0..400).map(|_| lab.job(&pushed, "lint")).find(|job| job["status"] == "running").unwrap();
    let id = running["id"].as_u64().unwrap();
    let token = lab.server.with_world(|world| world.job_token(id)).unwrap();
    (lab, running, token)
}

/// §7.
#[test]
fn a_jobs_token_reads_some_and_writes_next_to_nothing() {
    let (lab, job, token) = with_running_job(false);
    let ask = |method: &str, path: &str| {
        lab.with_header(
            "job-token",
            &token,
            method,
            path,
            json!({"title": "x", "branch": "x", "ref": "main"}),
        )
    };
    let own = ask("GET", "job");
    assert_eq!((own.status, &own.body["id"]), (200, &job["id"]), "{}", own.text);
    for (path, status) in [
        ("merge_requests", 200),
        ("jobs", 200),
        ("pipelines", 200),
        ("deployments", 200),
        ("environments", 200),
        ("repository/branches", 200),
        ("repository/commits/main", 200),
        ("repository/commits/main/merge_requests", 200),
        // What it may not see is not there.
        ("protected_branches", 404),
        ("labels", 404),
        ("repository/branches/main", 404),
    ] {
        assert_eq!(ask("GET", &format!("projects/42/{path}")).status, status, "{path}");
    }
    let one = format!("projects/42/jobs/{}", job["id"]);
    assert_eq!(ask("GET", &one).status, 404, "§7: it cannot read one job");
    for path in ["merge_requests", "repository/branches", "labels"] {
        assert_eq!(ask("POST", &format!("projects/42/{path}")).status, 401, "{path}");
    }
    assert_eq!(ask("POST", &format!("{one}/play")).status, 401);
    assert_eq!(ask("GET", "personal_access_tokens/self").status, 401, "§0");
    assert_eq!(lab.with_header("job-token", "wrong", "GET", "job", Value::Null).status, 401);
}

/// §7: git reads with it; it pushes only where the project allows it, and starts no pipeline then.
#[test]
fn a_jobs_token_in_git() {
    let remote = |lab: &Lab, token: &str| {
        lab.server.project_url().replacen("http://", &format!("http://gitlab-ci-token:{token}@"), 1)
    };
    for allowed in [false, true] {
        let (lab, _, token) = with_running_job(allowed);
        let clone = lab.dir().join("by-job");
        let cloned = git(lab.dir(), &["clone", "--quiet", &remote(&lab, &token), clone.to_str().unwrap()]);
        assert!(cloned.status.success(), "{}", said(&cloned));
        assert!(git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "Note it"]).status.success());
        let pushed = git(&clone, &["push", "origin", "HEAD:refs/heads/backport/x"]);
        assert_eq!(pushed.status.success(), allowed, "{}", said(&pushed));
        let branch = lab.server.with_world(|world| world.branch("backport/x"));
        assert_eq!(branch.is_some(), allowed);
    }
}

#[test]
fn a_jobs_token_dies_with_the_job() {
    let (lab, job, token) = with_running_job(false);
    assert_eq!(lab.with_header("job-token", &token, "GET", "job", Value::Null).status, 200);
    let path = format!("jobs/{}", job["id"]);
    assert_eq!(lab.post("mia", &format!("{path}/cancel"), json!({})).status, 201);
    assert_eq!(lab.with_header("job-token", &token, "GET", "job", Value::Null).status, 401);
}
