//! The jobs of the pipeline: that they are there, and that the deployment waits for people.

use super::ci_file::{CiFile, Job};
use super::{Finding, Seen};
use crate::config::Config;
use crate::error::Kind;
use crate::gitlab::Lint;

/// GitLab's word on the pipeline file, or the file of the clone where GitLab was not asked.
pub fn file(lint: Option<&Seen<Lint>>, local: Option<&str>) -> (Finding, Option<CiFile>) {
    const NAME: &str = "pipeline file";
    let (why, text, source) = match lint {
        Some(Ok(lint)) if !lint.valid => {
            let what = lint.errors.first().map_or("GitLab does not say why", String::as_str);
            let found = format!("GitLab cannot use it: {what}");
            let mend = "mend .gitlab-ci.yml on the production branch, then: git hotfix doctor";
            return (Finding::fail(Kind::Config, NAME, found, mend), None);
        }
        Some(Ok(lint)) => (None, lint.merged_yaml.as_deref(), "as GitLab merges it"),
        Some(Err(why)) => (Some(why.as_str()), local, ".gitlab-ci.yml as last fetched"),
        None => (None, local, ".gitlab-ci.yml as last fetched"),
    };
    let Some(text) = text else {
        return (Finding::unknown(NAME, why.unwrap_or("there is no .gitlab-ci.yml to read")), None);
    };
    match CiFile::parse(text) {
        Ok(file) => {
            let includes = if file.includes { ", without what it includes" } else { "" };
            let count = file.jobs.len();
            (Finding::ok(NAME, format!("{count} jobs, {source}{includes}")), Some(file))
        }
        Err(what) => (Finding::unknown(NAME, format!("{source} could not be read: {what}")), None),
    }
}

/// The jobs the flow plays.
pub fn jobs(config: &Config, file: &CiFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in &config.deploy_jobs.value {
        match file.job(name) {
            Some(job) => findings.extend(deploy(config, job)),
            None => findings.push(missing(file, name, "deploy.job", true)),
        }
    }
    let name = &config.migrations_job.value;
    if !config.migrations_paths.value.is_empty() {
        findings.push(match file.job(name) {
            Some(job) if job.is_manual() => Finding::ok(name, "manual: git hotfix migrate plays it"),
            Some(_) => Finding::ok(name, "runs by itself after the deployment"),
            None => missing(file, name, "migrations.job", false),
        });
    }
    let name = &config.rollback_job.value;
    findings.push(match file.job(name) {
        Some(job) if job.is_manual() => Finding::ok(name, "manual"),
        Some(_) => Finding::fail(
            Kind::Refused,
            name,
            "it may start without anybody asking: production would be taken back after each deployment",
            "give it `when: manual` in each of its rules",
        ),
        None => missing(file, name, "deploy.rollback_job", false),
    });
    let name = &config.backport_job.value;
    findings.push(match file.job(name) {
        Some(_) => Finding::ok(name, "the pipeline makes the backport as well"),
        None => Finding::ok(name, "not there: backports are made from a clone, by ship or backport"),
    });
    findings
}

pub(super) fn deploy(config: &Config, job: &Job) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = &job.name;
    let environment = &config.environment.value;
    match job.environment.as_deref() {
        Some(place) if place.contains('$') => {
            findings.push(Finding::unknown(name, format!("its environment `{place}` is made of variables")))
        }
        Some(place) if place == environment && job.deploys() => {}
        Some(place) if place == environment => findings.push(Finding::fail(
            Kind::Config,
            name,
            format!("it names {environment}, but makes no deployment there (its action is not start)"),
            "remove `action:` from its environment",
        )),
        Some(place) => findings.push(Finding::fail(
            Kind::Config,
            name,
            format!("it deploys to {place}, not to {environment}"),
            format!("set [deploy] environment = \"{place}\" in .hotfix.toml, or mend the job"),
        )),
        None => findings.push(Finding::fail(
            Kind::Config,
            name,
            "it names no environment, so GitLab makes no deployment and asks nobody",
            format!("give it `environment: {environment}` in the pipeline file"),
        )),
    }
    if !job.is_manual() {
        let ways: Vec<&str> = job.ways.iter().map(|way| way.when.as_str()).collect();
        let ways = if ways.is_empty() { "never".to_owned() } else { ways.join(", ") };
        findings.push(Finding::fail(
            Kind::Config,
            name,
            format!("it starts {ways}: not by hand only"),
            "give it `when: manual` in each of its rules",
        ));
    }
    if job.ways.iter().any(|way| way.allow_failure) {
        findings.push(Finding::fail(
            Kind::Config,
            name,
            "allow_failure is true: the pipeline goes on and turns green without any deployment",
            "give it `allow_failure: false` beside `when: manual`",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(name, format!("manual, allow_failure: false, to {environment}")));
    }
    findings
}

fn missing(file: &CiFile, name: &str, key: &str, needed: bool) -> Finding {
    if file.includes {
        return Finding::unknown(name, "not in the file itself; it may be in one that it includes");
    }
    let near = |job: &&Job| strsim::damerau_levenshtein(&job.name, name);
    let nearest = file.jobs.iter().min_by_key(near).filter(|job| near(job) <= name.len() / 2);
    let nearest = nearest.map(|job| format!(" (nearest: {})", job.name)).unwrap_or_default();
    let found = format!("no job of this name{nearest}");
    let (table, key) = key.split_once('.').unwrap_or(("", key));
    let mend = format!("name yours: [{table}] {key} in .hotfix.toml   (none yet: git hotfix ci template)");
    match needed {
        true => Finding::fail(Kind::Config, name, found, mend),
        false => Finding::warn(name, found, mend),
    }
}
