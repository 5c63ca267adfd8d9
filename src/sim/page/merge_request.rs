//! A merge request: what stands in its way, its pipeline, its changes, and the buttons.

use super::frame::{Frame, Tone, clock};
use super::html::Html;
use super::pipeline;
use crate::sim::respond::Answer;
use crate::sim::world::{MergeRequest, Pipeline, State};

fn state(found: &MergeRequest) -> (Tone, &'static str) {
    match found.state {
        State::Merged => (Tone::Good, "✓ merged"),
        State::Closed => (Tone::Bad, "✗ closed"),
        State::Opened if found.draft() => (Tone::Wait, "○ draft"),
        State::Opened => (Tone::Wait, "● open"),
    }
}

/// A merge request in a list.
pub(super) fn row(frame: &Frame, html: &mut Html, found: &MergeRequest) {
    html.element("div", &[("class", "job")], |html| {
        html.element("span", &[], |html| {
            html.link(
                &frame.to(&format!("merge_requests/{}", found.iid)),
                format!("!{} {}", found.iid, found.title),
            );
        });
        let (tone, words) = state(found);
        frame.state(html, tone, words);
    });
    html.element("div", &[("class", "faint")], |html| {
        html.text(format!("{} → {} ", found.source, found.target));
        labels(html, found);
    });
}

fn labels(html: &mut Html, found: &MergeRequest) {
    for label in &found.labels {
        html.words("span", &[("class", "label")], label);
    }
}

/// What a blocker means for a person.
fn in_words(status: &str) -> &str {
    match status {
        "mergeable" => "Nothing stands in its way.",
        "preparing" | "unchecked" | "checking" => "GitLab is still looking whether it can be merged.",
        "ci_still_running" => "Its pipeline is still running.",
        "ci_must_pass" => "Its pipeline must pass first.",
        "not_approved" => "It lacks approvals.",
        "draft_status" => "It is a draft.",
        "discussions_not_resolved" => "A thread is open.",
        "commits_status" => "Its branch holds nothing to merge.",
        "conflict" => "It conflicts with its target.",
        "need_rebase" => "It must be rebased first.",
        other => other,
    }
}

/// The page.
pub(super) fn page(frame: &Frame, iid: u64) -> Option<Answer> {
    let world = frame.world;
    let found = world.merge_request(iid)?;
    let conflicts = found.labels.iter().any(|label| label == "conflicts");
    let status = world.detailed_merge_status(found);
    let moves = matches!(status, "preparing" | "unchecked" | "checking" | "ci_still_running")
        || pipeline_is_due(frame, found);
    Some(frame.page(&format!("!{iid} {}", found.title), moves, |html| {
        html.words("h1", &[], format!("!{iid} {}", found.title));
        html.element("p", &[("class", "faint")], |html| {
            let (tone, words) = state(found);
            frame.state(html, tone, words);
            html.text(format!(" · {} → {} · by {} · ", found.source, found.target, frame.name(found.author)));
            frame.commit(html, &found.sha);
        });
        html.element("p", &[], |html| labels(html, found));
        if conflicts && found.state == State::Opened {
            html.element("p", &[("class", "card refused"), ("role", "alert")], |html| {
                html.words("strong", &[], "Conflicts: a developer must resolve them before this is merged. ");
                html.text(format!("Until then {} lacks the fix.", found.target));
            });
        }
        if let Some(description) = found.description.as_deref().filter(|text| !text.trim().is_empty()) {
            html.words("pre", &[], description.trim_end());
        }
        match found.state {
            State::Opened => buttons(frame, html, found, status),
            State::Merged => landed(frame, html, found),
            State::Closed => {}
        }
        if let Some(id) = found.head_pipeline {
            html.words("h2", &[], "Pipeline");
            pipeline::graph(frame, html, id);
        }
        comments(frame, html, found);
        changes(frame, html, found);
    }))
}

