//! The answers hold to GitLab's own schemas of its public API.
//!
//! The schemas (MIT, see their licence file) use a small part of JSON Schema; the checker here knows
//! that part and is tested against wrong documents below.

use std::path::{Path, PathBuf};

use git_hotfix::sim::{Lag, Setup, Start};
use serde_json::{Value, json};

use crate::sim_lab::Lab;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gitlab-schemas")
}

/// What is wrong with a value, by the schema in a file.
fn faults(file: &Path, value: &Value) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut found = Vec::new();
    visit(&serde_json::from_str(&text).unwrap(), file, value, "", &mut found);
    found
}

fn visit(schema: &Value, file: &Path, value: &Value, at: &str, found: &mut Vec<String>) {
    let below = |schema: &Value, value: &Value, at: &str| {
        let mut found = Vec::new();
        visit(schema, file, value, at, &mut found);
        found
    };
    if let Some(reference) = schema["$ref"].as_str() {
        found.extend(
            faults(&file.parent().unwrap().join(reference), value).iter().map(|why| format!("{at}{why}")),
        );
        return;
    }
    if let Some(kinds) = schema.get("type") {
        let kinds = kinds.as_array().cloned().unwrap_or_else(|| vec![kinds.clone()]);
        let is = |kind: &str| match kind {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("unknown type {other} in {}", file.display()),
        };
        if !kinds.iter().any(|kind| is(kind.as_str().unwrap())) {
            found.push(format!("{at}: {value} is not {}", schema["type"]));
            return;
        }
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        found.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    for each in schema["allOf"].as_array().into_iter().flatten() {
        visit(each, file, value, at, found);
    }
    for either in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[either].as_array() {
            let tried: Vec<_> = choices.iter().map(|choice| below(choice, value, at)).collect();
            if tried.iter().all(|faults| !faults.is_empty()) {
                found.extend(tried.concat());
            }
        }
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                found.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, field) in fields {
            match schema["properties"].get(name) {
                Some(schema) => visit(schema, file, field, &format!("{at}/{name}"), found),
                None if schema["additionalProperties"] == false => {
                    found.push(format!("{at}: {name} is unknown"))
                }
                None => {}
            }
        }
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (n, item) in items.iter().enumerate() {
            visit(schema, file, item, &format!("{at}/{n}"), found);
        }
    }
}

/// GitLab shows `failure_reason` on failed jobs only, and its schema has no failed job in mind.
fn without_reasons(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("failure_reason");
            fields.values_mut().for_each(|field| *field = without_reasons(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_reasons(item.take())),
        _ => {}
    }
    value
}

#[test]
fn answers_hold_to_the_schemas() {
    let mut setup = Setup { lag: Lag::none(), ..Setup::default() };
    setup.job("hotfix-backport").unwrap().start = Start::Automatic;
    let lab = Lab::new(setup);
    let landed = lab.land("hotfix/a");
    let job = lab.job(&landed, "deploy-prod-hotfix");
    let deployment = lab.deployment(&job);
    lab.approve("bo", &deployment);
    lab.approve("cleo", &deployment);
    lab.play("dev", &job);
    let iid = lab.server.with_world(|world| world.merge_request_from("hotfix/a")).unwrap();
    lab.post("dev", &format!("merge_requests/{iid}/notes"), json!({"body": "seen in production"}));
    let rejected = lab.post("dev", &format!("jobs/{}/retry", job["id"]), json!({})).body;
    let second = lab.deployment(&rejected)["id"].clone();
    lab.post("bo", &format!("deployments/{second}/approval"), json!({"status": "rejected"}));

    let (job, pipeline) = (&job["id"], &job["pipeline"]["id"]);
    let mut wrong = Vec::new();
    for (schema, path, each) in [
        ("metadata", "/metadata".to_owned(), false),
        ("user/public", "/user".to_owned(), false),
        ("user/basic", "/users?username=bo".to_owned(), true),
        ("members", "members/all".to_owned(), false),
        ("branch", "repository/branches".to_owned(), true),
        ("commit/basic", "repository/commits".to_owned(), true),
        ("commit/detail", format!("repository/commits/{landed}"), false),
        ("merge_request", "merge_requests".to_owned(), true),
        ("merge_request", format!("merge_requests/{iid}"), false),
        ("notes", format!("merge_requests/{iid}/notes"), false),
        ("labels/project_label", "labels".to_owned(), true),
        ("pipeline", "pipelines".to_owned(), true),
        ("pipeline/detail", format!("pipelines/{pipeline}"), false),
        ("pipeline/basic", format!("merge_requests/{iid}/pipelines"), true),
        ("job", format!("jobs/{job}"), false),
        ("job", format!("pipelines/{pipeline}/jobs?include_retried=true"), true),
        ("deployment", "deployments".to_owned(), true),
        ("deployment", format!("deployments/{}", deployment["id"]), false),
        ("environment", "environments".to_owned(), true),
        ("environment", "environments/1".to_owned(), false),
    ] {
        let path = path.strip_prefix('/').map_or_else(|| format!("projects/42/{path}"), str::to_owned);
        let answer = lab.get("dev", &path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let values = if each { answer.body.as_array().unwrap().clone() } else { vec![answer.body] };
        assert!(!values.is_empty(), "{path} is empty");
        let file = root().join(format!("public_api/v4/{schema}.json"));
        let faults = values.into_iter().map(without_reasons).flat_map(|value| faults(&file, &value));
        wrong.extend(faults.map(|why| format!("{path}{why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_checker_sees_wrong_documents() {
    let file = root().join("public_api/v4/deployment.json");
    let user = json!({"id": 1, "name": "B", "username": "bo", "state": "active", "avatar_url": null, "web_url": "x"});
    let good = json!({"id": 1, "iid": 1, "ref": "main", "sha": "a", "created_at": "x", "updated_at": "x",
        "user": user, "deployable": null, "status": "success"});
    assert_eq!(faults(&file, &good), Vec::<String>::new());
    for (name, value) in [("id", json!("1")), ("user", json!({"id": 1})), ("status", Value::Null)] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(!faults(&file, &bad).is_empty(), "{name}");
    }
}
