//! What is written by hand about each command: more than its one line, and examples. A test reads every
//! example with the real command line.

use clap_mangen::roff::{Roff, bold, roman};

/// A command: its name, its paragraphs, its examples with what they do.
type About = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const COMMANDS: &[About] = &[
    (
        "start",
        &[
            "Fetches the production branch, cuts a branch from its tip and switches to it. Refuses where the \
             branch exists here or on the remote, where git would have to overwrite changes of the work \
             tree, and where the production branch lacks what production runs: such a hotfix would take \
             production back.",
            "With a token, the rights that the flow needs are looked at too; what is missing is said as a \
             warning, and the branch is cut all the same.",
            "With --pick, the fix that is already on another branch is picked onto the new branch in memory. \
             When it conflicts, nothing is made.",
        ],
        &[
            ("git hotfix start login-500", "Cut hotfix/login-500 and switch to it."),
            ("git hotfix start login-500 --pick 1c2d3e4f", "Begin with a commit that is on develop."),
            ("git hotfix start login-500 --worktree", "Leave this work tree alone: use one beside it."),
        ],
    ),
    (
        "open",
        &["Pushes the branch and opens its merge request to the production branch, with a forecast of the \
             backport. The user's pre-push hook runs. Running it again adopts the merge request that is \
             there."],
        &[
            ("git hotfix open", "Title and description come from the commits and the project's template."),
            ("git hotfix open --draft --reviewer bo --label urgent", "Open it as a draft."),
        ],
    ),
    (
        "status",
        &[
            "Reads git and GitLab, writes nothing. Waiting and being blocked are answers, so the exit code \
             is 0 for both.",
            "With --offline the last fetch is all that is looked at, and no token is needed.",
        ],
        &[
            ("git hotfix status", "The hotfix of the current branch."),
            ("git hotfix status '!412'", "That of a merge request."),
            ("git hotfix status --json", "For scripts; the next command stands in next.argv."),
            ("git hotfix -R shop/web status '!412'", "Without a clone."),
        ],
    ),
    (
        "wait",
        &[
            "Blocks until the next rung is done, or the one that is named; without a name it also ends when it \
             is your turn. --timeout bounds the wait, never the action: what runs on GitLab goes on.",
        ],
        &[
            ("git hotfix wait pipeline", "Until the pipeline of the merge request is good."),
            ("git hotfix wait deploy --timeout 30m", "Exit 8 when production does not run it by then."),
        ],
    ),
    (
        "merge",
        &[
            "Merges exactly the commit that was looked at, when its pipeline and the approvals allow it. Asks \
             first, unless --yes is given.",
        ],
        &[
            ("git hotfix merge", "Merge now, after asking."),
            ("git hotfix merge --auto", "Let GitLab merge when all is good."),
        ],
    ),
    (
        "approve",
        &[
            "Shows everything that would ship since production's commit, then asks for your vote. An approval \
             starts nothing by itself: with --deploy the job is played when yours was the last one and you \
             may; otherwise it is said who can.",
        ],
        &[
            ("git hotfix approve '!412' --as pm", "Approve as the PM."),
            (
                "git hotfix approve '!412' --reject -m \"wait for the audit\"",
                "Reject; this ends the deployment.",
            ),
        ],
    ),
    (
        "deploy",
        &[
            "Waits for the approvals, shows what ships, asks, plays the production job once and follows it. A \
             job that already ran is never played again without --again, after which the approvals start \
             over.",
        ],
        &[
            ("git hotfix deploy", "Wait, ask, play, follow."),
            ("git hotfix deploy --log", "Show the end of the job's log while it runs."),
        ],
    ),
    (
        "migrate",
        &["Plays the migration job after asking and follows it, where the change holds migrations."],
        &[("git hotfix migrate", "For the hotfix of the current branch.")],
    ),
    (
        "backport",
        &[
            "Picks what landed on the production branch onto each target, on a branch of its own, and opens a \
             merge request for it. Nothing of the work tree, the index or your branches is touched.",
            "A pick that conflicts becomes an empty commit and a draft that lists the paths. --continue opens a \
             work tree of its own for it: resolve, git add, and run it again.",
        ],
        &[
            ("git hotfix backport --dry-run", "Only the forecast, also before the merge."),
            ("git hotfix backport --to develop --to 'release/*'", "To several branches; each fails alone."),
            ("git hotfix backport 9f3c1a7e --no-push", "A commit that this program never saw; local only."),
            ("git hotfix backport --continue '!415'", "Resolve a conflicting one."),
        ],
    ),
    (
        "ship",
        &[
            "Goes through everything in its order, from wherever it is, to the opened backport. It asks before \
             each step that cannot be taken back, waits where others must act, and never approves. When it \
             is interrupted, run it again.",
        ],
        &[("git hotfix ship", "From the commit on the branch to the opened backport.")],
    ),
    (
        "verify",
        &["The checklist after a hotfix. Exit 0 only when every item is done. A health check that answers \
             confirms nothing: somebody has to see the fix, and --confirm records it as a note on the merge \
             request."],
        &[
            ("git hotfix verify '!412'", "The list, with evidence."),
            ("git hotfix verify '!412' --confirm \"login works, two accounts\"", "Record what you saw."),
        ],
    ),
    (
        "list",
        &["Looks through the latest merge requests to the production branch."],
        &[("git hotfix list --missing", "In a scheduled pipeline: exit 3 where a backport is missing.")],
    ),
    (
        "abort",
        &[
            "Closes the merge request and removes the branch on the remote, only while nothing has landed. Your \
           local branch stays.",
        ],
        &[("git hotfix abort", "Give up the hotfix of the current branch.")],
    ),
    (
        "install",
        &[
            "Writes the manual pages, the completions for bash, zsh and fish, and the program itself below a \
             prefix. The program is left where it is when no prefix is named and its directory is on the \
             PATH, as after cargo install. No start-up file of a shell is touched: what one needs is said.",
            "Installing over an older version replaces it. --uninstall removes every file again.",
        ],
        &[
            ("git hotfix install", "Below ~/.local."),
            ("git hotfix install --prefix /usr/local --dry-run", "Only say what would be written."),
            ("git hotfix install --uninstall", "Take it away again."),
        ],
    ),
    (
        "completion",
        &[
            "Prints the script, for shells that keep theirs elsewhere. The scripts ask the program what fits at \
             each Tab; that reads the clone only, never the network.",
        ],
        &[
            ("git hotfix completion bash", "For ~/.local/share/bash-completion/completions/git-hotfix."),
            ("git hotfix completion zsh", "For a file _git-hotfix in a directory of fpath."),
            ("git hotfix completion fish", "For ~/.config/fish/conf.d/git-hotfix.fish."),
        ],
    ),
];

/// The commands that are written about.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|(name, ..)| *name)
}

/// The sections of a command's page; none for a command that its own help says all about.
pub(super) fn sections(name: &str) -> String {
    let Some((_, paragraphs, examples)) = COMMANDS.iter().find(|(known, ..)| *known == name) else {
        return String::new();
    };
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    for paragraph in *paragraphs {
        roff.control("PP", []).text([roman(*paragraph)]);
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, what) in *examples {
        roff.control("TP", []).text([bold(*line)]).text([roman(*what)]);
    }
    super::plain(&roff)
}
