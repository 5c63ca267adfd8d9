"""Checks recorded exchanges: answers against GitLab's JSON schemas, requests against its OpenAPI document, and
both against Heroku's schema.

    check.py <folder of *.jsonl> <openapi_v3.yaml>

Ends with 1 on any fault. Prints what it checked, and what nothing could check."""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from heroku import Heroku

SCHEMAS = Path(__file__).resolve().parent.parent / "data" / "gitlab-schemas"
OURS = "git-hotfix/"

# Which schema an answer holds to: methods, path below the API, statuses, file, and whether it is that of each
# row. `P` is a project.
P = r"projects/[^/]+/"
ANSWERS = [
    ("GET", r"metadata", "metadata", False),
    ("GET", r"user", "user/public", False),
    ("GET", r"users", "user/basic", True),
    ("GET", r"(projects|groups)/[^/]+/members(/all)?(/\d+)?", "members", False),
    ("GET", P + r"repository/branches", "branch", True),
    ("GET|POST", P + r"repository/branches(/[^/]+)?", "branch", False),
    ("GET", P + r"repository/commits", "commit/basic", True),
    ("GET", P + r"repository/(commits/[^/]+|merge_base)", "commit/detail", False),
    ("GET", P + r"merge_requests/\d+/commits", "commit/basic", True),
    ("GET", P + r"(merge_requests|(repository/commits|deployments)/[^/]+/merge_requests)", "merge_request", True),
    ("GET|POST|PUT", P + r"merge_requests(/\d+(/merge)?)?", "merge_request", False),
    ("GET|POST|PUT", P + r"merge_requests/\d+/notes(/\d+)?", "notes", False),
    ("GET", P + r"labels", "labels/project_label", True),
    ("GET|POST", P + r"labels(/[^/]+)?", "labels/project_label", False),
    ("GET", P + r"merge_requests/\d+/pipelines", "pipeline/basic", True),
    ("GET", P + r"pipelines", "pipeline", True),
    ("GET", P + r"pipelines/\d+", "pipeline/detail", False),
    ("GET", P + r"(pipelines/\d+/)?jobs", "job", True),
    ("GET|POST", P + r"jobs/\d+(/(play|retry|cancel))?", "job", False),
    ("GET", P + r"deployments", "deployment", True),
    ("GET", P + r"deployments/\d+", "deployment", False),
    ("GET", P + r"environments", "environment", True),
    ("GET", P + r"environments/\d+", "environment", False),
]


class Faults:
    """What is wrong, each once, with how often."""

    def __init__(self):
        self.found = Counter()

    def add(self, where, what):
        self.found[f"{where}: {what}"] += 1

    def tell(self):
        for fault, times in sorted(self.found.items()):
            print(f"FAULT ({times} times) {fault}")


def schemas():
    """A validator by the name of each schema file; they refer to each other by relative paths."""
    def read(uri):
        contents = json.loads(Path(uri.removeprefix("file://")).read_text())
        return Resource.from_contents(contents, default_specification=DRAFT7)

    registry = Registry(retrieve=read)
    return lambda name: Draft7Validator({"$ref": f"file://{SCHEMAS}/public_api/v4/{name}.json"}, registry=registry)


def plain(value):
    """What GitLab's code shows and its own schemas, made for finished merge requests and jobs that did not
    fail, do not know: `failure_reason` of a failed job; `changes_count` null until the diff is made."""
    if isinstance(value, dict):
        early = value.get("changes_count", "") is None and value.get("diff_refs", "") is None
        hidden = {"failure_reason"} | ({"changes_count"} if early else set())
        return {name: plain(each) for name, each in value.items() if name not in hidden}
    return [plain(each) for each in value] if isinstance(value, list) else value


