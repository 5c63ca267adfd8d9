//! The token: where it came from, what it may do, how long it lives.

use jiff::civil::Date;

use super::{Finding, Seen};
use crate::error::{Kind, Problem};
use crate::gitlab::{TokenInfo, User};

/// Warned of from so many days before.
const SOON: i64 = 14;

/// What is known of the token in use.
pub struct Token<'a> {
    /// Where it came from; `None` when there is none.
    pub source: Option<String>,
    /// Sources that were passed over, and why.
    pub skipped: Vec<String>,
    /// Where tokens are made.
    pub page: &'a str,
    /// The instance's address.
    pub base: &'a str,
}

/// There is no token: what that stops, and how to get one.
pub fn missing(token: &Token<'_>) -> Vec<Finding> {
    let skipped = token.skipped.iter().map(|why| format!("; {why}"));
    vec![Finding::fail(
        Kind::Config,
        "token",
        format!(
            "none for {}: only start, backport --no-push, --dry-run and status --offline work{}",
            token.base,
            skipped.collect::<String>()
        ),
        new_token(token),
    )]
}

fn new_token(token: &Token<'_>) -> String {
    format!(
        "make one with the scopes api and write_repository at {}, then: export GIT_HOTFIX_URL={} GIT_HOTFIX_TOKEN=<token>",
        token.page, token.base
    )
}

/// GitLab does not take the token that was found.
pub fn refused(token: &Token<'_>, problem: &Problem) -> Vec<Finding> {
    let source = token.source.as_deref().unwrap_or("unknown source");
    vec![Finding::fail(Kind::Config, "token", format!("from {source}: {problem}"), new_token(token))]
}

/// The token that was used.
pub fn checks(token: &Token<'_>, info: &Seen<TokenInfo>, me: &Seen<User>, today: Date) -> Vec<Finding> {
    let source = token.source.as_deref().unwrap_or("unknown source");
    let whose = match me {
        Ok(user) => format!("{} from {source}", user.username),
        Err(why) => format!("from {source}; whose it is is not known: {why}"),
    };
    let skipped = token.skipped.iter().map(|why| format!("; passed over {why}"));
    let mut findings = vec![Finding::ok("token", format!("{whose}{}", skipped.collect::<String>()))];
    let info = match info {
        Ok(info) => info,
        Err(why) => {
            findings.push(Finding::unknown(
                "scopes",
                format!("GitLab tells them of access tokens only, not of OAuth and job tokens: {why}"),
            ));
            return findings;
        }
    };
    findings.push(scopes(token, info));
    findings.push(expiry(token, info, today));
    findings
}

fn scopes(token: &Token<'_>, info: &TokenInfo) -> Finding {
    let has = |name: &str| info.scopes.iter().any(|scope| scope == name);
    let list = match info.scopes.is_empty() {
        true => "none".to_owned(),
        false => info.scopes.join(", "),
    };
    let mend = format!("make one with the scopes api and write_repository at {}", token.page);
    if has("api") {
        return Finding::ok("scopes", list);
    }
    let blocked = match has("read_api") {
        true => "open, merge, approve, deploy, migrate, ask --post and the merge request of backport",
        false => "every command that asks GitLab",
    };
    Finding::fail(Kind::Config, "scopes", format!("{list}; without `api` GitLab refuses {blocked}"), mend)
}

fn expiry(token: &Token<'_>, info: &TokenInfo, today: Date) -> Finding {
    const NAME: &str = "expiry";
    let mend = format!("make a new one at {}", token.page);
    if info.revoked == Some(true) {
        return Finding::fail(Kind::Config, NAME, "it was revoked", mend);
    }
    let Some(last) = info.expires_at else {
        return match info.active {
            Some(false) => Finding::fail(Kind::Config, NAME, "it is not active", mend),
            _ => Finding::ok(NAME, "never"),
        };
    };
    let days = today.until(last).map_or(i64::MAX, |span| i64::from(span.get_days()));
    match days {
        ..0 => Finding::fail(Kind::Config, NAME, format!("it expired on {last}"), mend),
        0 => Finding::warn(NAME, format!("{last}, which is today"), mend),
        1..=SOON => Finding::warn(NAME, format!("{last}, in {days} days"), mend),
        _ => Finding::ok(NAME, last.to_string()),
    }
}
