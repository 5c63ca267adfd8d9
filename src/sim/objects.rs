//! What the simulator writes into its repository on its own: trees, commits, merges and picks, by real git.

use crate::error::{Kind, Problem, Result};

use super::repository::{Repository, Signature};

/// How merging two trees went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Merged {
    /// The merged tree.
    Clean(String),
    /// The paths in conflict.
    Conflicts(Vec<String>),
}

impl Repository {
    /// Writes a commit object.
    pub(super) fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        message: &str,
        author: &Signature,
        committer: &Signature,
    ) -> Result<String> {
        let mut args = vec!["commit-tree", tree];
        for parent in parents {
            args.extend(["-p", parent]);
        }
        let mut command = self.command(&args);
        command
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_AUTHOR_DATE", &author.date)
            .env("GIT_COMMITTER_NAME", &committer.name)
            .env("GIT_COMMITTER_EMAIL", &committer.email)
            .env("GIT_COMMITTER_DATE", &committer.date);
        let id = self.output(&mut command, message.as_bytes())?;
        Ok(String::from_utf8_lossy(&id).trim_end().to_owned())
    }

    /// Merges two commits as `git merge` would.
    pub(super) fn merge_trees(&self, ours: &str, theirs: &str) -> Result<Merged> {
        let args = ["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", ours, theirs];
        let output = self.outcome(&mut self.command(&args), b"")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut fields = text.split('\0').filter(|field| !field.is_empty());
        let tree = fields.next().unwrap_or_default().to_owned();
        match output.status.code() {
            Some(0) => Ok(Merged::Clean(tree)),
            Some(1) => Ok(Merged::Conflicts(fields.map(str::to_owned).collect())),
            _ => Err(Problem::new(Kind::Failed, "git merge-tree failed in the embedded GitLab")
                .because(String::from_utf8_lossy(&output.stderr).trim())
                .hint("it needs git 2.38 or newer: git --version")),
        }
    }

    /// Applies what `from..to` changed onto `onto`. Throw-away commits make `from` the merge base,
    /// which works in every git that has `merge-tree --write-tree`.
    pub(super) fn apply(&self, from: &str, to: &str, onto: &str) -> Result<Merged> {
        let nobody = Signature { name: "sim".into(), email: "sim@localhost".into(), date: "@0 +0000".into() };
        let ours = self.commit_tree(&self.tree(onto)?, &[from], "ours", &nobody, &nobody)?;
        let theirs = self.commit_tree(&self.tree(to)?, &[from], "theirs", &nobody, &nobody)?;
        self.merge_trees(&ours, &theirs)
    }

    /// The tree of `base` with these files written (or removed, where the content is `None`).
    pub(super) fn tree_with(&self, base: Option<&str>, files: &[(String, Option<String>)]) -> Result<String> {
        let index = tempfile::Builder::new().prefix("index-").tempdir_in(&self.home).map_err(|error| {
            Problem::new(Kind::Failed, "could not write to the embedded GitLab's directory").because(error)
        })?;
        let with_index = |args: &[&str]| {
            let mut command = self.command(args);
            command.env("GIT_INDEX_FILE", index.path().join("index"));
            command
        };
        if let Some(base) = base {
            self.output(&mut with_index(&["read-tree", base]), b"")?;
        }
        let mut lines = String::new();
        for (path, content) in files {
            let line = match content {
                Some(content) => {
                    let mut hash = self.command(&["hash-object", "-w", "--stdin"]);
                    let id = self.output(&mut hash, content.as_bytes())?;
                    format!("100644 {}\t{path}\n", String::from_utf8_lossy(&id).trim_end())
                }
                None => format!("0 {}\t{path}\n", "0".repeat(40)),
            };
            lines.push_str(&line);
        }
        self.output(&mut with_index(&["update-index", "--index-info"]), lines.as_bytes())?;
        let tree = self.output(&mut with_index(&["write-tree"]), b"")?;
        Ok(String::from_utf8_lossy(&tree).trim_end().to_owned())
    }
}
