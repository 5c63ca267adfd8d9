//! `.hotfix.toml`: what a repository says about its own flow.
//!
//! Data only. The schema is closed: an unknown key is an error, and no key names a host for a token, a
//! command, a certificate or a path outside the repository, since whoever can push a branch can write
//! this file. Rungs from merge on, and `ci`, give the bytes of the fetched production branch.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::{Setting, Source, value};
use crate::error::{Kind, Problem};
use crate::http::Origin;

/// The name of the file, at the top of the repository.
pub const FILE_NAME: &str = ".hotfix.toml";

/// No honest file is longer.
const LONGEST: usize = 64 << 10;

/// A file that was read and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it came from, as in `.hotfix.toml on main at 9f3c1a7e`.
    pub label: String,
    /// Values by the name of their key, each a list.
    values: BTreeMap<&'static str, Vec<String>>,
    pub(super) approvals: Option<Vec<Role>>,
    pub(super) apps: Vec<App>,
}

/// Somebody's part in releasing, and the approval rule that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// As in `tech-lead`.
    pub name: String,
    /// The label of the rule as GitLab shows it: a group, a user or an access level.
    pub rule: String,
}

/// A production app, as the pipeline's side needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its name on Heroku.
    pub heroku: Option<String>,
    /// Its image below the project's registry; empty for the registry's own.
    pub image: Option<String>,
    /// The tag of the image; `{sha}` stands for the commit, `{short_sha}` for its first 8 digits.
    pub tag: Option<String>,
    /// The process types that are released.
    pub processes: Vec<String>,
    /// How to see that it is well.
    pub health: Option<Health>,
}

