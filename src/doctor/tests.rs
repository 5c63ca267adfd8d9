//! The checks over hand-made facts.

mod flow;
mod rights;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::read::There;
use super::*;
use crate::config::{Config, Env, File, Flags, Layers};

fn config(file: &str) -> Config {
    let file = File::parse(file.as_bytes(), "main:.hotfix.toml").unwrap();
    let (flags, env) = (Flags::default(), Env::default());
    Config::resolve(&Layers { flags: &flags, env: &env, git: &|_| Vec::new(), file: Some(&file) }).unwrap()
}

fn show(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let kind = match finding.state {
            State::Fail(kind) => format!(" ({})", kind.exit_code()),
            _ => String::new(),
        };
        let mend = finding.mend.as_ref().map(|mend| format!("\n      {mend}")).unwrap_or_default();
        format!("{}{kind} {}: {}{mend}", finding.state.name(), finding.name, finding.found)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn page(below: &str) -> String {
    format!("https://gl/shop/web/{below}")
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}
