//! The body of the pipeline's `hotfix-backport` job: what the team's shell script does, as the bot.

use crate::error::{Kind, Problem, Result};

use super::colleague::Draft;
use super::objects::Merged;
use super::repository::Commit;
use super::world::{Job, World};

impl World {
    /// Picks the pipeline's commit onto the integration branch and opens the merge request.
    pub(super) fn run_backport(&mut self, job: &Job, log: &mut String) -> Result<()> {
        let gone = |what: &str| Problem::new(Kind::Failed, format!("{what} is gone"));
        let pipeline = self.pipeline(job.pipeline).ok_or_else(|| gone("the pipeline"))?.clone();
        let target = self.setup.integration.clone();
        let tip = self.branch(&target).ok_or_else(|| gone(&target))?;
        let landed = self.repository.commit(&pipeline.sha).ok_or_else(|| gone("the commit"))?;
        let parent = landed.parents.first().ok_or_else(|| gone("the parent"))?.clone();
        let branch = format!("backport/{target}-{}", landed.id.get(..8).unwrap_or(&landed.id));
        if self.repository.is_ancestor(&landed.id, &tip) || self.branches.contains_key(&branch) {
            log.push_str(&format!("nothing to do: {target} has it, or {branch} exists\n"));
            return Ok(());
        }
        let bot = self.user_named("bot").map_or(pipeline.user, |bot| bot.id);
        let committer = self.signature(bot);
        let message = picked_message(&landed);
        let (tree, message, labels, conflicts) = match self.repository.apply(&parent, &landed.id, &tip)? {
            Merged::Clean(tree) if tree == self.repository.tree(&tip)? => {
                log.push_str(&format!("nothing to do: picking it changes nothing on {target}\n"));
                return Ok(());
            }
            Merged::Clean(tree) => (tree, message, ["backport", "auto-backport"], Vec::new()),
            Merged::Conflicts(paths) => {
                let listed: String = paths.iter().map(|path| format!("- {path}\n")).collect();
                let message = format!(
                    "Backport {} to {target}: conflicts\n\n{listed}\nBackport-Conflicts: {}\n",
                    branch, landed.id
                );
                (self.repository.tree(&tip)?, message, ["backport", "conflicts"], paths)
            }
        };
        let commit = self.repository.commit_tree(&tree, &[&tip], &message, &landed.author, &committer)?;
        self.move_branch(&branch, Some(&commit), bot)?;
        let draft = Draft {
            source: branch.clone(),
            target,
            title: match conflicts.is_empty() {
                true => format!("Backport: {}", landed.title()),
                false => format!("Draft: Backport: {}", landed.title()),
            },
            description: Some(match conflicts.is_empty() {
                true => format!("Backport of {}.", landed.id),
                false => format!("**Conflicts: resolve before merging.**\n\n{}", conflicts.join("\n")),
            }),
            labels: labels.map(str::to_owned).to_vec(),
            assignees: vec![pipeline.user],
            ..Draft::default()
        };
        let iid = self.open_merge_request(bot, draft);
        log.push_str(&format!("opened !{iid} from {branch}\n"));
        Ok(())
    }
}

/// The message with the line that `git cherry-pick -x` adds.
pub(super) fn picked_message(commit: &Commit) -> String {
    format!("{}\n\n(cherry picked from commit {})\n", commit.message.trim_end(), commit.id)
}
