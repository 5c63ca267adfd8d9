//! `.gitlab-ci.yml`, as far as the flow depends on it: which jobs there are, how they start, and what
//! environment they deploy to.
//!
//! Reads both GitLab's merged file and the plain one of a clone (anchors, `<<`, `extends`). Includes are
//! not fetched: where there are any, a job that is not seen may exist all the same.

mod yaml;

use std::rc::Rc;

use yaml::Node;

/// No honest file is longer.
const LONGEST: usize = 4 << 20;

/// Top-level keys that are no jobs.
const GLOBALS: &[&str] = &[
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "types",
    "variables",
    "workflow",
];

/// One way in which a job comes into a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// `on_success`, `manual`, `always`, `delayed`, …; never `never`.
    pub when: String,
    /// Whether the pipeline goes on, and counts as good, without it.
    pub allow_failure: bool,
    /// What must hold for it (`if`, or the names of `only`); none where it always comes.
    pub condition: Option<String>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The environment it names; may hold variables.
    pub environment: Option<String>,
    /// What it does there, where that is no deployment: `stop`, `access`, `prepare`, `verify`.
    pub action: Option<String>,
    /// How it may start: one for each rule, or the one of the job itself.
    pub ways: Vec<Way>,
    /// Its stage.
    pub stage: String,
    /// The jobs it waits for in place of the stages before; an empty list waits for nothing.
    pub needs: Option<Vec<String>>,
    /// What keeps it from running beside others.
    pub resource_group: Option<String>,
    /// Whether GitLab starts it again by itself when it fails.
    pub retries: bool,
    /// Whether GitLab makes several jobs of it.
    pub parallel: bool,
    /// Whether it leaves its artifacts after a failure, too.
    pub keeps_artifacts: bool,
    /// Its commands.
    pub script: String,
}

impl Job {
    /// Whether it starts only when a person starts it.
    pub fn is_manual(&self) -> bool {
        !self.ways.is_empty() && self.ways.iter().all(|way| way.when == "manual")
    }

    /// Whether it deploys to its environment.
    pub fn deploys(&self) -> bool {
        self.environment.is_some() && self.action.as_deref().is_none_or(|action| action == "start")
    }
}

/// A pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFile {
    /// The stages, in their order.
    pub stages: Vec<String>,
    /// Its jobs, as they stand in it; hidden ones (`.name`) are templates.
    pub jobs: Vec<Job>,
    /// Whether other files belong to it that were not read.
    pub includes: bool,
}

impl CiFile {
    /// Reads the last document of a file; the words say what is wrong.
    pub fn parse(text: &str) -> Result<CiFile, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {} MiB", LONGEST >> 20));
        }
        let root = yaml::read(text)?;
        let Some(top) = root.as_deref().and_then(Node::map) else {
            return Err("it holds no jobs".to_owned());
        };
        let jobs = top
            .iter()
            .filter(|(name, node)| {
                !name.starts_with('.') && !GLOBALS.contains(&name.as_str()) && node.map().is_some()
            })
            .map(|(name, _)| job(top, name))
            .collect();
        let stages = root.as_deref().and_then(|root| root.get("stages")).map(words);
        let stages = stages.unwrap_or_else(|| ["build", "test", "deploy"].map(str::to_owned).to_vec());
        Ok(CiFile { stages, jobs, includes: top.iter().any(|(name, _)| name == "include") })
    }

    /// Whether `job` stands in a later stage than `other`.
    pub fn comes_after(&self, job: &Job, other: &Job) -> bool {
        let place = |stage: &str| match stage {
            ".pre" => Some(0),
            ".post" => Some(usize::MAX),
            stage => self.stages.iter().position(|known| known == stage).map(|at| at + 1),
        };
        place(&job.stage).zip(place(&other.stage)).is_some_and(|(one, two)| one > two)
    }

    /// The job of this name.
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == name)
    }
}

/// A job with what it extends, nearest first.
struct Chain<'a>(Vec<&'a Node>);

