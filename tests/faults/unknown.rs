//! Never a false success: a status that this version does not know, or that is missing, counts for nothing. No
//! dangerous step rests on it, and exit 0 needs a read that showed the wanted state.

use git_hotfix::sim::{Fault, FaultPlan, What};

use crate::lab::Ready;
use crate::matrix::{names_the_next_command, told};
use crate::scenario::Scenario;
use crate::sound::sound;

/// A field that is shown with an unknown value throughout, and the write that must not rest on it.
pub(crate) struct Doubt {
    pub(crate) scenario: &'static str,
    pub(crate) key: &'static str,
    args: &'static [&'static str],
    /// Method and end of the path of what must not be asked for.
    never: Option<(&'static str, &'static str)>,
}

/// What is shown instead.
pub(crate) const VALUES: [&str; 3] = ["\"frobnicated\"", "\"\"", "null"];

const MERGE: Option<(&str, &str)> = Some(("PUT", "/merge"));
const PLAY: Option<(&str, &str)> = Some(("POST", "/play"));
const SHIP: &[&str] = &["ship", "--yes", "--timeout", "0s"];
const DEPLOY: &[&str] = &["deploy", "--yes", "--timeout", "0s"];

pub(crate) fn all() -> Vec<Doubt> {
    let doubt = |scenario, key, args, never| Doubt { scenario, key, args, never };
    vec![
        doubt("merge", "detailed_merge_status", &["merge", "--yes"], MERGE),
        doubt("merge", "state", &["merge", "--yes"], MERGE),
        doubt("merge", "sha", &["merge", "--yes"], MERGE),
        doubt("ship", "head_pipeline.status", SHIP, MERGE),
        doubt("ship", "detailed_merge_status", SHIP, MERGE),
        doubt("ship", "state", SHIP, MERGE),
        doubt("ship", "status", SHIP, MERGE),
        doubt("deploy", "deployable.status", DEPLOY, PLAY),
        doubt("deploy", "status", DEPLOY, PLAY),
        doubt("deploy", "deployment_approvals.status", DEPLOY, PLAY),
        doubt("deploy", "pending_approval_count", DEPLOY, PLAY),
        doubt("deploy", "approval_summary", DEPLOY, PLAY),
        doubt("deploy", "access_level_description", DEPLOY, PLAY),
        doubt("deploy", "sha", DEPLOY, PLAY),
        doubt("approve", "approval_summary", &["approve", "--yes", "!412"], Some(("POST", "/approval"))),
        doubt("approve", "sha", &["approve", "--yes", "!412"], Some(("POST", "/approval"))),
        doubt("backport", "state", &["backport"], None),
        doubt("backport", "labels", &["backport"], None),
    ]
}

/// The field is unknown from the first exchange on.
pub(crate) fn case(
    doubt: &Doubt,
    scenario: &Scenario,
    ready: &Ready,
    value: &'static str,
) -> Result<(), String> {
    let lab = ready.open(scenario.story);
    let seat = scenario.seat(&lab);
    lab.server.inject(FaultPlan::from(1, Fault::after(What::Swapped(doubt.key, value))));
    let run = seat.run(doubt.args);
    lab.server.lift_faults();
    let what = format!("{} = {value}", doubt.key);
    sound(&lab).map_err(|why| told(&format!("{what}: {why}"), &run))?;
    if run.code == 0 {
        return Err(told(&format!("{what} is taken for success"), &run));
    }
    if !matches!(run.code, 4..=8) {
        return Err(told(&format!("{what}: not an exit code for this"), &run));
    }
    names_the_next_command(&run).map_err(|why| format!("{what}: {why}"))?;
    let asked = lab.since(0).into_iter().any(|one| {
        let path = one.path.split('?').next().unwrap_or_default();
        doubt.never.is_some_and(|(method, end)| one.method == method && path.ends_with(end))
    });
    if asked { Err(told(&format!("{what}, and it was acted on"), &run)) } else { Ok(()) }
}
