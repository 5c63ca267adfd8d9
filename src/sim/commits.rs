//! Commits, files, comparisons and diffs, read from the real repository; picks and reverts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::backport::picked_message;
use super::call::{Call, found, paged};
use super::objects::Merged;
use super::respond::{Answer, Reply};
use super::world::{MergeRequest, PROJECT_ID, World};

/// As many commits as one answer ever needs.
const MANY: usize = 10_000;

/// What a root commit is told beside; git knows it without having it.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let range = call.text("ref_name").unwrap_or_else(|| world.setup.production.clone());
    let path = call.text("path");
    let paths: Vec<&str> = path.as_deref().into_iter().collect();
    let mut options = Vec::new();
    if call.flag("first_parent") == Some(true) {
        options.push("--first-parent");
    }
    let known = range.split("..").all(|end| world.repository.resolve(end).is_some());
    if !known {
        return Err(Answer::not_found("Commit"));
    }
    let commits = world.repository.log(&options, &range, &paths, MANY)?;
    paged(call, &world.origin, &commits, false, |commit| world.commit_json(commit))
}

pub(super) fn one(world: &World, _call: &Call, sha: &str) -> Reply {
    let id = found(world.repository.resolve(sha), "Commit")?;
    let mut json = world.commit_of(&id);
    let last = world.pipelines.iter().rfind(|found| found.sha == id);
    json["status"] = last.map(|found| world.pipeline_status(found.id)).into();
    json["last_pipeline"] = last.map(|found| world.pipeline_basic(found)).into();
    json["project_id"] = PROJECT_ID.into();
    let numbers = world.repository.line(&["show", "--first-parent", "-m", "--numstat", "--format=", &id])?;
    let sum = |column: usize| -> u64 {
        numbers.lines().filter_map(|line| line.split('\t').nth(column)?.parse::<u64>().ok()).sum()
    };
    json["stats"] = json!({"additions": sum(0), "deletions": sum(1), "total": sum(0) + sum(1)});
    Ok(Answer::json(200, &json))
}

/// Commits files to a branch, which may be new.
pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let [branch, message] = call.required(["branch", "commit_message"])?;
    let needed = if world.protected.contains(&branch) { world.setup.push_level } else { 30 };
    if world.at_least(Some(user), needed).is_err() {
        return Err(Answer::forbidden_because("You are not allowed to push into this branch"));
    }
    let start =
        call.text("start_branch").or_else(|| call.text("start_sha")).unwrap_or_else(|| branch.clone());
    let Some(parent) = world.branch(&branch).or_else(|| world.repository.resolve(&start)) else {
        return Err(Answer::message(400, "You can only create or edit files when you are on a branch"));
    };
    let actions = call.params.get("actions").and_then(Value::as_array);
    let Some(actions) = actions else { return Err(Answer::parameter("actions is missing")) };
    let mut files = Vec::new();
    for action in actions {
        let text = |name: &str| action[name].as_str().unwrap_or_default().to_owned();
        let (what, path) = (text("action"), text("file_path"));
        let there = world.repository.file(&parent, &path).is_some();
        let content = match (what.as_str(), there) {
            ("create", true) => return Err(Answer::message(400, "A file with this name already exists")),
            ("update" | "delete", false) => {
                return Err(Answer::message(400, "A file with this name doesn't exist"));
            }
            ("create" | "update", _) if text("encoding") == "base64" => {
                let bytes =
                    STANDARD.decode(text("content")).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                Some(bytes.ok_or_else(|| Answer::parameter("actions[content] is invalid"))?)
            }
            ("create" | "update", _) => Some(text("content")),
            ("delete", _) => None,
            _ => return Err(Answer::parameter("actions[action] does not have a valid value")),
        };
        files.push((path, content));
    }
    let tree = world.repository.tree_with(Some(&parent), &files)?;
    let by = world.signature(user);
    let id = world.repository.commit_tree(&tree, &[&parent], &message, &by, &by)?;
    world.move_branch(&branch, Some(&id), user)?;
    Ok(Answer { status: 201, ..one(world, call, &id)? })
}

