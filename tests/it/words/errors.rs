//! The whole text of what git and GitLab can do wrong below a command, as people read it.

use git_hotfix::error::Problem;
use git_hotfix::git::landed::SourceError;
use git_hotfix::git::{GitError, Oid};
use git_hotfix::gitlab;
use insta::assert_snapshot;

use super::commands;

/// Message, exit code, causes and hints; every command in them can be typed.
#[track_caller]
fn said(problems: impl IntoIterator<Item = Problem>) -> String {
    let mut text = String::new();
    for problem in problems {
        text.push_str(&format!("{} ({})\n", problem.message, problem.kind.exit_code()));
        problem.causes.iter().for_each(|cause| text.push_str(&format!("  caused by: {cause}\n")));
        assert!(!problem.hints.is_empty(), "no way out: {text}");
        for hint in &problem.hints {
            let wrong: Vec<String> =
                commands::named(hint).iter().filter_map(|w| commands::wrong(w)).collect();
            assert!(wrong.is_empty(), "{hint}: {}", wrong.join("\n"));
            text.push_str(&format!("  hint: {hint}\n"));
        }
    }
    text
}

fn oid(byte: u8) -> Oid {
    Oid::from_hex(format!("{byte:02x}").repeat(20).as_bytes()).unwrap()
}

