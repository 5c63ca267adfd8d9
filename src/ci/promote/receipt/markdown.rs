//! A receipt for people. What others said stands in it as plain text.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Mark, Receipt, Work, short};

impl Receipt {
    /// For people, and for a comment on the merge request.
    pub fn markdown(&self) -> String {
        let title = match self.work {
            Work::Promote => "Promotion",
            Work::Rollback => "Rollback",
        };
        let mut text = format!("# {title} of {}: {}\n\n", short(&self.commit), self.outcome.words());
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "- {name}: {}", plain(value));
        };
        line("commit", &self.commit);
        line("by", &self.who);
        let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        line("started", &time(self.started_at));
        if let Some(at) = self.finished_at {
            line("finished", &time(at));
        }
        if let Some(job) = &self.job {
            line("job", job);
        }
        if let Some(reason) = &self.outside_pipeline {
            line("outside the pipeline, because", reason);
        }
        if let Some(problem) = &self.problem {
            line("problem", problem);
        }
        text.push_str("\n| app | outcome | release before | release after | image | health | seconds |\n");
        text.push_str("|---|---|---|---|---|---|---|\n");
        for app in &self.apps {
            let mark = |mark: &Option<Mark>| {
                mark.as_ref().map_or("none".to_owned(), |mark| format!("v{}", mark.version))
            };
            let seconds: Vec<String> = app
                .seconds
                .iter()
                .map(|(stage, time)| format!("{stage:?} {time:.1}").to_lowercase())
                .collect();
            let _ = writeln!(
                text,
                "| {} ({}) | {} | {} | {} | {} `{}` | {} | {} |",
                plain(&app.name),
                plain(&app.heroku),
                app.outcome.words(),
                mark(&app.before),
                mark(&app.after),
                plain(&app.image),
                plain(&app.digest),
                plain(app.problem.as_deref().or(app.health.as_deref()).unwrap_or("not seen")),
                seconds.join(", "),
            );
        }
        text.push_str(
            "\nA rollback takes the config vars back as well; what migrations did to databases stays.\n",
        );
        text
    }
}

/// Text that is no Markdown of its own: other people's words stand in it.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '|' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
