//! A receipt as a file: written each time whole and by renaming, read back and held to its version.
//!
//! It holds no secret: whoever writes it takes them out.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::Receipt;
use crate::ci::shell_word;
use crate::error::{Kind, Problem, Result};
use crate::http::Secret;

impl Receipt {
    /// Reads a receipt from a file.
    pub fn read(path: &Path) -> Result<Receipt> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|why| unusable(&name, why.to_string()))?;
        Receipt::parse(&bytes, &name)
    }

    /// Reads a receipt; `name` says which one it is.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Receipt> {
        let receipt: Receipt =
            serde_json::from_slice(bytes).map_err(|why| unusable(name, why.to_string()))?;
        match receipt.version {
            1 => Ok(receipt),
            other => {
                Err(unusable(name, format!("it is of version {other}, which this program does not know")))
            }
        }
    }

    /// Writes it to `path`, and its Markdown beside it, without these secrets.
    pub fn write(&self, path: &Path, secrets: &[Secret]) -> Result<()> {
        let unwritable = |path: &Path, why: String| {
            Problem::new(Kind::Failed, format!("could not write the receipt {}", path.display())).because(why)
        };
        let elsewhere = "name a place that can be written: git hotfix ci promote --receipt <file>";
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !dir.is_dir() {
            let make = shell_word(&dir.display().to_string());
            return Err(unwritable(path, format!("there is no folder {}", dir.display()))
                .hint(format!("mkdir -p {make}   (or {elsewhere})")));
        }
        // Before anything is escaped, so that no secret is missed for a backslash in it.
        let odd = |why: serde_json::Error| unwritable(path, why.to_string()).hint(elsewhere);
        let mut document = serde_json::to_value(self).map_err(odd)?;
        redact(&mut document, secrets);
        let clean: Receipt = serde_json::from_value(document.clone()).map_err(odd)?;
        for (path, text) in
            [(path.to_owned(), format!("{document:#}\n")), (path.with_extension("md"), clean.markdown())]
        {
            replace(dir, &path, &text).map_err(|why| unwritable(&path, plainly(&why)).hint(elsewhere))?;
        }
        Ok(())
    }
}

fn redact(value: &mut Value, secrets: &[Secret]) {
    match value {
        Value::String(text) => *text = secrets.iter().fold(text.clone(), |text, one| one.redact(&text)),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn unusable(name: &str, why: String) -> Problem {
    Problem::new(Kind::Config, format!("{name} is no receipt that can be used"))
        .because(why)
        .hint("take promote-receipt.json from the artifacts of the job that deployed")
}

/// The reason alone: what stands around it names a file that nobody knows.
fn plainly(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(std::error::Error::source);
    inner.map_or_else(|| error.to_string(), ToString::to_string)
}

fn replace(dir: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    // The runner uploads it as another user perhaps; it holds nothing that is not in the log.
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
