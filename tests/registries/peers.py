"""What stands around a copy in these tests: two real registries, an issuer of tokens, and a line that fails."""
import base64
import http.client
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    """Debian's docker-registry, keeping its blobs below `folder`."""

    def __init__(self, folder, issuer=None):
        self.port, self.folder = free_port(), folder
        subprocess.run(["mkdir", "-p", folder + "/data"], check=True)
        config = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": folder + "/data"}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        if issuer:
            config["auth"] = {"token": issuer.auth()}
        with open(folder + "/config.yml", "w") as file:
            json.dump(config, file)
        self.start()

    def start(self):
        log = open(self.folder + "/log", "ab")
        command = ["docker-registry", "serve", self.folder + "/config.yml"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("docker-registry does not start; see " + self.folder + "/log")

    def stop(self):
        self.process.kill()
        self.process.wait()


def serve(handler):
    """Serves in the background; tells the port."""
    handler.protocol_version = "HTTP/1.1"
    handler.log_message = lambda *_: None
    handler.wbufsize = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Issuer:
    """Gives tokens as GitLab does. `life` is in truth: the registry itself allows 60 seconds more."""

    def __init__(self, folder, user, secret):
        self.folder, self.asked, self.life = folder, 0, 300
        self.wanted = "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
        self.key, self.certificate = folder + "/key.pem", folder + "/certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=issuer"]
            + ["-days", "2", "-keyout", self.key, "-out", self.certificate],
            check=True,
            capture_output=True,
        )
        lines = open(self.certificate).read().split("-----")[2]
        self.chain = ["".join(lines.split())]
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                if self.headers.get("authorization") != issuer.wanted:
                    return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "access denied"}]})
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                access = []
                for scope in query.get("scope", []):
                    kind, name, actions = scope.split(":")
                    access.append({"type": kind, "name": name, "actions": actions.split(",")})
                self.answer(200, {"token": issuer.token(access), "expires_in": 300})

            def answer(self, status, document):
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.port = serve(Handler)

    def auth(self):
        return {
            "realm": f"http://127.0.0.1:{self.port}/jwt/auth",
            "service": "container_registry",
            "issuer": "issuer",
            "rootcertbundle": self.certificate,
        }

    def token(self, access):
        now = int(time.time())
        claims = {"iss": "issuer", "sub": "ci", "aud": "container_registry", "access": access}
        # `life` counts from where the registry's leeway ends.
        claims |= {"exp": now - 60 + self.life, "nbf": now - 900, "iat": now - 900, "jti": str(time.time())}
        pack = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
        head = {"typ": "JWT", "alg": "RS256", "x5c": self.chain}
        text = b".".join(pack(json.dumps(part).encode()) for part in (head, claims))
        signed = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.key], input=text, capture_output=True, check=True
        )
        return (text + b"." + pack(signed.stdout)).decode()


class Line:
    """Stands before a registry, counts, and fails as it is told to.

    `plan` is called with method, path and the number of earlier requests of that method; it returns a dict:
    `cut` (bytes of the body after which the connection ends), `stall` (bytes after which nothing moves),
    `flip` (True: a byte of the answer's body is another), `say` (a status to answer with instead),
    `speed` (bytes per second), `path` (what to ask for instead).
    """

    def __init__(self, registry):
        self.registry = registry
        self.quiet()
        line = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                line.relay(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        self.port = serve(Handler)

    def quiet(self):
        """No faults from here on; counts begin anew."""
        self.plan, self.counts, self.pulled, self.lock = (lambda *_: {}), {}, 0, threading.Lock()
        return self

    def relay(self, client):
        method, path = client.command, client.path
        with self.lock:
            earlier = self.counts.get(method, 0)
            self.counts[method] = earlier + 1
        plan = self.plan(method, path, earlier)
        length = int(client.headers.get("content-length", 0))
        if "say" in plan:
            client.close_connection = True
            client.send_response(plan["say"])
            client.send_header("content-length", "0")
            client.end_headers()
            return
        far = http.client.HTTPConnection("127.0.0.1", self.registry.port)
        try:
            far.putrequest(method, plan.get("path", path), skip_host=True, skip_accept_encoding=True)
            for name, value in client.headers.items():
                far.putheader(name, value)
            far.endheaders()
            down = method in ("GET", "HEAD")
            if not self.move(client.rfile, far.sock.sendall, length, {} if down else plan):
                return self.hang_up(client)
            answer = far.getresponse()
            client.send_response_only(answer.status)
            for name, value in answer.getheaders():
                client.send_header(name, value)
            client.end_headers()
            if method == "HEAD":
                return
            blob = method == "GET" and "/blobs/" in path and answer.status < 300
            length = int(answer.getheader("content-length") or 0)
            if not self.move(answer, client.wfile.write, length, plan if down else {}, blob):
                return self.hang_up(client)
        except OSError:
            self.hang_up(client)
        finally:
            far.close()

    def move(self, source, write, length, plan, count=False):
        moved = 0
        while moved < length:
            stop = min([plan[fault] for fault in ("cut", "stall") if fault in plan], default=length)
            piece = source.read(min(64 << 10, length - moved, max(stop - moved, 1)))
            if not piece:
                return False
            if plan.get("flip") and moved == 0:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            write(piece)
            moved += len(piece)
            if count:
                with self.lock:
                    self.pulled += len(piece)
            if "speed" in plan:
                time.sleep(len(piece) / plan["speed"])
            if moved >= plan.get("cut", length + 1):
                return False
            if moved >= plan.get("stall", length + 1):
                time.sleep(20)
                return False
        return True

    def hang_up(self, client):
        client.close_connection = True
        try:
            client.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
