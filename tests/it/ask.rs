//! `ask`: what approvers read, and that it is posted once.

use crate::cli_lab::in_lab;
use crate::sim_lab::Lab;

#[test]
fn approvers_are_asked_once() {
    let lab = Lab::at_once();
    let landed = lab.land("hotfix/login-500");
    let iid = lab.project("merge_requests?source_branch=hotfix/login-500")[0]["iid"].as_u64().unwrap();
    let (bang, path) =
        (format!("!{iid}"), format!("merge_requests/{iid}/notes?activity_filter=only_comments"));
    let ran = in_lab(&lab, "dev", &["ask", &bang, "--post"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out.replace(&landed, "LANDED"), @"
    A fix for production waits for your approval

    What was broken
      Fix hotfix/login-500 (!412, by dev)

    What goes live
      !412 Fix hotfix/login-500 (this fix)

    Where
      production: portal, admin, api-gateway, all of them each time

    Database
      does not change

    If it goes wrong
      the developers put back the version from before

    Who must approve
      tech lead: bo
      PM: cleo or dan

    How
      open GITLAB/shop/web/-/jobs/1025 and approve or reject there
      nothing starts by itself after the last approval: a developer starts deploy-prod-hotfix
    posted on !412: GITLAB/shop/web/-/merge_requests/412
    ");
    let notes = lab.project(&path);
    assert_eq!(notes.as_array().unwrap().len(), 1, "{notes}");
    insta::assert_snapshot!(notes[0]["body"].as_str().unwrap().replace(&lab.server.url(), "GITLAB"), @"
    **A fix for production waits for your approval**

    **What was broken**

    - Fix hotfix/login-500 (!412, by dev)

    **What goes live**

    - !412 Fix hotfix/login-500 (this fix)

    **Where**

    - production: portal, admin, api-gateway, all of them each time

    **Database**

    - does not change

    **If it goes wrong**

    - the developers put back the version from before

    **Who must approve**

    - tech lead: @bo
    - PM: @cleo or @dan

    **How**

    - open GITLAB/shop/web/-/jobs/1025 and approve or reject there
    - nothing starts by itself after the last approval: a developer starts deploy-prod-hotfix
    ");

    let again = in_lab(&lab, "dev", &["ask", &bang, "--post"]);
    assert!(again.out.contains("not posted again"), "{}", again.out);
    assert_eq!(lab.project(&path).as_array().unwrap().len(), 1);

    let job = lab.job(&landed, "deploy-prod-hotfix");
    let deployment = lab.deployment(&job);
    assert_eq!(lab.approve("bo", &deployment).status, 201);
    assert_eq!(lab.approve("cleo", &deployment).status, 201);
    let ran = in_lab(&lab, "dev", &["ask", &bang]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(format!("{}\n{}", ran.out, ran.err), @"
    everybody who must approve has approved; it is NOT running yet
    hint: whoever may deploy starts it: git hotfix deploy '!412'
    ");
}

#[test]
fn there_is_nothing_to_ask_before_the_merge() {
    let lab = Lab::at_once();
    let iid = lab.open("hotfix/early");
    let ran = in_lab(&lab, "dev", &["ask", &format!("!{iid}")]);
    assert_eq!(ran.code, 5);
    insta::assert_snapshot!(ran.err, @"
    error: no deployment waits for approval yet
    hint: git hotfix wait build '!412'   (then: git hotfix ask '!412')
    ");
}
