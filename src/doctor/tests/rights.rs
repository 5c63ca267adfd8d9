//! The project, the gate and the people.

use super::*;

fn rule(label: &str, group: u64) -> Value {
    json!({"id": 1, "group_id": group, "access_level_description": label, "required_approvals": 1})
}

fn member(id: u64, name: &str, level: u64) -> Value {
    json!({"id": id, "username": name, "state": "active", "access_level": level})
}

/// A project where all is as it must be.
fn there() -> There {
    let level = |level: u64, words: &str| json!({"access_level": level, "access_level_description": words});
    There {
        version: Ok(from(json!({"version": "18.9.0-ee", "enterprise": true}))),
        me: Ok(from(json!({"id": 1, "username": "ana"}))),
        token: Ok(from(json!({"scopes": ["api"], "expires_at": "2027-01-31", "active": true}))),
        project: Arc::new(from(json!({
            "id": 7, "path_with_namespace": "shop/web", "default_branch": "main", "merge_method": "merge",
            "squash_option": "default_off", "only_allow_merge_if_pipeline_succeeds": true,
            "allow_merge_on_skipped_pipeline": false, "merge_trains_enabled": false,
            "ci_forward_deployment_enabled": true, "allow_pipeline_trigger_approve_deployment": false,
            "permissions": {"project_access": {"access_level": 40}, "group_access": null},
        }))),
        branches: None,
        protected: Ok(from(json!([{
            "name": "main", "push_access_levels": [level(0, "No one")],
            "merge_access_levels": [level(40, "Maintainers")], "allow_force_push": false,
        }]))),
        labels: Ok(from(json!([{"name": "backport"}, {"name": "auto-backport"}, {"name": "conflicts"}]))),
        lint: Err("not asked".to_owned()),
        environment: Ok(Some(from(json!({"id": 1, "name": "production"})))),
        protection: Ok(Some(from(json!({
            "name": "production", "deploy_access_levels": [level(40, "Maintainers")],
            "required_approval_count": 0, "approval_rules": [rule("tech-leads", 10), rule("product", 11)],
        })))),
        last: Ok(None),
        members: Ok(from(json!([member(1, "ana", 40), member(2, "bo", 40), member(3, "cleo", 30)]))),
        groups: vec![
            (10, Ok(from(json!([member(2, "bo", 30), member(5, "eve", 30)])))),
            (11, Ok(from(json!([member(3, "cleo", 30), member(4, "dan", 30)])))),
        ],
    }
}

fn all(config: &Config, there: &There) -> Vec<Finding> {
    [
        project::checks(config, there, &page),
        gate::checks(config, there, &page),
        people::checks(config, there, &page),
    ]
    .concat()
}

