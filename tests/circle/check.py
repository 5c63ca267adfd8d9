"""The whole circle: check.py <git-hotfix> <example circle> <gitlab-ci-local>."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

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
made = subprocess.run([program, "ci", "template"], cwd=seed, env=env, capture_output=True, text=True)
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
jobs = ["build", "deploy-prod-hotfix", "hotfix-backport"]
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


def now(line=""):
    world.stdin.write(line + "\n")
    world.stdin.flush()
    return json.loads(world.stdout.readline())


try:
    desk = room + "/desk/web"
    os.makedirs(room + "/desk")
    url = yard["gitlab"].replace("://", f"://dev:{tokens['dev']}@") + "/shop/web.git"
    git(room, "clone", "-q", url, desk)
    git(desk, "config", "hotfix.url", yard["gitlab"])
    git(desk, "switch", "-q", "-c", "hotfix/login-500", "origin/main")
    write(desk, {"app/login.rb": "def login\n  user&.name\nend\n"})
    git(desk, "commit", "-qm", "Fix login 500")
    laptop = env | {"GIT_HOTFIX_URL": yard["gitlab"], "GIT_HOTFIX_TOKEN": tokens["dev"], "GIT_HOTFIX_POLL_MIN": "100ms", "GIT_HOTFIX_POLL_MAX": "500ms"}
    ran = subprocess.run(
        [program, "ship", "--yes"], cwd=desk, env=laptop, capture_output=True, text=True, timeout=240
    )
    said = ran.stdout + ran.stderr
    if ran.returncode:
        print("        " + "\n        ".join(said.splitlines()[-40:]))
    check("ship goes the whole way", ran.returncode, 0)
    # The pipeline's own backport job may still be at it.
    for _ in range(600):
        log = open(f"{room}/hotfix-backport.log").read() if os.path.exists(f"{room}/hotfix-backport.log") else ""
        if " PASS " in log or " FAIL " in log:
            break
        time.sleep(0.1)
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
    receipts = [f"{place}/{name}" for place, _, names in os.walk(room) for name in names if name == "promote-receipt.json"]
    check("the job left its receipt", len(receipts) > 0, True)
    for name in ("deploy-prod-hotfix", "hotfix-backport"):
        log = open(f"{room}/{name}.log").read() if os.path.exists(f"{room}/{name}.log") else "did not run"
        check(f"{name} really ran, and passed", " PASS " in log, True)
        if " PASS " not in log:
            print("        | " + "\n        | ".join(log.splitlines()[-40:]))
        check("  and showed no secret", any(word in log for word in (SECRET, tokens["heroku"], tokens["mia"])), False)
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
