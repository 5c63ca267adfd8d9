//! What we write into merge requests: titles, descriptions and notes. Pure.
//!
//! Everything here is Markdown for people; nothing of it is ever read back as state, except the marker of
//! a confirmation.

use crate::hotfix::snapshot::{BranchContent, Landed, LandedKind, PathConflict, Sha};
use crate::hotfix::step::Step;

/// First characters of a confirmation's note; the landed commit and ` -->` follow.
pub const CONFIRMED: &str = "<!-- git-hotfix: confirmed";

/// First words of a conflicting backport's description.
const WARNING: &str = "> **WARNING: this backport conflicts and holds no change yet.**";

/// A confirmation's note.
pub fn confirmation(commit: &Sha, text: &str) -> String {
    format!("{CONFIRMED} {commit} -->\nSeen in production: {text}")
}

/// The text that a confirmation's note for `commit` holds, if it is one.
pub fn confirmed(commit: &Sha, body: &str) -> Option<String> {
    let rest = body.strip_prefix(&format!("{CONFIRMED} {commit} -->"))?.trim_start();
    Some(rest.strip_prefix("Seen in production:").unwrap_or(rest).trim().to_owned())
}

/// Title of a backport merge request.
pub fn backport_title(target: &str, landed: &Landed, draft: bool) -> String {
    let mark = if draft { "Draft: " } else { "" };
    // GitLab takes at most 255 characters.
    let title = format!("{mark}Backport to {target}: {}", landed.subject);
    title.chars().take(255).collect()
}

/// Title of the merge request that reverts it.
pub fn revert_title(landed: &Landed) -> String {
    format!("Revert \"{}\"", landed.subject).chars().take(255).collect()
}

/// Description of the merge request that reverts it.
pub fn revert(target: &str, landed: &Landed, hotfix: Option<u64>) -> String {
    let origin = hotfix.map(|iid| format!("!{iid} ")).unwrap_or_default();
    format!(
        "Reverts {origin}({}) on `{target}`.\n\n\
         Merged, it changes `{target}`, not production: that is a deployment of its own, as with any hotfix. \
         Once it has landed, what it reverts needs no backport any more.\n",
        landed.commit
    )
}

/// The commands that finish a conflicting backport by hand; the very ones the tool runs.
pub fn by_hand(target: &str, branch: &str, landed: &Landed) -> Vec<String> {
    let mut commands = vec![format!("git fetch origin"), format!("git switch -c {branch} origin/{target}")];
    commands.push(match &landed.kind {
        LandedKind::Merge => format!("git cherry-pick -x -m 1 {}", landed.commit),
        LandedKind::Single => format!("git cherry-pick -x {}", landed.commit),
        LandedKind::Series(series) => {
            let ids: Vec<&str> = series.iter().map(Sha::as_str).collect();
            format!("git cherry-pick -x {}", ids.join(" "))
        }
    });
    commands.push("# resolve, then: git add <paths> && git cherry-pick --continue".to_owned());
    commands.push(format!("git push --force-with-lease origin {branch}"));
    commands
}

/// Description of a backport merge request.
pub fn backport(step: &Step) -> String {
    let Step::OpenBackport { target, branch, found, landed, conflicts, hotfix, .. } = step else {
        return String::new();
    };
    let origin = match hotfix {
        Some(iid) => format!("!{iid}"),
        None => "a hotfix".to_owned(),
    };
    let mut text = String::new();
    if found.content == BranchContent::Placeholder {
        text.push_str(&format!(
            "{WARNING}\n\
             > Its only commit is an empty placeholder. Do not merge it: `{target}` would still lack the fix,\n\
             > and the next normal release would undo it in production. A developer must resolve it first.\n\n"
        ));
    }
    text.push_str(&format!("Backport of {origin} ({}) to `{target}`.\n", landed.commit));
    if found.content == BranchContent::Placeholder {
        text.push_str(&conflict_part(target, branch, landed, conflicts));
    }
    text
}

