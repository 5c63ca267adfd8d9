#!/usr/bin/env python3
"""The runner: works one job of the generated file with gitlab-ci-local, in a checkout of its own."""
import json
import os
import shutil
import subprocess
import sys

job, number, pipeline, sha, branch, left = sys.argv[1:]
yard = json.load(open(os.environ["CIRCLE_YARD"]))
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*words, **more):
    print("+", " ".join(words[:4]), flush=True)
    subprocess.run(words, check=True, stderr=subprocess.STDOUT, **more)


if job == "build":
    if branch == "main":
        layout = f"{yard['room']}/image-{sha}"
        run(sys.executable, yard["image"], layout, "3", "200000", sha, "revision=" + sha)
        for app in yard["apps"]:
            to = f"docker://{yard['registry']}/shop/web/{app}:{sha}"
            inside = ["--dest-tls-verify=false", "--dest-creds", yard["creds"]]
            run("skopeo", "copy", "-q", *inside, "oci:" + layout, to)
    sys.exit(0)

folder = f"{yard['room']}/job-{number}"
remote = yard["gitlab"].replace("://", f"://gitlab-ci-token:{yard['dev']}@") + "/shop/web.git"
run("git", "clone", "-q", remote, folder)
run("git", "-C", folder, "checkout", "-q", sha)
user, secret = yard["creds"].split(":", 1)
host = yard["gitlab"].split("://")[1]
variables = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": yard["gitlab"],
    "CI_SERVER_HOST": host,
    "CI_PROJECT_PATH": "shop/web",
    "CI_COMMIT_SHA": sha,
    "CI_COMMIT_SHORT_SHA": sha[:8],
    "CI_COMMIT_BRANCH": branch,
    "CI_COMMIT_REF_NAME": branch,
    "CI_DEFAULT_BRANCH": "main",
    "CI_PIPELINE_ID": pipeline,
    "CI_PIPELINE_SOURCE": "push",
    "CI_JOB_ID": number,
    "CI_JOB_URL": f"{yard['gitlab']}/shop/web/-/jobs/{number}",
    "CI_REGISTRY_IMAGE": f"http://{yard['registry']}/shop/web",
    "CI_REGISTRY_USER": user,
    "CI_REGISTRY_PASSWORD": secret,
    "GITLAB_USER_LOGIN": "dev",
    "HEROKU_API_KEY": yard["heroku_key"],
    "GIT_HOTFIX_HEROKU_URL": yard["heroku"],
    "GIT_HOTFIX_HEROKU_REGISTRY": "http://" + yard["heroku_registry"],
    "GIT_HOTFIX_TOKEN": yard["mia"],
    "GIT_HOTFIX_POLL_MIN": "20ms",
    "GIT_HOTFIX_POLL_MAX": "100ms",
}
words = [yard["gitlab_ci_local"]]
for name, value in variables.items():
    words += ["--variable", f"{name}={value}"]
path = yard["bin"] + ":" + os.environ["PATH"]
environment = os.environ | {"PATH": path, "HOME": yard["room"], "NO_COLOR": "1"}
name = f"{yard['room']}/{number}-{job}.log"
with open(name, "w") as log:
    done = subprocess.run([*words, job], cwd=folder, env=environment, stdout=log, stderr=log)
sys.stdout.write(open(name).read())
# What the file declares to be the job's artifacts, and nothing else that lies about.
kept = f"{folder}/.gitlab-ci-local/artifacts/{job}"
if os.path.isdir(kept):
    shutil.copytree(kept, left, dirs_exist_ok=True)
sys.exit(done.returncode)
