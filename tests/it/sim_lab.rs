//! A served world, an HTTP client beside it, and a scrubbed git: what the tests of `sim` share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use git_hotfix::sim::{Lag, Server, Setup, World};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

/// One embedded GitLab in a directory of its own.
pub(crate) struct Lab {
    pub(crate) server: Server,
    client: Client,
    dir: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Lab {
    /// Without lags: every effect is visible to the next request.
    pub(crate) fn at_once() -> Lab {
        Lab::new(Setup { lag: Lag::none(), ..Setup::default() })
    }

    pub(crate) fn new(setup: Setup) -> Lab {
        let dir = crate::room::tempdir();
        let world = World::new(&dir.path().join("sim"), setup).unwrap();
        let server = Server::start(world).unwrap();
        crate::room::record(&server);
        Lab { server, client: client(), dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A request below `/api/v4`, as a user (`""` for nobody).
    pub(crate) fn call(&self, user: &str, method: &str, path: &str, body: Value) -> Answer {
        self.try_call(user, method, path, body).unwrap()
    }

    pub(crate) fn try_call(
        &self,
        user: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> reqwest::Result<Answer> {
        let token = if user.is_empty() { String::new() } else { self.server.token(user) };
        self.with_token(&token, method, path, body)
    }

    pub(crate) fn with_token(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}/api/v4/{path}", self.server.url());
        let mut request = self.client.request(method.parse().unwrap(), url);
        if !token.is_empty() {
            request = request.header("private-token", token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        read(request.send()?)
    }

    pub(crate) fn get(&self, user: &str, path: &str) -> Answer {
        self.call(user, "GET", path, Value::Null)
    }

    /// Reads below the project, as dev.
    pub(crate) fn project(&self, path: &str) -> Value {
        let answer = self.get("dev", &format!("projects/42/{path}"));
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
        answer.body
    }

    pub(crate) fn post(&self, user: &str, path: &str, body: Value) -> Answer {
        self.call(user, "POST", &format!("projects/42/{path}"), body)
    }

    pub(crate) fn put(&self, user: &str, path: &str, body: Value) -> Answer {
        self.call(user, "PUT", &format!("projects/42/{path}"), body)
    }

    /// A branch with one commit, made on the server by dev.
    pub(crate) fn branch(&self, name: &str, path: &str, content: &str) -> String {
        let files = [(path.to_owned(), Some(content.to_owned()))];
        self.server
            .with_world(|world| world.push_as("dev", name, &format!("Change {path}\n"), &files))
            .unwrap()
    }

    /// A hotfix branch and its merge request by dev; returns the iid.
    pub(crate) fn open(&self, name: &str) -> u64 {
        self.branch(name, "apps/portal/app/login.rb", &format!("# {name}\n"));
        let body = json!({"source_branch": name, "target_branch": "main", "title": format!("Fix {name}")});
        let answer = self.post("dev", "merge_requests", body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["iid"].as_u64().unwrap()
    }

    /// The merge request as dev sees it.
    pub(crate) fn merge_request(&self, iid: u64) -> Value {
        self.project(&format!("merge_requests/{iid}"))
    }

    /// Opens and merges (by dev, in a world without lags); returns the commit on main.
    pub(crate) fn land(&self, name: &str) -> String {
        let iid = self.open(name);
        assert_eq!(self.merge_request(iid)["detailed_merge_status"], "mergeable");
        let merged = self.put("dev", &format!("merge_requests/{iid}/merge"), json!({}));
        assert_eq!(merged.status, 200, "{}", merged.text);
        self.project("repository/branches/main")["commit"]["id"].as_str().unwrap().to_owned()
    }

    /// The newest job of a name in the newest pipeline of a commit.
    pub(crate) fn job(&self, sha: &str, name: &str) -> Value {
        let pipelines = self.project(&format!("pipelines?sha={sha}&order_by=id&sort=desc"));
        let jobs = self.project(&format!("pipelines/{}/jobs?per_page=100", pipelines[0]["id"]));
        let jobs = jobs.as_array().unwrap().clone();
        jobs.into_iter().find(|job| job["name"] == name).unwrap_or_else(|| panic!("no job {name}"))
    }

    /// The deployment of a job.
    pub(crate) fn deployment(&self, job: &Value) -> Value {
        let all = self.project("deployments?environment=production&order_by=id&sort=desc");
        let id = all
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["deployable"]["id"] == job["id"])
            .map(|found| found["id"].clone())
            .unwrap_or_else(|| panic!("no deployment of {}", job["id"]));
        self.project(&format!("deployments/{id}"))
    }

    pub(crate) fn approve(&self, user: &str, deployment: &Value) -> Answer {
        self.post(user, &format!("deployments/{}/approval", deployment["id"]), json!({"status": "approved"}))
    }

    pub(crate) fn play(&self, user: &str, job: &Value) -> Answer {
        self.post(user, &format!("jobs/{}/play", job["id"]), json!({}))
    }

    /// The clone address with a user's token in it.
    pub(crate) fn remote(&self, user: &str) -> String {
        let token = self.server.token(user);
        self.server.project_url().replacen("http://", &format!("http://any:{token}@"), 1)
    }

    /// A clone by that user.
    pub(crate) fn clone_as(&self, user: &str) -> PathBuf {
        let to = self.dir().join(format!("clone-{user}"));
        let done = git(self.dir(), &["clone", "--quiet", &self.remote(user), to.to_str().unwrap()]);
        assert!(done.status.success(), "{}", said(&done));
        to
    }
}

pub(crate) fn client() -> Client {
    // Only the first of many tests can install it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(Duration::from_secs(60))
        .no_proxy()
        .build()
        .unwrap()
}

fn read(response: Response) -> reqwest::Result<Answer> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text()?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text, headers })
}

/// A git that knows nothing of the machine it runs on.
#[expect(clippy::disallowed_methods, reason = "the tests' own git, scrubbed")]
pub(crate) fn git(dir: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", dir)
        .env("GIT_CONFIG_GLOBAL", dir.join("no-gitconfig"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TEMPLATE_DIR", "")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env("GIT_AUTHOR_NAME", "Dev Anders")
        .env("GIT_AUTHOR_EMAIL", "dev@shop.example")
        .env("GIT_COMMITTER_NAME", "Dev Anders")
        .env("GIT_COMMITTER_EMAIL", "dev@shop.example")
        .output()
        .unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
