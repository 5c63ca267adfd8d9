//! The client against scripted answers.

mod calls;
mod errors;
mod samples;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::*;
use crate::clock::by_hand::ClockByHand;
use crate::error::Problem;
use crate::http::scripted::{Act, Scripted, raw, say};
use crate::http::{Options, Origin, Retry, Secret, Token};

const PROJECT: &str = r#"{"id":7,"path_with_namespace":"shop/web"}"#;

fn client_of(server: &Scripted) -> Client {
    let retry = Retry { attempts: 1, ..Retry::default() };
    let options = Options { read: Duration::from_secs(2), retry, ..Options::default() };
    let base = server.base.join("/root/").unwrap();
    let address = Address::new(&base, "shop/web").unwrap();
    let token = Token::bearer(Origin::of(&base).unwrap(), Secret::new("glpat-canary0123456789abc").unwrap());
    Client::new(&address, Some(token), options, Arc::new(ClockByHand::new())).unwrap()
}

/// A client that has asked for its project.
fn with_project(mut acts: Vec<Act>) -> (Scripted, Client) {
    acts.insert(0, say(200, "", PROJECT));
    let server = Scripted::new(acts);
    let client = client_of(&server);
    client.project().unwrap();
    (server, client)
}

/// The error of a read that is answered so.
fn error_of(act: Act) -> Error {
    let (_server, client) = with_project(vec![act]);
    client.merge_request(9).unwrap_err()
}
