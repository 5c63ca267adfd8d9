"""The whole circle: check.py <git-hotfix> <example circle> <gitlab-ci-local>."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
REGISTRIES = os.path.join(HERE, "../registries")
sys.path.insert(0, REGISTRIES)
from peers import Issuer, Registry, free_port  # noqa: E402

program, host, gitlab_ci_local = map(os.path.abspath, sys.argv[1:])
USER, SECRET = "ci-user", "registry-canary-0123456789"
APPS = ["portal", "admin", "api-gateway"]
room = tempfile.mkdtemp(prefix="circle.")
failures, held = [], []


def check(what, is_, should):
    print(("ok      " if is_ == should else "FAILED  ") + what, flush=True)
    (held if is_ == should else failures).append(what)
    if is_ != should:
        print(f"        {is_} is not {should}", flush=True)


env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "CI", "GITLAB"))}
env |= {"HOME": room, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
with open(room + "/.gitconfig", "w") as file:
    file.write("[user]\n\tname = dev\n\temail = dev@shop.example\n[init]\n\tdefaultBranch = main\n")


def git(where, *words):
    return subprocess.run(["git", "-C", where, *words], env=env, check=True, capture_output=True, text=True).stdout


def write(where, files):
    for name, text in files.items():
        os.makedirs(os.path.dirname(f"{where}/{name}") or where, exist_ok=True)
        with open(f"{where}/{name}", "w") as file:
            file.write(text)
    git(where, "add", "-A")


settings = f'[deploy]\napps = {json.dumps(APPS)}\n\n[deploy.approvals]\ntech-lead = "tech-leads"\npm = "product"\n'
settings += "".join(f'\n[apps.{app}]\nheroku = "acme-{app}"\n' for app in APPS)
seed = room + "/seed"
subprocess.run(["git", "init", "-q", seed], env=env, check=True)
write(seed, {"app/login.rb": "def login\n  user.name\nend\n", "README.md": "shop\n", ".hotfix.toml": settings})
git(seed, "commit", "-qm", "Begin")
git(seed, "remote", "add", "origin", seed)
git(seed, "fetch", "-q", "origin")
words = [program, "ci", "template", "--", "bin/migrate"]
made = subprocess.run(words, cwd=seed, env=env, capture_output=True, text=True)
check("the CI file is generated", made.returncode, 0)
if made.returncode:
    print(made.stderr)
ci = "stages: [deploy]\n\ninclude:\n  - local: .gitlab/hotfix.yml\n"
write(seed, {".gitlab/hotfix.yml": made.stdout, ".gitlab-ci.yml": ci})
git(seed, "commit", "-qm", "Include the hotfix lane")
git(seed, "branch", "develop")
git(seed, "switch", "-q", "develop")
write(seed, {"README.md": "shop\n\nmore\n"})
git(seed, "commit", "-qm", "Go on")
git(room, "clone", "-q", "--bare", seed, room + "/web.git")

issuer = Issuer(room, USER, SECRET)
source, target = Registry(room + "/source", issuer), Registry(room + "/target")
gitlab, heroku = free_port(), free_port()
os.makedirs(room + "/bin")
os.symlink(program, room + "/bin/git-hotfix")
jobs = ["build", "deploy-prod-hotfix", "run-migrations-prod", "hotfix-backport", "rollback-prod-hotfix"]
words = [host, room + "/web.git", str(gitlab), str(heroku), HERE + "/runner.py", *jobs]
yard_file = room + "/yard.json"
world = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env | {"CIRCLE_YARD": yard_file})
tokens = json.loads(world.stdout.readline())
yard = {
    "room": room, "apps": APPS, "bin": room + "/bin", "image": REGISTRIES + "/image.py",
    "registry": f"127.0.0.1:{source.port}", "heroku_registry": f"127.0.0.1:{target.port}",
    "gitlab": f"http://127.0.0.1:{gitlab}", "heroku": f"http://127.0.0.1:{heroku}",
    "creds": f"{USER}:{SECRET}", "heroku_key": tokens["heroku"], "gitlab_ci_local": gitlab_ci_local,
    "dev": tokens["dev"], "mia": tokens["mia"],
}
with open(yard_file, "w") as file:
    json.dump(yard, file)
desk = room + "/desk/web"


def now(line=""):
    world.stdin.write(line + "\n")
    world.stdin.flush()
    return json.loads(world.stdout.readline())


def ask(url, token, method="GET", body=None):
    """What a colleague's browser would ask GitLab or Heroku."""
    headers = {"Authorization": "Bearer " + token, "Accept": "application/vnd.heroku+json; version=3"}
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, json.dumps(body or {}).encode() if method != "GET" else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def project(path, who="mia", method="GET", body=None):
    return ask(f"{yard['gitlab']}/api/v4/projects/shop%2Fweb/{path}", tokens[who], method, body)


def on_heroku(app, what):
    return ask(f"{yard['heroku']}/apps/acme-{app}/{what}", tokens["heroku"])


def versions():
    return {app: max(release["version"] for release in on_heroku(app, "releases")) for app in APPS}


