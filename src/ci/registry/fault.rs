//! Why a step at a registry came to nothing, whether it is worth another try, and what to tell people.

use std::time::Duration;

use crate::error::{Kind, Problem};
use crate::http;

/// Why a step came to nothing; the texts name the registry.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// No connection, no answer, or half of one.
    Cut(http::Error),
    /// It asks to come back later.
    Busy { after: Option<Duration>, why: String },
    /// It answered that it failed itself.
    Broken(String),
    /// The token was taken for outdated in the middle of a body; a new one is there.
    Renewed,
    /// We may not.
    Denied(String),
    /// It wants what no registry of ours would: a secret or an image for a stranger, or nothing that is known.
    Foreign(String),
    /// It is not there.
    Absent(String),
    /// It refuses this for good.
    Refused(String),
    /// It served something else than was asked for.
    Wrong(String),
    /// What is served is right, but of no use to us.
    Unfit(String),
}

impl Fault {
    /// Whether the same step may succeed when it is tried again.
    pub(super) fn passes(&self) -> bool {
        match self {
            Fault::Cut(error) => matches!(error, http::Error::Unreachable { .. }),
            Fault::Busy { .. } | Fault::Broken(_) | Fault::Renewed | Fault::Wrong(_) => true,
            Fault::Denied(_) | Fault::Foreign(_) | Fault::Absent(_) | Fault::Refused(_) | Fault::Unfit(_) => {
                false
            }
        }
    }

    /// How long it asked us to wait.
    pub(super) fn asked(&self) -> Option<Duration> {
        match self {
            Fault::Busy { after, .. } => *after,
            Fault::Renewed => Some(Duration::ZERO),
            _ => None,
        }
    }

    /// The reason in a few words.
    pub(super) fn why(&self) -> String {
        match self {
            Fault::Cut(error) => error.to_string(),
            Fault::Renewed => "the token ran out on the way".to_owned(),
            Fault::Busy { why, .. }
            | Fault::Broken(why)
            | Fault::Denied(why)
            | Fault::Foreign(why)
            | Fault::Absent(why)
            | Fault::Refused(why)
            | Fault::Wrong(why)
            | Fault::Unfit(why) => why.clone(),
        }
    }

    /// For people: `what` could not be done.
    pub(super) fn problem(&self, what: impl Into<String>) -> Problem {
        let what = what.into();
        let problem = |kind| Problem::new(kind, what).because(self.why());
        match self {
            Fault::Cut(error) => {
                let known = Problem::from(error.clone());
                match known.kind {
                    Kind::Unreachable => problem(Kind::Unreachable).hint(AGAIN),
                    kind => Problem { hints: known.hints, ..problem(kind) },
                }
            }
            Fault::Busy { .. } | Fault::Renewed => problem(Kind::Unreachable).hint(AGAIN),
            Fault::Broken(_) => problem(Kind::Rejected)
                .hint("the registry itself needs mending (is its disk full?)")
                .hint(AGAIN),
            Fault::Denied(_) => problem(Kind::Config),
            Fault::Foreign(_) => problem(Kind::Config).hint(FOREIGN),
            Fault::Absent(_) => problem(Kind::Refused).hint(ABSENT),
            Fault::Unfit(_) => problem(Kind::Refused).hint(FIT).hint("nothing of it was used; then run the same command again"),
            Fault::Refused(_) => problem(Kind::Rejected).hint(REFUSED),
            Fault::Wrong(_) => problem(Kind::Failed)
                .hint("nothing of it was used; run the same command again, and if it comes again push the image anew"),
        }
    }
}

const REFUSED: &str = "nothing of it was used; mend what the registry says (or what answers in its place), then run the \
                       same command again";
const FOREIGN: &str = "nothing secret was sent there; see that the registry is your own (CI_REGISTRY_IMAGE and CI_SERVER_URL; \
                       Heroku's is shown by: git hotfix doctor --config) and what answers in its place, then run the \
                       same command again";
const ABSENT: &str = "nothing of it was used; see that the build pushed it (and what answers in the registry's place), then run \
                      the same command again";
const FIT: &str = "let the build push one that Heroku takes: docker buildx build --platform linux/amd64 --output \
                   type=image,push=true,compression=gzip,force-compression=true";
const AGAIN: &str = "run the same command again: it goes on from what is there";

impl From<http::Error> for Fault {
    fn from(error: http::Error) -> Fault {
        Fault::Cut(error)
    }
}

/// What somebody answered, and why where that is told.
pub(super) fn answered(who: &str, status: u16, why: &str) -> String {
    match why {
        "" => format!("{who} answered {status}"),
        why => format!("{who} answered {status}: {why}"),
    }
}

/// The reason in a registry's error answer: its code, its message, and where there is one the cause.
pub(super) fn explanation(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Document {
        errors: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
        #[serde(default)]
        detail: serde_json::Value,
    }
    let Ok(document) = serde_json::from_slice::<Document>(body) else {
        let text = String::from_utf8_lossy(body);
        let line = text.lines().next().unwrap_or_default().trim();
        // A page is made for other eyes, and says no more than its status.
        return if line.starts_with('<') { String::new() } else { cut(line) };
    };
    let told = |entry: &Entry| {
        let detail = match &entry.detail {
            serde_json::Value::Null => String::new(),
            serde_json::Value::Object(map) if map.is_empty() => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let parts = [entry.code.as_str(), entry.message.as_str(), detail.as_str()];
        cut(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": "))
    };
    document.errors.first().map(told).unwrap_or_default()
}

