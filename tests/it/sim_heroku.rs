//! The embedded Heroku behaves as the notes on the Platform API tell.

use git_hotfix::sim::heroku::{Heroku, Lag, Platform};
use git_hotfix::sim::{Fault, FaultPlan, What};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use crate::sim_lab::client;

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const JSON: &str = "application/vnd.heroku+json; version=3";
const DOCKER: &str = "application/vnd.heroku+json; version=3.docker-releases";

struct Api {
    heroku: Heroku,
    client: Client,
}

impl Api {
    fn new(lag: u64) -> Api {
        let mut platform = Platform::new("key", Lag::all(lag));
        platform.built(OLD, "old-commit");
        platform.built(NEW, "new-commit");
        platform.add_app("shop", &["release", "web", "worker"], OLD);
        let heroku = Heroku::start(platform).unwrap();
        crate::room::record(|file| heroku.record(file));
        Api { heroku, client: client() }
    }

    fn send(&self, method: &str, path: &str, accept: &str, body: Value) -> Response {
        let url = format!("{}{path}", self.heroku.url());
        let request = self.client.request(method.parse().unwrap(), url).header("accept", accept);
        let request = if body.is_null() { request } else { request.json(&body) };
        request.bearer_auth("key").send().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, JSON, Value::Null);
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().unwrap()
    }

    fn put(&self, image: &str) -> Response {
        let update = |process: &str| json!({"type": process, "docker_image": image});
        let updates = json!({"updates": [update("release"), update("web"), update("worker")]});
        self.send("PATCH", "/apps/shop/formation", DOCKER, updates)
    }

    fn health(&self) -> String {
        let answer = self.client.get(self.heroku.health_url("shop")).send().unwrap();
        answer.headers()["x-revision"].to_str().unwrap().to_owned()
    }

    fn newest(&self) -> Value {
        let url = format!("{}/apps/shop/releases", self.heroku.url());
        let asked =
            self.client.get(url).header("accept", JSON).header("range", "version ..; max=1, order=desc");
        let answer = asked.bearer_auth("key").send().unwrap();
        assert_eq!(answer.status(), 206);
        let mut rows: Vec<Value> = answer.json().unwrap();
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }
}

#[test]
fn a_release_is_pending_then_current_and_the_old_dynos_stand_a_while() {
    let api = Api::new(2);
    assert_eq!(api.put(NEW).status(), 200);
    let made = api.newest();
    assert_eq!(
        (&made["status"], &made["current"], &made["version"]),
        (&json!("pending"), &json!(false), &json!(3))
    );
    let stream = made["output_stream_url"].as_str().unwrap();
    assert_eq!(api.client.get(stream).send().unwrap().status(), 404, "the stream is not there at first");
    assert_eq!(api.client.get(stream).send().unwrap().status(), 404);
    assert_eq!(api.client.get(stream).send().unwrap().text().unwrap(), "release phase ran\n");
    let rest = api.client.get(stream).header("range", "bytes=8-").send().unwrap();
    assert_eq!((rest.status().as_u16(), rest.text().unwrap().as_str()), (206, "phase ran\n"));
    let id = made["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/apps/shop/releases/{id}"))["status"], "pending");
    assert_eq!(api.get(&format!("/apps/shop/releases/{id}"))["status"], "succeeded");
    let states = |rows: Value| {
        let row = |row: &Value| format!("{} {} v{}", row["name"], row["state"], row["release"]["version"]);
        rows.as_array().unwrap().iter().map(row).collect::<Vec<_>>().join(", ").replace('"', "")
    };
    let first = states(api.get("/apps/shop/dynos"));
    assert!(first.contains("web.1 up v2") && first.contains("web.1 starting v3"), "{first}");
    api.get("/apps/shop/dynos");
    assert_eq!(states(api.get("/apps/shop/dynos")), "web.1 up v3, worker.1 up v3");
    // With preboot, the old ones answer on although they are gone from the list.
    assert_eq!([(); 4].map(|()| api.health()), ["old-commit", "old-commit", "old-commit", "new-commit"]);
}

#[test]
fn the_same_image_makes_no_release() {
    let api = Api::new(0);
    api.put(NEW);
    let made = api.newest();
    api.put(NEW);
    assert_eq!(api.newest()["id"], made["id"]);
    // Going back makes a new one with the old image.
    let two = api.get("/apps/shop/releases/2");
    let back = api.send("POST", "/apps/shop/releases", JSON, json!({"release": two["id"]}));
    assert_eq!(back.status(), 201);
    let back: Value = back.json().unwrap();
    assert_eq!((&back["version"], &back["artifacts"]), (&json!(4), &two["artifacts"]));
}

#[test]
fn refusals_have_an_id_and_words() {
    let api = Api::new(0);
    let refused =
        |answer: Response| (answer.status().as_u16(), answer.json::<Value>().unwrap()["id"].clone());
    let id = |id: &str| json!(id);
    assert_eq!(refused(api.send("GET", "/apps/none", JSON, Value::Null)), (404, id("not_found")));
    assert_eq!(
        refused(api.send("GET", "/apps/shop", "application/json", Value::Null)),
        (406, id("not_acceptable"))
    );
    let update = json!({"updates": [{"type": "web", "docker_image": NEW}]});
    let plain = api.send("PATCH", "/apps/shop/formation", JSON, update);
    assert_eq!(refused(plain), (422, id("invalid_params")), "images need their own version of the API");
    assert_eq!(refused(api.put("latest")), (422, id("invalid_params")));
    let anyone =
        api.client.get(format!("{}/apps/shop", api.heroku.url())).header("accept", JSON).send().unwrap();
    assert_eq!(refused(anyone), (401, id("unauthorized")));
    assert_eq!(refused(api.send("DELETE", "/apps/shop", JSON, Value::Null)), (501, id("not_implemented")));
    api.heroku.inject(FaultPlan::nth(1, Fault::before(What::TooManyJson(3))));
    let limited = api.send("GET", "/apps/shop", JSON, Value::Null);
    assert_eq!(limited.headers()["retry-after"], "3");
    assert_eq!(refused(limited), (429, id("rate_limit")));
    let left = api.send("GET", "/apps/shop", JSON, Value::Null).headers()["ratelimit-remaining"].clone();
    assert!(left.to_str().unwrap().parse::<u64>().unwrap() < 4500);
    api.heroku.with_platform(|platform| platform.rate_left = 0);
    assert_eq!(refused(api.send("GET", "/apps/shop", JSON, Value::Null)), (429, id("rate_limit")));
}
