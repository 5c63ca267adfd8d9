"""The hotfix flow through python-gitlab, step by step, against the embedded GitLab.

Each step is a function whose name says what must hold; a step that fails ends the run. The client parses
what it gets itself and raises its own exceptions, so wrong shapes do not pass."""

import json
import subprocess
import sys

import gitlab
from gitlab import exceptions as refused

STEPS = []
FIX = "# Lets a customer in, through python-gitlab.\n"


def step(function):
    STEPS.append(function)
    return function


class Flow:
    """What one step leaves for the next."""

    def __init__(self, served):
        self.url, self.project_path = served["url"], served["project"]
        self.tokens = served["tokens"]
        self.people = {role: self.project_as(token) for role, token in self.tokens.items()}
        self.dev = self.people["developer"]

    def client(self, token):
        return gitlab.Gitlab(self.url, private_token=token, retry_transient_errors=False, timeout=30)

    def project_as(self, token):
        return self.client(token).projects.get(self.project_path)

    def until(self, what, look):
        """Effects lag by some reads, as on GitLab: look until it holds."""
        for _ in range(80):
            found = look()
            if found:
                return found
        raise AssertionError(f"never: {what}")


def refuses(kind, status, words, act):
    try:
        act()
    except kind as error:
        assert error.response_code == status, f"{status} was to come: {error!r}"
        assert words in str(error), f"{words!r} was to come: {error}"
        return
    raise AssertionError(f"nothing refused it, and {kind.__name__} was to come")


@step
def who_asks_is_known(flow):
    client = flow.client(flow.tokens["developer"])
    client.auth()
    assert client.user.username == "dev"
    version, _ = client.version()
    assert version.startswith("18.")
    own = client.personal_access_tokens.get("self")
    assert own.active and "api" in own.scopes


@step
def a_bearer_token_does_as_well(flow):
    client = gitlab.Gitlab(flow.url, oauth_token=flow.tokens["developer"])
    client.auth()
    assert client.user.username == "dev"


@step
def a_wrong_token_is_401_and_an_absent_project_404(flow):
    refuses(refused.GitlabAuthenticationError, 401, "401 Unauthorized", flow.client("glpat-wrong").auth)
    client = flow.client(flow.tokens["developer"])
    refuses(refused.GitlabGetError, 404, "404 Project Not Found", lambda: client.projects.get("shop/no"))


@step
def the_project_tells_its_rules(flow):
    assert flow.dev.default_branch == "main" and flow.dev.merge_method == "merge"
    assert flow.dev.permissions["project_access"]["access_level"] == 30
    assert {branch.name for branch in flow.dev.protectedbranches.list(get_all=True)} >= {"main", "develop"}
    refuses(refused.GitlabGetError, 403, "403 Forbidden",
            lambda: flow.dev.protected_environments.get("production"))
    members = {member.username: member.access_level for member in flow.dev.members_all.list(get_all=True)}
    assert members["dev"] == 30 and members["mia"] == 40


@step
def a_branch_is_cut_and_a_commit_made_on_it(flow):
    main = flow.dev.branches.get("main").commit["id"]
    branch = flow.dev.branches.create({"branch": "hotfix/login", "ref": "main"})
    assert branch.commit["id"] == main
    refuses(refused.GitlabCreateError, 400, "Branch already exists",
            lambda: flow.dev.branches.create({"branch": "hotfix/login", "ref": "main"}))
    commit = flow.dev.commits.create({
        "branch": "hotfix/login",
        "commit_message": "Fix login",
        "actions": [{"action": "update", "file_path": "apps/portal/app/login.rb", "content": FIX}],
    })
    assert commit.parent_ids == [main] and commit.author_name == "Dev Anders"
    file = flow.dev.files.get("apps/portal/app/login.rb", ref="hotfix/login")
    assert file.decode().decode() == FIX and file.last_commit_id == commit.id
    refuses(refused.GitlabCreateError, 400, "A file with this name doesn't exist",
            lambda: flow.dev.commits.create({
                "branch": "hotfix/login",
                "commit_message": "Nothing",
                "actions": [{"action": "update", "file_path": "no/such", "content": ""}],
            }))
    flow.head = commit.id