class Answers:
    def __init__(self, faults):
        self.faults, self.make, self.validators = faults, schemas(), {}
        self.checked, self.bare = Counter(), Counter()

    def check(self, exchange, path, route):
        status, answer = exchange["status"], exchange["answer"]
        if status >= 400:
            self.refusal(exchange, route)
        elif status == 204 or exchange["answer_type"] is None or not exchange["answer_type"].startswith("application/json"):
            self.bare[route] += 1
        else:
            for methods, pattern, name, each in ANSWERS:
                if exchange["method"] not in methods.split("|") or not re.fullmatch(pattern, path):
                    continue
                # These two describe a list; a single one is a list of one.
                if name in ("members", "notes"):
                    self.hold(name, [answer if isinstance(answer, list) else [answer]], route)
                    return
                if isinstance(answer, list) == each:
                    self.hold(name, answer if each else [answer], route)
                    return
            self.bare[route] += 1

    def hold(self, name, values, route):
        validator = self.validators.setdefault(name, self.make(name))
        for value in values:
            self.checked[name] += 1
            for error in validator.iter_errors(plain(value)):
                place = "/".join(str(part) for part in error.absolute_path)
                self.faults.add(route, f"{name}: {place}: {error.message[:160]}")

    def refusal(self, exchange, route):
        """No schema knows errors; these are the shapes that GitLab's own code has."""
        self.checked["(refusals)"] += 1
        answer, kind = exchange["answer"], exchange["answer_type"] or ""
        if kind.startswith("application/json"):
            if not isinstance(answer, dict) or not {"message", "error"} & answer.keys():
                self.faults.add(route, f"a refusal {exchange['status']} of no known shape: {answer}")
        elif exchange["status"] not in (301, 429) and not exchange["invented"]:
            self.faults.add(route, f"a refusal {exchange['status']} as {kind}")


def patched(node):
    """The document's known defects: ids match both branches of their `oneOf`; `DateTime` is no type."""
    if isinstance(node, dict):
        node = {("anyOf" if name == "oneOf" else name): patched(each) for name, each in node.items()}
        if node.get("type") == "DateTime":
            node["type"] = "string"
        return node
    return [patched(each) for each in node] if isinstance(node, list) else node


def pattern(template):
    """What a path of the document matches: `{name}` is one segment, `*name` all that follows."""
    return re.compile(re.sub(r"\\\{[^/]+?\\\}", "([^/]+)", re.sub(r"\\\*\w+", "(.+)", re.escape(template))))


class Requests:
    """The operations of the document, found by method and path."""

    def __init__(self, file, faults):
        import yaml

        text = Path(file).read_text()
        self.document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.faults, self.checked, self.by_method = faults, Counter(), {}
        for template, operations in self.document["paths"].items():
            for method, operation in operations.items():
                if method in ("get", "put", "post", "delete", "patch", "head"):
                    self.by_method.setdefault(method.upper(), []).append(
                        ((template.count("*"), template.count("{"), -len(template)), template, pattern(template), patched(operation)))
        for operations in self.by_method.values():
            operations.sort(key=lambda operation: operation[0])

    def find(self, method, path):
        for _, template, route, operation in self.by_method.get(method, []):
            if match := route.fullmatch("/api/v4/" + path):
                return template, match.groups(), operation
        return None, (), None

    def check(self, exchange, path):
        template, values, operation = self.find(exchange["method"], path)
        if operation is None:
            self.faults.add(f"{exchange['method']} {path}", "the document has no such operation")
            return
        route = f"{exchange['method']} {template}"
        self.checked[route] += 1
        known = {parameter["name"].removesuffix("[]"): parameter for parameter in operation.get("parameters", [])}
        given = {}
        for name, value in parse_qsl(exchange["query"], keep_blank_values=True):
            given.setdefault(name.removesuffix("[]"), []).append(value)
        names = [one or rest for one, rest in re.findall(r"\{([^/]+?)\}|\*(\w+)", template)]
        in_path = dict(zip(names, values))
        for name, values in given.items():
            if name not in known or known[name]["in"] != "query":
                self.faults.add(route, f"unknown parameter {name}")
            elif not any(fits(value, known[name]["schema"]) for value in readings(values, known[name]["schema"])):
                self.faults.add(route, f"{name}={values} is not {known[name]['schema']}")
        for name, value in in_path.items():
            if name in known and not any(fits(each, known[name]["schema"]) for each in readings([unquote(value)], known[name]["schema"])):
                self.faults.add(route, f"{{{name}}}={value} is not {known[name]['schema']}")
        for name, parameter in known.items():
            if parameter.get("required") and name not in given and name not in in_path:
                self.faults.add(route, f"{name} is missing")
        self.body(exchange, operation, route)

    def body(self, exchange, operation, route):
        described = operation.get("requestBody")
        if not exchange["body"]:
            if described and described.get("required"):
                self.faults.add(route, "the body is missing")
            return
        content = (described or {}).get("content", {})
        schema = (content.get("application/json") or next(iter(content.values()), {})).get("schema")
        body = json.loads(exchange["body"])
        if schema is None:
            if body:
                self.faults.add(route, f"takes no body, and got {sorted(body)}")
            return
        if "$ref" in schema:
            for part in schema["$ref"].removeprefix("#/").split("/"):
                schema = patched((self.document if part == "components" else schema)[part])
        for name in body:
            if name not in schema.get("properties", {}):
                self.faults.add(route, f"unknown field {name}")
        for error in Draft7Validator(schema).iter_errors(body):
            self.faults.add(route, f"body/{'/'.join(map(str, error.absolute_path))}: {error.message[:160]}")


