//! The commits that are written: author, message and encoding byte for byte, the `-x` line where git puts it.

use bstr::{BString, ByteSlice};
use git_hotfix::git::commit::{self, Options, WriteError};
use git_hotfix::git::conflict::{ConflictKind, ConflictPath};
use git_hotfix::git::landed::Source;
use git_hotfix::git::pick::{self, Outcome};
use git_hotfix::git::{Git, GitError, Oid, Repo};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::git_lab::{Lab, cases, gits, untouched};

/// A commit that adds a file to `base`, from its raw headers and message.
fn raw_commit(lab: &Lab, base: Oid, author: &[u8], headers: &[u8], message: &[u8]) -> Oid {
    let blob = lab.dir().join("blob");
    std::fs::write(&blob, "new\n").unwrap();
    let blob = lab.git(&["hash-object", "-w", blob.to_str().unwrap()]);
    lab.git(&["read-tree", &base.to_string()]);
    lab.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},new")]);
    let tree = lab.git(&["write-tree"]);
    lab.git(&["reset", "-q", "--hard"]);
    let mut body = format!("tree {tree}\nparent {base}\nauthor ").into_bytes();
    body.extend_from_slice(author);
    body.extend_from_slice(b"\ncommitter Old <old@example.com> 1600000000 +0000\n");
    body.extend_from_slice(headers);
    body.push(b'\n');
    body.extend_from_slice(message);
    let file = lab.dir().join("commit");
    std::fs::write(&file, body).unwrap();
    let args = ["hash-object", "-w", "--literally", "-t", "commit", file.to_str().unwrap()];
    Oid::from_hex(lab.git(&args).as_bytes()).unwrap()
}

struct Place {
    lab: Lab,
    base: Oid,
    target: Oid,
}

fn place(program: &std::path::Path) -> Place {
    let lab = Lab::new(program);
    lab.write("f", "f\n");
    let base = lab.commit("base");
    lab.write("g", "g\n");
    let target = lab.commit("target");
    Place { lab, base, target }
}

fn carry_over(place: &Place, landed: Oid, options: &Options) -> Result<BString, WriteError> {
    let repo = place.lab.repo();
    let source = Source::landed(&repo, landed, landed, None).unwrap();
    let picked = pick::pick(&repo, &source, &[place.target]).pop().unwrap().unwrap();
    let Outcome::Clean { trees, .. } = picked.outcome else { panic!("{picked:?}") };
    let id = untouched(&place.lab, || commit::write_picks(&repo, &source, place.target, &trees, options))?;
    Ok(place.lab.try_git(&["cat-file", "commit", &id.to_string()]).stdout.into())
}

/// A commit that names nobody can be read by no git, and cannot be taken back once it is pushed.
#[cfg(unix)]
#[test]
fn who_commits_is_somebody_or_nothing_is_written() {
    use std::os::unix::fs::PermissionsExt;
    let program = gits().remove(0);
    let place = place(&program);
    let shim = place.lab.dir().join("git");
    let mut git = Git::at(&shim);
    for (name, value) in place.lab.environment() {
        git = git.with_env(name, value);
    }
    let answers = [
        ("what a lovely day", false),
        ("Dev <dev@example.com>", false),
        ("Dev <dev@example.com> today", false),
        ("Dev <dev@example.com> 1700000000 +0100\ngpgsig x", false),
        ("Dev <dev@example.com> 1700000000 +0100", true),
    ];
    for (answer, works) in answers {
        let text = format!(
            "#!/bin/sh\ncase \"$*\" in *GIT_COMMITTER_IDENT*) printf '{answer}\\n' ;; *) exec '{}' \"$@\" ;; esac\n",
            program.display()
        );
        std::fs::write(&shim, text).unwrap();
        std::fs::set_permissions(&shim, PermissionsExt::from_mode(0o755)).unwrap();
        let repo = Repo::discover(git.clone(), Some(place.lab.top())).unwrap();
        let source = Source::landed(&repo, place.target, place.target, None).unwrap();
        let paths = [ConflictPath { path: "f".into(), kind: ConflictKind::Content }];
        let written = commit::write_placeholder(&repo, &source, place.base, &paths, &Options::default());
        assert_eq!(written.is_ok(), works, "{answer}: {written:?}");
        if let Err(error) = written {
            assert!(matches!(error, WriteError::Git(GitError::Answer { .. })), "{error:?}");
        }
    }
}

