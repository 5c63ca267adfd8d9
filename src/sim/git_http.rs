//! Git over smart HTTP: `git http-backend` as a CGI child, with GitLab's rights in front of it.

use super::auth::Credentials;
use super::respond::{Answer, Reply};
use super::world::World;

/// Refuses pushes as GitLab does; what is protected from whom comes with each push.
pub(super) const PRE_RECEIVE: &str = r#"#!/bin/sh
# Refuses what GitLab refuses. SIM_NO_PUSH and SIM_NO_FORCE hold full ref names.
refuse() { echo "GitLab: $1" >&2; exit 1; }
while read -r old new ref; do
  case " $SIM_NO_PUSH " in *" $ref "*)
    refuse "You are not allowed to push code to protected branches on this project." ;;
  esac
  case " $SIM_NO_FORCE " in *" $ref "*)
    case "$new" in *[!0]*) ;; *)
      refuse "You can only delete protected branches using the web interface." ;;
    esac
    case "$old" in *[!0]*)
      git merge-base --is-ancestor "$old" "$new" ||
        refuse "You are not allowed to force push code to a protected branch on this project." ;;
    esac ;;
  esac
done
"#;

/// A git request, below `<project>.git`.
#[derive(Debug, Clone)]
pub(super) struct GitCall {
    pub(super) method: String,
    /// As in `/info/refs`.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) content_type: String,
    pub(super) content_encoding: String,
    pub(super) protocol: String,
    pub(super) credentials: Credentials,
    pub(super) body: Vec<u8>,
}

impl GitCall {
    fn pushes(&self) -> bool {
        self.path == "/git-receive-pack" || self.query.contains("service=git-receive-pack")
    }

    /// Whether it may change refs.
    pub(super) fn is_write(&self) -> bool {
        self.path == "/git-receive-pack"
    }
}

/// A request that has its rights: what to run, so that reads need not hold the world.
pub(super) struct Granted {
    pub(super) user: u64,
    environment: Vec<(&'static str, String)>,
}

/// Checks the token, its scopes and the role.
pub(super) fn grant(world: &World, call: &GitCall) -> Result<Granted, Answer> {
    let denied = || {
        Answer::text(401, "HTTP Basic: Access denied. Use a token as the password.\n")
            .with("www-authenticate", "Basic realm=\"GitLab\"")
    };
    let token = world.git_token(&call.credentials).ok_or_else(denied)?;
    let user = world.user(token.user).ok_or_else(denied)?;
    if user.level.is_none() {
        let text =
            "The project you were looking for could not be found or you don't have permission to view it.\n";
        return Err(Answer::text(404, text));
    }
    let scopes: &[&str] = match call.pushes() {
        true => &["api", "write_repository"],
        false => &["api", "write_repository", "read_repository"],
    };
    if !token.scopes.iter().any(|own| scopes.contains(&own.as_str())) {
        return Err(Answer::text(403, "The token lacks the scope for this.\n"));
    }
    if call.pushes() && !user.has(30) {
        return Err(Answer::text(403, "You are not allowed to push code to this project.\n"));
    }
    let protected: Vec<String> = world.protected.iter().map(|name| format!("refs/heads/{name}")).collect();
    let no_force = protected.join(" ");
    let no_push = if user.has(world.setup.push_level) { String::new() } else { no_force.clone() };
    let environment =
        vec![("REMOTE_USER", user.username.clone()), ("SIM_NO_PUSH", no_push), ("SIM_NO_FORCE", no_force)];
    Ok(Granted { user: user.id, environment })
}

/// Runs the backend and translates its CGI answer.
pub(super) fn run(repository: &super::repository::Repository, call: &GitCall, granted: &Granted) -> Reply {
    let mut command = repository.command(&["http-backend"]);
    command
        .env_remove("GIT_DIR")
        .env("GIT_PROJECT_ROOT", repository.git_dir())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &call.method)
        .env("PATH_INFO", &call.path)
        .env("QUERY_STRING", &call.query)
        .env("CONTENT_TYPE", &call.content_type)
        .env("CONTENT_LENGTH", call.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", &call.content_encoding)
        .env("HTTP_GIT_PROTOCOL", &call.protocol)
        .env("REMOTE_ADDR", "127.0.0.1")
        .envs(granted.environment.iter().map(|(name, value)| (*name, value.as_str())));
    let output = repository.outcome(&mut command, &call.body)?;
    let broken = || {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Answer::text(500, format!("git http-backend failed: {said}\n"))
    };
    let end = output.stdout.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or_else(broken)?;
    let (head, body) = (&output.stdout[..end], &output.stdout[end + 4..]);
    let mut answer = Answer { status: 200, headers: Vec::new(), body: body.to_vec() };
    for line in String::from_utf8_lossy(head).lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "status" => {
                let code = value.split(' ').next().and_then(|code| code.parse().ok());
                answer.status = code.ok_or_else(broken)?;
            }
            "content-type" => answer = answer.with("content-type", value),
            "cache-control" => answer = answer.with("cache-control", value),
            _ => {}
        }
    }
    Ok(answer)
}

impl World {
    /// Takes notice of what a push changed.
    pub(super) fn pushed(&mut self, user: u64) {
        let Ok(now) = self.repository.branches() else { return };
        let before = std::mem::replace(&mut self.branches, now);
        let mut names: Vec<&String> = before.keys().chain(self.branches.keys()).collect();
        names.sort();
        names.dedup();
        let moved: Vec<(String, Option<String>)> = names
            .into_iter()
            .filter(|name| before.get(*name) != self.branches.get(*name))
            .map(|name| (name.clone(), before.get(name).cloned()))
            .collect();
        for (branch, old) in moved {
            self.branch_moved(&branch, old, user);
        }
    }
}
