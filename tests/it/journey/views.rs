//! What scripts read, what a view costs, and what is shown without the network.

use git_hotfix::sim::{Fault, FaultPlan, What};
use serde_json::{Value, json};

use crate::lab::{Lab, story};

fn rungs(document: &Value) -> Vec<String> {
    let rows = document["rungs"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["state"].as_str().unwrap())).collect()
}

#[test]
fn status_for_scripts_at_each_station() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    let fresh = dev.run(&["status", "--json"]).ends(0).json();
    assert_eq!(fresh["version"], 1);
    for key in ["hotfix", "production", "rungs", "next"] {
        assert!(fresh.get(key).is_some(), "{key}: {fresh}");
    }
    assert_eq!(fresh["next"]["argv"], json!(["git", "hotfix", "open"]));
    assert_eq!(fresh["next"]["command"], "git hotfix open");
    assert_eq!(fresh["next"]["who"], json!(["you"]));
    assert_eq!(fresh["production"]["commit"], lab.tip("main"));
    assert_eq!(
        rungs(&fresh),
        [
            "start done",
            "push active",
            "open todo",
            "pipeline todo",
            "review todo",
            "merge todo",
            "build todo",
            "approve todo",
            "deploy todo",
            "migrate todo",
            "backport todo",
            "close todo",
            "verify todo"
        ]
    );

    dev.run(&["open"]).ends(0);
    dev.run(&["wait", "review"]).ends(0);
    let open = dev.run(&["status", "--json"]).ends(0);
    assert!(open.requests <= 6, "{} requests", open.requests);
    assert_eq!(open.json()["next"]["argv"], json!(["git", "hotfix", "merge"]));
    assert_eq!(open.json()["lanes"][0]["forecast"], "clean");

    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    let waiting = dev.run(&["status", "--json"]).ends(0);
    let document = waiting.json();
    assert_eq!(document["next"]["state"], "waiting");
    assert_eq!(document["next"]["who"], json!(["bo", "cleo", "dan"]));
    assert_eq!(rungs(&document)[7], "approve waiting");
    dev.run(&["status"]).ends(0).says("tech lead · bo").says("PM · cleo or dan");
    insta::assert_snapshot!(dev.run(&["status", "--porcelain"]).ends(0).out, @r"
    done start -
    done push -
    done open -
    done pipeline -
    done review -
    done merge -
    done build -
    waiting approve -
    todo deploy -
    todo migrate -
    todo backport develop
    todo close develop
    todo verify -
    next git hotfix deploy
    ");

    let seen = lab.server.requests().len();
    let offline = dev.run(&["status", "--offline", "--json"]).ends(0).json();
    assert_eq!(lab.server.requests().len(), seen, "offline asks nobody");
    assert_eq!(offline["version"], 1);
    dev.run(&["status", "--offline"]).ends(0);
    dev.run(&["status", "--offline", "--porcelain"]).ends(0);

    lab.approve();
    dev.run(&["deploy", "--yes"]).ends(0);
    let backport = dev.run(&["backport"]).ends(0);
    let landed = dev.run(&["status", "--json"]).ends(0);
    assert_eq!(
        landed.json()["next"]["argv"],
        json!(["git", "hotfix", "verify", "--confirm", "<what you saw>"])
    );
    assert!(backport.requests <= 12, "a backport made {} requests", backport.requests);
    // One more than six where a job of this lane deployed what production ran before: whether its rollback
    // job took that back is asked of its pipeline.
    for run in [&waiting, &landed] {
        assert!(run.requests <= 7, "status made {} requests", run.requests);
    }
}

#[test]
fn a_bare_call_shows_the_hotfix_or_helps() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    dev.run(&[]).ends(0).says("Usage");
    dev.git(&["switch", "--quiet", "-c", "hotfix/login-500"]);
    dev.fix();
    dev.run(&[]).ends(0).says("git hotfix open");
}

#[test]
fn hotfixes_in_flight_are_listed() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["list"]).ends(0).says("no hotfix is in flight");
    dev.run(&["open"]).ends(0);
    dev.run(&["list"]).ends(0).says("!412").says("hotfix/login-500");
    dev.run(&["list", "--missing"]).ends(0);
    let listed = dev.run(&["list", "--json"]).ends(0).json();
    assert_eq!((&listed["version"], &listed["hotfixes"][0]["iid"]), (&json!(1), &json!(412)));
    assert_eq!((&listed["hotfixes"][0]["state"], &listed["complete"]), (&json!("open"), &json!(true)));

    // So many that there may be more of them.
    let many: &'static str =
        serde_json::Value::from(vec![lab.get("merge_requests/412"); 50]).to_string().leak();
    let some = || FaultPlan::next("GET", "/merge_requests", Fault::before(What::Body(many)));
    lab.server.inject(some());
    let told = dev.run(&["list"]).ends(0).err;
    assert_eq!(told, "warning: only the newest 50 merge requests to main of each state were looked at\n");
    lab.server.inject(some());
    assert_eq!(dev.run(&["list", "--json"]).ends(0).json()["complete"], false);

    dev.run(&["merge", "--yes"]).ends(0);
    let missing = dev.run(&["list", "--missing", "--json"]).ends(3).json();
    assert_eq!(missing["hotfixes"][0]["missing"][0]["target"], "develop");
}
