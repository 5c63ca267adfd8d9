//! What production runs, and the deployment that would change it.
//!
//! The deploy job is found by its deployment (environment, commit, job name), newest first: that covers
//! retries and child pipelines. `--sort` is not GitLab's default: the oldest would come first.

use super::history::{History, contains};
use super::standing::Names;
use super::{review, way_back};
use crate::error::Result;
use crate::gitlab;
use crate::hotfix::floor::Floor;
use crate::hotfix::goal::{Goal, Scope, merged};
use crate::hotfix::site::Site;
use crate::hotfix::snapshot::{
    DeployStatus, Deployment, Fact, Job, Landed, LandedKind, Pipeline, Production, Rule, RunStatus, Sha,
    Shipment, Snapshot, Vote,
};

/// How many deployments are looked at.
const LOOKED_AT: usize = 50;

const SUCCESS: gitlab::DeploymentStatus = gitlab::DeploymentStatus::Success;

/// Reads production, the deployment and its pipeline.
pub(super) fn production(
    site: &mut Site<'_>,
    s: &mut Snapshot,
    goal: &Goal,
    scope: Scope,
    floor: &Floor,
) -> Result<()> {
    let Some(gitlab) = site.gitlab else { return Ok(()) };
    let environment = s.policy.environment.clone();
    let mut rows = gitlab.deployments(&environment, None, LOOKED_AT)?;
    let shows = |job| rows.iter().any(|row| row.deployable.as_ref().is_some_and(|deploys| deploys.id == job));
    if let Some(job) = floor.deploy_job.filter(|job| !shows(*job)) {
        return Err(gitlab.behind(format!("the deployment of job {job} to {environment}")).into());
    }
    let mut runs = standing(site, s, &rows)?;
    if runs.is_none() && rows.len() == LOOKED_AT {
        let succeeded = gitlab.deployments(&environment, Some(SUCCESS), LOOKED_AT)?;
        let oldest = rows.last().map_or(0, |row| row.id);
        rows.extend(succeeded.into_iter().filter(|row| row.id < oldest));
        runs = standing(site, s, &rows)?;
    }
    s.production = running(site, s, &rows, runs)?;
    let gated = matches!(goal, Goal::Merge { .. } | Goal::Ship(_)) && !merged(s);
    if gated && let Some(production) = s.production.known() {
        let detail = gitlab.deployment(production.deployment)?;
        s.gate = rules(site, &detail, false)?;
        let project = gitlab.project()?;
        s.self_approval = Fact::read(project.allow_pipeline_trigger_approve_deployment);
    }
    if !scope.deployment() || s.landed.known().is_none() {
        return Ok(());
    }
    s.deployment = chosen(site, s, &rows, goal)?;
    if let Goal::Approve(_) = goal {
        s.self_approval = Fact::read(gitlab.project()?.allow_pipeline_trigger_approve_deployment);
    }
    s.way_back.before = before(site, s, &rows)?;
    s.way_back.hidden = hidden(s, &rows);
    s.main_pipeline = pipeline(site, s, &rows)?;
    s.ships = ships(site, s)?;
    Ok(())
}