#[test]
fn a_good_project_has_nothing_to_mend() {
    let findings = all(&config(""), &there());
    assert!(findings.iter().all(|finding| finding.state == State::Ok), "{}", show(&findings));
    insta::assert_snapshot!(show(&findings), @"
    ok project: shop/web, as Maintainer
    ok GitLab: 18.9.0-ee
    ok protection of main: merge: Maintainers; push: No one
    ok merge method: merge commit: picked with -m 1
    ok squash: off, unless somebody turns it on
    ok pipelines must succeed: on
    ok outdated deployments: prevented
    ok labels: backport, auto-backport, conflicts
    ok environment: production
    ok tech-lead: rule tech-leads
    ok pm: rule product
    ok may deploy: Maintainers
    ok self-approval: not allowed: whoever merged cannot approve
    ok people for tech-lead: bo, eve
    ok people for pm: cleo, dan
    ok different people: merger, tech-lead, pm can be different people
    ");
}

#[test]
fn everything_that_can_be_set_wrong_is_told_with_its_mend() {
    let mut there = there();
    there.version = Ok(from(json!({"version": "18.9.0", "enterprise": false})));
    there.project = Arc::new(from(json!({
        "id": 7, "path_with_namespace": "shop/web", "merge_method": "ff", "squash_option": "always",
        "only_allow_merge_if_pipeline_succeeds": false, "merge_trains_enabled": true,
        "ci_forward_deployment_enabled": false, "allow_pipeline_trigger_approve_deployment": true,
        "permissions": {"project_access": {"access_level": 20}, "group_access": null},
    })));
    there.protected = Ok(from(json!([{
        "name": "hotfix/*",
        "push_access_levels": [{"access_level": 40, "access_level_description": "Maintainers"}],
    }])));
    there.labels = Ok(Vec::new());
    there.environment = Ok(None);
    there.protection = Ok(Some(from(json!({"name": "production", "required_approval_count": 2}))));
    insta::assert_snapshot!(show(&all(&config(""), &there)), @"
    fail (4) project: shop/web: as Reporter you may neither push nor open a merge request
          ask a maintainer for the role Developer: https://gl/shop/web/-/project_members
    fail (5) GitLab: 18.9.0: the community edition has no deployment approvals
          asking several people takes GitLab Premium or Ultimate
    warn protection of main: not protected: every developer may push to it, with no merge request
          protect it, push for nobody: https://gl/shop/web/-/settings/repository#js-protected-branches-settings
    warn protection of hotfix/*: push: Maintainers, which you are not
          let developers push to it: https://gl/shop/web/-/settings/repository#js-protected-branches-settings
    warn merge method: merge trains: a hotfix queues behind other merges, and lands as another commit
          let hotfixes skip the train, or turn it off for them: https://gl/shop/web/-/settings/merge_requests
    ok squash: always: the fix lands as one commit
    warn pipelines must succeed: off: the web page merges with a red pipeline (git hotfix merge does not)
          turn it on under merge checks: https://gl/shop/web/-/settings/merge_requests
    warn outdated deployments: not prevented: an older job could take production back after a newer one
          turn on `prevent outdated deployment jobs`: https://gl/shop/web/-/settings/ci_cd#js-general-pipeline-settings
    warn labels: backport, auto-backport, conflicts not there yet; the first backport makes them if its user may
          make them: https://gl/shop/web/-/labels/new
    fail (4) environment: there is no environment called production
          make it: https://gl/shop/web/-/environments/new   (or name yours: [deploy] environment in .hotfix.toml)
    fail (5) approval rules: 2 approval(s) of anybody, the old kind: roles cannot be told apart
          add one rule each for tech-leads and product: https://gl/shop/web/-/settings/ci_cd#js-protected-environments-settings
    fail (5) may deploy: nobody: the job can be approved, but never started
          allow those who ship: https://gl/shop/web/-/settings/ci_cd#js-protected-environments-settings
    warn self-approval: allowed: whoever merged may approve the deployment of it
          turn off `allow pipeline triggerer to approve deployment`: https://gl/shop/web/-/settings/ci_cd#js-protected-environments-settings
    ");
}

#[test]
fn what_a_developer_may_not_read_is_unknown_and_taken_from_the_last_deployment() {
    let hidden = || "your role may not read it (Maintainers may)".to_owned();
    let mut there = there();
    there.project = Arc::new(from(json!({"id": 7, "path_with_namespace": "shop/web"})));
    there.protected = Err(hidden());
    there.protection = Err(hidden());
    there.labels = Err(hidden());
    let rules = there.rules();
    assert_eq!(rules, Err(hidden()));
    there.last = Ok(Some(from(json!({
        "id": 1, "sha": "abc", "status": "success",
        "approval_summary": {"rules": [rule("tech-leads", 10), rule("Product team", 11), rule("qa", 12)]},
    }))));
    insta::assert_snapshot!(show(&all(&config(""), &there)), @"
    ok project: shop/web; GitLab does not tell your role
    ok GitLab: 18.9.0-ee
    unknown protection of main: your role may not read it (Maintainers may)
    unknown merge method: GitLab does not show it (Maintainers may see it)
    unknown squash: GitLab does not show it (Maintainers may see it)
    unknown pipelines must succeed: GitLab does not show it (Maintainers may see it)
    unknown outdated deployments: GitLab does not show it (Maintainers may see it)
    unknown labels: your role may not read it (Maintainers may)
    ok environment: production
    ok tech-lead: rule tech-leads
    fail (4) pm: no rule is called `product` (rules: tech-leads, Product team, qa)
          set [deploy.approvals] pm in .hotfix.toml to one of these, or add the rule: https://gl/shop/web/-/settings/ci_cd#js-protected-environments-settings
    warn approval rules: GitLab also asks Product team, qa, which stands for no role here
          name them too: [deploy.approvals] in .hotfix.toml
    unknown may deploy: your role may not read it (Maintainers may)
    unknown self-approval: GitLab does not show it (Maintainers may see it)
    ");
}

#[test]
fn rules_are_matched_with_roles_by_their_label() {
    let mut there = there();
    let file = "[deploy.approvals]\nlead = \"Tech-Leads\"\npm = \"Products\"\nqa = \"Maintainers\"\n";
    let Ok(Some(protection)) = &mut there.protection else { panic!() };
    protection.deploy_access_levels.clear();
    protection.approval_rules.push(from(json!({
        "access_level": 40, "access_level_description": "Maintainers", "required_approvals": 0,
    })));
    insta::assert_snapshot!(show(&gate::checks(&config(file), &there, &page)), @"
    ok environment: production
    ok lead: rule tech-leads
    fail (4) pm: no rule is called `Products` (rules: tech-leads, product, Maintainers)
          set [deploy.approvals] pm in .hotfix.toml to one of these, or add the rule: https://gl/shop/web/-/settings/ci_cd#js-protected-environments-settings
    fail (5) qa: the rule Maintainers asks for no approval at all
          ask for one: https://gl/shop/web/-/settings/ci_cd#js-protected-environments-settings
    warn approval rules: GitLab also asks product, which stands for no role here
          name them too: [deploy.approvals] in .hotfix.toml
    fail (5) may deploy: nobody: the job can be approved, but never started
          allow those who ship: https://gl/shop/web/-/settings/ci_cd#js-protected-environments-settings
    ");
}

#[test]
fn people_must_be_different_ones() {
    let people =
        |names: &str| -> Seen<Vec<String>> { Ok(names.split_whitespace().map(str::to_owned).collect()) };
    let enough = |lead: &str, pm: &str, mergers: &str, own: bool| {
        let slots = [("lead".to_owned(), people(lead)), ("pm".to_owned(), people(pm))];
        let findings = people::enough(&slots, &people(mergers), own, "PAGE");
        format!("{lead} / {pm} / {mergers}:\n{}", show(&findings))
    };
    let lines = [
        enough("a b", "b c", "a b", false),
        enough("a", "b", "a b", false),
        enough("a", "b", "a b", true),
        enough("a", "a", "b", true),
        enough("a b", "", "c", false),
        enough("a b", "a b", "c", false),
        enough("a b", "a b", "a b", false),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    a b / b c / a b:
    ok people for lead: a, b
    ok people for pm: b, c
    ok different people: merger, lead, pm can be different people
    a / b / a b:
    warn people for lead: only a: nothing ships while a is away, or has merged
          add a second person: PAGE
    warn people for pm: only b: nothing ships while b is away, or has merged
          add a second person: PAGE
    fail (5) different people: whoever merges (a, b) is then missing among lead, pm
          let one more person merge or approve: PAGE
    a / b / a b:
    warn people for lead: only a: nothing ships while a is away
          add a second person: PAGE
    warn people for pm: only b: nothing ships while b is away
          add a second person: PAGE
    ok different people: lead, pm can be different people; one of them may merge
    a / a / b:
    warn people for lead: only a: nothing ships while a is away
          add a second person: PAGE
    warn people for pm: only a: nothing ships while a is away
          add a second person: PAGE
    fail (5) different people: lead, pm cannot each have a person of their own
          add somebody who fills only one of them: PAGE
    a b /  / c:
    ok people for lead: a, b
    fail (5) people for pm: nobody: this role can never approve
          add somebody to its group: PAGE
    a b / a b / c:
    ok people for lead: a, b
    ok people for pm: a, b
    ok different people: merger, lead, pm can be different people
    a b / a b / a b:
    ok people for lead: a, b
    ok people for pm: a, b
    fail (5) different people: whoever merges (a, b) is then missing among lead, pm
          let one more person merge or approve: PAGE
    ");
}

#[test]
fn people_who_may_not_be_seen_are_unknown() {
    let mut there = there();
    there.groups[1].1 = Err("hidden".to_owned());
    insta::assert_snapshot!(show(&people::checks(&config(""), &there, &page)), @"
    ok self-approval: not allowed: whoever merged cannot approve
    unknown people for pm: hidden
    ");
}
