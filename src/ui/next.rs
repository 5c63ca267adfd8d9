//! The next command, as people and scripts are told it. The plan decides it; here it is put into words.

use super::status::{Moment, role_words};
use super::{Block, Style, Text};
use crate::hotfix::plan::{Next, Plan, command_for};
use crate::hotfix::rung::{Rung, slots, typed};
use crate::hotfix::snapshot::Snapshot;

/// The command of what needs somebody's hands while others are waited for: a conflict to resolve.
pub(super) fn hands(plan: &Plan) -> Option<&str> {
    let commands = plan.hands().filter_map(|block| block.hints.first());
    commands.map(String::as_str).find(|hint| hint.starts_with("git hotfix "))
}

/// The next command, as the arguments after `git`, and who types it.
pub(super) fn next_command(plan: &Plan, named: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = vec!["hotfix".into()];
    match &plan.next {
        Next::Do(step) => words.extend(command_for(step)),
        Next::Wait(_) if hands(plan).is_some() => {
            let command = hands(plan)?.strip_prefix("git hotfix ")?;
            return Some(
                words
                    .into_iter()
                    .chain(command.split(' ').map(|word| word.trim_matches('\'').to_owned()))
                    .collect(),
            );
        }
        Next::Wait(waits) if waits.iter().any(|(rung, _)| *rung == Rung::Approve) => {
            words.push("deploy".into())
        }
        Next::Wait(waits) if waits.iter().any(|(rung, _)| *rung == Rung::Verify) => {
            words.extend(["verify".into(), "--confirm".into(), "<what you saw>".into()]);
        }
        Next::Wait(_) => words.push("wait".into()),
        Next::Blocked(_) | Next::Done => return None,
    }
    if !named.is_empty() {
        words.push(named.to_owned());
    }
    Some(words)
}

/// A command's words after `git` as people type them.
pub(super) fn command_line(words: &[String]) -> String {
    words.iter().fold("git".to_owned(), |line, word| line + " " + &typed(word))
}

/// The last lines of the screen: what comes next, and who types it.
pub(super) fn next(s: &Snapshot, plan: &Plan, moment: &Moment<'_>) -> Block {
    let mut block = Block::new();
    if moment.offline && matches!(plan.next, Next::Blocked(_)) {
        let command = Text::new().with(Style::Command, moment.called.put("git hotfix status"));
        return block.text(Text::from("offline: as the last fetch left it; for the rest: ").then(command));
    }
    if let Next::Blocked(blocks) = &plan.next {
        for (_, reason) in blocks {
            for hint in &reason.hints {
                let hint = moment.called.put(hint);
                block =
                    block.hanging(Text::new().with(Style::Strong, "next: ").with(Style::Command, hint), 6);
            }
        }
        return block;
    }
    if let (Next::Wait(waits), Some(deployment)) = (&plan.next, s.deployment.known())
        && waits.iter().any(|(rung, _)| *rung == Rung::Approve)
    {
        let rules = deployment.rules.known().map(Vec::as_slice).unwrap_or_default();
        let open: Vec<String> = slots(&s.policy.roles, rules)
            .iter()
            .filter(|slot| slot.filled_by.is_none())
            .map(|slot| role_words(&slot.role.name))
            .collect();
        block = block.hanging(
            Text::new()
                .with(Style::Strong, "next: ")
                .plain(format!("{}  ", open.join(", ")))
                .with(Style::Link, &deployment.job.web_url),
            6,
        );
        let command = moment.called.put(&command_line(&next_command(plan, "").unwrap_or_default()));
        return block.hanging(
            Text::new()
                .plain("      you  ")
                .with(Style::Command, command)
                .plain("   (waits, then asks to play)"),
            6,
        );
    }
    match next_command(plan, "") {
        Some(words) => {
            let command = moment.called.put(&command_line(&words));
            block.hanging(Text::new().with(Style::Strong, "next: ").with(Style::Command, command), 6)
        }
        None => block.text(Text::new().with(Style::Good, "all done")),
    }
}
