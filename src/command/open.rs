//! `git hotfix open`: push and open the merge request to the production branch. Running it again adopts.

use super::{Exit, flow, usage_problem};
use crate::context::Context;
use crate::error::Result;
use crate::hotfix::goal::{Goal, OpenOptions};
use crate::hotfix::step::Step;
use crate::ui::follow::Answers;

/// Arguments of `open`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Branch, !<iid>, URL or commit; the current branch when left out
    #[arg(value_name = "HOTFIX")]
    pub hotfix: Option<String>,
    /// How the merge request is opened.
    #[command(flatten)]
    pub request: Request,
    /// Open it in the browser afterwards
    #[arg(long)]
    pub web: bool,
}

/// How a merge request is opened; `ship` takes the same.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Request {
    /// Title; the first commit's subject when left out
    #[arg(short, long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Description; from the commits and the template when left out
    #[arg(short, long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Open it as a draft
    #[arg(long)]
    pub draft: bool,
    /// Add a label
    #[arg(short, long = "label", value_name = "LABEL")]
    pub labels: Vec<String>,
    /// Ask for a review
    #[arg(long = "reviewer", value_name = "USER")]
    pub reviewers: Vec<String>,
    /// Assign to; yourself when left out
    #[arg(long = "assignee", value_name = "USER")]
    pub assignees: Vec<String>,
}

impl Request {
    /// For the goal.
    pub(super) fn options(self) -> Result<Box<OpenOptions>> {
        if self.title.as_ref().is_some_and(|title| title.trim().is_empty()) {
            return Err(usage_problem(
                "a merge request needs a title",
                "git hotfix open --title <title>   (or leave it out: the first commit's subject)",
            ));
        }
        Ok(Box::new(OpenOptions {
            title: self.title,
            description: self.description,
            draft: self.draft,
            labels: self.labels,
            reviewers: self.reviewers,
            assignees: self.assignees,
        }))
    }
}

/// Says where what was typed for a new merge request was not asked of the one that was there.
pub(super) fn unheeded(ctx: &Context, typed: &OpenOptions, ran: &flow::Ran) {
    let opened = ran.outcome.wrote.iter().any(|step| matches!(step, Step::Open { .. }));
    if let (Some(mr), false) = (ran.outcome.snapshot.merge_request.known(), opened)
        && *typed != OpenOptions::default()
    {
        ctx.ui.warn(&format!(
            "!{} was there already: its title, labels and people are as they were; change them at {}",
            mr.iid, mr.web_url
        ));
    }
}

/// Runs it.
pub fn run(ctx: &Context, args: Args) -> Result<Exit> {
    let typed = args.request.options()?;
    let goal = Goal::Open(typed.clone());
    let answers = Answers { again: "git hotfix open".to_owned(), ..Answers::default() };
    let options = flow::Options { answers, ..flow::Options::default() };
    let ran = flow::run(ctx, args.hotfix.as_deref(), &goal, options)?;
    if let Some(problem) = ran.problem() {
        return Err(problem);
    }
    unheeded(ctx, &typed, &ran);
    if let Some(mr) = ran.outcome.snapshot.merge_request.known() {
        ctx.ui.line(format!("!{} {}", mr.iid, mr.title));
        ctx.ui.line(&mr.web_url);
        if args.web {
            browse(ctx, mr.iid)?;
        }
    }
    for lane in &ran.outcome.snapshot.lanes {
        ctx.ui.say(crate::ui::status::forecast_line(lane));
    }
    Ok(Exit::Done)
}

/// Opens the page of the bound instance, built here: never an address that a server sent.
fn browse(ctx: &Context, iid: u64) -> Result<()> {
    let page = ctx.address()?.page(&format!("-/merge_requests/{iid}"));
    let git = ctx.git()?;
    git.browse(&page)
        .map_err(|error| crate::error::Problem::from(error).hint(format!("open it yourself: {page}")))
}