#[test]
fn every_byte_of_author_message_and_encoding_is_kept() {
    let table: [(&[u8], &[u8], &[u8]); 6] = [
        (b"Ana <ana@example.com> 1234567890 +0530", b"", b"fix\n\nbody\n"),
        (b"J\xf6rg Jr. <j@example.com> 1234567890 -0800", b"encoding ISO-8859-1\n", b"gr\xfc\xdfe\n"),
        (b"Sammy Davis, Jr. <s@example.com> 1 +0000", b"", b"fix  \n\n\n\nwide gaps   \n"),
        (b"Ana <ana@example.com> 1234567890 +0000", b"", b"dos\r\n\r\nlines\r\n"),
        (b" <> 1234567890 +0000", b"", b""),
        (b"Ana <ana@example.com> 1234567890 +0000", b"gpgsig old\n more\n", b"no end of line"),
    ];
    for program in gits() {
        let place = place(&program);
        for (author, headers, message) in table {
            let landed = raw_commit(&place.lab, place.base, author, headers, message);
            let written = carry_over(&place, landed, &Options::default()).unwrap();
            let (head, body) = written.split_once_str("\n\n").unwrap();
            let lines: Vec<&[u8]> = head.split(|&byte| byte == b'\n').collect();
            assert_eq!(lines[1].as_bstr(), format!("parent {}", place.target));
            assert_eq!(lines[2].as_bstr(), [b"author ", author].concat().as_bstr());
            assert_eq!(lines[3].as_bstr(), "committer Kim <kim@example.com> 1700000100 +0200");
            let rest: Vec<u8> = lines[4..].iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
            let kept = if headers.starts_with(b"encoding") { headers } else { b"" };
            assert_eq!(rest.as_bstr(), kept.as_bstr(), "a signature no longer holds, an encoding does");
            assert!(body.starts_with(message), "{body:?}");
            let added = body[message.len()..].trim_start_with(|char| char == '\n');
            assert_eq!(added.as_bstr(), format!("(cherry picked from commit {landed})\n"));
            // Git takes the object as sound as the original was.
            place.lab.git(&["cat-file", "-t", &format!("{landed}")]);
        }
    }
}

/// Paragraphs of lines that matter to git's rules for trailers.
fn message() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "title",
        "some prose",
        "Reviewed-by: a <a@b>",
        "Signed-off-by: a <a@b>",
        "(cherry picked from commit 1234567890123456789012345678901234567890)",
        " continued",
        "\tcontinued",
        "# comment",
        "Not a: trailer line",
        "Token : spaced",
        "Ünicode: x",
        "Ticket= 12",
        "Conflicts:",
        "\tpath",
        "---",
        "Bug: 4",
        "http://example.com/",
        "",
        "",
        "  ",
        "dos line\r",
        "Acked-by: x\r",
    ]);
    (prop::collection::vec(line, 0..9), any::<bool>())
        .prop_map(|(lines, end)| lines.join("\n") + if end { "\n" } else { "" })
        .prop_filter("git refuses an empty message", |message| !message.trim().is_empty())
}

