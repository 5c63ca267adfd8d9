//! From what was found to values: pure. Where there is more than one answer, or none, a person is asked.

use super::Args;
use super::approvals::approvals;
use super::draft::default;
use super::look::Looked;
use crate::doctor::ci_file::Job;
use crate::doctor::here::matching;
use crate::error::Result;

/// Names of integration branches, the most usual first.
const INTEGRATION: &[&str] = &["dev", "development", "integration", "next"];

/// Names of production branches besides the default.
const PRODUCTION: &[&str] = &["master", "production", "prod", "live"];

/// Where migrations live in other frameworks than those of the defaults.
const MIGRATIONS: &[&str] = &[
    "**/db/migrate/**",
    "**/db/migration/**",
    "**/Migrations/**",
    "**/alembic/versions/**",
    "**/db/changelog/**",
];

/// One value, or what must be asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    /// As in `deploy.job`.
    pub(super) key: &'static str,
    /// What a person is asked.
    pub(super) question: String,
    /// What answers it on the command line.
    pub(super) flag: &'static str,
    /// What was found.
    pub(super) answer: Answer,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// This.
    Is(Vec<String>),
    /// One of these.
    OneOf(Vec<String>),
    /// Nothing; with `--yes` this, where that does no harm.
    Ask(Option<Vec<String>>),
}

/// All values, in the order they are asked.
pub(super) fn guess(looked: &Looked, args: &Args) -> Result<Vec<Guess>> {
    let one = |flag: &Option<String>| flag.clone().map(|value| Answer::Is(vec![value]));
    let many = |flags: &[String]| (!flags.is_empty()).then(|| Answer::Is(flags.to_vec()));
    let guess =
        |key, question: &str, flag, answer| Guess { key, question: question.to_owned(), flag, answer };
    let deploy = one(&args.deploy_job).unwrap_or_else(|| deploy_job(looked));
    Ok(vec![
        guess(
            "branches.production",
            "which branch is production deployed from",
            "--production <branch>",
            one(&args.production).unwrap_or_else(|| production(looked)),
        ),
        guess(
            "branches.targets",
            "which branches are hotfixes backported to, separated by commas (none: --no-target)",
            "--target <branch>",
            match args.no_target {
                true => Answer::Is(Vec::new()),
                false => many(&args.target).unwrap_or_else(|| targets(looked)),
            },
        ),
        guess(
            "deploy.environment",
            "which environment is production",
            "--environment <name>",
            one(&args.environment).unwrap_or_else(|| environment(looked, &deploy)),
        ),
        guess("deploy.job", "which job deploys a hotfix", "--deploy-job <job>", deploy),
        guess(
            "deploy.rollback_job",
            "which job rolls production back",
            "--rollback-job <job>",
            one(&args.rollback_job).unwrap_or_else(|| job_about(looked, "deploy.rollback_job", "rollback")),
        ),
        guess(
            "deploy.apps",
            "which apps does a deployment reach, separated by commas",
            "--app <name>",
            many(&args.app).unwrap_or_else(|| apps(looked)),
        ),
        approvals(looked, args)?,
        guess(
            "migrations.job",
            "which job runs migrations in production",
            "--migrations-job <job>",
            one(&args.migrations_job).unwrap_or_else(|| job_about(looked, "migrations.job", "migrat")),
        ),
        guess(
            "migrations.paths",
            "which paths hold migrations, separated by commas",
            "--migrations-path <pattern>",
            many(&args.migrations_path).unwrap_or_else(|| migrations(looked)),
        ),
    ])
}

/// The production branch as far as it is clear: what is looked at further hangs on it.
pub(super) fn clear_production(looked: &Looked, args: &Args) -> Option<String> {
    args.production.clone().or_else(|| first(production(looked)))
}

/// The environment as far as it is clear.
pub(super) fn clear_environment(looked: &Looked, args: &Args) -> Option<String> {
    let deploy = args.deploy_job.as_deref().map_or_else(|| deploy_job(looked), is);
    args.environment.clone().or_else(|| first(environment(looked, &deploy)))
}

fn first(answer: Answer) -> Option<String> {
    match answer {
        Answer::Is(values) => values.into_iter().next(),
        Answer::OneOf(_) | Answer::Ask(_) => None,
    }
}

pub(super) fn as_default(key: &str) -> Answer {
    Answer::Is(default(key))
}

fn is(value: &str) -> Answer {
    Answer::Is(vec![value.to_owned()])
}

