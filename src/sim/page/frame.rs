//! What every page has: its head, who the reader plays, forms with their token, and common pieces.

use jiff::Timestamp;

use super::html::Html;
use crate::sim::respond::Answer;
use crate::sim::world::{Deployment, Job, Status, User, World};

/// A page's surroundings.
pub(super) struct Frame<'a> {
    pub(super) world: &'a World,
    pub(super) viewer: Option<&'a User>,
    here: String,
    refused: Option<&'a str>,
}

/// How something stands: a word and a colour that only underlines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Wait,
    Plain,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        world: &'a World,
        viewer: String,
        segments: &[&str],
        refused: Option<&'a str>,
    ) -> Frame<'a> {
        let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
        let below = if path.is_empty() { path } else { format!("/-{path}") };
        let here = format!("{}/{}{below}", world.setup.root, world.setup.project);
        Frame { world, viewer: world.user_named(&viewer), here, refused }
    }

    /// Whether the reader may see the project at all.
    pub(super) fn is_member(&self) -> bool {
        self.viewer.is_some_and(|user| user.level.is_some())
    }

    /// Whether the reader has at least this access level.
    pub(super) fn has(&self, level: u8) -> bool {
        self.viewer.is_some_and(|user| user.has(level))
    }

    /// The address of something in the project.
    pub(super) fn to(&self, below: &str) -> String {
        format!("{}/{}/-/{below}", self.world.setup.root, self.world.setup.project)
    }

    /// A whole page. `moves` loads it again by itself while jobs run; never where a form waits for words.
    pub(super) fn page(&self, title: &str, moves: bool, body: impl FnOnce(&mut Html)) -> Answer {
        self.answer(200, title, moves, body)
    }

    /// What is not there.
    pub(super) fn missing(&self, status: u16, why: &str) -> Answer {
        self.answer(status, "Not here", false, |html| {
            html.words("h1", &[], "Not here").words("p", &[], why);
        })
    }

    fn answer(&self, status: u16, title: &str, moves: bool, body: impl FnOnce(&mut Html)) -> Answer {
        let project = &self.world.setup.project;
        let mut html = Html::default();
        html.markup("<!doctype html>\n");
        html.element("html", &[("lang", "en")], |html| {
            html.element("head", &[], |html| {
                html.markup("<meta charset=\"utf-8\">\n");
                html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
                if moves {
                    html.markup("<meta http-equiv=\"refresh\" content=\"2\">\n");
                }
                html.words("title", &[], format!("{title} · {project}"));
                let style = format!("{}/-/page.css", self.world.setup.root);
                html.open("link", &[("rel", "stylesheet"), ("href", &style)]);
                html.open("link", &[("rel", "icon"), ("href", "data:,")]);
            });
            html.element("body", &[], |html| {
                html.element("header", &[], |html| self.header(html));
                if let Some(why) = self.refused {
                    html.element("p", &[("class", "card refused"), ("role", "alert")], |html| {
                        html.words("strong", &[], "Refused: ").text(why);
                    });
                }
                html.element("main", &[], body);
            });
        });
        // Nothing may run, and no other site may frame the buttons or learn where one is.
        let policy = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";
        Answer::html(status, &html.into_text())
            .with("content-security-policy", policy)
            .with("x-content-type-options", "nosniff")
            .with("referrer-policy", "same-origin")
            .with("cache-control", "no-store")
    }

    fn header(&self, html: &mut Html) {
        let project = &self.world.setup.project;
        html.element("span", &[], |html| {
            html.link(&format!("{}/{project}", self.world.setup.root), project);
            html.words("span", &[("class", "faint")], " · a rehearsal, not your GitLab");
        });
        self.form(html, &format!("{}/-/whoami", self.world.setup.root), |html| {
            html.open("input", &[("type", "hidden"), ("name", "back"), ("value", &self.here)]);
            html.words("label", &[("for", "who"), ("class", "faint")], "You are");
            html.element("select", &[("name", "who"), ("id", "who")], |html| {
                for user in &self.world.users {
                    let mut attributes = vec![("value", user.username.as_str())];
                    if self.viewer.is_some_and(|viewer| viewer.id == user.id) {
                        attributes.push(("selected", ""));
                    }
                    html.words("option", &attributes, self.described(user));
                }
            });
            html.words("button", &[], "Switch");
        });
    }

    /// Name and what the person is here.
    fn described(&self, user: &User) -> String {
        let roles = self.world.rules().iter().filter(|rule| self.world.is_one_of(user.id, &rule.who));
        let mut roles: Vec<String> = roles.map(|rule| self.role(&self.world.rule_label(rule))).collect();
        if roles.is_empty() {
            roles.push(
                match user.level {
                    Some(40..) => "maintainer",
                    Some(30..) => "developer",
                    Some(_) => "reporter",
                    None => "not a member",
                }
                .to_owned(),
            );
        }
        format!("{} ({})", user.name, roles.join(", "))
    }

    /// What the team calls an approval rule: its role in the `.hotfix.toml` on the production branch.
    pub(super) fn role(&self, rule: &str) -> String {
        let settings = self
            .world
            .branch(&self.world.setup.production)
            .and_then(|tip| self.world.repository.file(&tip, ".hotfix.toml"))
            .and_then(|bytes| String::from_utf8_lossy(&bytes).parse::<toml::Table>().ok());
        let roles = settings.as_ref().and_then(|all| all.get("deploy")?.get("approvals")?.as_table());
        let role = roles.and_then(|roles| roles.iter().find(|(_, means)| means.as_str() == Some(rule)));
        match role {
            Some((role, _)) if role.len() <= 2 => role.to_uppercase(),
            Some((role, _)) => role.replace('-', " "),
            None => rule.to_owned(),
        }
    }

    /// A form that only our own page can send.
    pub(super) fn form(&self, html: &mut Html, to: &str, inside: impl FnOnce(&mut Html)) {
        html.element("form", &[("method", "post"), ("action", to)], |html| {
            html.open("input", &[("type", "hidden"), ("name", "token"), ("value", &self.world.page_token)]);
            inside(html);
        });
    }

    /// A form of one button.
    pub(super) fn button(&self, html: &mut Html, to: &str, class: &str, words: &str) {
        self.form(html, to, |html| {
            html.words("button", &[("class", class)], words);
        });
    }

    /// A button that makes the reader somebody else, and stays here.
    pub(super) fn switch(&self, html: &mut Html, user: &User) {
        self.form(html, &format!("{}/-/whoami", self.world.setup.root), |html| {
            html.open("input", &[("type", "hidden"), ("name", "back"), ("value", &self.here)]);
            html.words("button", &[("name", "who"), ("value", &user.username)], format!("Be {}", user.name));
        });
    }

    /// Somebody's name.
    pub(super) fn name(&self, id: u64) -> String {
        self.world.user(id).map_or_else(|| "somebody".to_owned(), |user| user.name.clone())
    }

    /// A short commit id that leads to the commit.
    pub(super) fn commit(&self, html: &mut Html, sha: &str) {
        html.element("code", &[], |html| {
            html.link(&self.to(&format!("commit/{sha}")), sha.get(..8).unwrap_or(sha));
        });
    }

    /// A state as a word.
    pub(super) fn state(&self, html: &mut Html, tone: Tone, words: &str) {
        let class = match tone {
            Tone::Good => "state good",
            Tone::Bad => "state bad",
            Tone::Wait => "state wait",
            Tone::Plain => "state",
        };
        html.words("span", &[("class", class)], words);
    }

    /// How a job stands.
    pub(super) fn job_state(&self, job: &Job) -> (Tone, &'static str) {
        match job.status {
            Status::Success => (Tone::Good, "✓ passed"),
            Status::Failed if job.failure_reason == Some("deployment_rejected") => (Tone::Bad, "✗ rejected"),
            Status::Failed => (Tone::Bad, "✗ failed"),
            Status::Running => (Tone::Wait, "● running"),
            Status::Pending => (Tone::Wait, "● pending"),
            Status::Manual if self.world.awaits_approval(job.id) => (Tone::Wait, "● waits for approvals"),
            Status::Manual => (Tone::Wait, "▶ waits to be played"),
            Status::Created => (Tone::Plain, "○ not yet"),
            Status::Canceled => (Tone::Bad, "✗ canceled"),
            Status::Skipped => (Tone::Plain, "– skipped"),
        }
    }

    /// How a pipeline stands.
    pub(super) fn pipeline_state(&self, id: u64) -> (Tone, &'static str) {
        match self.world.pipeline_status(id) {
            "success" => (Tone::Good, "✓ passed"),
            "failed" => (Tone::Bad, "✗ failed"),
            "canceled" => (Tone::Bad, "✗ canceled"),
            "manual" => (Tone::Wait, "▶ waits for somebody"),
            "skipped" => (Tone::Plain, "– skipped"),
            "created" | "pending" => (Tone::Wait, "● pending"),
            _ => (Tone::Wait, "● running"),
        }
    }

    /// How a deployment stands.
    pub(super) fn deployment_state(&self, found: &Deployment) -> (Tone, &'static str) {
        let live = self.world.in_production().is_some_and(|live| live.id == found.id);
        match found.status {
            "success" if live => (Tone::Good, "✓ production runs this"),
            "success" => (Tone::Plain, "✓ was in production"),
            "failed" if found.approvals.iter().any(|approval| !approval.approved) => {
                (Tone::Bad, "✗ rejected")
            }
            "failed" => (Tone::Bad, "✗ failed"),
            "canceled" => (Tone::Bad, "✗ canceled"),
            "skipped" => (Tone::Plain, "– skipped"),
            "running" => (Tone::Wait, "● running"),
            _ if self.world.pending_approvals(found.id) > 0 => (Tone::Wait, "● waits for approvals"),
            _ => (Tone::Wait, "▶ approved, not running"),
        }
    }
}

/// The time of day.
pub(super) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}
