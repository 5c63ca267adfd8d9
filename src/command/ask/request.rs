//! The request for approval: what is known of a hotfix, in plain words. Pure.

use crate::error::{Kind, Problem, Result};
use crate::hotfix::rung::slots;
use crate::hotfix::snapshot::{Fact, RunStatus, Snapshot};
use crate::ui::status::role_words;
use crate::ui::{Block, Style, Text};

/// Whether there is anything to ask.
pub(super) enum Asked {
    /// Some role is open.
    Open(Request),
    /// Nobody needs to be asked: why, and what comes next.
    Nobody(String, &'static str),
}

/// A request for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// The title, and who wrote it.
    broke: String,
    /// Everything that goes live.
    ships: Vec<String>,
    /// Where.
    apps: Vec<String>,
    /// How many migrations, where that is known.
    migrations: Option<usize>,
    /// Roles that have approved, and who did.
    given: Vec<(String, String)>,
    /// Roles that have not, and who may.
    open: Vec<(String, Vec<String>)>,
    /// The job that deploys.
    job: String,
    /// Where to approve.
    link: String,
}

impl Request {
    pub(super) fn of(s: &Snapshot, own: bool) -> Result<Asked> {
        let Some(deployment) = s.deployment.known() else {
            return Err(match &s.deployment {
                Fact::Unknown if s.landed.known().is_some() => {
                    Problem::new(Kind::Unreachable, "the deployment could not be read")
                        .hint("run the same command again")
                }
                _ => Problem::new(Kind::Refused, "no deployment waits for approval yet")
                    .hint("git hotfix wait build   (then: git hotfix ask)"),
            });
        };
        if s.production.known().is_some_and(|production| production.has_fix.yes()) {
            return Ok(Asked::Nobody(
                "it is live already; nobody needs to approve".to_owned(),
                "git hotfix verify",
            ));
        }
        if !matches!(deployment.job.status, RunStatus::Manual | RunStatus::Created) {
            let why = format!(
                "{} is beyond that ({}): nobody needs to approve",
                deployment.job.name,
                deployment.job.status.words()
            );
            return Ok(Asked::Nobody(why, "git hotfix status"));
        }
        let Some(rules) = deployment.rules.known() else {
            return Err(
                Problem::new(Kind::Config, "who must approve could not be read").hint("git hotfix doctor")
            );
        };
        if rules.is_empty() {
            return Err(Problem::new(
                Kind::Refused,
                format!("{} asks nobody for approval", s.policy.environment),
            )
            .hint("git hotfix doctor"));
        }
        let (mut given, mut open) = (Vec::new(), Vec::new());
        for slot in slots(&s.policy.roles, rules) {
            match slot.filled_by {
                Some(person) => given.push((slot.role.name.clone(), person.to_owned())),
                None => {
                    let may = slot.rule.map(|rule| rule.may.clone()).unwrap_or_default();
                    let free = |person: &String| {
                        (own || *person != deployment.triggered_by)
                            && !given.iter().any(|(_, taken)| taken == person)
                    };
                    open.push((slot.role.name.clone(), may.into_iter().filter(free).collect()));
                }
            }
        }
        if open.is_empty() {
            let why = "everybody who must approve has approved; it is NOT running yet".to_owned();
            return Ok(Asked::Nobody(why, "whoever may deploy starts it: git hotfix deploy"));
        }
        let own_title =
            s.merge_request.known().map(|mr| (mr.title.clone(), format!(" (!{}, by {})", mr.iid, mr.author)));
        let landed = s.landed.known().map(|landed| (landed.subject.clone(), String::new()));
        let (title, by) = own_title.or(landed).unwrap_or_default();
        let ships = s.ships.known().map(Vec::as_slice).unwrap_or_default();
        let ships = ships.iter().map(|shipment| {
            let mark = if shipment.own { "this fix" } else { "goes along: it was not deployed yet" };
            format!("{} {} ({mark})", shipment.name(), shipment.title)
        });
        Ok(Asked::Open(Request {
            broke: format!("{title}{by}"),
            ships: ships.collect(),
            apps: s.policy.apps.clone(),
            migrations: match &s.migration.paths {
                Fact::Known(paths) => Some(paths.len()),
                Fact::Absent => Some(0),
                Fact::Unknown => None,
            },
            given,
            open,
            job: deployment.job.name.clone(),
            link: deployment.job.web_url.clone(),
        }))
    }