/// A health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is asked for, without any token.
    pub url: Url,
    /// The header of the answer that names the running commit.
    pub identity: Option<String>,
    /// The field of its JSON that does, as in `build.commit`.
    pub field: Option<String>,
    /// The status of a good answer.
    pub status: u16,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    branches: RawBranches,
    deploy: RawDeploy,
    migrations: RawMigrations,
    backport: RawBackport,
    apps: BTreeMap<Spanned<String>, RawApp>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawBranches {
    production: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    targets: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawDeploy {
    job: Option<OneOrMany>,
    rollback_job: Option<Spanned<String>>,
    environment: Option<Spanned<String>>,
    apps: Option<Vec<Spanned<String>>>,
    approvals: Option<Spanned<BTreeMap<Spanned<String>, Spanned<String>>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawMigrations {
    job: Option<Spanned<String>>,
    paths: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawBackport {
    job: Option<Spanned<String>>,
    labels: Option<Vec<Spanned<String>>>,
    conflict_labels: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawApp {
    heroku: Option<Spanned<String>>,
    image: Option<Spanned<String>>,
    tag: Option<Spanned<String>>,
    processes: Vec<Spanned<String>>,
    health: Option<RawHealth>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHealth {
    url: Spanned<String>,
    identity: Option<Spanned<String>>,
    field: Option<Spanned<String>>,
    status: Option<Spanned<u16>>,
}

/// A string or a list of strings.
struct OneOrMany(Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a string or a list of strings")]
        enum Either {
            One(String),
            Many(Vec<String>),
        }
        let either = Spanned::<Either>::deserialize(from)?;
        let span = either.span();
        let texts = match either.into_inner() {
            Either::One(text) => vec![text],
            Either::Many(texts) => texts,
        };
        Ok(OneOrMany(texts.into_iter().map(|text| Spanned::new(span.clone(), text)).collect()))
    }
}

impl File {
    /// Reads a file. `label` says where it came from, in words.
    pub fn parse(bytes: &[u8], label: &str) -> Result<File, Problem> {
        File::read(bytes, label).map_err(|problem| problem.hint("what may stand in it: git help hotfix"))
    }

    fn read(bytes: &[u8], label: &str) -> Result<File, Problem> {
        let problem = |what: String| Problem::new(Kind::Config, format!("{label}: {what}"));
        if bytes.len() > LONGEST {
            return Err(problem(format!("longer than {} KiB", LONGEST >> 10)));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (line, column) = position(bytes, error.valid_up_to());
                return Err(problem(format!("line {line}, column {column}: not UTF-8")));
            }
        };
        let at = |span: &Range<usize>, what: &str| {
            let (line, column) = position(bytes, span.start);
            problem(format!("line {line}, column {column}: {what}"))
        };
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let (what, hint) = in_words(error.message());
            let problem = at(&error.span().unwrap_or(0..0), &what);
            hint.into_iter().fold(problem, Problem::hint)
        })?;
        raw.check(label).map_err(|(span, what)| at(&span, &what))
    }

    /// The production branch that a file names, if it can be read and does; what is wrong with it is said
    /// where it is read for good.
    pub fn production_branch(bytes: &[u8], label: &str) -> Option<Setting<String>> {
        let file = File::parse(bytes, label).ok()?;
        let value = file.get(super::PRODUCTION.name)?.last()?.clone();
        Some(Setting { value, source: Source::File(file.label) })
    }

    pub(super) fn get(&self, key: &str) -> Option<&[String]> {
        self.values.get(key).map(Vec::as_slice)
    }
}

type Wrong = (Range<usize>, String);
type Check<T = String> = fn(&str) -> Result<T, String>;
/// A key, its values where it is given, and what each of them must be.
type Row<'a> = (&'static str, Option<&'a [Spanned<String>]>, Check);

fn one<T>(value: &Spanned<String>, check: Check<T>) -> Result<T, Wrong> {
    check(value.get_ref()).map_err(|what| (value.span(), what))
}

fn maybe<T>(value: &Option<Spanned<String>>, check: Check<T>) -> Result<Option<T>, Wrong> {
    value.as_ref().map(|value| one(value, check)).transpose()
}

fn many<T>(values: &[Spanned<String>], check: Check<T>) -> Result<Vec<T>, Wrong> {
    values.iter().map(|value| one(value, check)).collect()
}

impl Raw {
    fn check(self, label: &str) -> Result<File, Wrong> {
        use std::slice::from_ref;
        use value::{branch, label as tag, name, path_pattern, target};
        fn list(values: &Option<Vec<Spanned<String>>>) -> Option<&[Spanned<String>]> {
            values.as_deref()
        }
        fn single(value: &Option<Spanned<String>>) -> Option<&[Spanned<String>]> {
            value.as_ref().map(from_ref)
        }
        let (branches, deploy, backport) = (&self.branches, &self.deploy, &self.backport);
        let rows: [Row<'_>; 12] = [
            ("branches.production", single(&branches.production), branch),
            ("branches.prefix", single(&branches.prefix), branch),
            ("branches.targets", list(&branches.targets), target),
            ("deploy.job", deploy.job.as_ref().map(|jobs| jobs.0.as_slice()), name),
            ("deploy.rollback_job", single(&deploy.rollback_job), name),
            ("deploy.environment", single(&deploy.environment), name),
            ("deploy.apps", list(&deploy.apps), name),
            ("migrations.job", single(&self.migrations.job), name),
            ("migrations.paths", list(&self.migrations.paths), path_pattern),
            ("backport.job", single(&backport.job), name),
            ("backport.labels", list(&backport.labels), tag),
            ("backport.conflict_labels", list(&backport.conflict_labels), tag),
        ];
        let mut values = BTreeMap::new();
        for (key, row, check) in rows {
            if let Some(row) = row {
                values.insert(key, many(row, check)?);
            }
        }
        let approvals = deploy.approvals.as_ref().map(roles).transpose()?;
        let mut apps: Vec<_> = self.apps.iter().collect();
        // As they stand in the file: the table itself is sorted by name.
        apps.sort_by_key(|(name, _)| name.span().start);
        let apps = apps.into_iter().map(|(name, app)| app.check(name)).collect::<Result<_, _>>()?;
        Ok(File { label: label.to_owned(), values, approvals, apps })
    }
}

/// The roles in the order of the file, which is the order they are shown and asked in.
fn roles(raw: &Spanned<BTreeMap<Spanned<String>, Spanned<String>>>) -> Result<Vec<Role>, Wrong> {
    let mut entries: Vec<_> = raw.get_ref().iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut roles: Vec<Role> = Vec::new();
    for (name, rule) in entries {
        let role = Role { name: one(name, value::name)?, rule: one(rule, value::name)? };
        // One approval must never count for two people.
        if roles.iter().any(|other| other.rule == role.rule) {
            return Err((rule.span(), format!("“{}” already stands for another role", role.rule)));
        }
        roles.push(role);
    }
    Ok(roles)
}

impl RawApp {
    fn check(&self, name: &Spanned<String>) -> Result<App, Wrong> {
        let health = self.health.as_ref().map(|health| {
            let identity = maybe(&health.identity, header_name)?;
            let field = maybe(&health.field, json_field)?;
            let status = health.status.as_ref().map_or(Ok(200), good_status)?;
            Ok(Health { url: one(&health.url, health_url)?, identity, field, status })
        });
        Ok(App {
            name: one(name, value::name)?,
            heroku: maybe(&self.heroku, heroku_name)?,
            image: maybe(&self.image, image_path)?,
            tag: maybe(&self.tag, image_tag)?,
            processes: many(&self.processes, heroku_name)?,
            health: health.transpose()?,
        })
    }
}

fn health_url(text: &str) -> Result<Url, String> {
    let bad = || format!("“{text}” is no https address");
    let url = Url::parse(text).map_err(|_| bad())?;
    let private = Origin::of(&url).is_some_and(|origin| origin.is_private());
    if !private || !url.username().is_empty() || url.password().is_some() {
        return Err(bad());
    }
    Ok(url)
}

fn header_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(format!("“{text}” is no name of a header"));
    }
    Ok(text.to_ascii_lowercase())
}