#[test]
fn the_line_goes_where_git_puts_it() {
    for program in gits() {
        for settings in [&[][..], &[("trailer.separators", "=:"), ("trailer.bug.key", "Bug")]] {
            let place = place(&program);
            let lab = &place.lab;
            for (key, value) in settings {
                lab.git(&["config", key, value]);
            }
            let config = Config { cases: cases() / 5, failure_persistence: None, ..Config::default() };
            TestRunner::new(config)
                .run(&message(), |message| {
                    let author = b"Ana <ana@example.com> 1234567890 +0000";
                    let landed = raw_commit(lab, place.base, author, b"", message.as_bytes());
                    lab.git(&["checkout", "-q", "-f", "--detach", &place.target.to_string()]);
                    for signoff in [false, true] {
                        lab.git(&["reset", "-q", "--hard", &place.target.to_string()]);
                        let mut args =
                            vec!["cherry-pick", "-x", "--cleanup=verbatim", "--allow-empty-message"];
                        if signoff {
                            args.push("-s");
                        }
                        let id = landed.to_string();
                        args.push(&id);
                        lab.git(&args);
                        let expected = lab.try_git(&["cat-file", "commit", "HEAD"]).stdout;
                        let options = Options { signoff, ..Options::default() };
                        let written = carry_over(&place, landed, &options).unwrap();
                        // Git drops blank lines before the title; we drop nothing.
                        let body = |commit: &[u8]| -> BString {
                            let body = commit.split_once_str("\n\n").unwrap().1;
                            let lines = body.lines_with_terminator();
                            lines.skip_while(|line| line.trim().is_empty()).flatten().copied().collect()
                        };
                        prop_assert_eq!(body(&written), body(&expected));
                    }
                    Ok(())
                })
                .unwrap();
        }
    }
}

#[test]
fn a_signature_is_git_s_own_and_read_back() {
    let place = place(&gits()[0]);
    let lab = &place.lab;
    let key = lab.dir().join("key");
    #[expect(clippy::disallowed_methods, reason = "ssh makes the key to sign with")]
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("no ssh-keygen here: signing is not tested");
        return;
    }
    lab.git(&["config", "gpg.format", "ssh"]);
    lab.git(&["config", "user.signingKey", key.to_str().unwrap()]);
    lab.git(&["config", "commit.gpgSign", "true"]);
    let author = b"Ana <ana@example.com> 99 +0530";
    let landed = raw_commit(lab, place.base, author, b"", "fix\n\nbody ü\n".as_bytes());
    let written = carry_over(&place, landed, &Options::default()).unwrap();
    assert!(written.contains_str("gpgsig -----BEGIN SSH SIGNATURE"), "{written}");
    assert!(written.contains_str([b"author ".as_slice(), author].concat()));
    let latin = raw_commit(
        lab,
        place.base,
        b"J\xf6rg <j@example.com> 1234567890 -0800",
        b"encoding ISO-8859-1\n",
        b"gr\xfc\xdfe\n",
    );
    let written = carry_over(&place, latin, &Options::default()).unwrap();
    assert!(written.contains_str(b"author J\xf6rg <j@example.com> 1234567890 -0800"));
    assert!(written.contains_str(b"gr\xfc\xdfe\n"));
    // What git cannot keep is refused, not changed.
    let lost = raw_commit(lab, place.base, b"Jr. <j@example.com> 1234567890 +0000", b"", b"\xff\n");
    let refused = carry_over(&place, lost, &Options::default());
    assert!(
        matches!(refused, Err(WriteError::Changed { commit, part: "message" }) if commit == lost),
        "{refused:?}"
    );
    let unsigned = Options { sign: Some(false), ..Options::default() };
    assert!(!carry_over(&place, lost, &unsigned).unwrap().contains_str("gpgsig"));
}

#[test]
fn a_placeholder_is_empty_and_known_again() {
    let place = place(&gits()[0]);
    let landed = raw_commit(&place.lab, place.base, b"Ana <a@b> 1 +0000", b"", b"Fix login\n");
    let repo = place.lab.repo();
    let source = Source::landed(&repo, landed, landed, None).unwrap();
    let paths = [
        ConflictPath { path: "a\nb".into(), kind: ConflictKind::Content },
        ConflictPath { path: b"caf\xe9".into(), kind: ConflictKind::DeletedOnTarget },
    ];
    let id = commit::write_placeholder(&repo, &source, place.target, &paths, &Options::default()).unwrap();
    let written = repo.commit(id).unwrap();
    assert_eq!(written.tree, repo.commit(place.target).unwrap().tree);
    assert_eq!(commit::placeholder_of(&written), Some(landed));
    assert!(commit::is_empty(&repo, &written).unwrap());
    assert!(written.message.contains_str(b"    a?b  (changed on both sides)\n"));
    assert_eq!(commit::placeholder_of(&repo.commit(landed).unwrap()), None);
}
