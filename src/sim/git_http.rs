//! Git over smart HTTP: `git upload-pack` and `git receive-pack`, with GitLab's rights in front of them.

use std::borrow::Cow;
use std::io::Read;

use super::auth::Credentials;
use super::colleague::Draft;
use super::respond::{Answer, Reply};
use super::world::{AutoMerge, World};

/// Refuses pushes as GitLab does; what is protected from whom comes with each push.
pub(super) const PRE_RECEIVE: &str = r#"#!/bin/sh
# Refuses what GitLab refuses. SIM_NO_PUSH and SIM_NO_FORCE hold full ref names.
refuse() { echo "GitLab: $1" >&2; exit 1; }
n=0
while [ "$n" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
  eval "printf '%s\n' \"\$GIT_PUSH_OPTION_$n\""
  n=$((n + 1))
done >"$SIM_OPTIONS"
while read -r old new ref; do
  case "$new" in *[!0]*)
    if [ -n "$SIM_BRANCHES" ] && ! printf '%s\n' "${ref#refs/heads/}" | grep -qE "$SIM_BRANCHES"; then
      refuse "Branch name '${ref#refs/heads/}' does not follow the pattern '$SIM_BRANCHES'"
    fi
    [ -z "$SIM_MESSAGES" ] || for commit in $(git rev-list "$new" --not --all); do
      git log -1 --format=%B "$commit" | grep -qE "$SIM_MESSAGES" ||
        refuse "Commit message does not follow the pattern '$SIM_MESSAGES'"
    done ;;
  esac
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
    pub(super) content_encoding: String,
    pub(super) protocol: String,
    pub(super) credentials: Credentials,
    pub(super) body: Vec<u8>,
}

impl GitCall {
    fn pushes(&self) -> bool {
        self.path == "/git-receive-pack" || self.query.contains("service=git-receive-pack")
    }

    /// The body as it was before the client packed it.
    fn body(&self) -> Result<Cow<'_, [u8]>, Answer> {
        if !self.content_encoding.contains("gzip") {
            return Ok(Cow::Borrowed(&self.body));
        }
        let mut plain = Vec::new();
        let read = flate2::read::GzDecoder::new(self.body.as_slice()).read_to_end(&mut plain);
        read.map(|_| Cow::Owned(plain)).map_err(|error| Answer::text(400, format!("{error}\n")))
    }

    /// Whether it may change refs.
    pub(super) fn is_write(&self) -> bool {
        self.path == "/git-receive-pack"
    }
}

/// A request that has its rights: what to run, so that reads need not hold the world.
pub(super) struct Granted {
    pub(super) user: u64,
    /// A push by a job's token starts no pipeline.
    by_job: bool,
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
    let by_job = token.job.is_some();
    if by_job && call.pushes() && !world.setup.job_token_push {
        return Err(Answer::text(403, "You are not allowed to push code to this project.\n"));
    }
    if !by_job && !token.scopes.iter().any(|own| scopes.contains(&own.as_str())) {
        return Err(Answer::text(403, "The token lacks the scope for this.\n"));
    }
    if call.pushes() && !user.has(30) {
        return Err(Answer::text(403, "You are not allowed to push code to this project.\n"));
    }
    let protected: Vec<String> = world.protected.iter().map(|name| format!("refs/heads/{name}")).collect();
    let no_force = protected.join(" ");
    let no_push = if user.has(world.setup.push_level) { String::new() } else { no_force.clone() };
    let rule = |rule: &Option<String>| rule.clone().unwrap_or_default();
    let environment = vec![
        ("REMOTE_USER", user.username.clone()),
        ("SIM_NO_PUSH", no_push),
        ("SIM_NO_FORCE", no_force),
        ("SIM_MESSAGES", rule(&world.setup.commit_message_rule)),
        ("SIM_BRANCHES", rule(&world.setup.branch_name_rule)),
        ("SIM_OPTIONS", world.repository.push_options().display().to_string()),
    ];
    Ok(Granted { user: user.id, by_job, environment })
}

/// Lets git answer. Only the smart protocol is spoken, as by GitLab.
pub(super) fn run(repository: &super::repository::Repository, call: &GitCall, granted: &Granted) -> Reply {
    let (service, advertise) = match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/info/refs") => match call.query.strip_prefix("service=git-") {
            Some(service @ ("upload-pack" | "receive-pack")) => (service, true),
            _ => return Err(Answer::text(403, "Please upgrade your git client.\n")),
        },
        ("POST", "/git-upload-pack") => ("upload-pack", false),
        ("POST", "/git-receive-pack") => ("receive-pack", false),
        _ => return Err(Answer::text(404, "Not found\n")),
    };
    let mut environment = vec![("GIT_PROTOCOL", call.protocol.as_str())];
    environment.extend(granted.environment.iter().map(|(name, value)| (*name, value.as_str())));
    let said = repository.serve(service, advertise, &environment, &call.body()?)?;
    let mut body = Vec::new();
    if advertise && !call.protocol.contains("version=2") {
        let first = format!("# service=git-{service}\n");
        body.extend(format!("{:04x}{first}0000", first.len() + 4).into_bytes());
    }
    body.extend(said);
    let kind = if advertise { "advertisement" } else { "result" };
    Ok(Answer { status: 200, headers: Vec::new(), body }
        .with("content-type", format!("application/x-git-{service}-{kind}"))
        .with("cache-control", "no-cache"))
}

impl World {
    /// Takes notice of what a push changed.
    pub(super) fn pushed(&mut self, granted: &Granted) {
        let user = granted.user;
        let options = std::fs::read_to_string(self.repository.push_options()).unwrap_or_default();
        let options: Vec<&str> = options.lines().collect();
        let silent =
            granted.by_job || options.iter().any(|option| matches!(*option, "ci.skip" | "ci.no_pipeline"));
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
            self.branch_moved(&branch, old, user, silent);
            if options.contains(&"merge_request.create") {
                self.open_by_push(&branch, user, &options);
            }
        }
    }

    /// Opens a merge request as the options of a push ask for it, unless one is open.
    fn open_by_push(&mut self, branch: &str, user: u64, options: &[&str]) {
        let given = |name: &str| {
            let begin = format!("merge_request.{name}=");
            options.iter().rev().find_map(|option| option.strip_prefix(&begin)).map(str::to_owned)
        };
        let all = |name: &str| {
            let begin = format!("merge_request.{name}=");
            options.iter().filter_map(|option| option.strip_prefix(&begin)).map(str::to_owned).collect()
        };
        let set = |name: &str| options.contains(&format!("merge_request.{name}").as_str());
        let target = given("target").unwrap_or_else(|| self.setup.production.clone());
        let Some(tip) = self.branch(branch) else { return };
        if !self.branches.contains_key(&target)
            || target == branch
            || self.open_between(branch, &target).is_some()
        {
            return;
        }
        let subject =
            self.repository.commit(&tip).map(|commit| commit.title().to_owned()).unwrap_or_default();
        let title = given("title").unwrap_or(subject);
        let draft = Draft {
            source: branch.to_owned(),
            target,
            title: if set("draft") { format!("Draft: {title}") } else { title },
            description: given("description"),
            labels: all("label"),
            squash: set("squash"),
            remove_source: set("remove_source_branch"),
            ..Draft::default()
        };
        let iid = self.open_merge_request(user, draft);
        let waits = set("merge_when_pipeline_succeeds") || set("auto_merge");
        if let Some(found) = self.merge_request_mut(iid).filter(|_| waits) {
            found.auto_merge = Some(AutoMerge { user, squash: None, remove_source: None });
        }
    }
}
