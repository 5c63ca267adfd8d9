//! The project's own page: what production runs, merge requests, pipelines, deployments; and a commit's.

use super::frame::{Frame, clock};
use super::html::Html;
use super::merge_request;
use crate::sim::respond::Answer;

/// How many of each kind are listed.
const SHOWN: usize = 20;

/// The project.
pub(super) fn page(frame: &Frame) -> Answer {
    let world = frame.world;
    frame.page("Overview", false, |html| {
        html.words("h1", &[], &world.setup.project);
        html.element("p", &[], |html| {
            match world.in_production() {
                Some(live) => {
                    html.text("Production runs ");
                    frame.commit(html, &live.sha);
                }
                None => {
                    html.text("Nothing was deployed to production yet");
                }
            }
            html.text(format!(". It is {} here.", clock(world.now())));
        });
        rows(html, "Merge requests", &world.merge_requests, |html, found| {
            merge_request::row(frame, html, found);
        });
        rows(html, "Deployments to production", &world.deployments, |html, found| {
            html.element("div", &[("class", "job")], |html| {
                html.element("span", &[], |html| {
                    html.link(
                        &frame.to(&format!("environments/1/deployments/{}", found.id)),
                        format!("#{}", found.iid),
                    );
                    html.text(" · ");
                    frame.commit(html, &found.sha);
                });
                let (tone, words) = frame.deployment_state(found);
                frame.state(html, tone, words);
            });
        });
        rows(html, "Pipelines", &world.pipelines, |html, found| {
            html.element("div", &[("class", "job")], |html| {
                html.element("span", &[], |html| {
                    html.link(&frame.to(&format!("pipelines/{}", found.id)), format!("#{}", found.id));
                    html.text(format!(" · {} · ", found.reference));
                    frame.commit(html, &found.sha);
                });
                let (tone, words) = frame.pipeline_state(found.id);
                frame.state(html, tone, words);
            });
        });
        if world.merge_requests.is_empty() {
            html.element("p", &[("class", "card notice")], |html| {
                html.text("Nothing here yet. In the terminal: ");
                html.words("code", &[], "git hotfix start login-500");
                html.text(", change something, commit, then ");
                html.words("code", &[], "git hotfix open");
                html.text(".");
            });
        }
    })
}

/// A list, newest first; nothing where there is nothing.
fn rows<T>(html: &mut Html, title: &str, items: &[T], mut row: impl FnMut(&mut Html, &T)) {
    if items.is_empty() {
        return;
    }
    html.words("h2", &[], title);
    html.element("ul", &[("class", "rows")], |html| {
        for item in items.iter().rev().take(SHOWN) {
            html.element("li", &[], |html| row(html, item));
        }
    });
    if items.len() > SHOWN {
        html.words("p", &[("class", "faint")], format!("and {} older ones", items.len() - SHOWN));
    }
}

/// One commit.
pub(super) fn commit_page(frame: &Frame, sha: &str) -> Option<Answer> {
    let world = frame.world;
    // A whole id only: nothing else is looked up, and nothing else is printed by anybody.
    let whole = sha.len() >= 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    let commit = whole.then(|| world.repository.commit(sha)).flatten()?;
    Some(frame.page(commit.title(), false, |html| {
        html.words("h1", &[], commit.title());
        html.element("p", &[("class", "faint")], |html| {
            html.words("code", &[], &commit.id);
            html.text(format!(" by {}, {}", commit.author.name, commit.author.date));
        });
        html.words("pre", &[], commit.message.trim_end());
        for found in &world.merge_requests {
            let landed = [&found.merge_commit_sha, &found.squash_commit_sha];
            if found.sha == commit.id || landed.iter().any(|sha| sha.as_deref() == Some(&commit.id)) {
                html.element("p", &[], |html| merge_request::row(frame, html, found));
            }
        }
    }))
}