#[test]
fn of_git() {
    let subcommand = || "fetch".to_owned();
    let text = said(
        [
            GitError::NotFound,
            GitError::Failed { subcommand: subcommand(), status: 1, stderr: "fatal: no".into() },
            GitError::Signal { subcommand: subcommand(), signal: 9, stderr: String::new() },
            GitError::Answer { subcommand: subcommand(), what: "html".into() },
            GitError::MissingObject(oid(1)),
            GitError::Shallow,
            GitError::BadName { name: "--upload-pack".into(), role: "a remote" },
            GitError::RefMoved { name: "refs/heads/hotfix/x".into() },
            GitError::NoGitServer { remote: "origin".into() },
            GitError::Store { what: "read HEAD".into(), cause: "permission denied".into() },
            GitError::Io {
                what: "could not write a file".into(),
                source: std::io::ErrorKind::PermissionDenied.into(),
            },
        ]
        .map(Problem::from),
    );
    assert_snapshot!(text, @"
    git was not found in PATH (4)
      hint: install git 2.38 or newer and put it in PATH
    git fetch failed (exit code 1) (6)
      caused by: fatal: no
      hint: nothing was concluded; run the same command again
    git fetch was ended by signal 9 (6)
      hint: nothing was concluded; run the same command again
    git fetch answered something unexpected: html (1)
      hint: mend what git says, then run the same command again
    object 0101010101010101010101010101010101010101 is not in this repository (5)
      hint: git fetch
    this clone is shallow and its history ends before the answer (5)
      hint: git fetch --unshallow
    `--upload-pack` cannot be used as a remote (4)
      hint: give it an https or ssh address: git remote set-url <name> <url>
    refs/heads/hotfix/x moved meanwhile (5)
      hint: run the same command again
    origin does not answer as a git server does (6)
      hint: nothing was concluded; run the same command again
    could not read HEAD (1)
      caused by: permission denied
      hint: mend what is said above, then run the same command again
    could not write a file (1)
      caused by: permission denied
      hint: mend what is said above, then run the same command again
    ");
}

#[test]
fn of_what_cannot_be_picked() {
    let (commit, main) = (oid(1), oid(2));
    let text = said(
        [
            SourceError::Root(commit),
            SourceError::Octopus { commit, parents: 3 },
            SourceError::NotOn { commit, main },
            SourceError::MergeInSeries(commit),
            SourceError::NotBelow { commit, base: main },
            SourceError::CutOff { commit, parent: main },
        ]
        .map(Problem::from),
    );
    assert_snapshot!(text, @"
    0101010101010101010101010101010101010101 is a root commit: there is nothing to compare it with (5)
      hint: take it over by hand: git cherry-pick -x 0101010101010101010101010101010101010101
    0101010101010101010101010101010101010101 is an octopus merge of 3 parents (5)
      hint: say which parent is the main line, by hand: git cherry-pick -x -m 1 0101010101010101010101010101010101010101
    0101010101010101010101010101010101010101 is not on 0202020202020202020202020202020202020202 (5)
      hint: name the commit that landed: git hotfix backport --landed <sha>
    0101010101010101010101010101010101010101 is a merge inside the series (5)
      hint: pick one by one: git hotfix backport --landed <sha>
    0202020202020202020202020202020202020202 is not below 0101010101010101010101010101010101010101 (5)
      hint: pick one by one: git hotfix backport --landed <sha>
    0101010101010101010101010101010101010101 stands at the edge of this shallow clone: its parent 0202020202020202020202020202020202020202 is not here (5)
      hint: git fetch --deepen=1
    ");
}

#[test]
fn of_gitlab() {
    use gitlab::Error;
    let instance = || "https://gitlab.example/git".to_owned();
    let (host, call) = (|| "gitlab.example".to_owned(), || "POST /projects/7/merge_requests".to_owned());
    let text = said(
        [
            Error::Unreachable { host: host(), why: "connection refused".into() },
            Error::Connection { host: host(), why: "no secure connection: unknown issuer".into() },
            Error::Ambiguous { call: call(), why: "time-out".into() },
            Error::Unauthorized { instance: instance(), had_token: false, text: "401".into() },
            Error::Unauthorized { instance: instance(), had_token: true, text: "401".into() },
            Error::Forbidden { call: call(), text: "insufficient_scope".into() },
            Error::Forbidden { call: call(), text: "403 Forbidden".into() },
            Error::NotFound { call: call(), had_token: true, absent: false, text: "404".into() },
            Error::NotFound { call: call(), had_token: false, absent: false, text: "404".into() },
            Error::Refused { call: call(), status: 422, text: "Branch cannot be merged".into() },
            Error::RateLimited { host: host(), retry_after: Some(std::time::Duration::from_secs(30)) },
            Error::RateLimited { host: host(), retry_after: None },
            Error::Server { host: host(), status: 502, text: "an HTML page".into() },
            Error::Malformed { call: call(), what: "an HTML page".into() },
            Error::TooLarge { call: call(), limit: "more than 32 MiB".into() },
            Error::Moved { to: "other/web".into() },
            Error::Redirected { call: call(), to: "https://sso.example".into() },
        ]
        .map(Problem::from),
    );
    assert_snapshot!(text, @"
    gitlab.example could not be reached: connection refused (6)
      hint: nothing was concluded; run the same command again
    no secure connection: unknown issuer (4)
      hint: certificates come from the system's trust store; check the address with: git config hotfix.url
    the outcome of POST /projects/7/merge_requests is unknown: time-out (6)
      hint: it may have been done; see what is true with: git hotfix status
    https://gitlab.example/git asks for a token, and none was found (4)
      hint: create one with the scopes api and write_repository at https://gitlab.example/git/-/user_settings/personal_access_tokens
      hint: then: export GIT_HOTFIX_URL=https://gitlab.example/git GIT_HOTFIX_TOKEN=<token>
      hint: where it was looked for: git hotfix doctor
    https://gitlab.example/git does not accept the token: 401 (4)
      hint: which token was used and what is wrong with it: git hotfix doctor
      hint: create one with the scopes api and write_repository at https://gitlab.example/git/-/user_settings/personal_access_tokens
      hint: then: export GIT_HOTFIX_URL=https://gitlab.example/git GIT_HOTFIX_TOKEN=<token>
    POST /projects/7/merge_requests is forbidden: insufficient_scope (4)
      hint: the token lacks a scope; writes need `api`: git hotfix doctor
    POST /projects/7/merge_requests is forbidden: 403 Forbidden (4)
      hint: your rights in the project do not suffice: git hotfix doctor
    POST /projects/7/merge_requests: 404 (4)
      hint: GitLab also answers 404 for what the token's user may not see
      hint: which project and which user that is: git hotfix doctor
    POST /projects/7/merge_requests: 404 (4)
      hint: GitLab also answers 404 for a private project when no token is given
      hint: where a token was looked for: git hotfix doctor
    POST /projects/7/merge_requests was refused (422): Branch cannot be merged (5)
      hint: see what is true now with: git hotfix status
    gitlab.example asks to slow down (6)
      hint: run the same command again in 30 s
    gitlab.example asks to slow down (6)
      hint: run the same command again in a minute
    gitlab.example answered 502: an HTML page (6)
      hint: nothing was concluded; run the same command again
    the answer to POST /projects/7/merge_requests is an HTML page (6)
      hint: nothing was concluded; check that GitLab itself answers, with no sign-in page or proxy in between: git hotfix doctor
    the answer to POST /projects/7/merge_requests is too long (more than 32 MiB) (6)
      hint: nothing was concluded; check that GitLab itself answers, with no sign-in page or proxy in between: git hotfix doctor
    the project has moved to other/web (4)
      hint: tell git the new address: git remote set-url origin <url>
    POST /projects/7/merge_requests was redirected to https://sso.example (4)
      hint: redirects are not followed; set the final address: git config hotfix.url <url>
    ");
}
