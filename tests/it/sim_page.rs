//! The pages of the embedded GitLab: what a browser gets, and which forms are taken.

use git_hotfix::sim::{Lag, Setup};
use reqwest::blocking::Client;
use reqwest::redirect::Policy;
use serde_json::json;

use crate::sim_lab::Lab;

const HOSTILE: &str = "</h1><script>alert('x')</script>\u{202e}";

struct Browser<'a> {
    lab: &'a Lab,
    client: Client,
    who: &'a str,
}

impl<'a> Browser<'a> {
    fn of(lab: &'a Lab, who: &'a str) -> Browser<'a> {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Browser { lab, client, who }
    }

    fn cookie(&self) -> String {
        format!("rehearse_as={}", self.who)
    }

    /// A page's status and text.
    fn get(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.lab.server.url());
        let answer = self.client.get(url).header("cookie", self.cookie()).send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    }

    /// Presses a button of our own page: status, where it leads, and what it says.
    fn press(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let (_, page) = self.get("/shop/web");
        let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut form = url::form_urlencoded::Serializer::new(format!("token={token}&"));
        form.extend_pairs(fields);
        self.send(path, form.finish(), None)
    }

    fn send(&self, path: &str, form: String, origin: Option<&str>) -> (u16, String, String) {
        let request = self.client.post(format!("{}{path}", self.lab.server.url()));
        let mut request = request
            .header("cookie", self.cookie())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = request.send().unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), to.unwrap_or_default(), answer.text().unwrap())
    }
}

fn opened(lab: &Lab) -> String {
    lab.server.with_world(|world| {
        let files = [("docs/note.md".to_owned(), Some("a note".to_owned()))];
        let sha = world.push_as("dev", "hotfix/note", "Note it", &files).unwrap();
        let body = json!({
            "source_branch": "hotfix/note", "target_branch": "main", "title": HOSTILE, "description": HOSTILE,
        });
        assert_eq!(world.api_as("dev", "POST", "merge_requests", body).status, 201);
        sha
    })
}

#[test]
fn a_hostile_title_is_text_on_every_page_and_the_circle_closes_by_buttons() {
    let lab = Lab::at_once();
    let sha = opened(&lab);
    let dev = Browser::of(&lab, "dev");
    for path in ["/shop/web", "/shop/web/-/merge_requests/412"] {
        let (status, page) = dev.get(path);
        assert_eq!(status, 200, "{path}");
        assert!(
            page.contains("&lt;/h1&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\u{fffd}"),
            "{page}"
        );
        assert!(!page.contains("<script"), "{path}");
    }
    // Another head than the one that was seen is not merged.
    let (status, _, page) = dev.press("/shop/web/-/merge_requests/412/merge", &[("sha", &"0".repeat(40))]);
    assert_eq!(status, 409);
    assert!(page.contains("SHA does not match HEAD of source branch"), "{page}");
    let (status, to, _) = dev.press("/shop/web/-/merge_requests/412/merge", &[("sha", &sha)]);
    assert_eq!((status, to.as_str()), (303, "/shop/web/-/merge_requests/412"));

    let deployment = lab.server.with_world(|world| world.deployment_ids()).pop().unwrap();
    let page = format!("/shop/web/-/environments/1/deployments/{deployment}");
    let approval = format!("/shop/web/-/deployments/{deployment}/approval");
    // Who triggered it may not approve it, and the page says so in GitLab's words.
    let (status, _, said) = dev.press(&approval, &[("status", "approved")]);
    assert_eq!(status, 400);
    assert!(said.contains("You cannot approve your own deployment."), "{said}");
    for (who, slot) in [("bo", "Approve as tech lead"), ("cleo", "Approve as PM")] {
        let person = Browser::of(&lab, who);
        let (_, before) = person.get(&page);
        assert!(before.contains(slot) && !before.contains("Approved, and not running"), "{before}");
        let (status, to, _) = person.press(&approval, &[("status", "approved"), ("comment", "<i>")]);
        assert_eq!((status, to), (303, format!("/shop/web/-/deployments/{deployment}")));
    }
    let (_, after) = dev.get(&page);
    assert!(after.contains("Approved, and not running") && after.contains("&lt;i&gt;"), "{after}");
    let job = lab.server.with_world(|world| world.jobs_named("deploy-prod-hotfix")).pop().unwrap();
    let (status, to, _) = dev.press(&format!("/shop/web/-/jobs/{job}/play"), &[]);
    assert_eq!((status, to), (303, format!("/shop/web/-/jobs/{job}")));
    let (_, log) = dev.get(&format!("/shop/web/-/jobs/{job}"));
    assert!(log.contains("Job succeeded") && log.contains("production runs this"), "{log}");
    assert!(!log.contains('\u{1b}'), "no colours of a terminal");
}

#[test]
fn what_is_not_ours_is_refused() {
    let lab = Lab::new(Setup { root: "/gitlab".to_owned(), lag: Lag::none(), ..Setup::default() });
    let dev = Browser::of(&lab, "dev");
    // Below a relative root, with a token of another run or from another site: nothing happens.
    let (status, page) = dev.get("/shop/web");
    assert_eq!(status, 200);
    assert!(page.contains("href=\"/gitlab/-/page.css\"") && page.contains("action=\"/gitlab/-/whoami\""));
    assert_eq!(dev.send("/-/whoami", "token=guess&who=mia".to_owned(), None).0, 403);
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = || format!("token={token}&who=mia&back=//evil.example/");
    assert_eq!(dev.send("/-/whoami", form(), Some("http://evil.example")).0, 403);
    // From our own page it works, and goes nowhere else.
    let (status, to, _) = dev.send("/-/whoami", form(), None);
    assert_eq!((status, to.as_str()), (303, "/gitlab/shop/web"));
    assert_eq!(dev.press("/-/whoami", &[("who", "nobody")]).0, 400);

    assert_eq!(dev.get("/shop/web/-/merge_requests/9").0, 404);
    assert_eq!(dev.get("/shop/web/-/settings/ci_cd").0, 501);
    assert_eq!(dev.get("/elsewhere").0, 501);
    assert_eq!(dev.press("/shop/web/-/merge_requests/9/destroy", &[]).0, 501);
    let (status, page) = Browser::of(&lab, "eve").get("/shop/web");
    assert_eq!(status, 404);
    assert!(!page.contains("Production runs"), "{page}");
}