def readings(values, schema):
    """What the text of a query may mean: as it stands, a number, yes or no, a list."""
    yield values[-1]
    if re.fullmatch(r"-?\d+", values[-1]):
        yield int(values[-1])
    if values[-1] in ("true", "false"):
        yield values[-1] == "true"
    yield values
    yield values[-1].split(",")


def fits(value, schema):
    return not list(Draft7Validator(schema).iter_errors(value))


def main(folder, document):
    faults = Faults()
    answers = Answers(faults)
    requests = Requests(document, faults) if Path(document).is_file() else None
    heroku = Heroku(faults)
    exchanges, routes, ours, invented = 0, Counter(), 0, 0
    for file in sorted(Path(folder).glob("*.jsonl")):
        for line in file.open():
            exchange = json.loads(line)
            client = exchange["client"].startswith(OURS)
            if "/api/v4/" not in exchange["path"]:
                heroku.check(exchange, client)
                continue
            exchanges += 1
            path = exchange["path"].split("/api/v4/", 1)[1]
            route = exchange["method"] + " " + re.sub(r"(?<=/)(\d+|[0-9a-f]{7,40}|[^/]*%2F[^/]*)(?=/|$)", ":id", path)
            routes[route] += 1
            if exchange["invented"]:
                invented += 1
            elif exchange["status"] == 501:
                # A test asks for what is not there on purpose; our client must never.
                if client:
                    faults.add(route, "the embedded GitLab does not know it")
            else:
                answers.check(exchange, path, route)
            if client:
                ours += 1
                if requests:
                    requests.check(exchange, path)
    for name in sorted({name for _, _, name, _ in ANSWERS} - answers.checked.keys()):
        faults.add("coverage", f"no answer was checked against {name}")
    if exchanges == 0 or ours == 0:
        faults.add("coverage", f"{exchanges} exchanges were recorded, {ours} of them of our client")
    refusals = answers.checked.pop("(refusals)", 0)
    print(f"{exchanges} exchanges on {len(routes)} routes, {invented} of them answered by faults")
    print(f"answers: {sum(answers.checked.values())} documents hold to {len(answers.checked)} schemas, "
          f"{refusals} refusals have a known shape")
    print(f"  without a schema of GitLab's: {', '.join(sorted(answers.bare)) or 'none'}")
    if requests:
        print(f"requests: {sum(requests.checked.values())} of our client checked on {len(requests.checked)} "
              f"operations of {document}")
    else:
        print(f"NOT CHECKED: our client's {ours} requests, because GitLab's OpenAPI document is not there: {document}\n"
              "  (name it in GITLAB_OPENAPI; it is GitLab's doc/api/openapi/openapi_v3.yaml)")
    heroku.tell()
    faults.tell()
    print(f"{len(faults.found)} faults")
    return 1 if faults.found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
