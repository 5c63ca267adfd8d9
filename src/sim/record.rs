//! The record of a rehearsal: every exchange with the API, whole, one JSON object a line. Headers stay out of
//! it but for the client's name and the media types, and so do tokens.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::error::{Kind, Problem, Result};

use super::respond::Answer;

/// What of a request goes into the record.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) client: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) accept: String,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// A file that is written exchange by exchange.
#[derive(Debug)]
pub(super) struct Record(Mutex<File>);

impl Record {
    pub(super) fn create(path: &Path) -> Result<Record> {
        let file = File::create(path).map_err(|error| {
            Problem::new(Kind::Failed, format!("could not record to {}", path.display()))
                .because(error)
                .hint("name a file that can be written to")
        })?;
        Ok(Record(Mutex::new(file)))
    }

    /// Notes an exchange; `invented` says that a fault answered in the world's place.
    pub(super) fn note(&self, asked: &Asked, answer: &Answer, invented: bool) {
        let kind = answer.headers.iter().find(|(name, _)| *name == "content-type");
        let mut line = json!({
            "client": asked.client,
            "method": asked.method,
            "path": asked.path,
            "query": asked.query,
            "accept": asked.accept,
            "content_type": asked.content_type,
            "body": String::from_utf8_lossy(&asked.body),
            "invented": invented,
            "status": answer.status,
            "answer_type": kind.map(|(_, kind)| kind),
        });
        line["answer"] = match kind.is_some_and(|(_, kind)| kind.starts_with("application/json")) {
            true => answer.value(),
            false => Value::Null,
        };
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A full disk must not change what the client sees.
        let _ = writeln!(file, "{line}");
    }
}