/// The merge requests that brought a commit: as their head, as what landed, or on the way.
pub(super) fn merge_requests(world: &World, call: &Call, sha: &str) -> Reply {
    let id = found(world.repository.resolve(sha), "Commit")?;
    let is = |value: &Option<String>| value.as_deref() == Some(&id);
    let brought = |found: &&MergeRequest| {
        let own = found.base.as_ref().is_some_and(|(base, _)| {
            world.repository.is_ancestor(&id, &found.sha) && !world.repository.is_ancestor(&id, base)
        });
        is(&found.merge_commit_sha) || is(&found.squash_commit_sha) || own
    };
    let matches: Vec<&MergeRequest> = world.merge_requests.iter().rev().filter(brought).collect();
    paged(call, &world.origin, &matches, true, |found| world.merge_request_basic(found))
}

/// Cherry-pick and revert on the server.
pub(super) fn pick(world: &mut World, call: &Call, sha: &str, revert: bool) -> Reply {
    let user = world.at_least(call.user, 30)?.id;
    let [branch] = call.required(["branch"])?;
    let commit = found(world.repository.resolve(sha).and_then(|id| world.repository.commit(&id)), "Commit")?;
    let tip = found(world.branch(&branch), "Branch")?;
    let needed = if world.protected.contains(&branch) { world.setup.push_level } else { 30 };
    world.at_least(Some(user), needed)?;
    let parent = found(commit.parents.first(), "Commit")?;
    let (from, to) = if revert { (&commit.id, parent) } else { (parent, &commit.id) };
    let what = if revert { "revert" } else { "cherry-pick" };
    let failed = |code: &str| {
        let text = format!(
            "Sorry, we cannot {what} this commit automatically. This commit may already have been {what}ed, or a \
             more recent commit may have updated some of its content."
        );
        Answer::json(400, &json!({"message": text, "error_code": code}))
    };
    let tree = match world.repository.apply(from, to, &tip)? {
        Merged::Conflicts(_) => return Err(failed("conflict")),
        Merged::Clean(tree) if tree == world.repository.tree(&tip)? => return Err(failed("empty")),
        Merged::Clean(tree) => tree,
    };
    if call.flag("dry_run") == Some(true) {
        return Ok(Answer::json(200, &json!({"dry_run": "success"})));
    }
    let committer = world.signature(user);
    let (message, author) = match revert {
        true => {
            let text = format!("Revert \"{}\"\n\nThis reverts commit {}\n", commit.title(), commit.id);
            (text, committer.clone())
        }
        false => (call.text("message").unwrap_or_else(|| picked_message(&commit)), commit.author.clone()),
    };
    let id = world.repository.commit_tree(&tree, &[&tip], &message, &author, &committer)?;
    world.move_branch(&branch, Some(&id), user)?;
    Ok(Answer::json(201, &world.commit_of(&id)))
}

/// What a commit changes beside its first parent.
pub(super) fn diff(world: &World, call: &Call, sha: &str) -> Reply {
    let id = found(world.repository.resolve(sha), "Commit")?;
    let parent = world.repository.resolve(&format!("{id}^1"));
    let base = parent.unwrap_or_else(|| EMPTY_TREE.to_owned());
    paged(call, &world.origin, &world.diffs(&base, &id), true, Value::clone)
}

pub(super) fn compare(world: &World, call: &Call) -> Reply {
    let [from, to] = call.required(["from", "to"])?;
    let from = found(world.repository.resolve(&from), "Ref")?;
    let to = found(world.repository.resolve(&to), "Ref")?;
    let straight = call.flag("straight") == Some(true);
    let mut commits = world.repository.log(&[], &format!("{from}..{to}"), &[], MANY)?;
    commits.reverse();
    let base = match straight {
        true => Some(from.clone()),
        false => world.repository.merge_base(&from, &to),
    };
    let commits: Vec<Value> = commits.iter().map(|commit| world.commit_json(commit)).collect();
    Ok(Answer::json(
        200,
        &json!({
            "commit": commits.last(),
            "commits": commits,
            "diffs": base.map(|base| world.diffs(&base, &to)).unwrap_or_default(),
            "compare_timeout": false,
            "compare_same_ref": from == to,
            "web_url": format!("{}/-/compare/{from}...{to}", world.project_web()),
        }),
    ))
}

