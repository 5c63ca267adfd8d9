//! What a command may use: the screen, the environment, the clock, and, opened on first use, the clone,
//! the configuration and GitLab.
//!
//! Cheap to make: help, completion and offline views pay for nothing they do not use.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::tz::TimeZone;

use crate::cli::Globals;
use crate::clock::{self, Clock, SystemClock};
use crate::config::{
    Config, Env, FILE_NAME, File, Flags, Layers, Setting, Source, TokenSource, env, find_token,
};
use crate::error::{Kind, Problem, Result};
use crate::git::remote::Credential;
use crate::git::{self, Git, Repo};
use crate::gitlab::{Address, Client, get_a_token};
use crate::http::{Origin, Secret, Token};
use crate::trace;
use crate::ui::Ui;
use crate::ui::called::Called;

/// Handed to every command.
pub struct Context {
    /// The screen.
    pub ui: Ui,
    /// The environment, taken once.
    pub env: Env,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Options of every command.
    pub globals: Globals,
    /// The command that runs, as it is typed.
    pub command: String,
    /// The whole line, as it can be typed again.
    pub typed: String,
    /// How the hotfix was named on the command line.
    pub called: Called,
    repo: OnceCell<Option<Repo>>,
    around: OnceCell<git::config::Config>,
    client: OnceCell<Option<Client>>,
    looked: OnceCell<TokenLook>,
    first: OnceCell<Config>,
    place: OnceCell<Address>,
}

/// Where a token was looked for; never the token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenLook {
    /// Where one was found.
    pub found: Option<TokenSource>,
    /// Sources that were passed over, and why.
    pub skipped: Vec<(TokenSource, String)>,
}

impl Context {
    /// Makes one; reads nothing but what it is given.
    pub fn new(ui: Ui, env: Env, globals: Globals) -> Self {
        Context {
            ui,
            env,
            clock: Arc::new(SystemClock::new()),
            globals,
            command: String::new(),
            typed: String::new(),
            called: Called::default(),
            repo: OnceCell::new(),
            around: OnceCell::new(),
            client: OnceCell::new(),
            looked: OnceCell::new(),
            first: OnceCell::new(),
            place: OnceCell::new(),
        }
    }

    /// Lets it know what was typed.
    pub fn calling(self, command: String, typed: String, hotfix: Option<&str>) -> Self {
        let (repo, host) = (self.globals.repo.as_deref(), self.globals.host.as_deref());
        Context { command, typed, called: Called::new(hotfix, repo, host), ..self }
    }

    /// Says what to do next; its commands name the hotfix as this one did.
    pub fn hint(&self, hint: &str) {
        self.ui.hint(&self.called.put(hint));
    }

    /// A problem whose hints do.
    pub fn naming(&self, mut problem: Problem) -> Problem {
        problem.hints.iter_mut().for_each(|hint| *hint = self.called.put(hint));
        problem
    }

    /// The clone; none with `-R`.
    pub fn repo(&self) -> Result<Option<&Repo>> {
        if self.repo.get().is_none() {
            let directory = self.globals.directory.as_deref();
            if let Some(Err(error)) = directory.map(std::fs::read_dir) {
                let shown = directory.unwrap_or(Path::new(".")).display();
                return Err(Problem::new(Kind::Usage, format!("cannot change to `{shown}`"))
                    .because(error)
                    .hint(format!("name a clone: git hotfix {} -C <dir>", self.command)));
            }
            let repo = match self.globals.repo {
                Some(_) => None,
                None => Some(Repo::discover(self.git()?, directory)?),
            };
            let _ = self.repo.set(repo);
        }
        Ok(self.repo.get().and_then(Option::as_ref))
    }

    /// Git's configuration as it counts here; with `-R`, and without git, there may be none.
    fn git_config(&self) -> Result<&git::config::Config> {
        if let Some(repo) = self.repo()? {
            return Ok(repo.config()?);
        }
        if let Some(config) = self.around.get() {
            return Ok(config);
        }
        let directory = self.globals.directory.as_deref();
        let config = self.git().ok().map(|git| git::config::Config::around(&git, directory)).transpose()?;
        Ok(self.around.get_or_init(|| config.unwrap_or_default()))
    }

    /// The clone, for commands that do nothing without one.
    pub fn clone_here(&self) -> Result<&Repo> {
        self.repo()?.ok_or_else(|| {
            Problem::new(Kind::Usage, "this command works on a clone, so -R does not go with it")
                .hint("run it there: cd <clone>, then the same command without -R")
        })
    }

