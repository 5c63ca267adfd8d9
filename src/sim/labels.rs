//! The project's labels.

use serde_json::{Value, json};

use super::call::{Call, found, paged};
use super::respond::{Answer, Reply};
use super::world::{Label, World};

pub(super) fn list(world: &World, call: &Call) -> Reply {
    let search = call.text("search").unwrap_or_default().to_lowercase();
    let labels: Vec<&Label> =
        world.labels.iter().filter(|label| label.name.to_lowercase().contains(&search)).collect();
    paged(call, &world.origin, &labels, true, |label| label_json(label))
}

pub(super) fn one(world: &World, _call: &Call, name: &str) -> Reply {
    let by_id = |label: &&Label| label.name == name || Ok(label.id) == name.parse();
    Ok(Answer::json(200, &label_json(found(world.labels.iter().find(by_id), "Label")?)))
}

pub(super) fn create(world: &mut World, call: &Call) -> Reply {
    world.at_least(call.user, 20)?;
    let [name, color] = call.required(["name", "color"])?;
    if world.labels.iter().any(|label| label.name == name) {
        return Err(Answer::message(409, "Label already exists"));
    }
    let id = world.fresh_id();
    let label = Label { id, name, color, description: call.text("description") };
    let answer = Answer::json(201, &label_json(&label));
    world.labels.push(label);
    Ok(answer)
}

impl World {
    /// Creates a label that a merge request names and the project lacks.
    pub(super) fn ensure_label(&mut self, name: &str) {
        if !self.labels.iter().any(|label| label.name == name) {
            let id = self.fresh_id();
            let label = Label { id, name: name.to_owned(), color: "#6699cc".to_owned(), description: None };
            self.labels.push(label);
        }
    }
}

pub(super) fn label_json(label: &Label) -> Value {
    json!({
        "id": label.id,
        "name": label.name,
        "description": label.description,
        "description_html": label.description.clone().unwrap_or_default(),
        "text_color": "#FFFFFF",
        "color": label.color,
        "archived": false,
        "subscribed": false,
        "priority": null,
        "is_project_label": true,
    })
}