impl<'a> Chain<'a> {
    fn of(top: &'a [(String, Rc<Node>)], name: &str) -> Chain<'a> {
        let mut chain: Vec<&Node> = Vec::new();
        let mut names = vec![name.to_owned()];
        while let Some(name) = names.pop() {
            let Some((_, node)) = top.iter().rev().find(|(key, _)| *key == name) else { continue };
            // A circle is GitLab's to refuse.
            if chain.iter().any(|seen| std::ptr::eq(*seen, &**node)) {
                continue;
            }
            chain.push(node);
            // Of several, the last one wins.
            let parents = node.get("extends").map(Node::each).unwrap_or_default();
            names.extend(parents.into_iter().filter_map(Node::text).map(str::to_owned));
        }
        Chain(chain)
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        self.0.iter().find_map(|node| node.get(key))
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(Node::text)
    }
}

fn job(top: &[(String, Rc<Node>)], name: &str) -> Job {
    let chain = Chain::of(top, name);
    let environment = chain.get("environment");
    let part = |key: &str| environment.and_then(|node| node.get(key)).and_then(Node::text).map(str::to_owned);
    let default = top.iter().rev().find(|(key, _)| key == "default").map(|(_, node)| &**node);
    let retry = chain.get("retry").or_else(|| default?.get("retry"));
    let times = retry.and_then(|node| node.text().or_else(|| node.get("max")?.text()));
    let artifacts = chain.get("artifacts").and_then(|node| node.get("when")).and_then(Node::text);
    let needs = chain.get("needs").filter(|needs| matches!(needs, Node::List(_)));
    let need = |node: &&Node| node.text().or_else(|| node.get("job")?.text()).map(str::to_owned);
    Job {
        name: name.to_owned(),
        environment: environment.and_then(Node::text).map(str::to_owned).or_else(|| part("name")),
        action: part("action"),
        ways: ways(&chain),
        stage: chain.text("stage").unwrap_or("test").to_owned(),
        needs: needs.map(|needs| needs.each().iter().filter_map(need).collect()),
        resource_group: chain.text("resource_group").map(str::to_owned),
        retries: times.is_some_and(|times| times != "0"),
        parallel: chain.get("parallel").is_some_and(|parallel| parallel.text() != Some("1")),
        keeps_artifacts: artifacts == Some("always"),
        script: chain.get("script").map(words).unwrap_or_default().join("\n"),
    }
}

/// The words of a list, or the one word it is; lists within the list are part of it.
fn words(node: &Node) -> Vec<String> {
    match node {
        Node::List(items) => items.iter().flat_map(|item| words(item)).collect(),
        other => other.text().map(str::to_owned).into_iter().collect(),
    }
}

/// `when: manual` lets the pipeline go on without the job, unless it stands in a rule or says otherwise.
fn ways(chain: &Chain<'_>) -> Vec<Way> {
    let when = chain.text("when").unwrap_or("on_success");
    let allowed = chain.get("allow_failure").map(allows_failure);
    let only = chain.get("only").map(|only| words(only.get("refs").unwrap_or(only)).join(" "));
    let only = only.filter(|only| !only.is_empty());
    let Some(rules) = chain.get("rules").filter(|rules| matches!(rules, Node::List(_))) else {
        let when = when.to_owned();
        return match when.as_str() {
            "never" => Vec::new(),
            _ => vec![Way { allow_failure: allowed.unwrap_or(when == "manual"), when, condition: only }],
        };
    };
    let mut flat = Vec::new();
    flatten(rules, &mut flat);
    flat.into_iter()
        .map(|rule| Way {
            when: rule.get("when").and_then(Node::text).unwrap_or(when).to_owned(),
            allow_failure: rule.get("allow_failure").map(allows_failure).or(allowed).unwrap_or(false),
            condition: rule.get("if").and_then(Node::text).map(str::to_owned),
        })
        .filter(|way| way.when != "never")
        .collect()
}

/// Rules may stand in lists within the list; what is no mapping (`!reference`) says nothing here.
fn flatten<'a>(node: &'a Node, into: &mut Vec<&'a Node>) {
    for item in node.each() {
        match item {
            Node::List(_) => flatten(item, into),
            Node::Map(_) => into.push(item),
            Node::Scalar(_) => {}
        }
    }
}

/// `allow_failure: {exit_codes: …}` lets some failures pass.
fn allows_failure(node: &Node) -> bool {
    match node {
        Node::Scalar(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let file = match CiFile::parse(text) {
            Ok(file) => file,
            Err(why) => return format!("error: {why}"),
        };
        let mut lines: Vec<String> = Vec::new();
        if file.includes {
            lines.push("includes".to_owned());
        }
        for job in &file.jobs {
            let ways: Vec<String> = job
                .ways
                .iter()
                .map(|way| format!("{}{}", way.when, if way.allow_failure { " (may fail)" } else { "" }))
                .collect();
            let place = job.environment.as_deref().unwrap_or("-");
            let action = job.action.as_deref().map(|action| format!(":{action}")).unwrap_or_default();
            lines.push(format!("{}  {place}{action}  {}", job.name, ways.join(", ")));
        }
        lines.join("\n")
    }

    #[test]
    fn jobs_their_environments_and_how_they_start() {
        insta::assert_snapshot!(show(r#"
include: [{local: other.yml}]
stages: [build, deploy]
variables: {A: b}
default: {image: x}
.deploy: &deploy
  stage: deploy
  environment: {name: production, url: https://x}
.manual:
  extends: .none
  when: manual
build: {script: make}
deploy-prod-hotfix:
  <<: *deploy
  script: make deploy
  rules:
    - if: $CI_COMMIT_BRANCH == "main"
      when: manual
    - when: never
loose:
  extends: [.deploy, .manual]
  script: x
strict:
  extends: .manual
  allow_failure: false
access:
  environment: {name: production, action: access}
  rules: [[{if: a, allow_failure: {exit_codes: 3}}], !reference [.x, rules]]
"#), @"
        includes
        build  -  on_success
        deploy-prod-hotfix  production  manual
        loose  production  manual (may fail)
        strict  -  manual
        access  production:access  on_success (may fail)
        ");
    }

    #[test]
    fn what_is_no_pipeline_file_says_why() {
        insta::assert_snapshot!(show("just words"), @"error: it holds no jobs");
        insta::assert_snapshot!(show("a: [1"), @"error: while parsing a flow sequence, expected ',' or ']' at byte 5 line 2 column 1");
        insta::assert_snapshot!(show(""), @"error: it holds no jobs");
    }

    #[test]
    fn a_hostile_file_neither_grows_nor_overflows() {
        assert!(show(&"[".repeat(100_000)).starts_with("error"));
        let chain: String = (1..5000).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
        assert!(show(&format!("a0: &a0 x\n{chain}")).contains("nested deeper"));
        let tens = |name: &str| format!("[{}]", vec![format!("*{name}"); 10].join(", "));
        let lists: String =
            (1..30).map(|n| format!("b{n}: &b{n} {}\n", tens(&format!("b{}", n - 1)))).collect();
        assert!(show(&format!("b0: &b0 []\n{lists}job: {{script: x, rules: *b29}}\n")).contains("anchors"));
        let maps: String =
            (1..30).map(|n| format!("m{n}: &m{n} {{<<: {}}}\n", tens(&format!("m{}", n - 1)))).collect();
        assert!(show(&format!("m0: &m0 {{x: y}}\n{maps}")).contains("anchors"));
    }
}