fn production(looked: &Looked) -> Answer {
    let has = |name: &str| looked.branches.contains(name);
    if looked.branches.is_empty() || default("branches.production").iter().any(|name| has(name)) {
        return as_default("branches.production");
    }
    let usual: Vec<&&str> = PRODUCTION.iter().filter(|name| has(name)).collect();
    match (usual.as_slice(), &looked.default_branch) {
        ([only], _) => is(only),
        (_, Some(name)) if has(name) => is(name),
        _ => Answer::OneOf(looked.branches.iter().cloned().collect()),
    }
}

fn targets(looked: &Looked) -> Answer {
    let has = |name: &str| looked.branches.contains(name);
    if looked.branches.is_empty() || default("branches.targets").iter().any(|name| has(name)) {
        return as_default("branches.targets");
    }
    match INTEGRATION.iter().filter(|name| has(name)).collect::<Vec<_>>().as_slice() {
        [only] => is(only),
        _ => Answer::Ask(None),
    }
}

/// Jobs that a person starts and that deploy to something like production.
fn deployers(looked: &Looked) -> Vec<&Job> {
    let Some(ci) = &looked.ci else { return Vec::new() };
    let fits = |job: &&Job| {
        let place = job.environment.as_deref().unwrap_or_default();
        let undoes = ["rollback", "revert", "migrat"].iter().any(|word| job.name.contains(word));
        job.deploys() && job.is_manual() && place.contains("prod") && !undoes
    };
    ci.jobs.iter().filter(fits).collect()
}

fn deploy_job(looked: &Looked) -> Answer {
    const KEY: &str = "deploy.job";
    let known = |name: &String| looked.ci.as_ref().is_some_and(|ci| ci.job(name).is_some());
    if default(KEY).iter().any(known) {
        return as_default(KEY);
    }
    match deployers(looked).as_slice() {
        [] => as_default(KEY),
        [only] => is(&only.name),
        several => {
            let hotfix: Vec<_> = several.iter().filter(|job| job.name.contains("hotfix")).collect();
            match hotfix.as_slice() {
                [only] => is(&only.name),
                _ => Answer::OneOf(several.iter().map(|job| job.name.clone()).collect()),
            }
        }
    }
}

/// Where the deploy job deploys to, or all that may be it.
fn environment(looked: &Looked, deploy: &Answer) -> Answer {
    let (Answer::Is(names) | Answer::OneOf(names)) = deploy else { return as_default("deploy.environment") };
    let job = |name: &String| looked.ci.as_ref().and_then(|ci| ci.job(name));
    let mut places: Vec<&str> =
        names.iter().filter_map(job).filter_map(|job| job.environment.as_deref()).collect();
    places.sort_unstable();
    places.dedup();
    match places.as_slice() {
        [only] if !only.contains('$') => is(only),
        _ => as_default("deploy.environment"),
    }
}

/// The job whose name tells what it is about; one for production before others.
fn job_about(looked: &Looked, key: &'static str, word: &str) -> Answer {
    let Some(ci) = &looked.ci else { return as_default(key) };
    if default(key).iter().any(|name| ci.job(name).is_some()) {
        return as_default(key);
    }
    let about: Vec<&str> = ci
        .jobs
        .iter()
        .map(|job| job.name.as_str())
        .filter(|name| name.to_lowercase().contains(word))
        .collect();
    let production: Vec<&str> = about.iter().filter(|name| name.contains("prod")).copied().collect();
    match (about.as_slice(), production.as_slice()) {
        ([], _) => as_default(key),
        ([only], _) | (_, [only]) => is(only),
        (several, _) => Answer::OneOf(several.iter().map(|name| (*name).to_owned()).collect()),
    }
}

fn apps(looked: &Looked) -> Answer {
    let default = default("deploy.apps");
    let mut found: Vec<&str> = Vec::new();
    let mut usual = false;
    for path in &looked.paths {
        usual |= path.split('/').any(|part| default.iter().any(|app| app == part));
        let mut parts = path.split('/');
        if let (Some("apps"), Some(app), Some(_)) = (parts.next(), parts.next(), parts.next())
            && !found.contains(&app)
        {
            found.push(app);
        }
    }
    match (usual, found.is_empty()) {
        (true, _) => Answer::Is(default),
        (false, false) => Answer::Is(found.into_iter().map(str::to_owned).collect()),
        // Names of apps are for people only: none are better than wrong ones.
        (false, true) => Answer::Ask(Some(Vec::new())),
    }
}