fn json_field(text: &str) -> Result<String, String> {
    let fits = |part: &str| !part.is_empty() && !part.chars().any(char::is_control);
    match text.split('.').all(fits) {
        true => Ok(text.to_owned()),
        false => Err(format!("“{text}” is no field of a JSON answer, as in build.commit")),
    }
}

fn good_status(status: &Spanned<u16>) -> Result<u16, Wrong> {
    match status.get_ref() {
        // A redirect is never followed, so it says nothing about the app.
        200..=299 => Ok(*status.get_ref()),
        other => Err((status.span(), format!("{other} is no status of a good answer (200 to 299)"))),
    }
}

fn heroku_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if !text.bytes().next().is_some_and(|first| first.is_ascii_lowercase()) || !text.bytes().all(fits) {
        return Err(format!("“{text}” is no name of an app or process type on Heroku"));
    }
    Ok(text.to_owned())
}

/// Whether a registry takes this for a repository's name: path components of small letters and digits in words,
/// joined by `.`, `_`, `__` or dashes (OCI distribution specification, "Pulling manifests").
pub fn names_an_image(text: &str) -> bool {
    let word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let joint = |joint: &str| matches!(joint, "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-');
    let component =
        |part: &str| part.starts_with(word) && part.ends_with(word) && part.split(word).all(joint);
    text.len() <= 255 && text.split('/').all(component)
}

fn image_path(text: &str) -> Result<String, String> {
    if !text.is_empty() && !names_an_image(text) {
        return Err(format!("“{text}” is no image below the project's registry"));
    }
    Ok(text.to_owned())
}

fn image_tag(text: &str) -> Result<String, String> {
    let plain = text.replace("{sha}", "x").replace("{short_sha}", "x");
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let starts = plain.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_');
    if !starts || plain.len() > 128 || !plain.bytes().all(fits) {
        return Err(format!("“{text}” is no tag, as in {{sha}} or prod-{{sha}}"));
    }
    Ok(text.to_owned())
}

/// Line and column, both from 1; the column counts characters.
fn position(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count() + 1;
    (before.iter().filter(|byte| **byte == b'\n').count() + 1, column)
}

/// The parser's message; for an unknown key, with the nearest known one as a hint. serde names the
/// known keys in backquotes, after the unknown one.
fn in_words(message: &str) -> (String, Option<String>) {
    let flat = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if !message.starts_with("unknown field `") {
        return (flat, None);
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let distance = |name: &&&str| strsim::damerau_levenshtein(unknown, name);
    let nearest = known.iter().min_by_key(distance).filter(|name| distance(name) <= 1 + unknown.len() / 3);
    let hint = match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => format!("known here: {}", known.join(", ")),
    };
    (format!("unknown key {unknown}"), Some(hint))
}