/// The newest of the deployments that stands, by its place.
fn standing(site: &mut Site<'_>, s: &Snapshot, rows: &[gitlab::Deployment]) -> Result<Option<usize>> {
    let Some(gitlab) = site.gitlab else { return Ok(None) };
    for (place, row) in rows.iter().enumerate() {
        if site.kept.lane_jobs.stands(gitlab, names(s), row)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

pub(super) fn names(s: &Snapshot) -> Names<'_> {
    Names {
        deploy: &s.policy.deploy_jobs,
        rollback: &s.policy.rollback_job,
        migration: &s.policy.migration_job,
    }
}

fn running(
    site: &mut Site<'_>,
    s: &Snapshot,
    rows: &[gitlab::Deployment],
    runs: Option<usize>,
) -> Result<Fact<Production>> {
    let Some(newest) = runs.and_then(|place| rows.get(place)) else { return Ok(Fact::Absent) };
    let Some(commit) = Sha::parse(&newest.sha) else { return Ok(Fact::Unknown) };
    let on_main = match s.main.known() {
        Some(main) => contains(site, main, &commit)?,
        None => Fact::Unknown,
    };
    let (mut has_fix, mut had_fix) = (Fact::Absent, Fact::Absent);
    if let Some(landed) = s.landed.known() {
        has_fix = contains(site, &commit, &landed.commit)?;
        had_fix = has_fix.clone();
        for row in rows.iter().filter(|row| row.status == SUCCESS && row.id != newest.id) {
            if had_fix.yes() {
                break;
            }
            let Some(other) = Sha::parse(&row.sha) else { continue };
            had_fix = contains(site, &other, &landed.commit)?;
        }
    }
    Ok(Fact::Known(Production {
        commit,
        deployment: newest.id,
        at: newest.updated_at.or(newest.created_at),
        on_main,
        has_fix,
        had_fix,
    }))
}

/// What production ran before the deployment.
fn before(site: &mut Site<'_>, s: &Snapshot, rows: &[gitlab::Deployment]) -> Result<Fact<Sha>> {
    let (Some(gitlab), Some(deployment)) = (site.gitlab, s.deployment.known()) else {
        return Ok(Fact::Unknown);
    };
    let commit = deployment.commit.as_str();
    for row in rows.iter().filter(|row| row.id < deployment.id && row.sha != commit) {
        if site.kept.lane_jobs.stands(gitlab, names(s), row)? {
            return Ok(Sha::parse(&row.sha).map_or(Fact::Unknown, Fact::Known));
        }
    }
    // Older ones were not asked for.
    Ok(if rows.len() >= LOOKED_AT { Fact::Unknown } else { Fact::Absent })
}

/// The deployment to follow: one that runs, else the newest of the landed commit itself, else the newest
/// that contains it. What is to be taken back may have come with somebody else's.
fn chosen(
    site: &mut Site<'_>,
    s: &Snapshot,
    rows: &[gitlab::Deployment],
    goal: &Goal,
) -> Result<Fact<Deployment>> {
    let (Some(gitlab), Some(landed)) = (site.gitlab, s.landed.known()) else { return Ok(Fact::Unknown) };
    let mut containing: Vec<&gitlab::Deployment> = Vec::new();
    for row in rows {
        let ours = row.deployable.as_ref().is_some_and(|job| s.policy.deploy_jobs.contains(&job.name));
        let Some(commit) = Sha::parse(&row.sha).filter(|_| ours) else { continue };
        if contains(site, &commit, &landed.commit)?.yes() {
            containing.push(row);
        }
    }
    let own = |row: &&&gitlab::Deployment| row.sha == landed.commit.as_str();
    let outdated = |row: &&&gitlab::Deployment| {
        matches!(row.status, gitlab::DeploymentStatus::Failed | gitlab::DeploymentStatus::Skipped)
    };
    let back = matches!(goal, Goal::Rollback { .. });
    let newest_own = containing.iter().find(own);
    // Of older ones of its own none comes back; a newer one of somebody else's may have gone first.
    let newer = |row: &&&gitlab::Deployment| newest_own.is_none_or(|own| row.id > own.id);
    // What is live came with one of its own, or with the first that brought it along.
    let live = !back && s.production.known().is_some_and(|production| production.has_fix.yes());
    let brought = |row: &&&gitlab::Deployment| live && row.status == SUCCESS;
    let pick = containing
        .iter()
        .find(|row| row.status == gitlab::DeploymentStatus::Running)
        .or_else(|| containing.iter().find(|row| brought(row) && own(row)))
        .or_else(|| containing.iter().rfind(brought))
        .or_else(|| containing.iter().find(|row| back && ended(row)).filter(|row| !own(row)))
        .or_else(|| newest_own.filter(|row| !outdated(row)))
        .or_else(|| containing.iter().find(|row| !outdated(row) && newer(row)))
        .or(newest_own)
        .or_else(|| containing.first());
    let Some(row) = pick else { return Ok(Fact::Absent) };
    // Only the single answer has approvals and their rules.
    let detail = gitlab.deployment(row.id)?;
    Ok(match deployment(site, &detail, goal)? {
        Some(deployment) => Fact::Known(deployment),
        None => Fact::Unknown,
    })
}

fn ended(row: &gitlab::Deployment) -> bool {
    use gitlab::DeploymentStatus::{Canceled, Failed, Success};
    matches!(row.status, Success | Failed | Canceled)
}

/// What ended before a new job was made that waits.
fn hidden(s: &Snapshot, rows: &[gitlab::Deployment]) -> Option<u64> {
    let waiting = s.deployment.known().filter(|deployment| !way_back::ended(deployment))?;
    let same = |row: &&gitlab::Deployment| row.id < waiting.id && row.sha == waiting.commit.as_str();
    let job = rows.iter().filter(same).find(|row| ended(row))?.deployable.as_ref()?;
    s.policy.deploy_jobs.contains(&job.name).then_some(job.id)
}

fn deployment(site: &mut Site<'_>, row: &gitlab::Deployment, goal: &Goal) -> Result<Option<Deployment>> {
    let (Some(commit), Some(deployable)) = (Sha::parse(&row.sha), &row.deployable) else { return Ok(None) };
    let job = Job {
        id: deployable.id,
        name: deployable.name.clone(),
        status: RunStatus::parse(deployable.status.as_str()),
        failure_reason: None,
        web_url: deployable.web_url.clone().unwrap_or_default(),
        finished_at: deployable.finished_at,
    };
    // Who votes may reject under a rule that others filled.
    let rules = rules(site, row, matches!(goal, Goal::Approve(_)))?;
    Ok(Some(Deployment {
        id: row.id,
        commit,
        status: DeployStatus::parse(row.status.as_str()),
        job,
        triggered_by: row.user.as_ref().map(|user| user.username.clone()).unwrap_or_default(),
        approvals_left: Fact::read(row.pending_approval_count.and_then(|left| u32::try_from(left).ok())),
        rules,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }))
}

/// The approval rules with their votes, and who may vote under those that are open, or under `all`.
fn rules(site: &mut Site<'_>, row: &gitlab::Deployment, all: bool) -> Result<Fact<Vec<Rule>>> {
    let Some(summary) = &row.approval_summary else {
        // GitLab without the feature sends no summary at all: nobody is asked.
        return Ok(match row.pending_approval_count {
            None | Some(0) => Fact::Known(Vec::new()),
            Some(_) => Fact::Unknown,
        });
    };
    let mut rules = Vec::new();
    for rule in &summary.rules {
        let votes: Vec<Vote> = rule
            .deployment_approvals
            .iter()
            .map(|approval| Vote {
                by: approval.user.username.clone(),
                approved: approval.status == gitlab::Verdict::Approved,
                at: approval.created_at,
                comment: approval.comment.clone(),
            })
            .collect();
        let required = u32::try_from(rule.required_approvals).unwrap_or(u32::MAX);
        let given = votes.iter().filter(|vote| vote.approved).count();
        let open = given < usize::try_from(required).unwrap_or(usize::MAX);
        rules.push(Rule {
            label: rule.access_level_description.clone().unwrap_or_default(),
            required,
            may: if open || all { may(site, rule)? } else { Vec::new() },
            votes,
        });
    }
    Ok(Fact::Known(rules))
}

/// Who can fill a rule; empty where that may not be read. Asked once in a run.
fn may(site: &mut Site<'_>, rule: &gitlab::ApprovalRule) -> Result<Vec<String>> {
    let Some(gitlab) = site.gitlab else { return Ok(Vec::new()) };
    let key = format!("{:?} {:?} {:?}", rule.group_id, rule.user_id, rule.access_level);
    if let Some(known) = site.kept.may.get(&key) {
        return Ok(known.clone());
    }
    let members = match (rule.group_id, rule.user_id, rule.access_level) {
        (Some(group), _, _) => gitlab.group_members(group),
        (_, Some(_), _) => gitlab.members(0),
        (_, _, Some(level)) => gitlab.members(level),
        _ => Ok(Vec::new()),
    };
    let members = match members {
        Ok(members) => members,
        // Not being allowed to see a group's members hides names, nothing else.
        Err(gitlab::Error::Forbidden { .. } | gitlab::Error::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let names: Vec<String> = members
        .into_iter()
        .filter(|member| rule.user_id.is_none_or(|id| id == member.id))
        .map(|member| member.username)
        .collect();
    site.kept.may.insert(key, names.clone());
    Ok(names)
}

/// The production branch's pipeline for what landed.
fn pipeline(site: &Site<'_>, s: &Snapshot, rows: &[gitlab::Deployment]) -> Result<Fact<Pipeline>> {
    let (Some(gitlab), Some(landed)) = (site.gitlab, s.landed.known()) else { return Ok(Fact::Unknown) };
    if let Some(deployment) = s.deployment.known() {
        let of_job = rows
            .iter()
            .find(|row| row.id == deployment.id)
            .and_then(|row| row.deployable.as_ref())
            .and_then(|job| job.pipeline.as_ref());
        return Ok(Fact::read(of_job.map(|pipeline| Pipeline {
            id: pipeline.id,
            status: RunStatus::parse(pipeline.status.as_ref().map_or("", |status| status.as_str())),
            web_url: pipeline.web_url.clone().unwrap_or_default(),
            failed_jobs: Vec::new(),
            created_at: None,
            seconds: None,
        })));
    }
    let found = gitlab.pipelines(landed.commit.as_str(), &s.policy.production_branch)?;
    let pushed = found.iter().find(|pipeline| pipeline.source.as_deref() == Some("push"));
    match pushed.or(found.first()) {
        Some(pipeline) => Ok(Fact::Known(review::pipeline(site, pipeline)?)),
        None => Ok(Fact::Absent),
    }
}

/// Everything between production's commit and what the deployment ships.
fn ships(site: &Site<'_>, s: &Snapshot) -> Result<Fact<Vec<Shipment>>> {
    let (Some(landed), Some(deployment)) = (s.landed.known(), s.deployment.known()) else {
        return Ok(Fact::Unknown);
    };
    let old = match &s.production {
        Fact::Known(production) => Some(&production.commit),
        Fact::Absent => None,
        Fact::Unknown => return Ok(Fact::Unknown),
    };
    let Some(history) = History::of(site) else { return Ok(Fact::Unknown) };
    let mut rows = match old {
        Some(old) => match history.shipments(site, old, &deployment.commit)? {
            Fact::Known(rows) => rows,
            other => return Ok(other),
        },
        // The first deployment ever ships the whole history; what matters here is the change.
        None => Vec::new(),
    };
    mark_own(&mut rows, landed);
    Ok(Fact::Known(rows))
}

/// Marks what is (part of) this hotfix.
pub(super) fn mark_own(rows: &mut [Shipment], landed: &Landed) {
    for row in rows {
        let in_series = matches!(&landed.kind, LandedKind::Series(series) if series.contains(&row.commit));
        row.own = row.commit == landed.commit || in_series;
    }
}