fn conflict_part(target: &str, branch: &str, landed: &Landed, conflicts: &[PathConflict]) -> String {
    let mut text = String::from("\n### Conflicts\n\n");
    if conflicts.is_empty() {
        text.push_str("See the message of the placeholder commit.\n");
    } else {
        text.push_str(&format!("| path | conflict | touched on `{target}` by |\n|---|---|---|\n"));
    }
    for conflict in conflicts {
        let touched: Vec<String> = conflict
            .touched_by
            .iter()
            .map(|commit| {
                format!("{} {} ({})", commit.id.short(), cell(&commit.subject), cell(&commit.author))
            })
            .collect();
        text.push_str(&format!(
            "| `{}` | {} | {} |\n",
            cell(&conflict.path),
            conflict.kind,
            touched.join("<br>")
        ));
    }
    text.push_str("\n### To finish it\n\n```\ngit hotfix backport --continue\n```\n\nor by hand:\n\n```\n");
    for command in by_hand(target, branch, landed) {
        text.push_str(&command);
        text.push('\n');
    }
    text.push_str("```\n");
    text
}

/// The description without our warning and conflict table; `None` where it has none.
pub fn without_warning(text: &str) -> Option<String> {
    let rest = text.strip_prefix(WARNING)?;
    let (_, rest) = rest.split_once("\n\n")?;
    let rest = rest.split_once("\n### Conflicts\n").map_or(rest, |(kept, _)| kept);
    Some(format!("{}\n\nIts conflicts were resolved by hand.\n", rest.trim_end()))
}

/// One table cell: no line breaks, no cell borders, no mentions.
fn cell(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '|' => '/',
            '`' => '\'',
            '@' => '＠',
            '\n' | '\r' => ' ',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hotfix::snapshot::{BackportBranch, CommitLine};

    fn landed() -> Landed {
        Landed {
            commit: Sha::parse(&"9".repeat(40)).unwrap(),
            kind: LandedKind::Merge,
            subject: "Fix login 500".into(),
            reverted_by: None,
        }
    }

    #[test]
    fn a_conflicting_backport_warns_first_and_says_how_to_finish() {
        let id = Sha::parse(&"1".repeat(40)).unwrap();
        let step = Step::OpenBackport {
            target: "develop".into(),
            branch: "backport/develop-99999999".into(),
            found: BackportBranch { tip: id.clone(), content: BranchContent::Placeholder },
            landed: landed(),
            conflicts: vec![PathConflict {
                path: "app/a|b.rb".into(),
                encoded: false,
                kind: "content".into(),
                touched_by: vec![CommitLine {
                    id,
                    subject: "Ask @all".into(),
                    body: String::new(),
                    author: "kim".into(),
                    at: None,
                }],
            }],
            labels: vec![],
            hotfix: Some(412),
            assignee: None,
        };
        let text = backport(&step);
        assert!(text.starts_with("> **WARNING"), "{text}");
        let resolved = without_warning(&text).unwrap();
        assert_eq!(
            resolved,
            format!(
                "Backport of !412 ({}) to `develop`.\n\nIts conflicts were resolved by hand.\n",
                "9".repeat(40)
            )
        );
        assert_eq!(without_warning(&resolved), None);
        assert!(text.contains("| `app/a/b.rb` | content | 11111111 Ask ＠all (kim) |"), "{text}");
        assert!(text.contains(&format!("git cherry-pick -x -m 1 {}\n", "9".repeat(40))), "{text}");
        assert_eq!(backport_title("develop", &landed(), true), "Draft: Backport to develop: Fix login 500");
    }

    #[test]
    fn a_confirmation_is_read_back_only_for_its_own_commit() {
        let commit = landed().commit;
        let note = confirmation(&commit, "login works");
        assert_eq!(confirmed(&commit, &note).as_deref(), Some("login works"));
        assert_eq!(confirmed(&Sha::parse(&"8".repeat(40)).unwrap(), &note), None);
    }
}