fn cut(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_answer_is_told_with_its_cause() {
        let full =
            br#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"Op":"write","Err":28}}]}"#;
        assert_eq!(explanation(full), r#"UNKNOWN: unknown error: {"Op":"write","Err":28}"#);
        assert_eq!(explanation(br#"{"errors":[{"code":"DENIED"}]}"#), "DENIED");
        assert_eq!(explanation(b"Bad Gateway\nnginx"), "Bad Gateway");
        assert_eq!((explanation(b""), explanation(b"<html>Bad Gateway")), (String::new(), String::new()));
        assert_eq!(explanation("ä".repeat(300).as_bytes()).chars().count(), 201);
    }

    #[test]
    fn each_fault_has_its_exit_code() {
        let gone = http::Error::Impossible { what: "no host".to_owned() };
        for (fault, code, passes) in [
            (Fault::Busy { after: None, why: String::new() }, 6, true),
            (Fault::Broken("full".to_owned()), 7, true),
            (Fault::Renewed, 6, true),
            (Fault::Denied("no".to_owned()), 4, false),
            (Fault::Foreign("evil.example".to_owned()), 4, false),
            (Fault::Absent("gone".to_owned()), 5, false),
            (Fault::Refused("unsupported".to_owned()), 7, false),
            (Fault::Wrong("other bytes".to_owned()), 1, true),
            (Fault::Unfit("zstd".to_owned()), 5, false),
            (Fault::Cut(gone), 4, false),
        ] {
            let problem = fault.problem("could not copy");
            assert_eq!((problem.kind.exit_code(), fault.passes()), (code, passes), "{fault:?}");
        }
    }

    #[test]
    fn each_fault_says_what_mends_it() {
        let origin = http::Origin::of(&url::Url::parse("https://registry.example").unwrap()).unwrap();
        let gone = http::Error::Unreachable { origin, why: "connection reset".to_owned() };
        let said = |why: &str| format!("registry.example: {why}");
        let mut told = String::new();
        for fault in [
            Fault::Cut(gone),
            Fault::Cut(http::Error::Impossible { what: "no host".to_owned() }),
            Fault::Busy { after: None, why: said("TOOMANYREQUESTS") },
            Fault::Broken(said("500 UNKNOWN: no space left on device")),
            Fault::Renewed,
            Fault::Denied(said("401 UNAUTHORIZED")),
            Fault::Foreign(said("it sends us to https://evil.example")),
            Fault::Absent(said("404 MANIFEST_UNKNOWN")),
            Fault::Refused(said("400 UNSUPPORTED")),
            Fault::Wrong(said("served blob 0123456789ab with other bytes")),
            Fault::Unfit("it is an index of indexes".to_owned()),
        ] {
            let problem = fault.problem("no image registry.example/shop/web/portal");
            told.push_str(&format!("[{}] {problem}\n", problem.kind.exit_code()));
            problem.hints.iter().for_each(|hint| told.push_str(&format!("    hint: {hint}\n")));
        }
        insta::assert_snapshot!(told, @"
        [6] no image registry.example/shop/web/portal: https://registry.example could not be reached: connection reset
            hint: run the same command again: it goes on from what is there
        [4] no image registry.example/shop/web/portal: no host
            hint: see which address and which token are used: git hotfix doctor
        [6] no image registry.example/shop/web/portal: registry.example: TOOMANYREQUESTS
            hint: run the same command again: it goes on from what is there
        [7] no image registry.example/shop/web/portal: registry.example: 500 UNKNOWN: no space left on device
            hint: the registry itself needs mending (is its disk full?)
            hint: run the same command again: it goes on from what is there
        [6] no image registry.example/shop/web/portal: the token ran out on the way
            hint: run the same command again: it goes on from what is there
        [4] no image registry.example/shop/web/portal: registry.example: 401 UNAUTHORIZED
        [4] no image registry.example/shop/web/portal: registry.example: it sends us to https://evil.example
            hint: nothing secret was sent there; see that the registry is your own (CI_REGISTRY_IMAGE and CI_SERVER_URL; Heroku's is shown by: git hotfix doctor --config) and what answers in its place, then run the same command again
        [5] no image registry.example/shop/web/portal: registry.example: 404 MANIFEST_UNKNOWN
            hint: nothing of it was used; see that the build pushed it (and what answers in the registry's place), then run the same command again
        [7] no image registry.example/shop/web/portal: registry.example: 400 UNSUPPORTED
            hint: nothing of it was used; mend what the registry says (or what answers in its place), then run the same command again
        [1] no image registry.example/shop/web/portal: registry.example: served blob 0123456789ab with other bytes
            hint: nothing of it was used; run the same command again, and if it comes again push the image anew
        [5] no image registry.example/shop/web/portal: it is an index of indexes
            hint: let the build push one that Heroku takes: docker buildx build --platform linux/amd64 --output type=image,push=true,compression=gzip,force-compression=true
            hint: nothing of it was used; then run the same command again
        ");
    }
}
