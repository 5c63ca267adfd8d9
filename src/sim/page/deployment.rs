//! A deployment: what ships, a slot for each approval that is asked for, and play once they are given.

use super::frame::{Frame, clock};
use super::html::Html;
use super::pipeline;
use crate::sim::respond::Answer;
use crate::sim::setup::Rule;
use crate::sim::world::{Approval, Deployment, Status, User};

/// The page.
pub(super) fn page(frame: &Frame, id: u64) -> Option<Answer> {
    let found = frame.world.deployment(id)?;
    let title = format!("Deployment #{}", found.iid);
    Some(frame.page(&title, found.status == "running", |html| {
        html.words("h1", &[], &title);
        section(frame, html, found);
        if let Some(job) = found.job.and_then(|id| frame.world.job(id)) {
            html.element("p", &[], |html| {
                html.text("Job ").link(&frame.to(&format!("jobs/{}", job.id)), &job.spec.name);
            });
        }
    }))
}

/// The deployment itself, on whatever page.
pub(super) fn section(frame: &Frame, html: &mut Html, found: &Deployment) {
    let world = frame.world;
    html.words("h2", &[], format!("Deployment to {}", world.setup.environment));
    html.element("p", &[], |html| {
        let (tone, words) = frame.deployment_state(found);
        frame.state(html, tone, words);
        html.text(" · ");
        frame.commit(html, &found.sha);
        html.text(format!(" · triggered by {}", frame.name(found.user)));
    });
    if found.status == "blocked" || found.status == "created" {
        ships(frame, html, found);
    }
    let rules = world.rules();
    if rules.is_empty() {
        html.words("p", &[("class", "card notice")], "The environment asks for no approvals.");
    }
    for rule in rules {
        html.element("section", &[("class", "card")], |html| slot(frame, html, found, rule));
    }
    let Some(job) = found.job.and_then(|id| world.job(id)) else { return };
    if job.status == Status::Manual && !world.awaits_approval(job.id) {
        html.element("section", &[("class", "card notice")], |html| {
            html.words("p", &[], "Approved, and not running: nothing starts by itself.");
            match frame.has(30) {
                true => pipeline::buttons(frame, html, job),
                false => {
                    html.words("p", &[("class", "faint")], "A developer must press play.");
                }
            }
        });
    } else {
        html.element("div", &[("class", "rungs")], |html| pipeline::buttons(frame, html, job));
    }
}

/// What production does not have yet.
fn ships(frame: &Frame, html: &mut Html, found: &Deployment) {
    let Some(live) = frame.world.in_production() else { return };
    let range = format!("{}..{}", live.sha, found.sha);
    let commits = frame.world.repository.log(&["--no-merges"], &range, &[], 50).unwrap_or_default();
    html.words("p", &[], "What ships:");
    html.element("ul", &[], |html| {
        for commit in commits {
            html.element("li", &[], |html| {
                html.text(format!("{} · {} · ", commit.title(), commit.author.name));
                frame.commit(html, &commit.id);
            });
        }
    });
}

/// One approval that is asked for: who gave it, or the buttons for whoever may.
fn slot(frame: &Frame, html: &mut Html, found: &Deployment, rule: &Rule) {
    let world = frame.world;
    let label = world.rule_label(rule);
    let role = frame.role(&label);
    let given: Vec<&Approval> = found.approvals.iter().filter(|approval| approval.rule == rule.id).collect();
    html.element("strong", &[], |html| {
        html.text(&role);
    });
    if role != label {
        html.words("span", &[("class", "faint")], format!(" ({label})"));
    }
    for approval in &given {
        let word = if approval.approved { "✓ approved" } else { "✗ rejected" };
        let class = if approval.approved { "good" } else { "bad" };
        html.element("p", &[], |html| {
            html.words("span", &[("class", class)], word);
            html.text(format!(" by {} at {}", frame.name(approval.user), clock(approval.created_at)));
            if !approval.comment.is_empty() {
                html.text(": ").words("q", &[], &approval.comment);
            }
        });
    }
    let approved = given.iter().filter(|approval| approval.approved).count();
    if approved >= rule.required || world.pending_approvals(found.id) == 0 {
        return;
    }
    let able: Vec<&User> = world.users.iter().filter(|user| world.is_one_of(user.id, &rule.who)).collect();
    match frame.viewer.filter(|viewer| able.iter().any(|user| user.id == viewer.id)) {
        Some(_) => {
            let to = frame.to(&format!("deployments/{}/approval", found.id));
            frame.form(html, &to, |html| {
                html.open("input", &[("type", "hidden"), ("name", "represented_as"), ("value", &label)]);
                let named = format!("Comment as {role}");
                html.open(
                    "input",
                    &[
                        ("type", "text"),
                        ("name", "comment"),
                        ("maxlength", "255"),
                        ("aria-label", &named),
                        ("placeholder", "Comment"),
                    ],
                );
                html.element("div", &[("class", "rungs")], |html| {
                    let press = |value| {
                        [
                            ("class", if value == "approved" { "main" } else { "no" }),
                            ("name", "status"),
                            ("value", value),
                        ]
                    };
                    html.words("button", &press("approved"), format!("Approve as {role}"));
                    html.words("button", &press("rejected"), format!("Reject as {role}"));
                });
            });
        }
        None => {
            let names: Vec<&str> = able.iter().map(|user| user.name.as_str()).collect();
            html.words("p", &[], format!("waits for {}", names.join(" or ")));
            html.element("div", &[("class", "rungs")], |html| {
                able.iter().for_each(|user| frame.switch(html, user));
            });
        }
    }
}
