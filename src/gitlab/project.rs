//! The project and its members. The project itself is read through [`Client::project`].

use serde::Deserialize;

use super::{Client, Result};
use crate::http::{Method, Request};

words! {
    /// How merge requests land; decides which commit is on `main` afterwards.
    MergeMethod { Merge = "merge", RebaseMerge = "rebase_merge", FastForward = "ff" }
}

words! {
    /// Whether a merge squashes.
    SquashOption { Never = "never", Always = "always", DefaultOn = "default_on", DefaultOff = "default_off" }
}

/// A project. Many settings are hidden from users below Maintainer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// The number that survives renames.
    pub id: u64,
    /// As in `group/sub/project`.
    pub path_with_namespace: String,
    /// Where people look at it.
    pub web_url: Option<String>,
    /// `None` for an empty repository too.
    pub default_branch: Option<String>,
    /// The address to clone over https.
    pub http_url_to_repo: Option<String>,
    /// The address to clone over ssh.
    pub ssh_url_to_repo: Option<String>,
    /// How merge requests land.
    pub merge_method: Option<MergeMethod>,
    /// Whether merges squash.
    pub squash_option: Option<SquashOption>,
    /// A red or missing pipeline then blocks the merge.
    pub only_allow_merge_if_pipeline_succeeds: Option<bool>,
    /// A skipped pipeline then counts as a good one.
    pub allow_merge_on_skipped_pipeline: Option<bool>,
    /// Open threads then block the merge.
    pub only_allow_merge_if_all_discussions_are_resolved: Option<bool>,
    /// Pipelines then run on a temporary merge commit, not on the head.
    pub merge_pipelines_enabled: Option<bool>,
    /// Merges then go through a queue and land as another commit.
    pub merge_trains_enabled: Option<bool>,
    /// The branch then goes away with the merge.
    pub remove_source_branch_after_merge: Option<bool>,
    /// An older deployment then cannot start after a newer one succeeded.
    pub ci_forward_deployment_enabled: Option<bool>,
    /// Whoever triggered a pipeline may then approve its deployment; on main that is who merged.
    pub allow_pipeline_trigger_approve_deployment: Option<bool>,
    /// A job token may then push, which starts no pipeline.
    pub ci_push_repository_for_job_token_allowed: Option<bool>,
    /// An archived project takes no writes.
    pub archived: Option<bool>,
    /// What the token's user may do.
    pub permissions: Option<Permissions>,
}

impl Project {
    /// The access level of the token's user: 10 guest, 20 reporter, 30 developer, 40 maintainer,
    /// 50 owner. `None` when GitLab does not tell, as with administrators.
    pub fn access_level(&self) -> Option<u64> {
        let permissions = self.permissions.as_ref()?;
        let levels = [&permissions.project_access, &permissions.group_access];
        levels.into_iter().flatten().map(|access| access.access_level).max()
    }
}

/// Rights by membership in the project and in its groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Permissions {
    project_access: Option<Access>,
    group_access: Option<Access>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Access {
    access_level: u64,
}

/// A member of a project or group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// The user's number.
    pub id: u64,
    /// The name that follows an `@`.
    pub username: String,
    /// The full name.
    pub name: Option<String>,
    /// `active`, `blocked`, `awaiting` and others.
    pub state: Option<String>,
    /// 10 guest, 20 reporter, 30 developer, 40 maintainer, 50 owner.
    pub access_level: u64,
}

impl Client {
    /// Everyone with at least this access level, inherited membership included.
    pub fn members(&self, access_level: u64) -> Result<Vec<Member>> {
        let request = self.in_project(Method::Get, &["members", "all"]);
        let mut members: Vec<Member> = self.list(&request)?;
        members.retain(|member| member.access_level >= access_level);
        Ok(members)
    }

    /// The members of a group, inherited membership included.
    pub fn group_members(&self, group: u64) -> Result<Vec<Member>> {
        self.list(&Request::new(Method::Get, ["groups", &group.to_string(), "members", "all"]))
    }
}