    /// Headings and their lines, in the order they are read.
    fn parts(&self) -> Vec<(&'static str, Vec<Line>)> {
        let words = |text: &str| vec![Piece::Words(text.to_owned())];
        let given =
            self.given.iter().map(|(role, who)| words(&format!("{}: {who} has approved", role_words(role))));
        let open = self.open.iter().map(|(role, who)| {
            let mut line = words(&format!("{}: ", role_words(role)));
            if who.is_empty() {
                line.push(Piece::Words("nobody who may was found; a maintainer knows".to_owned()));
            }
            for (index, name) in who.iter().enumerate() {
                line.push(Piece::Words(if index > 0 { " or " } else { "" }.to_owned()));
                line.push(Piece::Person(name.clone()));
            }
            line
        });
        let ships = match self.ships.is_empty() {
            true => vec![words("this fix; what else was merged since the last deployment could not be told")],
            false => self.ships.iter().map(|ship| words(ship)).collect(),
        };
        let apps = match self.apps.is_empty() {
            true => "production".to_owned(),
            false => format!("production: {}, all of them each time", self.apps.join(", ")),
        };
        let database = match self.migrations {
            None => "whether it changes could not be told".to_owned(),
            Some(0) => "does not change".to_owned(),
            Some(1) => "changes: 1 migration, after the new version is live".to_owned(),
            Some(many) => format!("changes: {many} migrations, after the new version is live"),
        };
        let kept = match self.migrations {
            Some(0) => "",
            _ => "; what a migration did to the database stays",
        };
        let open_page = vec![
            Piece::Words("open ".to_owned()),
            Piece::Link(self.link.clone()),
            Piece::Words(" and approve or reject there".to_owned()),
        ];
        let starts =
            format!("nothing starts by itself after the last approval: a developer starts {}", self.job);
        vec![
            ("What was broken", vec![words(&self.broke)]),
            ("What goes live", ships),
            ("Where", vec![words(&apps)]),
            ("Database", vec![words(&database)]),
            (
                "If it goes wrong",
                vec![words(&format!("the developers put back the version from before{kept}"))],
            ),
            ("Who must approve", given.chain(open).collect()),
            ("How", vec![open_page, words(&starts)]),
        ]
    }

    /// For the screen.
    pub(super) fn block(&self) -> Block {
        let mut block = Block::new().text(Text::new().with(Style::Strong, TITLE));
        for (heading, lines) in self.parts() {
            block = block.blank().text(Text::new().with(Style::Strong, heading));
            for line in lines {
                let text = line.iter().fold(Text::from("  "), |text, piece| match piece {
                    Piece::Words(words) | Piece::Person(words) => text.plain(words),
                    Piece::Link(link) => text.with(Style::Link, link),
                });
                block = block.hanging(text, 2);
            }
        }
        block
    }

    /// For the merge request: Markdown that mentions whom it asks, and nobody else. Nothing in it depends
    /// on the hour, so that the same request reads the same.
    pub(super) fn note(&self) -> String {
        let mut note = format!("**{TITLE}**\n");
        for (heading, lines) in self.parts() {
            note.push_str(&format!("\n**{heading}**\n\n"));
            for line in lines {
                let line: String = line.iter().map(Piece::markdown).collect();
                note.push_str(&format!("- {}\n", line.trim_end()));
            }
        }
        note
    }
}

const TITLE: &str = "A fix for production waits for your approval";

type Line = Vec<Piece>;

/// A part of a line; what it may do on a page depends on whose words it is.
enum Piece {
    /// Words of anybody.
    Words(String),
    /// Somebody who is asked.
    Person(String),
    /// An address.
    Link(String),
}

impl Piece {
    fn markdown(&self) -> String {
        match self {
            Piece::Words(words) => harmless(words),
            Piece::Person(name) => {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
                if name.chars().all(fits) { format!("@{name}") } else { harmless(name) }
            }
            Piece::Link(link) => {
                link.chars().filter(|c| !c.is_whitespace() && !"<>()[]`".contains(*c)).collect()
            }
        }
    }
}

/// Titles are other people's words: no mention, no markup, no link, no command of theirs gets through.
/// Lines begin with a dash, so that no quick action (`/close`) can stand first.
fn harmless(words: &str) -> String {
    let mut text = String::new();
    for c in words.chars() {
        match c {
            '@' => text.push('＠'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '$' | '|' | '#' => text.extend(['\\', c]),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}
