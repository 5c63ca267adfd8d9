//! A story's fire drill in the user's own repository: the same acts, with a harmless fix and the team's roles.

use super::here::Here;
use crate::error::{Kind, Problem, Result};
use crate::sim::{Act, Click, Deed, Event, Scenario, When};

/// The story as it happens there.
pub(super) fn of(mut scenario: Scenario, here: &Here) -> Result<Scenario> {
    if scenario.name == "clean" {
        scenario.acts = clean(here);
        return Ok(scenario);
    }
    scenario.events = events(&scenario, here)?;
    let acts = std::mem::take(&mut scenario.acts).into_iter().filter_map(|act| match act {
        Act::Run { who, args, .. } if args.first().is_some_and(|verb| verb == "start") => {
            Some(Act::Run { who, args: typed(&["start", "fire-drill"]), code: 0 })
        }
        // Without a branch to bring it back to, nothing is left to do.
        Act::Run { who, args, code: 8 } if !here.has_target => Some(Act::Run { who, args, code: 0 }),
        Act::Web(_, Click::MergeBackports, _) if !here.has_target => None,
        act => Some(act),
    });
    scenario.acts = acts.collect();
    Ok(scenario)
}

/// Each step by its own command, each role from its own laptop.
fn clean(here: &Here) -> Vec<Act> {
    let run = |who, args: &[&str], code| Act::Run { who, args: typed(args), code };
    let dev = |args: &[&str], code| run("dev", args, code);
    let mut acts = vec![
        Act::Say("a fire drill: a harmless fix, on its way to production"),
        dev(&["start", "fire-drill"], 0),
        Act::Fix,
        dev(&["open"], 0),
        dev(&["merge", "--yes"], 0),
        dev(&["wait", "build"], 0),
    ];
    acts.extend(here.roles.iter().map(|(role, who)| run(*who, &["approve", "--as", role, "--yes"], 0)));
    acts.extend([Act::Say("play the job once, follow it, backport"), dev(&["ship", "--yes"], 0)]);
    let open = if here.has_target { 8 } else { 0 };
    acts.push(dev(&["verify", "--confirm", "the drill's line is there"], open));
    if here.has_target {
        acts.push(Act::Web("mia", Click::MergeBackports, "reviews and merges the backports"));
        acts.push(dev(&["verify"], 0));
    }
    acts
}

/// What colleagues do where other roles, and perhaps more or fewer of them, must approve.
fn events(scenario: &Scenario, here: &Here) -> Result<Vec<Event>> {
    let rejects = |event: &Event| matches!(event.deed, Deed::Reject(_));
    let mut events = scenario.events.clone();
    match (here.roles.as_slice(), events.iter_mut().find(|event| rejects(event))) {
        ([], Some(_)) => {
            return Err(Problem::new(
                Kind::Config,
                "no role approves a deployment here, so none can reject it",
            )
            .hint("see the roles with: git hotfix doctor --config"));
        }
        ([.., (_, last)], Some(event)) => event.who = last,
        (roles, None) => {
            let approves = events.iter().filter(|event| event.deed == Deed::Approve);
            let known: Vec<&str> = approves.map(|event| event.who).collect();
            let further = roles.iter().filter(|(_, who)| !known.contains(who));
            let approve = |(_, who): &(String, &'static str)| Event {
                when: When::Waiting,
                after: 6,
                who,
                deed: Deed::Approve,
            };
            events.extend(further.map(approve).collect::<Vec<_>>());
        }
    }
    Ok(events)
}

fn typed(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}
