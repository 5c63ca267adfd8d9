"""Copies images between real registries and looks at what came of it: check.py <path of the example `copy`>."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from peers import Issuer, Line, Registry

COPY = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
USER, SECRET = "ci-user", "glpat-canary-0123456789abcdef"
CREDENTIALS = f"{USER}:{SECRET}"

V2 = "application/vnd.docker.distribution.manifest.v2+json"

failures, passed, talk = [], [], []
room = tempfile.mkdtemp(prefix="registries.")
issuer = Issuer(room, USER, SECRET)
source = Line(Registry(room + "/source", issuer))
destination = Line(Registry(room + "/destination"))


def check(what, *facts):
    """Each fact is a pair of what is and what should be."""
    wrong = [f"{is_} is not {should}" for is_, should in facts if is_ != should]
    (failures if wrong else passed).append(what)
    print(("ok      " if not wrong else "FAILED  ") + what + "".join("\n        " + one for one in wrong), flush=True)
    if wrong:
        print("        it said: " + "\n        ".join(talk[-1].splitlines()), flush=True)


def at(line, name):
    return f"http://127.0.0.1:{line.port}/{name}"


def make(name, *words):
    """Makes an image and pushes it to the source as it is; tells its layers' digests and the bytes in all."""
    layout = f"{room}/{name}.oci"
    subprocess.run([sys.executable, HERE + "/image.py", layout, *map(str, words)], check=True)
    where = f"docker://127.0.0.1:{source.registry.port}/shop/{name}:v1"
    skopeo("copy", "--all", "--dest-tls-verify=false", "--dest-creds", CREDENTIALS, "oci:" + layout, where)
    return layout


def skopeo(*words):
    return subprocess.run(["skopeo", *words], check=True, capture_output=True).stdout


def manifest(layout):
    """The image's own manifest, below an index or not."""
    read = lambda one: json.load(open(f"{layout}/blobs/sha256/{one['digest'].split(':')[1]}"))
    top = read(json.load(open(layout + "/index.json"))["manifests"][0])
    if "manifests" in top:
        top = read(next(one for one in top["manifests"] if one["platform"]["os"] == "linux"))
    return top


def blobs(document):
    return [document["config"]["digest"]] + [layer["digest"] for layer in document["layers"]]


def size(layout):
    document = manifest(layout)
    return document["config"]["size"] + sum(layer["size"] for layer in document["layers"])


def copy(name, *to, login=SECRET, stall="5", siblings=(), into=None):
    """Runs the copy; tells its exit code, and its words on stdout."""
    with open(room + "/logins", "w") as file:
        file.write(f"{at(source, '')} {USER} {login}\n")
    words = [COPY, "--logins", room + "/logins", "--stall", stall]
    for sibling in siblings:
        words += ["--sibling", at(destination, sibling)]
    words += [at(source, f"shop/{name}:v1"), *(at(into or destination, app) for app in to)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120)
    talk.append(ran.stdout + ran.stderr)
    return ran.returncode


def said(pattern):
    return bool(re.search(pattern, talk[-1]))


def there(app, layout, into=None):
    """What the destination really serves: skopeo fetches all of it, and it must be this image."""
    where = f"docker://127.0.0.1:{(into or destination).registry.port}/{app}"
    back = tempfile.mkdtemp(dir=room)
    try:
        raw = skopeo("inspect", "--raw", "--creds", CREDENTIALS, "--tls-verify=false", where)
        skopeo("copy", "--src-creds", CREDENTIALS, "--src-tls-verify=false", where, "dir:" + back)
    except subprocess.CalledProcessError as error:
        return error.stderr.decode().strip().splitlines()[-1]
    document = json.loads(raw)
    for blob in blobs(manifest(layout)):
        data = open(f"{back}/{blob.split(':')[1]}", "rb").read()
        if "sha256:" + hashlib.sha256(data).hexdigest() != blob:
            return f"{blob} has other bytes"
    shutil.rmtree(back)
    if blobs(document) != blobs(manifest(layout)):
        return "it has other blobs"
    if "sha256:" + hashlib.sha256(raw).hexdigest() not in talk[-1] and "already" not in talk[-1]:
        return "the manifest's digest is not the one that was told"
    return document["mediaType"]