@step
def a_merge_request_is_opened_once(flow):
    body = {"source_branch": "hotfix/login", "target_branch": "main", "title": "Fix login", "labels": ["hotfix"]}
    flow.mr = flow.dev.mergerequests.create(body)
    assert flow.mr.state == "opened" and flow.mr.labels == ["hotfix"] and flow.mr.sha == flow.head
    assert [label.name for label in flow.dev.labels.list(get_all=True)] == ["hotfix"]
    refuses(refused.GitlabCreateError, 409, f"!{flow.mr.iid}", lambda: flow.dev.mergerequests.create(body))
    # Its own check would stop a call without source_branch, so this one goes past it.
    refuses(refused.GitlabHttpError, 400, "source_branch is missing",
            lambda: flow.dev.manager.gitlab.http_post(
                f"/projects/{flow.dev.id}/merge_requests", post_data={"target_branch": "main", "title": "x"}))
    found = flow.dev.mergerequests.list(source_branch="hotfix/login", state="opened", get_all=True)
    assert [mr.iid for mr in found] == [flow.mr.iid]


@step
def it_is_discussed_changed_and_approved(flow):
    mr = flow.mr
    note = mr.notes.create({"body": "please look"})
    note.body = "please look soon"
    note.save()
    assert [n.body for n in mr.notes.list(get_all=True) if not n.system] == ["please look soon"]
    mr.labels = ["hotfix", "urgent"]
    mr.title = "Draft: Fix login"
    mr.save()
    read = flow.dev.mergerequests.get(mr.iid)
    assert read.draft and read.labels == ["hotfix", "urgent"]
    refuses(refused.GitlabMRClosedError, 405, "405 Method Not Allowed", mr.merge)
    mr.title = "Fix login"
    mr.save()
    # Whatever the call, 401 is this class of its.
    refuses(refused.GitlabAuthenticationError, 401, "401 Unauthorized", mr.approve)
    flow.people["tech-lead"].mergerequests.get(mr.iid).approve()
    approvals = mr.approvals.get()
    assert approvals.approved and [by["user"]["username"] for by in approvals.approved_by] == ["bo"]
    assert "login.rb" in mr.changes()["changes"][0]["new_path"]
    assert [commit.id for commit in mr.commits()] == [flow.head]


@step
def its_pipeline_runs_and_it_is_merged(flow):
    mr = flow.until("mergeable", lambda: mergeable(flow))
    assert mr.head_pipeline["status"] == "success"
    assert flow.mr.pipelines.list(get_all=True)[0].sha == flow.head
    refuses(refused.GitlabAuthenticationError, 401, "401 Unauthorized",
            flow.people["pm"].mergerequests.get(mr.iid).merge)
    # The client has a class of its own for 406 and 405 only; 409 is its general one.
    refuses(refused.GitlabHttpError, 409, "SHA does not match",
            lambda: flow.dev.manager.gitlab.http_put(
                f"/projects/{flow.dev.id}/merge_requests/{mr.iid}/merge", post_data={"sha": "0" * 40}))
    merged = mr.merge(should_remove_source_branch=True)
    assert merged["state"] == "merged"
    flow.landed = merged["merge_commit_sha"]
    assert flow.dev.branches.get("main").commit["id"] == flow.landed
    refuses(refused.GitlabGetError, 404, "404 Branch Not Found", lambda: flow.dev.branches.get("hotfix/login"))
    refuses(refused.GitlabMRClosedError, 405, "405 Method Not Allowed", mr.merge)
    brought = flow.dev.commits.get(flow.landed).merge_requests()
    assert [found["iid"] for found in brought] == [mr.iid]


def mergeable(flow):
    mr = flow.dev.mergerequests.get(flow.mr.iid)
    return mr if mr.detailed_merge_status == "mergeable" else None


@step
def production_waits_for_both_roles(flow):
    def job():
        for pipeline in flow.dev.pipelines.list(sha=flow.landed, order_by="id", sort="desc", get_all=True):
            for found in pipeline.jobs.list(get_all=True):
                if found.name == "deploy-prod-hotfix" and found.status == "manual":
                    return flow.dev.jobs.get(found.id)
        return None

    flow.job = flow.until("manual", job)
    flow.deployment = flow.until("a blocked deployment", lambda: deployment(flow, "blocked"))
    assert flow.deployment.pending_approval_count == 2
    refuses(refused.GitlabJobPlayError, 400, "Unplayable Job", flow.job.play)
    refuses(refused.GitlabDeploymentApprovalError, 400, "You cannot approve your own deployment",
            lambda: flow.deployment.approval("approved"))
    lead, pm = flow.people["tech-lead"], flow.people["pm"]
    refuses(refused.GitlabDeploymentApprovalError, 400, "There are no approval rules",
            lambda: lead.deployments.get(flow.deployment.id).approval("approved", represented_as="product"))
    lead.deployments.get(flow.deployment.id).approval("approved", represented_as="lead")
    pm.deployments.get(flow.deployment.id).approval("approved", comment="go")
    rules = flow.dev.deployments.get(flow.deployment.id).approval_summary["rules"]
    assert [rule["deployment_approvals"][0]["user"]["username"] for rule in rules] == ["bo", "cleo"]
    assert flow.dev.jobs.get(flow.job.id).status == "manual", "nothing starts by itself"


