//! Questions, on a terminal only, each with what answers it on the command line.
//!
//! Owns how questions are asked. It must not decide what an answer is good for: a `Consent` is
//! made elsewhere, from a confirmation or from `--yes`.

use std::sync::atomic::Ordering;

use dialoguer::{Input, Select};

use super::{Ui, clean, lock};
use crate::error::{Kind, Problem, Result};

impl Ui {
    /// True where a question can be asked.
    pub fn can_ask(&self) -> bool {
        self.shared.terminal.stdin_tty && self.shared.terminal.stderr_tty
    }

    /// Asks for a yes; Enter alone is a no, and anything but a yes or a no is asked again. `flag` answers it
    /// without a terminal: a command, or the option of one.
    pub fn confirm(&self, question: &str, flag: &str) -> Result<bool> {
        let answer = self.ask(question, flag, |prompt| {
            // What was typed before the question stood there, meant for something else, confirms nothing.
            super::terminal::forget_typed();
            // A whole line: a key that decides alone would find the y in "deny".
            Input::<String>::new()
                .with_prompt(format!("{prompt} [y/N]"))
                .allow_empty(true)
                .validate_with(|line: &String| yes(line).map(drop).ok_or("answer y or n"))
                .interact_text()
        })?;
        Ok(yes(&answer) == Some(true))
    }

    /// Asks for a line of text; a colon is put behind the question.
    pub fn input(&self, question: &str, default: Option<&str>, flag: &str) -> Result<String> {
        self.ask(question, flag, |prompt| {
            let input = Input::<String>::new().with_prompt(prompt);
            match default {
                Some(default) => input.default(self.presentable(default)),
                None => input,
            }
            .interact_text()
        })
        .map(|line| line.trim().to_owned())
    }

    /// Asks for one of several and gives its index; a colon is put behind the question.
    pub fn select(&self, question: &str, items: &[String], default: usize, flag: &str) -> Result<usize> {
        let items: Vec<String> = items.iter().map(|item| self.presentable(item)).collect();
        self.ask(question, flag, |prompt| {
            Select::new().with_prompt(prompt).items(&items).default(default).interact()
        })
    }

    fn ask<T>(
        &self,
        question: &str,
        flag: &str,
        put: impl FnOnce(String) -> dialoguer::Result<T>,
    ) -> Result<T> {
        let question = self.presentable(question);
        if !self.can_ask() {
            return Err(unanswered(&question, "there is no terminal to ask on", flag));
        }
        let prompt = question.clone();
        let drawn = lock(&self.shared.screen).drawn();
        self.shared.asking.store(true, Ordering::SeqCst);
        let answer = match drawn {
            Some(bar) => bar.suspend(|| put(prompt)),
            None => put(prompt),
        };
        // After Ctrl-C it still stands on the line that the last words are about to be written to.
        if answer.is_ok() {
            self.shared.asking.store(false, Ordering::SeqCst);
        }
        answer.map_err(|dialoguer::Error::IO(error)| {
            // A prompt that ends early leaves the cursor hidden.
            let _ = console::Term::stderr().show_cursor();
            match error.kind() {
                std::io::ErrorKind::Interrupted => interrupted(&question, flag),
                _ => unanswered(&question, &error.to_string(), flag),
            }
        })
    }

    fn presentable(&self, words: &str) -> String {
        self.redact(&clean::clean_line(words))
    }
}

/// What a line means as an answer, if anything.
fn yes(line: &str) -> Option<bool> {
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

/// A signal ends the process from its own thread, so this is told only as JSON.
fn interrupted(question: &str, flag: &str) -> Problem {
    Problem::new(Kind::Interrupted, format!("interrupted at the question: {question}"))
        .hint(format!("answer it on the command line: {flag}"))
}

fn unanswered(question: &str, why: &str, flag: &str) -> Problem {
    Problem::new(Kind::Refused, format!("nobody answered: {question}"))
        .because(why)
        .hint(format!("answer it on the command line: {flag}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::{Paper, pipe, tty};
    use crate::ui::{Level, Screen};

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y", "Y", "yes", " YES "].iter().all(|line| yes(line) == Some(true)));
        assert!(["", "n", "No", " "].iter().all(|line| yes(line) == Some(false)));
        assert!(["deny", "not yet", "maybe", "yy", "ok"].iter().all(|line| yes(line).is_none()));
    }

    #[test]
    fn an_interrupted_question_is_said_whole() {
        insta::assert_snapshot!(interrupted("Merge !412?", "git hotfix merge --yes").whole(), @"
        interrupted at the question: Merge !412? (130)
          hint: answer it on the command line: git hotfix merge --yes
        ");
    }

    #[test]
    fn without_a_terminal_the_refusal_names_the_flag() {
        let half = crate::ui::Terminal { stderr_tty: false, ..tty(60) };
        for terminal in [pipe(60), half] {
            let ui = Ui::over(terminal, Level::Normal, Screen::on_paper(&Paper::default()));
            let problems = [
                ui.confirm("play deploy-prod-hotfix now?", "--yes").unwrap_err(),
                ui.input("slug", None, "--yes").unwrap_err(),
                ui.select("which\u{1b}one?", &["a".to_owned()], 0, "--yes").unwrap_err(),
            ];
            for problem in problems {
                assert_eq!(problem.kind, Kind::Refused);
                assert_eq!(problem.hints, ["answer it on the command line: --yes"]);
                assert!(!problem.message.contains('\u{1b}'));
            }
        }
    }
}