fn migrations(looked: &Looked) -> Answer {
    const KEY: &str = "migrations.paths";
    let finds = |pattern: &String| matching(pattern, &looked.paths) > 0;
    let usual: Vec<String> = default(KEY).into_iter().filter(finds).collect();
    // A pattern counts when it finds what those before it do not.
    let mut chosen = usual.clone();
    for pattern in MIGRATIONS.iter().map(|pattern| (*pattern).to_owned()) {
        let new = looked.paths.iter().any(|path| {
            let path = std::slice::from_ref(path);
            matching(&pattern, path) > 0 && !chosen.iter().any(|known| matching(known, path) > 0)
        });
        if new {
            chosen.push(pattern);
        }
    }
    match chosen == usual {
        true => as_default(KEY),
        false => Answer::Is(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::ci_file::CiFile;

    fn show(looked: &Looked, args: &Args) -> String {
        let shown = guess(looked, args).unwrap().into_iter().filter_map(|guess| match guess.answer {
            Answer::Is(values) if values == default(guess.key) => None,
            Answer::Is(values) => Some(format!("{} = {}", guess.key, values.join(", "))),
            Answer::OneOf(values) => Some(format!("{} ? {}", guess.key, values.join(" | "))),
            Answer::Ask(fallback) => Some(format!("{} ?? {fallback:?}", guess.key)),
        });
        shown.collect::<Vec<_>>().join("\n")
    }

    fn looked(branches: &[&str], paths: &[&str], ci: &str) -> Looked {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Looked {
            branches: own(branches).into_iter().collect(),
            paths: own(paths),
            ci: CiFile::parse(ci).ok(),
            ..Looked::default()
        }
    }

    #[test]
    fn a_project_with_the_usual_names_needs_nothing() {
        let ci = "deploy-prod-hotfix: {script: x, environment: production, when: manual}\n";
        assert_eq!(show(&looked(&["main", "develop"], &["portal/app.rb"], ci), &Args::default()), "");
        assert_eq!(show(&looked(&[], &["portal/app.rb"], ""), &Args::default()), "");
    }

    #[test]
    fn another_projects_names_are_found() {
        let ci = r"
ship-prod: {script: x, environment: {name: prod-eu}, when: manual}
prod-rollback: {script: x, environment: prod-eu, when: manual}
stop: {script: x, environment: {name: prod-eu, action: stop}, when: manual}
migrate-qa: {script: x}
migrate-prod: {script: x}
";
        let mut looked =
            looked(&["master", "dev", "x"], &["apps/web/a", "apps/api/b", "src/db/migration/V1.sql"], ci);
        looked.rules = Some(vec!["Shop / Engineering Leads".into(), "Business".into()]);
        insta::assert_snapshot!(show(&looked, &Args::default()), @"
        branches.production = master
        branches.targets = dev
        deploy.environment = prod-eu
        deploy.job = ship-prod
        deploy.rollback_job = prod-rollback
        deploy.apps = web, api
        deploy.approvals = tech-lead=Shop / Engineering Leads, pm=Business
        migrations.job = migrate-prod
        migrations.paths = **/db/migration/**
        ");
    }

    #[test]
    fn what_is_not_clear_is_asked() {
        let ci = "a: {script: x, environment: prod, when: manual}\nb: {script: x, environment: prod2, when: manual}\n";
        let mut looked = looked(&["one", "two"], &["x"], ci);
        looked.rules = Some(vec!["a".into(), "b".into(), "c".into()]);
        insta::assert_snapshot!(show(&looked, &Args::default()), @"
        branches.production ? one | two
        branches.targets ?? None
        deploy.job ? a | b
        deploy.apps ?? Some([])
        deploy.approvals ?? None
        ");
    }

    #[test]
    fn flags_answer() {
        let own = |text: &str| vec![text.to_owned()];
        let args = Args {
            production: Some("one".into()),
            no_target: true,
            app: own("web"),
            approval: own("pm=b"),
            deploy_job: Some("b".into()),
            ..Args::default()
        };
        insta::assert_snapshot!(show(&looked(&["one", "two"], &[], "b: {script: x, environment: e}"), &args), @"
        branches.production = one
        branches.targets = 
        deploy.environment = e
        deploy.job = b
        deploy.apps = web
        deploy.approvals = pm=b
        ");
        let wrong = Args { approval: own("pm"), ..Args::default() };
        assert_eq!(guess(&Looked::default(), &wrong).unwrap_err().kind, crate::error::Kind::Usage);
    }
}
