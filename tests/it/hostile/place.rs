//! A repository that means harm: what its configuration, its hooks, its files and its remotes name to be run
//! is not run, and a branch cannot change what is asked of it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::lab::{Desk, Lab, story};

/// A program that leaves a trace of having been run.
fn trap(file: &Path, traces: &Path) {
    let name = file.file_name().unwrap().to_str().unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, format!("#!/bin/sh\ntouch '{}/{name}'\ncat >/dev/null\n", traces.display()))
        .unwrap();
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
}

fn fired(traces: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(traces).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const HOOKS: [&str; 16] = [
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "prepare-commit-msg",
    "reference-transaction",
    "push-to-checkout",
];

/// Keys of git's configuration that name a program.
const KEYS: [&str; 28] = [
    "core.fsmonitor",
    "core.pager",
    "pager.log",
    "pager.config",
    "core.editor",
    "sequence.editor",
    "core.sshCommand",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "diff.external",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "gpg.program",
    "gpg.ssh.program",
    "alias.fetch",
    "alias.merge-tree",
    "merge.tool",
    "mergetool.evil.cmd",
    "difftool.evil.cmd",
    "browser.evil.cmd",
    "trailer.evil.cmd",
    "interactive.diffFilter",
    "remote.origin.uploadpack",
    "remote.origin.receivepack",
];

fn set_traps(desk: &Desk<'_>, traces: &Path) {
    std::fs::create_dir(traces).unwrap();
    for hook in HOOKS {
        trap(&desk.dir.join(".git/hooks").join(hook), traces);
    }
    for key in KEYS {
        let program = desk.lab.dir().join("traps").join(key);
        trap(&program, traces);
        let value = match key.starts_with("alias.") {
            true => format!("!{}", program.display()),
            false => program.display().to_string(),
        };
        desk.git(&["config", key, &value]);
    }
    desk.git(&["config", "trailer.evil.key", "Cherry"]);
    desk.git(&["config", "web.browser", "evil"]);
    std::fs::create_dir_all(desk.dir.join(".git/info")).unwrap();
    std::fs::write(desk.dir.join(".git/info/attributes"), "* filter=evil diff=evil\n").unwrap();
}

#[test]
fn nothing_that_a_repository_names_is_run() {
    let lab = Lab::told("clean");
    let (dev, traces) = (lab.fixed(), lab.dir().join("fired"));
    set_traps(&dev, &traces);
    for args in [
        &["status"][..],
        &["status", "--offline"],
        &["list"],
        &["doctor"],
        &["backport", "--dry-run"],
        &["open"],
        &["wait", "pipeline"],
        &["ship", "--yes", "--timeout", "60s"],
        &["status", "--json"],
        &["list", "--missing"],
        &["verify"],
        &["ask"],
        &["backport"],
        &["backport", "--no-push", "--to", "develop"],
    ] {
        let before = fired(&traces);
        dev.run_moving(args);
        let mut new = fired(&traces);
        new.retain(|name| !before.contains(name));
        // The user's own push runs the user's hooks: that of LFS stands there.
        let own = ["pre-push", "reference-transaction"];
        new.retain(|name| !(own.contains(&name.as_str()) && ["open", "ship"].contains(&args[0])));
        assert_eq!(new, Vec::<String>::new(), "fired by git hotfix {}", args.join(" "));
    }
    assert_eq!(lab.backport()["state"], "opened", "it went all the way");
}

#[test]
fn a_program_beside_the_work_is_never_taken_for_git() {
    let lab = Lab::new(story("clean"));
    let (dev, traces) = (lab.fixed(), lab.dir().join("fired"));
    std::fs::create_dir(&traces).unwrap();
    for place in ["git", "bin/git", "ssh", "git-hotfix", "git.exe"] {
        trap(&dev.dir.join(place), &traces);
    }
    #[expect(clippy::disallowed_methods, reason = "tests look for git")]
    let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
    let mut command = dev.command();
    command.env("PATH", format!(":.:bin:{}:{}/bin:{path}", dev.dir.display(), dev.dir.display()));
    dev.run_as(&mut command, &["status"]).ends(0);
    dev.run_as(&mut command, &["backport", "--dry-run"]).ends(0);
    assert_eq!(fired(&traces), Vec::<String>::new());
}

#[test]
fn a_remote_that_is_a_command_is_refused() {
    let lab = Lab::new(story("clean"));
    let (dev, traces) = (lab.fixed(), lab.dir().join("fired"));
    std::fs::create_dir(&traces).unwrap();
    let touch = format!("touch {}/x", traces.display());
    let real = dev.git(&["config", "remote.origin.url"]);
    dev.git(&["config", "protocol.ext.allow", "always"]);
    dev.git(&["config", "protocol.allow", "always"]);
    let addresses = [
        format!("ext::sh -c '{touch}'"),
        format!("ssh://-oProxyCommand={}/x/shop/web", touch.replace(' ', "${IFS}")),
        format!("-oProxyCommand={touch}:shop/web"),
        "fd::7".to_owned(),
        "--upload-pack=x".to_owned(),
    ];
    let every = |how: &str| {
        for args in
            [&["start", "other"][..], &["open"], &["list"], &["backport", "--dry-run"], &["ship", "--yes"]]
        {
            let ran = dev.run(args);
            assert!(ran.code > 0 && ran.code < 10, "{how}: {args:?} ended with {}: {}", ran.code, ran.err);
            assert_eq!(fired(&traces), Vec::<String>::new(), "{how}: {args:?}");
        }
    };
    for address in &addresses {
        dev.git(&["config", "remote.origin.url", address]);
        every(address);
    }
    dev.git(&["config", "remote.origin.url", &real]);
    dev.git(&["config", "remote.origin.pushurl", &addresses[0]]);
    for args in [&["open"][..], &["ship", "--yes"]] {
        let ran = dev.run(args);
        assert!(ran.code > 0 && ran.code < 10, "{}", ran.err);
        assert!(ran.err.contains("cannot be used as a remote"), "{}", ran.err);
    }
    dev.git(&["config", "--unset", "remote.origin.pushurl"]);
    dev.git(&["config", &format!("url.{}.insteadOf", addresses[0]), &real]);
    every("insteadOf");
}

#[test]
fn a_branch_cannot_change_what_is_asked_of_it() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let file = "[branches]\nproduction = \"develop\"\ntargets = []\n\n[deploy]\njob = \"evil-job\"\napps = []\n\n[deploy.approvals]\nme = \"dev\"\n";
    std::fs::write(dev.dir.join(".hotfix.toml"), file).unwrap();
    dev.git(&["add", ".hotfix.toml"]);
    dev.git(&["commit", "--quiet", "-m", "Lower what is asked"]);
    dev.run(&["open"]).ends(0).says("-> main");
    dev.run(&["wait", "review"]).ends(0);
    for args in [&["doctor", "--config"][..], &["status", "--json"]] {
        let shown = dev.run(args).ends(0);
        assert!(!shown.out.contains("evil-job") && shown.out.contains("develop"), "{}", shown.out);
    }
    // Nor can nonsense in it keep the flow from going on.
    std::fs::write(dev.dir.join(".hotfix.toml"), "host = \"evil\"\n").unwrap();
    dev.run(&["status"]).ends(0);
}
