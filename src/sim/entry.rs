//! Which part of GitLab a request is for: the API, git over HTTP, a page, or nothing that is there.

use super::call::{self, Call};
use super::fault::{self, What};
use super::git_http::{self, GitCall};
use super::page::{self, Asked};
use super::respond::Answer;
use super::route;
use super::serve::{Served, Shared, Wire};
use super::world::World;

impl Served for World {
    fn is_api(path: &str) -> bool {
        // Below a relative root; what git says is not text.
        path.contains("/api/v4/")
    }

    fn handle(shared: &Shared<World>, wire: Wire, stale: bool) -> (Answer, Option<String>) {
        let mut world = shared.world();
        world.seconds += world.setup.pace;
        let name = |world: &World, id: Option<u64>| {
            id.and_then(|id| world.user(id)).map(|user| user.username.clone())
        };
        let root = world.setup.root.clone();
        let path = wire.path.strip_prefix(&root).unwrap_or(&wire.path).to_owned();
        if let Some(below) = path.strip_prefix("/api/v4/") {
            let asked = api_call(&world, &wire, below);
            let throttled = world.throttle(asked.as_ref().ok().and_then(|call| call.user));
            let call = match asked {
                Ok(call) => call,
                Err(refusal) => return (throttled.told(refusal), None),
            };
            let user = name(&world, call.user);
            if throttled.refused {
                return (throttled.refusal(), user);
            }
            if let Some(refusal) = world.limited(&call) {
                return (throttled.told(refusal), user);
            }
            if !call.is_read() && shared.plans().wants_snapshot() {
                *shared.before() = Some(world.clone());
            }
            let answer = match shared.before().as_mut().filter(|_| stale && call.is_read()) {
                Some(before) => route::answer(&mut before.clone(), &call),
                None => route::answer(&mut world, &call),
            };
            world.reads += u64::from(call.is_read());
            world.settle();
            // Ages are told by the server's clock, and this world has its own.
            let date = world.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            return (throttled.told(answer.with("date", date)), user);
        }
        let project = format!("/{}", world.setup.project);
        match path.strip_prefix(&project) {
            Some(below) if below.starts_with(".git/") => {
                let call = git_call(wire, &below[".git".len()..]);
                let granted = match git_http::grant(&world, &call) {
                    Ok(granted) => granted,
                    Err(refusal) => return (refusal, None),
                };
                let user = name(&world, Some(granted.user));
                let repository = world.repository.clone();
                if !call.is_write() {
                    drop(world);
                    return (
                        git_http::run(&repository, &call, &granted).unwrap_or_else(|refusal| refusal),
                        user,
                    );
                }
                if shared.plans().wants_snapshot() {
                    *shared.before() = Some(world.clone());
                }
                let answer = git_http::run(&repository, &call, &granted).unwrap_or_else(|refusal| refusal);
                world.pushed(&granted);
                world.settle();
                (answer, user)
            }
            Some(below) if below.starts_with("/info/refs") => {
                let to = format!("{}.git{below}?{}", world.project_web(), wire.query);
                (Answer::text(301, "").with("location", to), None)
            }
            _ => {
                let asked = Asked {
                    method: wire.method,
                    path,
                    host: wire.host,
                    origin: wire.origin,
                    cookies: wire.cookies,
                    form: wire.body,
                };
                let page = page::answer(&mut world, &asked);
                (page.unwrap_or_else(|| unknown(&asked.method, &wire.path)), None)
            }
        }
    }

    fn in_place_of_answer(what: &What) -> Option<Answer> {
        fault::answer(what)
    }

    fn settle(&mut self) {
        self.settle();
    }
}

fn unknown(method: &str, path: &str) -> Answer {
    let text = format!("the embedded GitLab does not know {method} {path}");
    Answer::json(501, &serde_json::json!({"error": "501 Not Implemented", "message": text}))
}

fn api_call(world: &World, wire: &Wire, below: &str) -> Result<Call, Answer> {
    let token = world.api_token(&wire.credentials)?;
    Ok(Call {
        method: wire.method.clone(),
        target: wire.path.clone(),
        segments: call::segments(below).ok_or_else(|| Answer::error(400, "the path is not UTF-8"))?,
        params: call::params(&wire.query, &wire.content_type, &wire.body)?,
        user: token.map(|token| token.user),
        token: token.map(|token| token.id),
    })
}

fn git_call(wire: Wire, path: &str) -> GitCall {
    let Wire { method, query, content_encoding, protocol, credentials, body, .. } = wire;
    GitCall { method, path: path.to_owned(), query, content_encoding, protocol, credentials, body }
}
