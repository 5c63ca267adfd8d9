//! Properties of answers that are not GitLab's, or not the ones they should be. Not in the program.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK};
use serde::de::DeserializeOwned;

use super::client::next_page;
use super::error::{is_about_a_thing, text_of};
use super::{
    Approvals, Branch, Bridge, CiStatus, Commit, Deployment, DeploymentStatus, Environment, Job, Lint,
    Member, MergeRequest, MergeRequestState, Note, Pipeline, Project, ProtectedBranch, ProtectedEnvironment,
    TokenInfo, User, Version,
};
use crate::http::Response;

fn answer(status: u16, headers: &[(HeaderName, HeaderValue)], body: &[u8]) -> Response {
    let headers = HeaderMap::from_iter(headers.iter().cloned());
    Response::new(status, headers, body.to_vec())
}

/// No body is read as something that it does not say; above all no unknown word as a good one.
pub(crate) fn bodies(data: &[u8]) {
    let Some((&kind, body)) = data.split_first() else { return };
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = answer(200, &[json], body);
    fn reads<T: DeserializeOwned>(answer: &Response) {
        let _ = answer.json::<T>();
        let _ = answer.json::<Vec<T>>();
    }
    let said = |name: &str| -> Option<String> {
        answer.json::<serde_json::Value>().ok()?.get(name)?.as_str().map(str::to_owned)
    };
    match kind % 17 {
        0 => {
            if let Ok(job) = answer.json::<Job>() {
                assert_eq!(job.status == CiStatus::Success, said("status").as_deref() == Some("success"));
                assert_eq!(job.status == CiStatus::Manual, said("status").as_deref() == Some("manual"));
            }
        }
        1 => {
            if let Ok(pipeline) = answer.json::<Pipeline>() {
                let good = pipeline.status == CiStatus::Success;
                assert_eq!(good, said("status").as_deref() == Some("success"));
            }
        }
        2 => {
            if let Ok(deployment) = answer.json::<Deployment>() {
                let good = deployment.status == DeploymentStatus::Success;
                assert_eq!(good, said("status").as_deref() == Some("success"));
            }
        }
        3 => {
            if let Ok(request) = answer.json::<MergeRequest>() {
                let merged = request.state == MergeRequestState::Merged;
                assert_eq!(merged, said("state").as_deref() == Some("merged"));
            }
        }
        4 => reads::<Project>(&answer),
        5 => reads::<Branch>(&answer),
        6 => reads::<ProtectedBranch>(&answer),
        7 => reads::<Environment>(&answer),
        8 => reads::<ProtectedEnvironment>(&answer),
        9 => reads::<Approvals>(&answer),
        10 => reads::<Bridge>(&answer),
        11 => reads::<Commit>(&answer),
        12 => reads::<Note>(&answer),
        13 => reads::<Member>(&answer),
        14 => reads::<TokenInfo>(&answer),
        15 => reads::<Lint>(&answer),
        _ => {
            reads::<User>(&answer);
            reads::<Version>(&answer);
        }
    }
}

/// An error's text is in bounds, and absence is said by GitLab alone.
pub(crate) fn errors(data: &[u8]) {
    let [first, second, body @ ..] = data else { return };
    let types = ["application/json", "text/plain", "text/html", "application/problem+json"];
    let content_type = types.get(usize::from(*second) % types.len()).copied().unwrap_or("text/plain");
    let status = 300 + u16::from(*first);
    let answer = answer(status, &[(CONTENT_TYPE, HeaderValue::from_static(content_type))], body);
    let text = text_of(&answer);
    assert!(text.chars().count() <= 1001, "{} characters", text.chars().count());
    assert!(!is_about_a_thing(&answer) || answer.says_json());
}

/// Of the address of the next page only a number is ever taken.
pub(crate) fn pagination(data: &[u8]) {
    let Ok(link) = HeaderValue::from_bytes(data) else { return };
    let text = String::from_utf8_lossy(data).into_owned();
    if let Ok(Some(page)) = next_page(&answer(200, &[(LINK, link)], b"[]")) {
        assert!(text.contains("next") && text.contains('<'), "{page} of {text}");
    }
}