def deployment(flow, status):
    for found in flow.dev.deployments.list(environment="production", order_by="id", sort="desc", get_all=True):
        if (found.deployable or {}).get("id") == flow.job.id and found.status == status:
            return flow.dev.deployments.get(found.id)
    return None


@step
def the_job_is_played_and_production_moves(flow):
    flow.job.play()
    flow.until("deployed", lambda: deployment(flow, "success"))
    environment = flow.dev.environments.list(name="production", get_all=True)[0]
    assert flow.dev.environments.get(environment.id).last_deployment["sha"] == flow.landed
    assert b"Job succeeded" in flow.dev.jobs.get(flow.job.id).trace()
    shipped = flow.dev.deployments.get(flow.deployment.id).mergerequests.list(get_all=True)
    assert [mr.iid for mr in shipped] == [flow.mr.iid]
    lint = next(job for job in flow.dev.pipelines.get(flow.job.pipeline["id"]).jobs.list(get_all=True)
                if job.name == "lint")
    refuses(refused.GitlabJobPlayError, 400, "Unplayable Job", flow.dev.jobs.get(lint.id).play)
    again = flow.dev.jobs.get(lint.id).retry()
    assert again["id"] > lint.id, "a retry is a new job"


@step
def it_is_picked_back_to_develop(flow):
    name = f"backport/develop-{flow.landed[:8]}"
    flow.dev.branches.create({"branch": name, "ref": "develop"})
    commit = flow.dev.commits.get(flow.landed)
    picked = commit.cherry_pick(name)
    assert f"(cherry picked from commit {flow.landed})" in picked["message"]
    refuses(refused.GitlabCherryPickError, 400, "cannot cherry-pick", lambda: commit.cherry_pick(name))
    refuses(refused.GitlabCherryPickError, 403, "403 Forbidden", lambda: commit.cherry_pick("develop"))
    backport = flow.dev.mergerequests.create({
        "source_branch": name, "target_branch": "develop", "title": "Backport: Fix login",
        "labels": ["backport", "auto-backport"], "remove_source_branch": True,
    })
    assert backport.labels == ["backport", "auto-backport"]
    for label in ("backport", "auto-backport"):
        assert flow.dev.labels.get(label).name == label, "labels are made on the fly"
    refuses(refused.GitlabCreateError, 409, "Label already exists",
            lambda: flow.dev.labels.create({"name": "backport", "color": "#112233"}))


@step
def lists_come_in_pages_with_and_without_totals(flow):
    branches = flow.dev.branches.list(iterator=True, per_page=1)
    assert branches.total == len(list(branches)) >= 3 and branches.total_pages == branches.total
    jobs = flow.dev.jobs.list(iterator=True, per_page=2)
    assert jobs.total is None and jobs.next_page == 2, "the project's jobs are not counted"
    names = [job.name for job in jobs]
    assert len(names) > 4 and "deploy-prod-hotfix" in names
    keyed = flow.dev.jobs.list(iterator=True, per_page=2, pagination="keyset", order_by="id", sort="desc")
    ids = [job.id for job in keyed]
    assert ids == sorted(ids, reverse=True) and len(ids) == len(names)


def main(program):
    serving = subprocess.Popen([program, "demo", "--serve", "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        said = []
        for line in serving.stdout:
            said.append(line)
            if line.startswith("{"):
                break
        else:
            raise SystemExit("the embedded GitLab did not start:\n" + "".join(said))
        flow = Flow(json.loads(said[-1]))
        for function in STEPS:
            function(flow)
            print(f"ok  {function.__name__.replace('_', ' ')}")
        print(f"python-gitlab {gitlab.__version__}: {len(STEPS)} steps hold")
    finally:
        serving.terminate()
        serving.wait()


if __name__ == "__main__":
    main(sys.argv[1])
