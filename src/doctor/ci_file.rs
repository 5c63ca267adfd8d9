//! `.gitlab-ci.yml`, as far as the flow depends on it: which jobs there are, how they start, and what
//! environment they deploy to.
//!
//! Reads both GitLab's merged file and the plain one of a clone (anchors, `<<`, `extends`). Includes are
//! not fetched: where there are any, a job that is not seen may exist all the same. Anchors are shared,
//! never copied out, and a file that would grow beyond measure through them is refused.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser};

/// No honest file is nested deeper.
const DEEPEST: usize = 64;

/// No honest file holds more once its anchors are written out.
const HEAVIEST: usize = 2_000_000;

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
        let root = Tree::default().read(text)?;
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
        Ok(CiFile { jobs, includes: top.iter().any(|(name, _)| name == "include") })
    }

    /// The job of this name.
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == name)
    }
}

#[derive(Debug)]
enum Node {
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<(String, Rc<Node>)>),
}

impl Node {
    fn map(&self) -> Option<&[(String, Rc<Node>)]> {
        match self {
            Node::Map(entries) => Some(entries),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Node::Scalar(text) if !matches!(text.as_str(), "" | "~" | "null") => Some(text),
            _ => None,
        }
    }

    /// The value of a key; of one given twice the last, and before what `<<` brings in.
    fn get(&self, key: &str) -> Option<&Node> {
        let own = self.map()?.iter().rev().find(|(name, _)| name == key).map(|(_, node)| &**node);
        own.or_else(|| {
            let merged = self.map()?.iter().filter(|(name, _)| name == "<<");
            merged.flat_map(|(_, node)| node.each()).find_map(|node| node.get(key))
        })
    }

    /// The items of a list, or the one thing it is.
    fn each(&self) -> Vec<&Node> {
        match self {
            Node::List(items) => items.iter().map(|item| &**item).collect(),
            other => vec![other],
        }
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
    Job {
        name: name.to_owned(),
        environment: environment.and_then(Node::text).map(str::to_owned).or_else(|| part("name")),
        action: part("action"),
        ways: ways(&chain),
    }
}

/// `when: manual` lets the pipeline go on without the job, unless it stands in a rule or says otherwise.
fn ways(chain: &Chain<'_>) -> Vec<Way> {
    let when = chain.text("when").unwrap_or("on_success");
    let allowed = chain.get("allow_failure").map(allows_failure);
    let Some(rules) = chain.get("rules").filter(|rules| matches!(rules, Node::List(_))) else {
        let when = when.to_owned();
        return match when.as_str() {
            "never" => Vec::new(),
            _ => vec![Way { allow_failure: allowed.unwrap_or(when == "manual"), when }],
        };
    };
    let mut flat = Vec::new();
    flatten(rules, &mut flat);
    flat.into_iter()
        .map(|rule| Way {
            when: rule.get("when").and_then(Node::text).unwrap_or(when).to_owned(),
            allow_failure: rule.get("allow_failure").map(allows_failure).or(allowed).unwrap_or(false),
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

/// Builds nodes from the parser's events.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    anchors: HashMap<usize, (Rc<Node>, Size)>,
    root: Option<Rc<Node>>,
}

/// How large a node would be with all its anchors written out.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// Levels below it.
    depth: usize,
    /// Nodes below it.
    weight: usize,
}

/// A list or mapping whose end has not come.
struct Open {
    anchor: usize,
    size: Size,
    key: Option<String>,
    node: Node,
}

impl Tree {
    fn read(mut self, text: &str) -> Result<Option<Rc<Node>>, String> {
        for event in Parser::new_from_str(text) {
            let (event, _) = event.map_err(|error| error.to_string())?;
            match event {
                Event::DocumentStart(_) => self.root = None,
                Event::Scalar(text, _, anchor, _) => {
                    self.close(Rc::new(Node::Scalar(text.into_owned())), anchor, Size::default())?;
                }
                Event::SequenceStart(anchor, _) => self.open(anchor, Node::List(Vec::new()))?,
                Event::MappingStart(anchor, _) => self.open(anchor, Node::Map(Vec::new()))?,
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(done) = self.open.pop() {
                        self.close(Rc::new(done.node), done.anchor, done.size)?;
                    }
                }
                Event::Alias(id) => {
                    let (node, size) =
                        self.anchors.get(&id).cloned().ok_or("an alias stands inside its own anchor")?;
                    self.close(node, 0, size)?;
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(self.root)
    }

    fn open(&mut self, anchor: usize, node: Node) -> Result<(), String> {
        if self.open.len() >= DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        self.open.push(Open { anchor, size: Size::default(), key: None, node });
        Ok(())
    }

    fn close(&mut self, node: Rc<Node>, anchor: usize, size: Size) -> Result<(), String> {
        if anchor > 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), size));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        // Aliases nest and weigh as well, although nothing is open then.
        parent.size.depth = parent.size.depth.max(size.depth + 1);
        parent.size.weight = parent.size.weight.saturating_add(size.weight).saturating_add(1);
        if parent.size.depth > DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        if parent.size.weight > HEAVIEST {
            return Err(format!("its anchors make it larger than {HEAVIEST} values"));
        }
        match (&mut parent.node, parent.key.take()) {
            (Node::List(items), _) => items.push(node),
            (Node::Map(entries), Some(key)) => entries.push((key, node)),
            (Node::Map(_), None) => {
                // A key that is a list or a mapping names no job.
                parent.key = Some(node.text().unwrap_or_default().to_owned());
            }
            (Node::Scalar(_), _) => {}
        }
        Ok(())
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
