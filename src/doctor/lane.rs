//! How a pipeline file differs from what the hotfix lane needs, whatever its jobs are called.
//!
//! A job is known by its configured name, else by what it does. Pure; `ci template` writes a file without a
//! single difference, which a test holds.

use super::ci_file::{CiFile, Job};
use super::{Finding, Report, State, pipeline};
use crate::config::Config;
use crate::error::Kind;

/// Every difference that matters, in the order of the flow. What stops the lane is `Fail(Refused)`.
pub fn check(config: &Config, file: &CiFile) -> Report {
    let lane = Lane { config, file };
    let deploy = lane.deploy();
    let mut report = Report::default();
    report.add("deployment", lane.deployment(deploy));
    report.add("migrations", lane.migrations(deploy));
    report.add("backport", lane.backport(deploy));
    report.add("rollback", lane.rollback(deploy));
    report.add("normal lane", lane.normal());
    for finding in report.groups.iter_mut().flat_map(|(_, findings)| findings) {
        if let State::Fail(kind) = &mut finding.state {
            *kind = Kind::Refused;
        }
    }
    report
}

struct Lane<'a> {
    config: &'a Config,
    file: &'a CiFile,
}

impl<'a> Lane<'a> {
    fn environment(&self) -> &'a str {
        &self.config.environment.value
    }

    /// The jobs that deploy to production.
    fn deployers(&self) -> Vec<&'a Job> {
        self.file.jobs.iter().filter(|job| job.deploys() && self.is_there(job)).collect()
    }

    fn is_there(&self, job: &Job) -> bool {
        job.environment.as_deref() == Some(self.environment())
    }

    fn deploy(&self) -> Option<&'a Job> {
        let named = self.config.deploy_jobs.value.iter().find_map(|name| self.file.job(name));
        let by_hand: Vec<&Job> = self.deployers().into_iter().filter(|job| job.is_manual()).collect();
        named.or(match by_hand.as_slice() {
            [only] => Some(only),
            _ => None,
        })
    }

    /// The job of this name, else the only one that is about it.
    fn about(&self, name: &str, is: impl Fn(&Job) -> bool) -> Option<&'a Job> {
        let named = self.file.job(name);
        let about: Vec<&Job> = self.file.jobs.iter().filter(|job| is(job)).collect();
        named.or(match about.as_slice() {
            [only] => Some(only),
            _ => None,
        })
    }

    fn renamed(&self, job: &Job, names: &[String], table: &str, key: &str) -> Option<Finding> {
        (!names.contains(&job.name)).then(|| {
            Finding::fail(
                Kind::Refused,
                &job.name,
                format!("it is configured as {}", names.join(" or ")),
                format!("name it: [{table}] {key} = \"{}\" in .hotfix.toml", job.name),
            )
        })
    }

    fn deployment(&self, deploy: Option<&Job>) -> Vec<Finding> {
        let names = &self.config.deploy_jobs.value;
        let Some(job) = deploy else {
            let many: Vec<&str> = self.deployers().iter().map(|job| job.name.as_str()).collect();
            return vec![match (self.file.includes, many.as_slice()) {
                (true, _) => elsewhere(&names.join(" or ")),
                (_, []) => Finding::fail(
                    Kind::Refused,
                    names.join(" or "),
                    format!("no job deploys to {} by hand", self.environment()),
                    "print one: git hotfix ci template",
                ),
                (_, many) => Finding::fail(
                    Kind::Refused,
                    names.join(" or "),
                    format!(
                        "no job of this name; these deploy to {}: {}",
                        self.environment(),
                        many.join(", ")
                    ),
                    "name the hotfix's own: [deploy] job in .hotfix.toml   (none yet: git hotfix ci template)",
                ),
            }];
        };
        let mut findings: Vec<Finding> = self.renamed(job, names, "deploy", "job").into_iter().collect();
        findings.extend(pipeline::deploy(self.config, job));
        findings.extend(self.branch(job));
        findings.extend(self.group(job));
        if job.retries {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                "GitLab starts it again by itself when it fails: a second deployment that nobody asked for",
                "give it `retry: 0`",
            ));
        }
        if job.parallel {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                "GitLab makes several jobs of it, of other names, and each would deploy",
                "take `parallel` out",
            ));
        }
        if job.script.contains("ci promote") && !job.keeps_artifacts {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                "a deployment that fails leaves no receipt, and the rollback goes back by it",
                "give it `artifacts: {when: always, paths: [promote-receipt.json, promote-receipt.md]}`",
            ));
        }
        findings
    }

    /// A job that comes into every pipeline deploys from any branch.
    fn branch(&self, job: &Job) -> Option<Finding> {
        let main = &self.config.production.value;
        let known = |condition: &String| {
            condition.contains(main.as_str())
                || condition.contains("CI_DEFAULT_BRANCH")
                || condition.contains('$') && condition.contains("HOTFIX")
        };
        let mend = format!("give each of its rules `if: $CI_COMMIT_BRANCH == \"{main}\"`");
        if job.ways.iter().any(|way| way.condition.is_none()) {
            let found = "it comes into pipelines of every branch, tag and merge request";
            return Some(Finding::fail(Kind::Refused, &job.name, found, mend));
        }
        let odd =
            job.ways.iter().filter_map(|way| way.condition.as_ref()).find(|condition| !known(condition))?;
        Some(Finding::unknown(&job.name, format!("whether `{odd}` keeps it to {main} cannot be told")))
    }

    /// Everything that changes production must stand in one queue.
    fn group(&self, job: &Job) -> Vec<Finding> {
        let Some(group) = &job.resource_group else {
            return vec![Finding::fail(
                Kind::Refused,
                &job.name,
                "nothing keeps two deployments from running at once (no resource_group)",
                format!(
                    "give it `resource_group: {}`, and every other job that deploys there the same",
                    self.environment()
                ),
            )];
        };
        let other = |other: &&Job| other.name != job.name && other.resource_group.as_ref() != Some(group);
        let apart = self.deployers().into_iter().filter(other).map(|other| {
            Finding::fail(
                Kind::Refused,
                &other.name,
                format!("it deploys to {} too, in another queue than {}", self.environment(), job.name),
                format!("give it `resource_group: {group}`"),
            )
        });
        apart.collect()
    }

    fn migrations(&self, deploy: Option<&Job>) -> Vec<Finding> {
        let name = &self.config.migrations_job.value;
        if self.config.migrations_paths.value.is_empty() {
            return Vec::new();
        }
        let Some(job) = self.about(name, |job| job.name.to_lowercase().contains("migrat")) else {
            return vec![
                self.missing(name, "migrations are then run by nobody, or by the image's release phase"),
            ];
        };
        let mut findings: Vec<Finding> =
            self.renamed(job, std::slice::from_ref(name), "migrations", "job").into_iter().collect();
        let automatic = !job.is_manual();
        if self.is_there(job) && job.deploys() {
            findings.push(self.own_deployment(job));
        } else if self.is_there(job) && automatic {
            findings.push(Finding::warn(
                &job.name,
                format!("it names {}: where that has approval rules, GitLab makes it manual", self.environment()),
                "play it with git hotfix migrate, or take `environment` out (and its variables' scope with it)",
            ));
        }
        if let Some(deploy) = deploy.filter(|deploy| automatic && !self.follows(job, deploy)) {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                format!("it may run before {}, or without it", deploy.name),
                format!("give it `needs: [{}]`", deploy.name),
            ));
        }
        self.or_fine(findings, job, if automatic { "by itself, after the deployment" } else { "by hand" })
    }

    fn backport(&self, deploy: Option<&Job>) -> Vec<Finding> {
        let name = &self.config.backport_job.value;
        if self.config.targets.value.is_empty() {
            return Vec::new();
        }
        let Some(job) = self.about(name, |job| job.script.contains("hotfix ci backport")) else {
            return vec![match self.file.includes {
                true => elsewhere(name),
                false => Finding::ok(name, "not there: backports are made from a clone, by ship or backport"),
            }];
        };
        let mut findings: Vec<Finding> =
            self.renamed(job, std::slice::from_ref(name), "backport", "job").into_iter().collect();
        if let Some(deploy) = deploy.filter(|deploy| !self.follows(job, deploy)) {
            findings.push(Finding::warn(
                &job.name,
                format!(
                    "it does not wait for {}: what never reached production is backported too",
                    deploy.name
                ),
                format!("give it `needs: [{}]`", deploy.name),
            ));
        }
        if self.is_there(job) {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                format!("it names {}, so it waits for the approvals of a deployment", self.environment()),
                "take `environment` out, and give GIT_HOTFIX_TOKEN no environment's scope",
            ));
        }
        self.or_fine(findings, job, "after the deployment")
    }

    fn rollback(&self, deploy: Option<&Job>) -> Vec<Finding> {
        let name = &self.config.rollback_job.value;
        let is = |job: &Job| {
            let name = job.name.to_lowercase().replace(['-', '_', ' '], "");
            name.contains("rollback")
        };
        let Some(job) = self.about(name, is) else {
            return vec![self.missing(name, "git hotfix rollback has nothing to play")];
        };
        let mut findings: Vec<Finding> =
            self.renamed(job, std::slice::from_ref(name), "deploy", "rollback_job").into_iter().collect();
        if !job.is_manual() {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                "it may start without anybody asking: production would be taken back after each deployment",
                "give it `when: manual` in each of its rules",
            ));
        } else if job.ways.iter().any(|way| !way.allow_failure) {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                "allow_failure is false: every pipeline waits until somebody rolls back",
                "give it `allow_failure: true`",
            ));
        }
        if let Some(deploy) = deploy.filter(|deploy| self.follows(job, deploy)) {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                format!("it comes after {}: when that fails, GitLab skips it for good", deploy.name),
                format!(
                    "put it into the stage {} with `needs: []`, for it fetches the receipt itself: git hotfix ci promote --rollback",
                    deploy.stage
                ),
            ));
        }
        if self.is_there(job) && job.deploys() {
            findings.push(self.own_deployment(job));
        }
        let group = deploy.and_then(|deploy| deploy.resource_group.as_ref());
        if let Some(group) = group.filter(|group| job.resource_group.as_ref() != Some(*group)) {
            findings.push(Finding::fail(
                Kind::Refused,
                &job.name,
                "it may run beside a deployment (another resource_group)",
                format!("give it `resource_group: {group}`"),
            ));
        }
        self.or_fine(findings, job, "by hand, at any time, and in nobody's way")
    }

    fn normal(&self) -> Vec<Finding> {
        if self.config.targets.value.is_empty() {
            return Vec::new();
        }
        let gate = self.file.jobs.iter().find(|job| job.script.contains("hotfix list --missing"));
        vec![match gate {
            Some(job) => Finding::ok(&job.name, "fails while a landed hotfix is missing on a target"),
            None if self.file.includes => elsewhere("gate"),
            None => Finding::warn(
                "gate",
                "nothing keeps the next normal release from undoing a hotfix that is not back yet",
                "print one: git hotfix ci template --gate",
            ),
        }]
    }

    /// Whether a job waits for another one, and is skipped where that fails.
    fn follows(&self, job: &Job, other: &Job) -> bool {
        match &job.needs {
            Some(needs) => needs.contains(&other.name),
            None => self.file.comes_after(job, other),
        }
    }

    fn own_deployment(&self, job: &Job) -> Finding {
        Finding::fail(
            Kind::Refused,
            &job.name,
            format!(
                "GitLab records it as a deployment of its commit to {}, and asks for approvals",
                self.environment()
            ),
            format!("give it `environment: {{name: {}, action: access}}`", self.environment()),
        )
    }

    fn missing(&self, name: &str, what: &str) -> Finding {
        match self.file.includes {
            true => elsewhere(name),
            false => Finding::warn(name, format!("no such job: {what}"), "print one: git hotfix ci template"),
        }
    }

    fn or_fine(&self, findings: Vec<Finding>, job: &Job, what: &str) -> Vec<Finding> {
        match findings.is_empty() {
            true => vec![Finding::ok(&job.name, what)],
            false => findings,
        }
    }
}

fn elsewhere(name: &str) -> Finding {
    Finding::unknown(name, "not in the file itself; it may be in one that it includes")
}
