//! Which apps are promoted, from where to where: the configuration of the production branch, made exact.

use url::Url;

use crate::ci::registry::{Login, Reference, Registries, Version};
use crate::config::{App, Config, Env, Health, env};
use crate::error::{Kind, Problem, Result};
use crate::http::Secret;

/// One app, as it is to be promoted.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in the configuration.
    pub name: String,
    /// Its name on Heroku.
    pub heroku: String,
    /// The image.
    pub source: Reference,
    /// The process types that run it.
    pub processes: Vec<Process>,
    /// How to see that it is well.
    pub health: Option<Health>,
}

/// A process type of an app.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its name, as in `web`.
    pub name: String,
    /// Where Heroku takes its image from.
    pub place: Reference,
}

/// Where images come from, and with which credentials.
pub struct Images<'a> {
    env: &'a Env,
    root: &'a str,
}

impl<'a> Images<'a> {
    /// Reads `CI_REGISTRY_IMAGE`.
    pub fn of(env: &'a Env) -> Result<Images<'a>> {
        let root = env.get(env::CI_REGISTRY_IMAGE).ok_or_else(|| {
            Problem::new(Kind::Config, "CI_REGISTRY_IMAGE is not set: where the images are is not known")
                .hint("GitLab sets it in every job of a project whose container registry is on")
                .hint("elsewhere: export CI_REGISTRY_IMAGE=registry.example/group/project")
        })?;
        Ok(Images { env, root })
    }

    /// The credentials to read them with: the registry user's, else the job's token. The issuer that GitLab's
    /// registry sends to is GitLab itself, which `CI_SERVER_URL` names.
    pub fn log_in(&self, registries: &mut Registries, source: &Reference) -> Result<()> {
        let pairs = [
            (self.env.get(env::CI_REGISTRY_USER), self.env.get(env::CI_REGISTRY_PASSWORD)),
            (Some("gitlab-ci-token"), self.env.get(env::CI_JOB_TOKEN)),
        ];
        let found = pairs.into_iter().find_map(|(user, secret)| Some((user?, Secret::new(secret?)?)));
        // A public image needs none; where one is needed the registry says so.
        let Some((user, secret)) = found else { return Ok(()) };
        let mut login = Login::new(source.registry(), user, secret)?;
        if let Some(server) = self.env.get(env::CI_SERVER_URL).and_then(|text| Url::parse(text).ok()) {
            login = login.realm(&server)?;
        }
        registries.login(login);
        Ok(())
    }

    fn reference(&self, app: &App, commit: &str) -> Result<Reference> {
        let image = app.image.as_deref().unwrap_or(&app.name);
        let path = if image.is_empty() { String::new() } else { format!("/{image}") };
        let short: String = commit.chars().take(8).collect();
        let tag =
            app.tag.as_deref().unwrap_or("{sha}").replace("{sha}", commit).replace("{short_sha}", &short);
        Reference::parse(&format!("{}{path}:{tag}", self.root)).map_err(|why| {
            Problem::new(Kind::Config, format!("{} has no usable image: {why}", app.name)).hint(format!(
                "see `image` and `tag` of [apps.{}] in .hotfix.toml, and CI_REGISTRY_IMAGE",
                app.name
            ))
        })
    }
}

/// Every app that is to be promoted, in the order of the configuration; `only` some of them where it names any.
pub fn targets(config: &Config, only: &[String], images: &Images<'_>, commit: &str) -> Result<Vec<Target>> {
    let known = &config.apps.value;
    if let Some(stranger) = only.iter().find(|name| !known.contains(name)) {
        return Err(Problem::new(Kind::Usage, format!("there is no app called {stranger}"))
            .because(format!("configured are {}", known.join(", ")))
            .hint(format!("git hotfix ci promote --app {}", known.first().map_or("<app>", String::as_str))));
    }
    let wanted: Vec<&String> = known.iter().filter(|name| only.is_empty() || only.contains(name)).collect();
    if wanted.is_empty() {
        return Err(Problem::new(Kind::Config, "no production app is configured")
            .hint("name them in .hotfix.toml on the production branch: [deploy] apps = [\"portal\"]"));
    }
    wanted.into_iter().map(|name| target(config, name, images, commit)).collect()
}

fn target(config: &Config, name: &str, images: &Images<'_>, commit: &str) -> Result<Target> {
    let app = config.app_details.iter().find(|app| app.name == name);
    let heroku = app.and_then(|app| app.heroku.clone());
    let (Some(app), Some(heroku)) = (app, heroku) else {
        return Err(Problem::new(Kind::Config, format!("which app {name} is on Heroku is not configured"))
            .because("it is read from .hotfix.toml as it stands on the production branch, nowhere else")
            .hint(format!("add there: [apps.{name}] heroku = \"<name on Heroku>\"")));
    };
    let source = images.reference(app, commit)?;
    let processes = processes(config, app, &heroku).map_err(|why| {
        Problem::new(Kind::Config, format!("{name} has no place in Heroku's registry: {why}")).hint(format!(
            "see `heroku` and `processes` of [apps.{name}] in .hotfix.toml on the production branch"
        ))
    })?;
    Ok(Target { name: name.to_owned(), heroku, source, processes, health: app.health.clone() })
}

fn processes(config: &Config, app: &App, heroku: &str) -> std::result::Result<Vec<Process>, String> {
    let web = ["web".to_owned()];
    let names = if app.processes.is_empty() { &web[..] } else { &app.processes };
    let registry = &config.promote.heroku_registry.value;
    let process = |name: &String| {
        let place = Reference::new(registry, &format!("{heroku}/{name}"), Version::Tag("latest".to_owned()))?;
        Ok(Process { name: name.clone(), place })
    };
    names.iter().map(process).collect()
}

/// The places of the apps that are not promoted now: some of the layers may be there.
pub fn siblings(config: &Config, targets: &[Target]) -> Vec<Reference> {
    let others = config.app_details.iter().filter(|app| targets.iter().all(|target| target.name != app.name));
    let found = others.filter_map(|app| processes(config, app, app.heroku.as_deref()?).ok());
    found.flatten().map(|process| process.place).collect()
}
