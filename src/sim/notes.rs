//! Comments on merge requests.

use serde_json::{Value, json};

use super::call::{Call, found, number, paged};
use super::present::time;
use super::respond::{Answer, Reply};
use super::world::{MergeRequest, Note, PROJECT_ID, World};

pub(super) fn list(world: &World, call: &Call, iid: &str) -> Reply {
    let merge_request = world.wanted(iid)?;
    let filter = call.text("activity_filter").unwrap_or_default();
    let wanted = |note: &&Note| match filter.as_str() {
        "only_comments" => !note.system,
        "only_activity" => note.system,
        _ => true,
    };
    let mut notes: Vec<&Note> = merge_request.notes.iter().filter(wanted).collect();
    if call.text("order_by").as_deref() == Some("updated_at") {
        notes.sort_by_key(|note| (note.updated_at, note.id));
    }
    if call.text("sort").as_deref() != Some("asc") {
        notes.reverse();
    }
    paged(call, &world.origin, &notes, true, |note| world.note_json(merge_request, note))
}

pub(super) fn one(world: &World, _call: &Call, iid: &str, id: &str) -> Reply {
    let merge_request = world.wanted(iid)?;
    let id = number(id, "note_id")?;
    let note = found(merge_request.notes.iter().find(|note| note.id == id), "")?;
    Ok(Answer::json(200, &world.note_json(merge_request, note)))
}

pub(super) fn create(world: &mut World, call: &Call, iid: &str) -> Reply {
    let author = call.user()?;
    let [body] = call.required(["body"])?;
    let iid = world.wanted(iid)?.iid;
    let id = world.note(iid, author, &body, false);
    let merge_request = found(world.merge_request(iid), "")?;
    let note = found(merge_request.notes.iter().find(|note| note.id == id), "")?;
    Ok(Answer::json(201, &world.note_json(merge_request, note)))
}

pub(super) fn update(world: &mut World, call: &Call, iid: &str, id: &str) -> Reply {
    let (user, now) = (call.user()?, world.now());
    let [body] = call.required(["body"])?;
    let (iid, id) = (world.wanted(iid)?.iid, number(id, "note_id")?);
    let merge_request = found(world.merge_request_mut(iid), "")?;
    let note = found(merge_request.notes.iter_mut().find(|note| note.id == id), "")?;
    if note.author != user {
        return Err(Answer::forbidden());
    }
    note.body = body;
    note.updated_at = now;
    let note = note.clone();
    let merge_request = found(world.merge_request(iid), "")?;
    Ok(Answer::json(200, &world.note_json(merge_request, &note)))
}

impl World {
    /// Writes a note and returns its id.
    pub(super) fn note(&mut self, iid: u64, author: u64, body: &str, system: bool) -> u64 {
        let (id, now) = (self.fresh_id(), self.now());
        let body = body.to_owned();
        if let Some(found) = self.merge_request_mut(iid) {
            found.notes.push(Note {
                id,
                author,
                body,
                system,
                resolvable: false,
                resolved: None,
                created_at: now,
                updated_at: now,
            });
        }
        id
    }

    pub(super) fn note_json(&self, merge_request: &MergeRequest, note: &Note) -> Value {
        let mut json = json!({
            "id": note.id,
            "type": note.resolvable.then_some("DiscussionNote"),
            "body": note.body,
            "author": self.user_json(note.author),
            "created_at": time(note.created_at),
            "updated_at": time(note.updated_at),
            "system": note.system,
            "noteable_id": merge_request.id,
            "noteable_type": "MergeRequest",
            "project_id": PROJECT_ID,
            "resolvable": note.resolvable,
            "confidential": false,
            "internal": false,
            "imported": false,
            "imported_from": "none",
            "noteable_iid": merge_request.iid,
            "commands_changes": {},
        });
        if note.resolvable {
            json["resolved"] = note.resolved.is_some().into();
            json["resolved_by"] = note.resolved.map(|(by, _)| self.user_json(by)).into();
            json["resolved_at"] = note.resolved.map(|(_, at)| time(at)).into();
        }
        json
    }
}
