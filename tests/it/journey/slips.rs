//! What tired people type: nothing is done that they did not mean, and they are told.

use crate::lab::{Lab, story};

#[test]
fn what_answers_a_question_is_put_behind_what_was_typed() {
    let lab = Lab::new(story("clean"));
    let (dev, bo) = (lab.fixed(), lab.desk("bo"));
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    let last = || lab.server.with_world(|world| world.deployment_ids()).pop().unwrap();
    let hint = "git hotfix approve --reject -m 'not tonight' '!412' --yes";
    bo.run(&["approve", "--reject", "-m", "not tonight", "!412"]).ends(5).says(hint);
    assert_eq!(lab.get(&format!("deployments/{}", last()))["status"], "blocked");
    bo.run(&["approve", "--reject", "-m", "not tonight", "!412", "--yes"]).ends(0).says("is rejected");
    assert_eq!(lab.get(&format!("deployments/{}", last()))["approvals"][0]["status"], "rejected");
}

#[test]
fn a_mistake_in_the_file_is_told_before_it_counts() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    std::fs::write(dev.dir.join(".hotfix.toml"), "[deploy]\nbogus = 1\n").unwrap();
    let told = dev.run_moving(&["doctor"]).says("the one checked out here: ").says("bogus");
    assert!(told.out.contains("before it comes to the production branch"), "{}", told.out);
}

#[test]
fn a_folder_that_will_not_do_leaves_no_branch() {
    let lab = Lab::new(story("clean"));
    let dev = lab.desk("dev");
    let before = dev.git(&["for-each-ref", "refs/heads"]);
    dev.run_moving(&["start", "one", "--worktree", "/dev/null"]).ends(1).says("already exists");
    assert_eq!(dev.git(&["for-each-ref", "refs/heads"]), before);
    dev.run_moving(&["start", "one"]).ends(0);
}

#[test]
fn options_for_a_new_merge_request_are_not_passed_over_in_silence() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open", "--title", " "]).ends(2).says("needs a title");
    dev.run(&["open", "--assignee", "nobody"]).ends(2).says("git hotfix open --assignee <user>");
    let opened = dev.run(&["open", "--label", "urgent"]).ends(0);
    assert!(!opened.err.contains("was there already"), "{}", opened.err);
    let again = dev.run(&["open", "--label", "calm"]).ends(0);
    again.says("!412 was there already: its title, labels and people are as they were");
    assert!(!dev.run(&["open"]).ends(0).err.contains("was there already"));
}

#[test]
fn what_lands_nowhere_else_is_no_target() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["backport", "--to", "main"]).ends(2).says("main is the production branch");
    dev.run(&["status", ""]).ends(2).says("`` can name no hotfix");
    dev.run(&["status", "a b"]).ends(2).says("`a b` can name no hotfix");
    dev.run(&["status", &"x".repeat(5000)]).ends(2);
    dev.run(&["status", "412"]).ends(5).says("git hotfix status '!412'");
    dev.run(&["verify", "412"]).ends(5).says("git hotfix status '!412'");
    dev.run(&["ask", "412"]).ends(5).says("git hotfix status '!412'");
}

#[test]
fn what_landed_and_does_not_run_in_production_is_in_flight() {
    let lab = Lab::new(story("clean"));
    let dev = lab.fixed();
    dev.run(&["open"]).ends(0);
    dev.run(&["merge", "--yes"]).ends(0);
    dev.run(&["wait", "build"]).ends(0);
    dev.run(&["backport"]).ends(0);
    assert!(lab.server.with_world(|world| world.merge_as("mia", 413)).is_success());
    dev.run(&["list", "--missing"]).ends(0);
    dev.run(&["list"]).ends(0).says("!412").says("production: not there yet");
    assert_eq!(dev.run(&["list", "--json"]).ends(0).json()["hotfixes"][0]["in_production"], false);
    lab.approve();
    dev.run(&["deploy", "--yes"]).ends(0);
    dev.run(&["list"]).ends(0).says("no hotfix is in flight");
    dev.run(&["rollback", "--yes"]).ends(0);
    dev.run(&["list"]).ends(0).says("production: not there yet");
}