/// The best common ancestor of `refs[]`, of which GitLab takes two or more.
pub(super) fn merge_base(world: &World, call: &Call) -> Reply {
    let refs = call.list("refs").unwrap_or_default();
    let [first, others @ ..] = refs.as_slice() else { return Err(Answer::parameter("refs is missing")) };
    if others.is_empty() {
        return Err(Answer::bad_request("Provide exactly 2 refs"));
    }
    let mut base = found(world.repository.resolve(first), "Ref")?;
    for other in others {
        let other = found(world.repository.resolve(other), "Ref")?;
        base = found(world.repository.merge_base(&base, &other), "Merge Base")?;
    }
    one(world, call, &base)
}

pub(super) fn raw_file(world: &World, call: &Call, path: &str) -> Reply {
    let (_, bytes) = world.file_at(call, path)?;
    Ok(Answer::text(200, bytes))
}

pub(super) fn file(world: &World, call: &Call, path: &str) -> Reply {
    let (commit, bytes) = world.file_at(call, path)?;
    let blob = world.repository.line(&["rev-parse", &format!("{commit}:{path}")])?;
    let last = world.repository.log(&[], &commit, &[path], 1)?;
    Ok(Answer::json(
        200,
        &json!({
            "file_name": path.rsplit('/').next(),
            "file_path": path,
            "size": bytes.len(),
            "encoding": "base64",
            "content": STANDARD.encode(&bytes),
            "ref": call.text("ref").unwrap_or_else(|| "HEAD".to_owned()),
            "blob_id": blob,
            "commit_id": commit,
            "last_commit_id": last.first().map(|commit| commit.id.clone()),
            "execute_filemode": false,
        }),
    ))
}

pub(super) fn of_merge_request(world: &World, call: &Call, iid: &str) -> Reply {
    let wanted = world.wanted(iid)?;
    let commits = match &wanted.base {
        Some((base, _)) => world.repository.log(&[], &format!("{base}..{}", wanted.sha), &[], MANY)?,
        None => Vec::new(),
    };
    paged(call, &world.origin, &commits, true, |commit| world.commit_json(commit))
}

pub(super) fn changes(world: &World, call: &Call, iid: &str) -> Reply {
    let wanted = world.wanted(iid)?;
    let mut json = world.merge_request_json(wanted, call);
    json["changes"] = world.diffs_of(wanted).into();
    json["overflow"] = false.into();
    Ok(Answer::json(200, &json))
}

pub(super) fn diffs(world: &World, call: &Call, iid: &str) -> Reply {
    let diffs = world.diffs_of(world.wanted(iid)?);
    paged(call, &world.origin, &diffs, true, Value::clone)
}

impl World {
    fn file_at(&self, call: &Call, path: &str) -> Result<(String, Vec<u8>), Answer> {
        let at = call.text("ref").unwrap_or_else(|| "HEAD".to_owned());
        let commit = found(self.repository.resolve(&at), "Commit")?;
        let bytes = found(self.repository.file(&commit, path), "File")?;
        Ok((commit, bytes))
    }

    fn diffs_of(&self, wanted: &MergeRequest) -> Vec<Value> {
        wanted.base.as_ref().map(|(base, _)| self.diffs(base, &wanted.sha)).unwrap_or_default()
    }

    fn diffs(&self, base: &str, head: &str) -> Vec<Value> {
        let raw = self.repository.line(&["diff-tree", "-r", "-M", "-z", base, head]).unwrap_or_default();
        let mut fields = raw.split('\0').filter(|field| !field.is_empty());
        let mut diffs = Vec::new();
        while let Some(entry) = fields.next() {
            let parts: Vec<&str> = entry.trim_start_matches(':').split(' ').collect();
            let (&[old_mode, new_mode, _, _, kind], Some(old)) = (parts.as_slice(), fields.next()) else {
                break;
            };
            let new = if kind.starts_with('R') { fields.next().unwrap_or(old) } else { old };
            let patch = self.repository.line(&["diff", "-M", base, head, "--", old, new]).unwrap_or_default();
            let hunks = patch.find("\n@@").map_or("", |at| patch.get(at + 1..).unwrap_or_default());
            diffs.push(json!({
                "diff": format!("{hunks}\n"),
                "collapsed": false,
                "too_large": false,
                "new_path": new,
                "old_path": old,
                "a_mode": old_mode,
                "b_mode": new_mode,
                "new_file": kind == "A",
                "renamed_file": kind.starts_with('R'),
                "deleted_file": kind == "D",
                "generated_file": null,
            }));
        }
        diffs
    }
}
