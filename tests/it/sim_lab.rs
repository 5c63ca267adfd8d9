//! A served world, an HTTP client beside it, and a scrubbed git: what the tests of `sim` share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use git_hotfix::sim::{Lag, Server, Setup};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

/// One embedded GitLab in a directory of its own, or a real one elsewhere.
pub(crate) struct Lab {
    pub(crate) server: Server,
    elsewhere: Option<Elsewhere>,
    client: Client,
    dir: tempfile::TempDir,
}

/// A real GitLab with a fresh project for the table, made as CONTRIBUTING says.
struct Elsewhere {
    url: String,
    project: String,
}

/// `HOTFIX_TRUTH_<name>`.
#[expect(clippy::disallowed_methods, reason = "which GitLab to ask is for the environment to say")]
fn told(name: &str) -> Option<String> {
    std::env::var(format!("HOTFIX_TRUTH_{name}")).ok()
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

    /// Where `HOTFIX_TRUTH_URL` names a real GitLab, that one; else as [`Lab::at_once`]. For tests that only
    /// speak HTTP.
    pub(crate) fn anywhere() -> Lab {
        let elsewhere = told("URL").map(|url| Elsewhere {
            url: url.trim_end_matches('/').to_owned(),
            project: told("PROJECT").expect("HOTFIX_TRUTH_PROJECT: the project's id"),
        });
        Lab { elsewhere, ..Lab::at_once() }
    }

    pub(crate) fn new(setup: Setup) -> Lab {
        let dir = crate::room::tempdir();
        let world = crate::founded::world(&dir.path().join("sim"), &setup);
        let server = Server::start(world).unwrap();
        crate::room::record(|file| server.record(file));
        Lab { server, elsewhere: None, client: client(), dir }
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
        let token = match (&self.elsewhere, user) {
            (_, "") => String::new(),
            (Some(_), user) => {
                let name = format!("TOKEN_{}", user.to_uppercase());
                told(&name).unwrap_or_else(|| panic!("HOTFIX_TRUTH_{name} is not set"))
            }
            (None, user) => self.server.token(user),
        };
        self.with_token(&token, method, path, body)
    }

    pub(crate) fn with_token(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> reqwest::Result<Answer> {
        let headers = [("private-token", token)];
        self.send(headers.into_iter().filter(|(_, token)| !token.is_empty()), method, path, body)
    }

    /// A request with another header than a person's token.
    pub(crate) fn with_header(
        &self,
        name: &str,
        value: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Answer {
        self.send([(name, value)], method, path, body).unwrap()
    }

    fn send<'h>(
        &self,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        method: &str,
        path: &str,
        body: Value,
    ) -> reqwest::Result<Answer> {
        let url = match &self.elsewhere {
            Some(there) => {
                let path = path.replacen("projects/42", &format!("projects/{}", there.project), 1);
                format!("{}/api/v4/{path}", there.url)
            }
            None => format!("{}/api/v4/{path}", self.server.url()),
        };
        let mut request = self.client.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(name, value);
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

    /// A commit by dev on a branch, which begins at main where it is new.
    pub(crate) fn branch(&self, name: &str, path: &str, content: &str) -> String {
        self.commit("dev", name, path, content)
    }

    /// A commit by somebody, made on the server.
    pub(crate) fn commit(&self, user: &str, name: &str, path: &str, content: &str) -> String {
        let percent = |text: &str| text.replace('/', "%2F");
        let at = format!("projects/42/repository/branches/{}", percent(name));
        let new = self.get(user, &at).status == 404;
        let file = format!(
            "projects/42/repository/files/{}?ref={}",
            percent(path),
            if new { "main".to_owned() } else { percent(name) }
        );
        let action = if self.get(user, &file).status == 404 { "create" } else { "update" };
        let mut body = json!({"branch": name, "commit_message": format!("Change {path}\n"),
            "actions": [{"action": action, "file_path": path, "content": content}]});
        if new {
            body["start_branch"] = "main".into();
        }
        let answer = self.post(user, "repository/commits", body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Looks until there is something to see; the embedded GitLab without lags shows it at the first look.
    fn patiently<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        for _ in 0..120 {
            match (look(), &self.elsewhere) {
                (Some(seen), _) => return seen,
                (None, None) => break,
                (None, Some(_)) => std::thread::sleep(Duration::from_secs(1)),
            }
        }
        panic!("never seen: {what}")
    }

    /// Looks until a merge request shows this status.
    pub(crate) fn becomes(&self, iid: u64, wanted: &str) -> Value {
        self.patiently(wanted, || {
            Some(self.merge_request(iid)).filter(|seen| seen["detailed_merge_status"] == wanted)
        })
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
        self.becomes(iid, "mergeable");
        let merged = self.put("dev", &format!("merge_requests/{iid}/merge"), json!({}));
        assert_eq!(merged.status, 200, "{}", merged.text);
        self.project("repository/branches/main")["commit"]["id"].as_str().unwrap().to_owned()
    }

    /// The newest job of a name in the newest pipeline of a commit.
    pub(crate) fn job(&self, sha: &str, name: &str) -> Value {
        self.patiently(name, || {
            let pipelines = self.project(&format!("pipelines?sha={sha}&order_by=id&sort=desc"));
            let newest = pipelines[0]["id"].as_u64()?;
            let jobs = self.project(&format!("pipelines/{newest}/jobs?per_page=100"));
            jobs.as_array()?.iter().find(|job| job["name"] == name).cloned()
        })
    }

    /// The deployment of a job.
    pub(crate) fn deployment(&self, job: &Value) -> Value {
        let id = self.patiently("its deployment", || {
            let all = self.project("deployments?environment=production&order_by=id&sort=desc");
            let own = all.as_array()?.iter().find(|found| found["deployable"]["id"] == job["id"]);
            own.map(|found| found["id"].clone())
        });
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