fn buttons(frame: &Frame, html: &mut Html, found: &MergeRequest, status: &str) {
    let to = |deed: &str| frame.to(&format!("merge_requests/{}/{deed}", found.iid));
    let seen = |html: &mut Html| {
        html.open("input", &[("type", "hidden"), ("name", "sha"), ("value", &found.sha)]);
    };
    html.words("h2", &[], "Merge");
    html.words("p", &[], in_words(status));
    html.element("div", &[("class", "rungs")], |html| {
        if status == "mergeable" {
            frame.form(html, &to("merge"), |html| {
                seen(html);
                html.words("button", &[("class", "main")], "Merge");
            });
        }
        if status == "not_approved" && frame.has(30) {
            frame.form(html, &to("approve"), |html| {
                seen(html);
                html.words("button", &[("class", "main")], "Approve");
            });
        }
        if found.draft() {
            frame.form(html, &to("ready"), |html| {
                let title = found.title.split_once([':', ']', ')']).map_or("", |(_, title)| title.trim());
                html.open("input", &[("type", "hidden"), ("name", "title"), ("value", title)]);
                html.words("button", &[], "Mark as ready");
            });
        }
        frame.button(html, &to("close"), "no", "Close");
    });
}

fn landed(frame: &Frame, html: &mut Html, found: &MergeRequest) {
    let Some((by, at)) = found.merged else { return };
    html.element("p", &[], |html| {
        html.text(format!("Merged by {} at {}", frame.name(by), clock(at)));
        html.text(" as ");
        frame.commit(html, landed_commit(found));
        html.text(". ");
        if let Some(pipeline) = own_pipeline(frame, found) {
            html.text("What happens next: ");
            html.link(&frame.to(&format!("pipelines/{}", pipeline.id)), format!("pipeline #{}", pipeline.id));
        }
    });
}

fn landed_commit(found: &MergeRequest) -> &str {
    found.merge_commit_sha.as_deref().or(found.squash_commit_sha.as_deref()).unwrap_or(&found.sha)
}

/// The target's pipeline for what landed.
fn own_pipeline<'a>(frame: &Frame<'a>, found: &MergeRequest) -> Option<&'a Pipeline> {
    let landed = landed_commit(found);
    frame.world.pipelines.iter().rfind(|pipeline| {
        pipeline.sha == landed && pipeline.merge_request.is_none() && pipeline.reference == found.target
    })
}

/// Whether that pipeline should show any moment.
fn pipeline_is_due(frame: &Frame, found: &MergeRequest) -> bool {
    let fresh = |(_, at): (u64, jiff::Timestamp)| frame.world.now().as_second() - at.as_second() < 60;
    found.merged.is_some_and(fresh) && own_pipeline(frame, found).is_none()
}

fn comments(frame: &Frame, html: &mut Html, found: &MergeRequest) {
    if found.notes.is_empty() {
        return;
    }
    html.words("h2", &[], "Comments");
    html.element("ul", &[("class", "rows")], |html| {
        for note in &found.notes {
            html.element("li", &[], |html| {
                let who = format!("{} {}", frame.name(note.author), clock(note.created_at));
                html.words("div", &[("class", "faint")], who);
                html.words("div", &[], &note.body);
            });
        }
    });
}

fn changes(frame: &Frame, html: &mut Html, found: &MergeRequest) {
    let Some((base, _)) = &found.base else { return };
    let patch = frame.world.repository.line(&["diff", "-M", "--no-color", base, &found.sha]);
    let Some(patch) = patch.ok().filter(|patch| !patch.is_empty()) else { return };
    html.words("h2", &[], "Changes");
    html.element("pre", &[], |html| {
        html.text(shortened(&patch));
    });
}

/// A patch one can scroll through.
fn shortened(patch: &str) -> String {
    const LINES: usize = 400;
    let mut lines: Vec<&str> = patch.lines().take(LINES + 1).collect();
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push("[the rest is left out here]");
    }
    lines.join("\n")
}