def until(what, holds, seconds=120):
    """Looks again and again; what others do takes the time it takes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    check(what, "did not come", "came")
    return None


def laptop(who, *words):
    own = {"GIT_HOTFIX_URL": yard["gitlab"], "GIT_HOTFIX_TOKEN": tokens[who], "GIT_HOTFIX_POLL_MIN": "100ms"}
    ran = subprocess.run(
        [program, *words], cwd=desk, env=env | own | {"GIT_HOTFIX_POLL_MAX": "500ms"}, capture_output=True, text=True, timeout=100
    )
    if ran.returncode:
        print(f"        {who}: git hotfix {' '.join(words)} ended with {ran.returncode}")
        print("        | " + "\n        | ".join((ran.stdout + ran.stderr).splitlines()[-40:]))
    return ran


def logs(job):
    """The logs of every run of a job that has ended, oldest first."""
    found = [open(name).read() for name in sorted(glob.glob(f"{room}/*-{job}.log"))]
    return [log for log in found if " PASS " in log or " FAIL " in log]


def really_ran(job, times):
    until(f"{job} ends", lambda: len(logs(job)) >= times)
    ran = logs(job)
    check(f"{job} really ran, {times} in all, and passed", [" PASS " in log for log in ran], [True] * times)
    if not all(" PASS " in log for log in ran):
        print("        | " + "\n        | ".join(ran[-1].splitlines()[-40:]))
    check("  and showed no secret", any(word in log for log in ran for word in (SECRET, tokens["heroku"], tokens["mia"])), False)


def approved():
    """Both roles approve the deployment that waits; it is returned."""
    blocked = "deployments?environment=production&status=blocked"
    deployment = until("a deployment waits for approvals", lambda: project(blocked))[0]
    for who in ("bo", "cleo"):
        project(f"deployments/{deployment['id']}/approval", who, "POST", {"status": "approved"})
    return deployment


def shipped(branch, message, files, *more):
    """Ships a hotfix from the laptop while others approve; how it ended."""
    git(desk, "fetch", "-q")
    git(desk, "switch", "-q", "-c", branch, "origin/main")
    write(desk, files)
    git(desk, "commit", "-qm", message)
    others = threading.Thread(target=approved)
    others.start()
    ended = laptop("dev", "ship", "--yes", *more).returncode
    others.join()
    return ended


def ship():
    """A hotfix with a migration goes to production, through jobs that really run, and back to develop."""
    files = {"app/login.rb": "def login\n  user&.name\nend\n", "db/migrate/1.sql": "-- sessions\n"}
    check("ship goes the whole way", shipped("hotfix/login-500", "Fix login 500", files), 0)
    for job in ("deploy-prod-hotfix", "run-migrations-prod", "hotfix-backport"):
        really_ran(job, 1)
    truth = now()
    landed = git(desk, "ls-remote", "origin", "refs/heads/main").split()[0]
    check("production is the landed commit", truth["production"], landed)
    check("there is exactly one backport", len(truth["backports"]), 1)
    branches = git(desk, "ls-remote", "origin", "refs/heads/backport/*").splitlines()
    check("  on one branch", len(branches), 1)
    images = {app["image"] for app in truth["apps"]}
    check("all apps run one image", len(images), 1)
    for app in APPS:
        where = f"docker://127.0.0.1:{target.port}/acme-{app}/web"
        raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", where], capture_output=True).stdout
        check(f"  acme-{app} was given what the registry holds", {json.loads(raw or "{}").get("config", {}).get("digest")}, images)
    log = logs("run-migrations-prod")[0]
    check("the migration ran in a dyno of the api-gateway", re.findall(r"> (.*): run\.\d+ runs (.*)", log), [("api-gateway", "bin/migrate")])
    check("  and what it said there is in the job's log", "> api-gateway | done" in log, True)


def again(before):
    """Somebody runs the deploy job again; both roles approve again; everything runs already."""
    job = project("deployments?environment=production&order_by=id&sort=desc")[0]["deployable"]["id"]
    project(f"jobs/{job}/retry", method="POST")
    deployment = approved()
    project(f"jobs/{deployment['deployable']['id']}/play", method="POST")
    really_ran("deploy-prod-hotfix", 2)
    check("the second promotion released nothing", versions(), before)
    until("GitLab knows", lambda: project(f"deployments/{deployment['id']}")["status"] == "success")


def take_back(production, before):
    """The developer takes it back: by the receipts that the jobs left, to before the first of both attempts."""
    images = {app["image"] for app in now()["apps"]}
    back = laptop("dev", "rollback", "--yes", "--despite-migrations", "!412")
    check("rollback goes the whole way", back.returncode, 0)
    really_ran("rollback-prod-hotfix", 1)
    truth = now()
    check("every app got one release for it", versions(), {app: version + 1 for app, version in before.items()})
    check("  of what it ran at the very first", {app["image"] for app in truth["apps"]}, {"sha256:" + "1" * 64} - images)
    check("production is the commit from before", truth["production"], production)
    said = laptop("dev", "status", "!412").stdout
    check("status says that it was rolled back", "it was in production and was rolled back" in said, True)


def go_on():
    """The next hotfix carries the one that was taken back, with its migration."""
    ended = shipped("hotfix/logout", "Fix logout", {"app/logout.rb": "def logout\nend\n"}, "--with", "!412")
    check("the next hotfix ships, with the one before", ended, 0)
    really_ran("run-migrations-prod", 2)
    log = logs("run-migrations-prod")[-1]
    check("its migrations are counted from before what was taken back", "db/migrate/1.sql" in log, True)


try:
    os.makedirs(room + "/desk")
    git(room, "clone", "-q", yard["gitlab"].replace("://", f"://dev:{tokens['dev']}@") + "/shop/web.git", desk)
    git(desk, "config", "hotfix.url", yard["gitlab"])
    first = now()["production"]
    ship()
    after = versions()
    again(after)
    take_back(first, after)
    go_on()
finally:
    world.stdin.close()
    try:
        world.wait(20)
    except subprocess.TimeoutExpired:
        world.kill()
    source.stop()
    target.stop()
    shutil.rmtree(room, ignore_errors=True)
print(f"{len(held)} of {len(held) + len(failures)} hold")
sys.exit(bool(failures))