    /// The git program.
    pub fn git(&self) -> Result<Git> {
        let start = match &self.globals.directory {
            Some(directory) => directory.clone(),
            None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        };
        let path = self.env.get_os(env::PATH).unwrap_or_default();
        let git = Git::find(path, &start)?.with_prompts(self.ui.can_ask());
        let git = match trace::parent_sid() {
            Some(sid) => git.with_env(env::GIT_TRACE2_PARENT_SID, sid),
            None => git,
        };
        Ok(match self.env.leaves_committer_alone() {
            true => git.with_time(clock::local),
            false => git,
        })
    }

    /// The configuration without `.hotfix.toml`: enough to find the remote and the production branch.
    ///
    /// The file says where it is to be read from, too, if nothing closer does: then the one on `main`, or on
    /// the remote's default branch where it has no `main`, names the production branch, and for nothing
    /// else is that copy asked.
    pub fn first(&self) -> Result<&Config> {
        if let Some(config) = self.first.get() {
            return Ok(config);
        }
        let mut config = self.resolve(None)?;
        if let Some(named) = self.named_in_clone(&config)? {
            config.production = named;
        }
        if let Some(repo) = self.repo()? {
            repo.git().be_patient(config.timeout.value);
        }
        Ok(self.first.get_or_init(|| config))
    }

    fn named_in_clone(&self, config: &Config) -> Result<Option<Setting<String>>> {
        let (Source::Default, Some(repo)) = (&config.production.source, self.repo()?) else {
            return Ok(None);
        };
        let remote = &config.remote.value;
        for branch in [config.production.value.as_str(), "HEAD"] {
            if let Some(tip) = repo.ref_tip(&format!("refs/remotes/{remote}/{branch}"))? {
                let bytes = repo.file_at(tip, FILE_NAME.into()).ok().flatten().unwrap_or_default();
                return Ok(File::production_branch(&bytes, &format!("{remote}/{branch}:{FILE_NAME}")));
            }
        }
        Ok(None)
    }

    /// The configuration with the given `.hotfix.toml`.
    pub fn with_file(&self, bytes: Option<&[u8]>, label: &str) -> Result<Config> {
        let file = bytes.map(|bytes| File::parse(bytes, label)).transpose()?;
        self.resolve(file.as_ref())
    }

    fn resolve(&self, file: Option<&File>) -> Result<Config> {
        let flags = Flags { host: self.globals.host.clone(), ..Flags::default() };
        let config = self.git_config()?;
        let word = |key| config.get(key);
        self.ui.configure_color(word("color.hotfix").as_deref(), word("color.ui").as_deref());
        let git = |key: &str| -> Vec<String> {
            // Git's listing has names in lower case; these have no subsection, whose case would count.
            let key = key.to_ascii_lowercase();
            // Of the clone that somebody stands in, another project shares the instance and nothing else.
            let shared = |entry: &&git::config::Entry| {
                self.globals.repo.is_none() || !entry.scope.is_of_clone() || key == "hotfix.url"
            };
            let entries = config.all(&key).filter(shared);
            entries.filter_map(|entry| Some(entry.value.as_ref()?.to_string())).collect()
        };
        Config::resolve(&Layers { flags: &flags, env: &self.env, git: &git, file })
    }

    /// `.hotfix.toml` as it stands on the production branch, and what to call it: from the last fetch, or
    /// with `-R` from GitLab. The work tree's own copy counts for nothing: a branch could lower what is
    /// asked of it.
    pub fn file_on_production(&self) -> Result<(Option<Vec<u8>>, String)> {
        let first = self.first()?;
        let production = &first.production.value;
        match self.repo()? {
            Some(repo) => {
                let tracking = format!("refs/remotes/{}/{production}", first.remote.value);
                let bytes = match repo.ref_tip(&tracking)? {
                    Some(tip) => repo.file_at(tip, FILE_NAME.into())?,
                    None => None,
                };
                let label = format!("{}/{production}:{FILE_NAME}", first.remote.value);
                let named = File::production_branch(bytes.as_deref().unwrap_or_default(), &label);
                match (&first.production.source, named) {
                    (Source::File(pointer), Some(named)) if named.value != *production => {
                        let message = format!(
                            "{pointer} names {production} as production, and {label} names {}",
                            named.value
                        );
                        Err(Problem::new(Kind::Config, message)
                            .hint("make them agree, or say it in this clone: git config hotfix.productionBranch <name>"))
                    }
                    _ => Ok((bytes, label)),
                }
            }
            None => {
                let gitlab = self.gitlab_required()?;
                let bytes = gitlab.file(FILE_NAME, production)?;
                if first.production.source != Source::Default {
                    return Ok((bytes, format!("{production}:{FILE_NAME}")));
                }
                let pointer = match &bytes {
                    Some(bytes) => Some(bytes.clone()),
                    None => gitlab.file(FILE_NAME, "HEAD")?,
                };
                match pointer.and_then(|bytes| File::production_branch(&bytes, FILE_NAME)) {
                    Some(named) if named.value != *production => {
                        let label = format!("{}:{FILE_NAME}", named.value);
                        Ok((gitlab.file(FILE_NAME, &named.value)?, label))
                    }
                    _ => Ok((bytes, format!("{production}:{FILE_NAME}"))),
                }
            }
        }
    }

