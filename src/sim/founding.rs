//! How a world begins: people, tokens, labels, branches, and a production that already runs `main`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Kind, Problem, Result};

use super::limit::Counts;
use super::repository::Repository;
use super::setup::{Body, Lag, Protection, Seed, Setup, Start};
use super::shop;
use super::world::{Status, User, World};

/// Username, name, access level in the project.
const PEOPLE: &[(&str, &str, Option<u8>)] = &[
    ("dev", "Dev Anders", Some(30)),
    ("bo", "Bo Lindqvist", Some(30)),
    ("cleo", "Cleo Marsh", Some(20)),
    ("dan", "Dan Okafor", Some(20)),
    ("mia", "Mia Torres", Some(40)),
    ("bot", "hotfix-backport", Some(40)),
    // Has an account, is no member.
    ("eve", "Eve Stone", None),
];

/// The name of one of the people, or the username itself.
pub(super) fn person_name(username: &str) -> &str {
    PEOPLE.iter().find(|(known, ..)| *known == username).map_or(username, |(_, name, ..)| name)
}

impl World {
    /// Builds the world; its repositories live below `dir`, which must be empty or absent.
    pub fn new(dir: &Path, setup: Setup) -> Result<World> {
        let source = match &setup.seed {
            Seed::Story => None,
            Seed::CopyOf(path) => Some(path.as_path()),
        };
        let repository = Repository::create(dir, &setup.project, &setup.production, source)?;
        if source.is_none() {
            shop::write(&repository, &setup)?;
        }
        let branches = repository.branches()?;
        let Some(tip) = branches.get(&setup.production).cloned() else {
            let message = format!("the repository has no branch {}", setup.production);
            return Err(Problem::new(Kind::Config, message).hint("name production's branch in .hotfix.toml"));
        };
        let protected: BTreeSet<String> = [&setup.production, &setup.integration]
            .into_iter()
            .filter(|name| branches.contains_key(*name))
            .cloned()
            .collect();
        let groups_of = |who: &str| {
            let own = setup.groups.iter().filter(|(member, _)| member == who);
            own.map(|(_, group)| group.clone()).collect()
        };
        let users = PEOPLE.iter().zip(1..).map(|((username, name, level), id)| User {
            id,
            username: (*username).to_owned(),
            name: (*name).to_owned(),
            level: *level,
            groups: groups_of(username),
        });
        let users = users.collect();
        let mut world = World {
            setup,
            repository,
            origin: String::new(),
            seconds: 0,
            reads: 0,
            last_id: 1000,
            users,
            tokens: Vec::new(),
            labels: Vec::new(),
            branches,
            protected,
            merge_requests: Vec::new(),
            dependencies: Vec::new(),
            status_checks: Vec::new(),
            pipelines: Vec::new(),
            jobs: Vec::new(),
            deployments: Vec::new(),
            due: Vec::new(),
            counts: Counts::default(),
            events: Vec::new(),
            runners_work: BTreeSet::new(),
            runners_have: BTreeSet::new(),
            page_token: super::page::token(),
            refused: Vec::new(),
        };
        for (username, ..) in PEOPLE {
            world.add_token(username, &["api"], Some("2099-12-31"));
        }
        world.deploy_first(&tip);
        Ok(world)
    }

    /// The same world over a copy that was made of its directory: cheaper than founding one anew.
    pub fn copied(&self, from: &Path, to: &Path) -> World {
        World { repository: self.repository.copied(from, to), ..self.clone() }
    }

    /// Production runs the branch's tip: through its own pipeline, so that the records hang together.
    fn deploy_first(&mut self, tip: &str) {
        let real = self.setup.clone();
        self.setup.lag = Lag::none();
        self.setup.protection = Protection::Open;
        for job in &mut self.setup.production_jobs {
            job.failures = 0;
            if job.body == Body::Backport {
                job.start = Start::Never;
            }
        }
        let specs = self.setup.production_jobs.clone();
        let mia = self.user_named("mia").map_or(0, |user| user.id);
        let branch = self.setup.production.clone();
        let pipeline = self.create_pipeline(&specs, tip, None, &branch, "push", mia, None);
        self.settle();
        let deploys = self
            .jobs
            .iter()
            .find(|job| job.pipeline == pipeline && job.spec.body == Body::Deploy)
            .map(|job| (job.id, job.status));
        match deploys {
            Some((_, Status::Success)) => {}
            Some((job, _)) => {
                self.play_as("mia", job);
            }
            None => self.record_deployment(tip, &branch, mia, None),
        }
        self.setup = real;
        self.seconds += 60;
    }
}
