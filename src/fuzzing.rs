//! What the fuzzer calls: one function for each target, each a property that no input may break.
//!
//! Not in the program. The rooms own the properties (their `fuzzing.rs`); this file names them, and its test
//! plays every input that was ever kept, so that a plain `cargo test` repeats what fuzzing once found.

use crate::gitlab::Address;
use crate::{config, doctor, git, gitlab, http, ui};

macro_rules! targets {
    ($($(#[$doc:meta])+ $name:ident => $function:path;)+) => {
        $($(#[$doc])+ pub fn $name(data: &[u8]) { $function(data) })+

        #[cfg(test)]
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name)),+];
    };
}

targets! {
    /// The address of a remote, which decides who gets the token.
    remote_url => remote;
    /// The path of a request.
    path_segments => http::fuzzing::path_segments;
    /// `.hotfix.toml`.
    config_file => config::fuzzing::config_file;
    /// glab's configuration.
    glab_config => config::fuzzing::glab_config;
    /// What GitLab sends.
    gitlab_bodies => gitlab::fuzzing::bodies;
    /// How GitLab says no.
    gitlab_errors => gitlab::fuzzing::errors;
    /// The header that names the next page.
    pagination => gitlab::fuzzing::pagination;
    /// How long the server asks to stay away.
    retry_after => http::fuzzing::retry_after;
    /// What git says of a push.
    push_porcelain => git::fuzzing::push_porcelain;
    /// What git says of a merge.
    merge_tree => git::fuzzing::merge_tree;
    /// What git says of its configuration.
    git_config => git::fuzzing::git_config;
    /// Where a trailer goes in a message.
    trailers => git::fuzzing::trailers;
    /// Names of references, beside git's own judgement.
    ref_name => git::fuzzing::ref_name;
    /// Text of others on its way to the terminal.
    sanitiser => ui::fuzzing::sanitiser;
    /// Secrets on their way to the terminal.
    redactor => redactors;
    /// `.gitlab-ci.yml`.
    ci_file => pipeline_file;
}

/// Whatever is accepted as a remote leads to the host that the parser of every request sees in it.
fn remote(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(base) = config::instance_url(text) {
        let origin = http::Origin::of(&base);
        assert!(origin.is_some_and(|origin| origin.is_private()), "{base}");
        assert!(base.username().is_empty() && base.password().is_none() && base.query().is_none(), "{base}");
    }
    let Ok(address) = Address::of_remote(text, None) else { return };
    let base = address.base();
    assert!(address.origin().is_some_and(|origin| origin.is_private()), "{base}");
    assert!(base.as_str().ends_with('/') && base.username().is_empty() && base.query().is_none(), "{base}");
    let good = |segment: &str| {
        !segment.is_empty() && !segment.trim_matches('.').is_empty() && !segment.contains('%')
    };
    assert!(address.project().contains('/') && address.project().split('/').all(good), "{text}");
    // To git, what has no two slashes is the host and path of ssh.
    let Some(Ok(seen)) = text.contains("://").then(|| url::Url::parse(text)) else { return };
    match seen.scheme() {
        "http" | "https" => assert_eq!(http::Origin::of(&seen), address.origin(), "{text}"),
        // Other schemes keep the host as it is written; GitLab.com's second name for ssh stands for the first.
        "ssh" => {
            let host = seen.host_str().unwrap_or_default().to_ascii_lowercase();
            let host = if host == "altssh.gitlab.com" { "gitlab.com" } else { &host };
            let same = url::Url::parse(&format!("https://{host}/")).ok();
            let (same, ours) = (same.as_ref().and_then(url::Url::host_str), base.host_str());
            assert!(!host.is_ascii() || host.contains('%') || same == ours, "{text}: {same:?} {ours:?}");
        }
        _ => {}
    }
}

/// Neither of the two redactors lets a secret through.
fn redactors(data: &[u8]) {
    ui::fuzzing::redactor(data);
    http::fuzzing::redactor(data);
}

/// Whatever a pipeline file holds, it is read in bounds, and a job in it is found by its name.
fn pipeline_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(file) = doctor::ci_file::CiFile::parse(text) else { return };
    for job in &file.jobs {
        assert!(file.job(&job.name).is_some());
        assert!(job.ways.iter().all(|way| way.when != "never"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kept_input_holds() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in TARGETS {
            let kept = std::fs::read_dir(corpus.join(name)).unwrap();
            let inputs: Vec<_> = kept.map(|entry| entry.unwrap().path()).collect();
            assert!(!inputs.is_empty(), "no input is kept for {name}");
            for input in inputs {
                target(&std::fs::read(input).unwrap());
            }
            // And with what is at nobody's mind.
            target(b"");
            target(&[0xff; 64]);
        }
        let folders = std::fs::read_dir(corpus).unwrap().count();
        assert_eq!(folders, TARGETS.len(), "a folder of inputs without a target");
    }
}
