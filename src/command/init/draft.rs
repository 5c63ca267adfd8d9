//! The text of a new `.hotfix.toml`: only what differs from the defaults, below a header that says so.

use std::collections::BTreeMap;

use crate::config::KEYS;

/// What the roles are where nothing else is said, as `ROLE=RULE`.
pub(super) const DEFAULT_APPROVALS: [&str; 2] = ["tech-lead=tech-leads", "pm=product"];

const HEADER: &str = "\
# How `git hotfix` works in this project. It counts as it stands on the production branch.
# What is left out has its default; every value and its source: git hotfix doctor --config
";

/// The keys that init settles, as they are written, each with the name of its table.
const ORDER: [(&str, &str, Shape); 9] = [
    ("branches", "branches.production", Shape::One),
    ("branches", "branches.targets", Shape::List),
    ("deploy", "deploy.job", Shape::OneOrList),
    ("deploy", "deploy.rollback_job", Shape::One),
    ("deploy", "deploy.environment", Shape::One),
    ("deploy", "deploy.apps", Shape::List),
    ("deploy.approvals", "deploy.approvals", Shape::Pairs),
    ("migrations", "migrations.job", Shape::One),
    ("migrations", "migrations.paths", Shape::List),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    OneOrList,
    List,
    Pairs,
}

/// The default of a key, as `.hotfix.toml` would hold it.
pub(super) fn default(key: &str) -> Vec<String> {
    if key == "deploy.approvals" {
        return DEFAULT_APPROVALS.map(str::to_owned).to_vec();
    }
    let text = KEYS.iter().find(|known| known.name == key).map_or("", |known| known.default);
    text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Values by key; a key without an entry has its default.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    values: BTreeMap<&'static str, Vec<String>>,
}

impl Draft {
    /// Takes a value; one that is the default is not written.
    pub(super) fn set(&mut self, key: &'static str, values: Vec<String>) {
        match values == default(key) {
            true => self.values.remove(key),
            false => self.values.insert(key, values),
        };
    }

    /// The file.
    pub(super) fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        let mut table = "";
        for (name, key, shape) in ORDER {
            let Some(values) = self.values.get(key) else { continue };
            if name != table {
                text.push_str(&format!("\n[{name}]\n"));
                table = name;
            }
            let last = key.rsplit('.').next().unwrap_or(key);
            match (shape, values.as_slice()) {
                (Shape::Pairs, pairs) => {
                    for (role, rule) in pairs.iter().filter_map(|pair| pair.split_once('=')) {
                        text.push_str(&format!("{} = {}\n", word(role), quoted(rule)));
                    }
                }
                (Shape::One | Shape::OneOrList, [one]) => {
                    text.push_str(&format!("{last} = {}\n", quoted(one)))
                }
                (_, many) => {
                    let many: Vec<String> = many.iter().map(|value| quoted(value)).collect();
                    text.push_str(&format!("{last} = [{}]\n", many.join(", ")));
                }
            }
        }
        text
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key, bare where TOML allows it.
fn word(text: &str) -> String {
    let bare =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::File;

    #[test]
    fn only_what_differs_is_written_and_it_reads_back() {
        let mut draft = Draft::default();
        for (_, key, _) in ORDER {
            draft.set(key, default(key));
        }
        assert_eq!(draft.text(), HEADER);
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        draft.set("branches.production", list(&["master"]));
        draft.set("branches.targets", Vec::new());
        draft.set("deploy.job", list(&["a", "b"]));
        draft.set("deploy.environment", list(&["prod \"eu\""]));
        draft.set("deploy.approvals", list(&["tech lead=Tech = Leads", "pm=product"]));
        draft.set("migrations.job", list(&["migrate"]));
        File::parse(draft.text().as_bytes(), "draft").unwrap();
        insta::assert_snapshot!(draft.text(), @r#"
        # How `git hotfix` works in this project. It counts as it stands on the production branch.
        # What is left out has its default; every value and its source: git hotfix doctor --config

        [branches]
        production = "master"
        targets = []

        [deploy]
        job = ["a", "b"]
        environment = 'prod "eu"'

        [deploy.approvals]
        "tech lead" = "Tech = Leads"
        pm = "product"

        [migrations]
        job = "migrate"
        "#);
    }
}
