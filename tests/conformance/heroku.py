"""Checks recorded exchanges with the embedded Heroku against Heroku's own schema of its Platform API: answers
against the schema of their resource, our client's requests against a link (method, path, body)."""

import json
import re
import uuid
from collections import Counter
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from jsonschema import Draft4Validator, FormatChecker

SCHEMA = Path(__file__).resolve().parent.parent / "data" / "heroku-schema" / "platform-api.json"

# The version of the API that takes an image for a process type. The published schema does not know the field.
DOCKER = "application/vnd.heroku+json; version=3.docker-releases"
IMAGE = {"type": ["string"], "pattern": "^sha256:[0-9a-f]{64}$"}

formats = FormatChecker(formats=())
formats.checks("uuid", raises=ValueError)(lambda value: not isinstance(value, str) or bool(uuid.UUID(value)))
formats.checks("date-time", raises=ValueError)(
    lambda value: not isinstance(value, str) or datetime.fromisoformat(value.replace("Z", "+00:00")).tzinfo is not None)


def strict(node):
    """Heroku's `strictProperties`, which no validator knows: every property is there, and no other."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {name: strict(each) for name, each in node.items()}
    # Of `env` it says so although every variable may be left out.
    if node.pop("strictProperties", False) is True and "properties" in node:
        node |= {"required": sorted(node["properties"]), "additionalProperties": False}
    return node


class Heroku:
    def __init__(self, faults):
        self.faults, self.schema = faults, strict(json.loads(SCHEMA.read_text()))
        self.answers, self.requests, self.refusals, self.invented, self.exchanges = Counter(), Counter(), 0, 0, 0
        self.links = []
        for resource, definition in self.schema["definitions"].items():
            for link in definition.get("links", []):
                path = re.sub(r"\{\((.*?)\)\}", "([^/]+)", link["href"])
                holes = [unquote(hole) for hole in re.findall(r"\{\((.*?)\)\}", link["href"])]
                self.links.append((link["method"], re.compile(path), holes, resource, link))

    def holds(self, schema, value, route, what):
        whole = {"definitions": self.schema["definitions"], "allOf": [schema]}
        for error in Draft4Validator(whole, format_checker=formats).iter_errors(value):
            place = "/".join(str(part) for part in error.absolute_path)
            self.faults.add(route, f"{what}: {place}: {error.message[:160]}")

    def check(self, exchange, ours):
        self.exchanges += 1
        method, path = exchange["method"], exchange["path"]
        found = [(link, match.groups()) for link in self.links
                 if link[0] == method and (match := link[1].fullmatch(path))]
        # Creating a release and rolling back share a path; the body tells which it is.
        if len(found) > 1:
            body = json.loads(exchange["body"] or "{}")
            found = [(link, holes) for link, holes in found if set(link[4]["schema"]["required"]) <= body.keys()]
        if not found:
            if exchange["status"] != 501 or ours:
                self.faults.add(f"heroku {method} {path}", "the schema has no such link")
            return
        (_, _, names, resource, link), values = found[0]
        route = f"heroku {method} {re.sub(r'{.*?}', ':id', link['href'])}"
        if ours:
            self.request(exchange, names, values, link, route)
        if exchange["invented"]:
            self.invented += 1
        elif exchange["status"] >= 400:
            self.refusals += 1
            answer = exchange["answer"]
            if not isinstance(answer, dict) or not all(isinstance(answer.get(name), str) for name in ("id", "message")):
                self.faults.add(route, f"a refusal {exchange['status']} of no known shape: {answer}")
        else:
            self.answer(exchange["answer"], resource, link, route)

    def answer(self, answer, resource, link, route):
        many = "List" in link["title"] or "Batch" in link["title"]
        if isinstance(answer, list) != many:
            self.faults.add(route, f"answered with {'a list' if isinstance(answer, list) else 'no list'}")
            return
        for value in answer if many else [answer]:
            self.answers[resource] += 1
            self.holds({"$ref": f"#/definitions/{resource}"}, value, route, resource)

    def request(self, exchange, names, values, link, route):
        self.requests[route] += 1
        for name, value in zip(names, values):
            value = unquote(value)
            self.holds({"$ref": name}, int(value) if value.isdigit() else value, route, "path")
        if not exchange["accept"].startswith("application/vnd.heroku+json; version=3"):
            self.faults.add(route, f"accepts {exchange['accept']}")
        if exchange["query"]:
            self.faults.add(route, f"unknown parameters {exchange['query']}")
        body, schema = json.loads(exchange["body"] or "null"), link.get("schema")
        if (body is None) != (schema is None):
            self.faults.add(route, f"the body is {body}")
        elif schema is not None:
            for name in body.keys() - schema["properties"].keys():
                self.faults.add(route, f"unknown field {name}")
            for update in body.get("updates", []) if exchange["accept"] == DOCKER else []:
                self.holds(IMAGE, update.pop("docker_image", None), route, "docker_image")
            self.holds(schema, body, route, "body")

    def tell(self):
        for resource in ("app", "dyno", "formation", "release"):
            if not self.answers[resource]:
                self.faults.add("coverage", f"no answer of Heroku's was checked against {resource}")
        if not self.requests:
            self.faults.add("coverage", "no request of our client to Heroku was recorded")
        print(f"heroku: {self.exchanges} exchanges, {self.invented} of them answered by faults; "
              f"{sum(self.answers.values())} documents hold to {len(self.answers)} schemas, {self.refusals} refusals "
              f"have a known shape, {sum(self.requests.values())} requests of our client checked on "
              f"{len(self.requests)} links")