    /// Takes the project's place on GitLab from somebody who knows it better than the remote: a pipeline's
    /// job. Counts only before the place is first used.
    pub fn stand_at(&self, place: Address) {
        let _ = self.place.set(place);
    }

    /// Where the project is on GitLab.
    pub fn address(&self) -> Result<Address> {
        if let Some(place) = self.place.get() {
            return Ok(place.clone());
        }
        let first = self.first()?;
        if let Some(project) = &self.globals.repo {
            let around = || {
                let url = self.git_config().ok()?.get(&format!("remote.{}.url", first.remote.value))?;
                Some(Address::of_remote(&url, None).ok()?.base().clone())
            };
            let wrong = |why: String| {
                Problem::new(Kind::Usage, why).hint(format!(
                    "name a project: git hotfix {} -R <group/project> --host <host>",
                    self.command
                ))
            };
            let base = match first.url.value.clone().or_else(around) {
                Some(url) => url,
                None => crate::config::instance_url("gitlab.com").map_err(wrong)?,
            };
            let named = match self.globals.host {
                Some(_) => Address::new(&base, project),
                None => Address::named(project, &base),
            };
            return named.map_err(|error| wrong(format!("-R {project}: {error}")));
        }
        let remote = &first.remote.value;
        let url = self.clone_here()?.remote_url(remote)?.ok_or_else(|| {
            Problem::new(Kind::Config, format!("there is no remote called {remote}")).hint(
                "add it: git remote add origin <url>   (or name another: git config hotfix.remote <name>)",
            )
        })?;
        Ok(Address::of_remote(&url, first.url.value.as_ref())?)
    }

    /// GitLab, where there is a token for it.
    pub fn gitlab(&self) -> Result<Option<&Client>> {
        if self.client.get().is_none() {
            let client = self.connect()?;
            let _ = self.client.set(client);
        }
        Ok(self.client.get().and_then(Option::as_ref))
    }

    /// GitLab, or how to get a token for it.
    pub fn gitlab_required(&self) -> Result<&Client> {
        if let Some(client) = self.gitlab()? {
            return Ok(client);
        }
        let address = self.address()?;
        let instance = address.instance();
        let mut problem = Problem::new(Kind::Config, format!("there is no token for {instance}"));
        for (source, why) in self.token_look().skipped {
            problem = problem.because(format!("{source}: {why}"));
        }
        Err(get_a_token(problem, instance))
    }

    /// Where the token of [`gitlab`](Self::gitlab) came from; empty before that was called.
    pub fn token_look(&self) -> TokenLook {
        self.looked.get().cloned().unwrap_or_default()
    }

    fn connect(&self) -> Result<Option<Client>> {
        let address = self.address()?;
        let Some(origin) = address.origin() else { return Ok(None) };
        let search = self.search(&origin)?;
        let found = search.found.as_ref().map(|(_, source)| source.clone());
        let _ = self.looked.set(TokenLook { found, skipped: search.skipped });
        let Some((secret, source)) = search.found else { return Ok(None) };
        self.ui.hide(secret.expose());
        self.ui.detail(format!("token from {source}"));
        let token = Token::bearer(origin, secret);
        let options = self.first()?.http_options();
        Ok(Some(Client::new(&address, Some(token), options, self.clock.clone())?))
    }

    fn search(&self, origin: &Origin) -> Result<crate::config::Search> {
        let ask = |origin: &Origin| self.ask_git(origin);
        Ok(find_token(origin, &self.env, &ask))
    }

    /// `git credential fill`, without ever prompting: the user's helpers, or nothing.
    fn ask_git(&self, origin: &Origin) -> std::result::Result<Option<Secret>, String> {
        let git = self.git().map_err(|problem| problem.to_string())?.with_prompts(false);
        let filled = Credential::fill(&git, self.repo.get().and_then(Option::as_ref), &origin.to_string());
        Ok(filled.map_err(|error| error.to_string())?.and_then(|credential| Secret::new(&credential.secret)))
    }

    /// The user's time zone.
    pub fn zone(&self) -> TimeZone {
        TimeZone::system()
    }

    /// Which changed paths are migrations.
    pub fn migrations(config: &Config) -> Result<GlobSet> {
        let wrong = |error: globset::Error| {
            Problem::new(Kind::Config, "migrations.paths cannot be used")
                .because(error)
                .hint("write them like `db/migrate/**`; where they are set: git hotfix doctor --config")
        };
        let mut set = GlobSetBuilder::new();
        for pattern in &config.migrations_paths.value {
            set.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(wrong)?);
        }
        set.build().map_err(wrong)
    }
}
