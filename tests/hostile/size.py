#!/usr/bin/env python3
"""Hostile size: a server between the program and the embedded GitLab makes one answer after the other too
big, too deep, endless or slow. Each run must end in time, say what is wrong, and stay below 64 MiB."""
import http.client, http.server, json, os, re, signal, subprocess, sys, tempfile, threading, time, zlib

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOTFIX = os.environ.get("HOTFIX") or os.path.join(TOP, "target/release/git-hotfix")
MOST = 64 << 10  # KiB
MIB = 1 << 20


def bomb():
    """1 GiB of spaces, compressed to about 1 MiB. Nobody is to come to its end, so that it has none."""
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, again = (press.compress(b"[" + b" " * MIB) + press.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * 1023


class Front(http.server.BaseHTTPRequestHandler):
    """Passes on what the mode of the moment leaves alone."""
    protocol_version = "HTTP/1.1"
    behind = None
    mode = "plain"
    served = 0
    bomb = b""
    row = json.dumps({"id": 1, "name": "test", "stage": "test", "status": "success", "allow_failure": False, "ref": "main",
                      "user": {"id": 1, "username": "a", "name": "x" * 60}, "pipeline": {"id": 1}, "web_url": "x" * 80})
    rows = f"[{','.join([row] * 100)}]".encode()

    def log_message(self, *_):
        pass

    def answer(self):
        if self.path.startswith("/-/mode/"):
            Front.mode, count, Front.served = self.path.rsplit("/", 1)[1], Front.served, 0
            return self.say(200, [], str(count).encode())
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        Front.served += 1
        try:
            getattr(self, "mode_" + Front.mode.replace("-", "_"))(body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def pass_on(self, body):
        ask = http.client.HTTPConnection(Front.behind, timeout=60)
        dropped = ("host", "accept-encoding", "connection")
        ask.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() not in dropped})
        got = ask.getresponse()
        return got.status, got.getheaders(), got.read()

    def say(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:
            self.wfile.write(body)

    def json(self, body, *headers):
        self.say(200, [("Content-Type", "application/json"), *headers], body)

    def mode_plain(self, body):
        self.say(*self.pass_on(body))

    def page(self):
        return int((re.search(r"[?&]page=(\d+)", self.path) or [0, 1])[1])

    def link(self, page):
        return ("Link", f'<http://evil.invalid/{self.path.split("?")[0]}?per_page=100&page={page}>; rel="next"')

    def mode_jobs(self, body):
        """100,000 jobs; the real ones come last."""
        if not re.search(r"/pipelines/\d+/jobs", self.path):
            return self.mode_plain(body)
        page = self.page()
        if page < 1000:
            return self.json(Front.rows, self.link(page + 1))
        self.path = re.sub(r"([?&])page=\d+", r"\1page=1", self.path)
        self.mode_plain(body)

    def mode_log(self, body):
        """1 GiB, as GitLab sends it: whole, whatever is asked for."""
        if not self.path.endswith("/trace"):
            return self.mode_plain(body)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(1 << 30))
        self.end_headers()
        piece = b"building \x1b[31mred\x1b[0m\r\n" * 4096
        for _ in range((1 << 30) // len(piece)):
            self.wfile.write(piece)

    def mode_line(self, body):
        """1 GiB without a line break."""
        if not self.path.endswith("/trace"):
            return self.mode_plain(body)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        for _ in range(1024):
            self.wfile.write(b"x" * MIB)

    def listed(self, body, page):
        """A list as it is, but with another page to come."""
        if "per_page=" not in self.path:
            return self.mode_plain(body)
        self.path = re.sub(r"([?&])page=\d+", r"\1page=1", self.path)
        status, headers, body = self.pass_on(body)
        self.say(status, [*((k, v) for k, v in headers if k.lower() != "link"), self.link(page)], body)

    def mode_endless_pages(self, body):
        self.listed(body, self.page() + 1)

    def mode_circle(self, body):
        self.listed(body, 1)

    def mode_deep(self, _):
        self.json(b"[" * (7 * MIB))

    def mode_deep_object(self, _):
        self.json(b'{"a":' * MIB + b"1" + b"}" * MIB)

    def mode_bomb(self, _):
        self.json(Front.bomb, ("Content-Encoding", "gzip"))

    def mode_headers(self, _):
        self.json(b"{}", *[(f"X-{n}", "y" * 16000) for n in range(64)])

    def mode_one_header(self, _):
        self.json(b"{}", ("X-Long", "y" * MIB))

    def mode_many_headers(self, _):
        self.json(b"{}", *[(f"X-{n}", "y") for n in range(20000)])

    def mode_big(self, _):
        self.json(b'{"name":"' + b"x" * (9 * MIB) + b'"}')

    def mode_big_error(self, _):
        self.say(403, [("Content-Type", "application/json")], b'{"message":"' + b"x" * (7 * MIB) + b'"}')

    def mode_wide(self, _):
        self.json(b"[" + b"1," * (3 * MIB) + b"1]")

    def mode_endless_body(self, _):
        self.say(200, [("Content-Type", "application/json")], None)
        while True:
            self.wfile.write(b" " * MIB)

    def mode_drip(self, _):
        self.say(200, [("Content-Type", "application/json")], None)
        while True:
            self.wfile.write(b" ")
            time.sleep(0.2)

    def mode_silence(self, _):
        time.sleep(30)


def serve(behind):
    """The server, in a process of its own: the one that measures must stay small, since a child begins with
    what its parent holds."""
    Front.behind, Front.bomb = behind, bomb()
    server = Server(("127.0.0.1", 0), Front)
    print(server.server_port, flush=True)
    server.serve_forever()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


failures = 0


def measured(what, words, cwd, env, codes, within, says=None):
    """Runs the program; its exit code, its time and its memory must be as told."""
    global failures
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen([HOTFIX, *words], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        watch = threading.Timer(within + 30, child.kill)
        watch.start()
        _, status, usage = os.wait4(child.pid, 0)
        watch.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        text = out.read(MIB).decode(errors="replace") + err.read(MIB).decode(errors="replace")
    wrong = []
    if child.returncode not in codes:
        wrong.append(f"exit {child.returncode}, not {codes}")
    if took > within:
        wrong.append(f"took longer than {within} s")
    if usage.ru_maxrss > MOST:
        wrong.append(f"more than {MOST >> 10} MiB")
    if says and not re.search(says, text):
        wrong.append(f"does not say {says!r}")
    if len(text) > 64 << 10:
        wrong.append(f"says {len(text)} characters")
    failures += bool(wrong)
    print(f"{'FAILED' if wrong else 'ok'}: {what}: exit {child.returncode}, {took:.1f} s, {usage.ru_maxrss >> 10} MiB"
          + "".join(f"\n    {one}" for one in wrong) + (f"\n{text[:3000]}" if wrong else ""), flush=True)


def main():
    with tempfile.TemporaryDirectory() as home:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GITLAB_", "CI_"))}
        env |= {"HOME": home, "TMPDIR": home, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C.UTF-8",
                "GIT_HOTFIX_POLL_MIN": "1ms", "GIT_HOTFIX_POLL_MAX": "20ms", "GIT_HOTFIX_SETTLE": "100ms"}
        stage = subprocess.Popen([HOTFIX, "demo", "--serve", "--json", "--scenario", "clean"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, env=env, cwd=home)
        try:
            play(json.loads(stage.stdout.readline()), env)
        finally:
            stage.send_signal(signal.SIGINT)
            stage.wait()
    if failures:
        raise SystemExit(f"{failures} failed")


def play(told, env):
    behind = told["url"].split("://")[1]
    front = subprocess.Popen([sys.executable, __file__, "--serve", behind], stdout=subprocess.PIPE, text=True)
    try:
        against(f"127.0.0.1:{front.stdout.readline().strip()}", told, env)
    finally:
        front.kill()
        front.wait()


def against(front, told, env):
    desk = told["workdir"]
    env = env | {"GIT_HOTFIX_URL": f"http://{front}", "GIT_HOTFIX_TOKEN": told["tokens"]["developer"],
                 "GIT_HOTFIX_RETRY_BASE": "1ms", "GIT_HOTFIX_RETRY_BUDGET": "1s", "GIT_HOTFIX_TIMEOUT": "60s"}

    def run(*words):
        done = subprocess.run(words, cwd=desk, env=env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{words}: {done.returncode} {done.stdout}{done.stderr}")
        return done.stdout

    def mode(name):
        """Changes what the server does; how many requests it got since the last time."""
        ask = http.client.HTTPConnection(front, timeout=60)
        ask.request("GET", f"/-/mode/{name}")
        return int(ask.getresponse().read())

    def test(what, words, codes, within, says=None, **more):
        measured(what, words, desk, env | more, codes, within, says)

    run(HOTFIX, "start", "large")
    # A migration, for which the jobs of the pipeline are looked through.
    os.makedirs(os.path.join(desk, "db/migrate"), exist_ok=True)
    with open(os.path.join(desk, "db/migrate/7_fix.sql"), "w") as file:
        file.write("select 1;\n")
    run("git", "add", "db")
    run("git", "-c", "user.name=dev", "-c", "user.email=dev@shop.example", "commit", "-qm", "Fix it")
    run(HOTFIX, "open")
    run(HOTFIX, "wait", "review")
    run(HOTFIX, "merge", "--yes")

    test("nothing hostile", ["status"], {0}, 20)
    run(HOTFIX, "wait", "build")
    mode("jobs")
    test("100,000 jobs", ["status"], {0}, 150, "migrate")
    count = mode("log")
    if count < 1000:
        raise SystemExit(f"the 100,000 jobs were not looked through: {count} requests")
    test("a log of 1 GiB", ["deploy", "--yes", "--log", "--timeout", "60s"], {0}, 60, "left out")
    mode("line")
    test("a log of 1 GiB in one line", ["deploy", "--yes", "--log", "--timeout", "60s"], {0}, 60, "left out")

    for name, codes, within, says in [
        ("endless-pages", {6}, 60, "error:"),
        ("circle", {6}, 20, "error:"),
        ("deep", {6}, 20, "error:"),
        ("deep-object", {6}, 20, "error:"),
        ("bomb", {6}, 20, "longer|long"),
        ("headers", {6}, 20, "error:"),
        ("one-header", {6}, 20, "error:"),
        ("many-headers", {6}, 20, "error:"),
        ("big", {6}, 20, "longer|long"),
        ("big-error", {4}, 20, "error:"),
        ("wide", {6}, 20, "error:"),
        ("endless-body", {6}, 20, "longer|long"),
    ]:
        for words in (["status"], ["list"]):
            mode(name)
            test(f"{name}, {words[0]}", words, codes, within, says)
    for name in ("drip", "silence"):
        mode(name)
        test(f"{name}, status", ["status"], {6}, 20, "error:", GIT_HOTFIX_TIMEOUT="1s")

    mode("plain")
    main = run("git", "rev-parse", "origin/main").strip()
    develop = run("git", "rev-parse", "origin/develop").strip()
    lines = [f"{main} refs/heads/hotfix/number-{n:05}\n{develop} refs/heads/release/{n:05}\n" for n in range(5000)]
    with open(os.path.join(desk, ".git/packed-refs"), "a") as file:
        names = sorted(f"{line.split(' ')[0]} refs/remotes/origin/{line.split('refs/heads/')[1]}" for one in lines
                       for line in one.splitlines())
    run("git", "pack-refs", "--all")
    with open(os.path.join(desk, ".git/packed-refs")) as file:
        known = file.read().splitlines()
    head = [line for line in known if line.startswith("#")]
    refs = [line for line in known if not line.startswith("#")] + names
    # Peeled lines belong to the line before them; a clone of the rehearsal has no tags.
    refs.sort(key=lambda line: line.split(" ", 1)[1])
    with open(os.path.join(desk, ".git/packed-refs"), "w") as file:
        file.write("\n".join(head + refs) + "\n")
    assert len(run("git", "for-each-ref").splitlines()) > 10000
    test("10,000 branches, status", ["status"], {0}, 30)
    test("10,000 branches, list", ["list"], {0}, 60)
    test("10,000 branches, completion", ["complete", "--", "git-hotfix", "status", ""], {0}, 20)


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1:2] == ["--serve"] else main()