def absent(app):
    """Whether nothing bears that name."""
    where = f"docker://127.0.0.1:{destination.registry.port}/{app}"
    words = ["skopeo", "inspect", "--raw", "--tls-verify=false", where]
    return subprocess.run(words, capture_output=True).returncode != 0


def layers(layout):
    return [layer["digest"] for layer in manifest(layout)["layers"]]


def first(method, count, parts=("",), **fault):
    """A plan: the first requests of a method for a path with one of these parts fail."""
    seen = {"n": 0}

    def plan(asked, path, _):
        if asked == method and any(part in path for part in parts) and seen["n"] < count:
            seen["n"] += 1
            return fault
        return {}

    return plan


def fresh():
    source.quiet()
    destination.quiet()


def main():
    mb = 1_000_000
    portal = make("portal", 4, 3 * mb, "portal")
    total = size(portal)

    fresh()
    code = copy("portal", "one/web", "two/web", "three/web")
    check("an OCI image goes to three applications from one pull", (code, 0), (source.pulled, total))
    for app in ("one/web", "two/web", "three/web"):
        check(f"  {app} serves it, as Docker schema 2", (there(app, portal), V2))
    fresh()
    code = copy("portal", "one/web", "two/web", "three/web")
    check("again: it is there already", (code, 0), (talk[-1].count(" already"), 3))
    check("  and no layer was pulled or sent", (source.pulled < 10_000, True), ("PATCH" in destination.counts, False))
    fresh()
    code = copy("portal", "four/web", siblings=["one/web"])
    check("a fourth application takes it from next door", (code, 0), (there("four/web", portal), V2))
    check("  and no layer was pulled", (source.pulled < 10_000, True))
    fresh()
    code = copy("portal", "one/web", "five/web")
    check("one that has it all gives to the one beside it", (code, 0), (there("five/web", portal), V2))
    check("  and no layer was pulled", (source.pulled < 10_000, True), (said("sent 0 mounted"), True))

    fresh()
    refuse = lambda method, path, _: {"path": path.split("?")[0]} if method == "POST" else {}
    destination.plan = refuse
    code = copy("portal", "m1/web", "m2/web", "m3/web")
    check("a registry that mounts nothing still costs one pull", (code, 0), (source.pulled, total))
    for app in ("m1/web", "m2/web", "m3/web"):
        check(f"  {app} serves it", (there(app, portal), V2))

    where = f"docker://127.0.0.1:{source.registry.port}/shop/docker:v1"
    inside = ["--dest-creds", CREDENTIALS, "--dest-tls-verify=false"]
    skopeo("copy", "--format", "v2s2", *inside, "oci:" + portal, where)
    raw = skopeo("inspect", "--raw", "--creds", CREDENTIALS, "--tls-verify=false", where)
    fresh()
    code = copy("docker", "docker/web")
    mine = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://127.0.0.1:{destination.registry.port}/docker/web")
    check("a Docker manifest stays byte for byte", (code, 0), (mine == raw, True))

    index = make("index", 2, mb, "index", "index=1")
    fresh()
    check("an index gives its linux/amd64 image", (copy("index", "index/web"), 0), (there("index/web", index), V2))
    make("arm", 1, 1000, "arm", "architecture=arm64")
    check("another machine's image is refused", (copy("arm", "arm/web"), 5), (said("linux/arm64"), True))
    make("zstd", 1, 1000, "zstd", "layer=application/vnd.oci.image.layer.v1.tar+zstd")
    check("zstd is refused in so many words", (copy("zstd", "z/web"), 5), (said("compressed with zstd"), True))
    check("a tag that is not there", (copy("nothing", "n/web"), 5), (absent("n/web"), True))

    fresh()
    source.plan = first("GET", 3, layers(portal), cut=1_500_000)
    code = copy("portal", "cut/web")
    check("a source that is cut three times", (code, 0), (there("cut/web", portal), V2))
    check("  no byte came twice", (source.pulled, total), (talk[-1].count("broke off at byte 1500000"), 3))
    fresh()
    destination.plan = first("PATCH", 2, cut=1_500_000)
    check("a destination that is cut twice", (copy("portal", "dcut/web"), 0), (there("dcut/web", portal), V2))
    fresh()
    destination.plan = lambda method, *_: {"cut": 1_000_000} if method == "PATCH" else {}
    code = copy("portal", "gone/web")
    check("a destination that is always cut is unreachable", (code, 6), (absent("gone/web"), True))
    fresh()
    check("  and the next run converges", (copy("portal", "gone/web"), 0), (there("gone/web", portal), V2))

    eight = make("eight", 8, mb, "eight")
    fresh()
    issuer.asked, issuer.life = 0, 2
    cut = first("GET", 2, layers(eight), cut=900_000)
    slow = lambda path: {"speed": 400_000} if "/blobs/" in path else {}
    source.plan = lambda method, path, earlier: slow(path) | cut(method, path, earlier)
    code = copy("eight", "token/web")
    check("a token that ends in the middle", (code, 0), (there("token/web", eight), V2), (issuer.asked > 1, True))
    check("  no byte came twice", (source.pulled, size(eight)))
    issuer.life = 300
    fresh()
    code = copy("eight", "pushed/web", "beside/web", into=source)
    check("a destination that wants tokens", (code, 0), (there("pushed/web", eight, into=source), V2))
    check("  and mounts with them", (there("beside/web", eight, into=source), V2), (said("sent 0 mounted 8"), True))
    fresh()
    code = copy("portal", "denied/web", login="wrong-canary")
    check("a wrong password", (code, 4), (said("needs a token that may pull from shop/portal"), True))

    fresh()
    source.plan = first("GET", 1, layers(portal), flip=True)
    check("one wrong byte, once", (copy("portal", "flip/web"), 0), (there("flip/web", portal), V2))
    fresh()
    source.plan = lambda method, path, _: {"flip": layers(portal)[0] in path}
    code = copy("portal", "lie/web")
    check("one wrong byte, always", (code, 1), (said("other bytes than its digest"), True), (absent("lie/web"), True))

    fresh()
    source.plan = first("GET", 1, layers(portal), stall=1_000_000)
    check("a source that stands still", (copy("portal", "still/web", stall="1"), 0), (said("stood still"), True))
    fresh()
    destination.plan = first("PATCH", 1, stall=200_000)
    code = copy("portal", "stuck/web", stall="1")
    check("a destination that stands still", (code, 0), (there("stuck/web", portal), V2))

    full()
    fresh()
    destination.plan = lambda method, *_: {"say": 503}
    check("a registry in maintenance is unreachable", (copy("portal", "busy/web"), 6))
    destination.plan = lambda method, *_: {"say": 403} if method == "POST" else {}
    check("one that lets nobody push", (copy("portal", "shut/web"), 4), (said("no user and token are given"), True))
    source.registry.stop()
    check("a source that is away", (copy("portal", "away/web"), 6), (absent("away/web"), True))
    shown = [word for word in talk if SECRET in word or "wrong-canary" in word]
    check("no secret was ever shown", (len(shown), 0))


def full():
    """A disk that really runs full."""
    global destination
    disk = room + "/full"
    os.mkdir(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", disk], check=True)
    before = destination
    destination = Line(Registry(disk))
    try:
        fresh()
        code = copy("portal", "full/web")
        check("a full disk", (code, 7), (said("no space left"), True), (absent("full/web"), True))
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        code = copy("portal", "full/web")
        layout = room + "/portal.oci"
        check("  and with room again it converges", (code, 0), (there("full/web", layout), V2))
    finally:
        destination.registry.stop()
        subprocess.run(["umount", "-l", disk], check=True)
        destination = before


try:
    main()
finally:
    for line in (source, destination):
        line.registry.stop()
    shutil.rmtree(room, ignore_errors=True)
print(f"{len(passed)} of {len(passed) + len(failures)} hold")
sys.exit(bool(failures))
