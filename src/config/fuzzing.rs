//! Properties of files that others may have written. Not in the program.

use super::{File, token};
use crate::http::Origin;

/// What is accepted of `.hotfix.toml` holds nothing that could pass for an option, a path outside or a
/// plain address; what is refused says where.
pub(crate) fn config_file(data: &[u8]) {
    let file = match File::parse(data, "origin/main:.hotfix.toml") {
        Ok(file) => file,
        Err(problem) => {
            assert!(
                problem.message.contains("line ") || problem.message.contains("longer than"),
                "{problem}"
            );
            return;
        }
    };
    for key in super::KEYS {
        // A pattern of paths is matched in this process, never handed on; a folder may begin with a dash.
        let pattern = key.name == "migrations.paths";
        for value in file.get(key.name).into_iter().flatten() {
            assert!(pattern || !value.starts_with('-'), "{value:?}");
            assert!(!value.chars().any(char::is_control), "{value:?}");
        }
    }
    for role in file.approvals.iter().flatten() {
        assert!(!role.name.starts_with('-') && !role.rule.starts_with('-'));
    }
    for app in &file.apps {
        let words = app.heroku.iter().chain(&app.image).chain(&app.tag).chain(&app.processes);
        for word in words {
            let outside = word.split('/').any(|part| part == "..");
            assert!(word.is_ascii() && !word.starts_with('-') && !outside, "{word:?}");
        }
        if let Some(health) = &app.health {
            assert!(Origin::of(&health.url).is_some_and(|origin| origin.is_private()), "{}", health.url);
        }
    }
}

/// A token from glab's file stands in it as it is, below the host asked for.
pub(crate) fn glab_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(Some(secret)) = token::glab_token(text, "gitlab.example") {
        assert!(text.contains(secret.expose()));
        assert!(text.to_ascii_lowercase().contains("gitlab.example"));
    }
}
