"""The examples of the OpenAPI document: each is what its schema asks for, and the application answers each as it says.

The examples of all resources fit together, so a database is filled with them, and each request that the document shows
is sent to it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from headwater import App
from headwater.ir.evaluate import is_local
from headwater.ir.expr import Expr, Now, walk
from headwater.ir.model import Resource
from headwater.surfaces.describe.example_rows import ExampleRows
from headwater.testing import Client, client
from headwater_products.demo import app as demo
from tests.described import Described
from tests.spec.example_world import ExampleWorld
from tests.spec.test_openapi import APPS, operations, rows

JSON, JSON_API = "application/json", "application/vnd.api+json"
CURSORS: Final = ("cursor", "page[after]", "page[before]")
"""What the server makes and signs. Its examples show what it looks like, and cannot work."""

STATES: Final[Mapping[str, dict[str, Any]]] = {
    "tasksSubmit": {"Task": {"status": "in_progress"}},
    "tasksApprove": {"Task": {"status": "submitted"}},
    "tasksRequestRevision": {"Task": {"status": "submitted"}},
}
"""What must have happened to the example rows before an author's action makes sense."""


@cache
def described(name: str) -> Described:
    return Described(APPS[name].openapi(), rows(APPS[name]))


# -- examples and schemas --------------------------------------------------------------------------------


def media(found: Described) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every media type of a body or an answer that is no refusal, with where it is."""
    for method, path, operation in operations(found.document):
        here = f"/paths/{path.replace('/', '~1')}/{method.lower()}"
        for name, told in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{here}/requestBody/content/{name.replace('/', '~1')}", told
        for status, answer in operation["responses"].items():
            for name, told in answer.get("content", {}).items():
                yield f"{here}/responses/{status}/content/{name.replace('/', '~1')}", told


@pytest.mark.parametrize("name", APPS)
def test_every_example_is_what_its_schema_asks_for(name: str) -> None:
    found = described(name)
    seen: set[tuple[str, str]] = set()
    for where, told in media(found):
        for example in told.get("examples", {}).values():
            if (known := (json.dumps(told["schema"]), example["$ref"])) in seen:
                continue
            seen.add(known)
            problems = list(found.validator(f"{where}/schema").iter_errors(found.resolve(example)["value"]))
            assert not problems, (where, [f"{p.json_path}: {p.message}" for p in problems])
    for schema_name, schema in found.document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            problems = list(found.validator(f"/components/schemas/{schema_name}").iter_errors(example))
            assert not problems, (schema_name, problems)
            seen.add((schema_name, str(example)))
    assert len(seen) > 100
    for parameter in found.document["components"]["parameters"].values():
        if "example" in parameter:
            Draft202012Validator(parameter["schema"]).validate(parameter["example"])


def test_everything_has_an_example() -> None:
    found = described("demo")
    for where, told in media(found):
        assert "examples" in told or told["schema"] == {"type": "string"}, where
    for name, response in found.document["components"]["responses"].items():
        for told in response["content"].values():
            schema = found.resolve(told["schema"])
            codes = {code for shown in schema["examples"] for code in codes_of(shown)}
            assert len(schema["examples"]) == len(codes) >= 1, name
    for name, parameter in found.document["components"]["parameters"].items():
        assert "example" in parameter, name
    for _, path, operation in operations(found.document):
        for parameter in operation["parameters"]:
            assert "example" in found.resolve(parameter), (path, parameter)
    for path, item in found.document["paths"].items():
        assert all("example" in parameter for parameter in item.get("parameters", ())), path


def codes_of(refusal: Mapping[str, Any]) -> set[str]:
    """The codes that a refusal tells, whatever its form."""
    if "errors" in refusal:
        return {error["code"].upper() for error in refusal["errors"]}
    return {refusal.get("error", refusal)["code"]}


# -- what is asked and answered --------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A request of the document, and the example of its answer, if it has one."""

    operation: str
    method: str
    path: str
    body: Any = None
    sent: str | None = None
    accept: str | None = None
    answer: Any = None

    @property
    def label(self) -> str:
        return f"{self.method} {self.path} ({self.sent}, {self.accept})"


def requests(found: Described) -> Iterator[Asked]:
    """Every request that the examples make: each body, and each address that an answer is said to have come from."""
    for method, path, operation in operations(found.document):
        item = found.document["paths"][path]
        for parameter in item.get("parameters", ()):
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
        demanded = [found.resolve(one) for one in operation.get("parameters", ())]
        query = {
            one["name"]: one["example"] for one in demanded if one["in"] == "query" and one.get("required")
        }
        if query:
            path += "?" + urlencode(query)
        asked = Asked(operation["operationId"], method, path)
        answers = next((a for s, a in operation["responses"].items() if s in ("200", "201")), {})
        shown = {
            (name, which): found.resolve(example)["value"]
            for name, told in answers.get("content", {}).items()
            for which, example in told.get("examples", {}).items()
        }
        bodies = operation.get("requestBody", {}).get("content", {})
        for name, told in bodies.items():
            for example in told["examples"].values():
                body = found.resolve(example)["value"]
                accept = JSON_API if name == JSON_API else JSON
                yield replace(
                    asked, body=body, sent=name, accept=accept, answer=shown.get((accept, "example"))
                )
        if operation["operationId"].endswith("Search"):
            for which in ("groups", "summary"):
                answer = shown[JSON, which]
                group = {"groupBy": list(answer["data"][0]["group"])} if which == "groups" else {}
                body = {"aggregate": ["count"], **group}
                yield replace(asked, body=body, sent=JSON, accept=JSON, answer=answer)
        elif not bodies:
            for (name, _), answer in shown.items() or [((None, ""), None)]:
                links = answer.get("links") if isinstance(answer, dict) else None
                address = links["self"] if links else path
                yield replace(asked, path=address, accept=name, answer=answer)


def unlike(example: Any, found: Any, free: frozenset[str], *, whole: bool, at: str = "") -> Iterator[str]:
    """Where an answer has other members than its example, or (`whole`) other values but for the `free` members."""
    if isinstance(example, dict) and isinstance(found, dict):
        if example.keys() != found.keys():
            yield f"{at}: members {sorted(example.keys() ^ found.keys())}"
        for name in example.keys() & found.keys():
            kept = whole and name not in free
            yield from unlike(example[name], found[name], free, whole=kept, at=f"{at}.{name}")
    elif isinstance(example, list) and isinstance(found, list):
        if bool(example) and not found:
            yield f"{at}: is empty"
        if not any(isinstance(one, dict) for one in example):
            if whole and example != found:
                yield f"{at}: {example!r} is {found!r}"
            return
        for one in example:
            ids = one.get("id") if isinstance(one, dict) else None
            same = [f for f in found if ids is not None and isinstance(f, dict) and f.get("id") == ids]
            if same or found:
                yield from unlike(one, (same or found)[0], free, whole=whole, at=f"{at}[]")
    elif whole and example != found:
        yield f"{at}: {example!r} is {found!r}"


def free_members(app: App) -> frozenset[str]:
    """The members that depend on more than the example rows tell."""
    computed = {
        field.wire
        for resource in app.model.resources.values()
        for field in resource.fields.values()
        if field.batch is not None or (field.computed is not None and not settled(field.computed, resource))
    }
    return frozenset({"requestId", "meta", "timestamp", *computed})


def settled(expression: Expr, resource: Resource) -> bool:
    """Whether it depends on the row alone, and not on the moment."""
    return is_local(expression, resource) and not any(isinstance(node, Now) for node in walk(expression))


async def prepared(world: ExampleWorld, admin: Client, asked: Asked, resource: Resource | None) -> None:
    """The world in which a request makes sense."""
    without: set[str] = set()
    if resource is not None and asked.method == "POST" and asked.operation.endswith("Create"):
        without = {resource.name}
    elif resource is not None and asked.method == "DELETE":
        referrers = world.model.referrers(resource.name)
        without = {child.name for child, field in referrers if field.on_delete == "restrict"}
    await world.set_up(without=without, changed=STATES.get(asked.operation))
    if resource is not None and any(word in asked.operation for word in ("Trash", "Restore", "Purge")):
        reply = await admin.delete(f"/api/v1/{resource.path}/{world.rows.key(resource)}")
        assert reply.status == 204, reply.body


def differences(asked: Asked, found: Any, app: App) -> Iterator[str]:
    """Where an answer is not as the document shows it."""
    answer = asked.answer
    if asked.method != "GET" or "aggregate=" in asked.path or not isinstance(answer.get("data"), dict | list):
        # A write answers with an id and a moment of its own, and of more rows than are shown there are more.
        yield from unlike(answer, found, frozenset(), whole=False)
        return
    data, free = answer["data"], free_members(app)
    if "Trash" in asked.operation:
        free |= {"deletedAt", "updatedAt"}
    first = isinstance(data, list) or str(data.get("id", "")).endswith(
        ExampleRows(app.model).key(FIRST)[-26:]
    )
    if not first:  # it is like the example row, but for what no two rows share
        free |= {f.wire for r in app.model.resources.values() for f in r.fields.values() if f.unique}
    yield from unlike(answer, found, free, whole=True)


FIRST: Final = next(r for r in demo.model.resources.values() if r.exposed and not r.natural)


async def test_every_request_is_answered_as_its_example_says(database_url: str) -> None:
    found = described("demo")
    by_path = {resource.path: resource for resource in demo.model.resources.values()}
    reports = {report.path for r in demo.model.resources.values() for report in r.reports.values()}
    problems: list[str] = []
    asked_of: set[str] = set()
    async with client(demo, database_url=database_url) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        world = ExampleWorld(admin, kept=[str(admin.id)])
        fresh = False
        for asked in requests(found):
            if asked.operation.startswith("auth"):
                continue
            path = asked.path.partition("?")[0]
            segments = [part for part in path.split("/")[3:] if part != "trash"]
            reads = asked.method == "GET" and "Trash" not in asked.operation
            if not (reads and fresh):
                await prepared(world, admin, asked, by_path.get(segments[0]) if segments else None)
                fresh = reads
            headers = {"accept": asked.accept or "*/*"}
            if asked.sent is not None:
                headers["content-type"] = asked.sent
            body = None if asked.sent is None else json.dumps(asked.body).encode()
            reply = await admin.request(asked.method, asked.path, body, headers)
            asked_of.add(asked.operation)
            found.check(asked.method, path, reply.status, reply.headers, reply.body)
            if reply.status == 403 and b"NOT_SUPPORTED" in reply.body.upper():
                continue  # nobody may do it, as is said
            if reply.status not in (200, 201, 204):
                problems.append(f"{asked.label} {asked.body}: {reply.status} {reply.body!r}")
            elif asked.answer is None or reply.headers.get("content-type") not in (JSON, JSON_API):
                continue
            elif segments and segments[-1] not in reports and by_path.get(segments[0]) is not None:
                problems += [f"{asked.label}: {d}" for d in differences(asked, reply.json(), demo)]
    assert not problems, "\n".join(problems)
    assert len(asked_of) > 300


async def test_signing_in_is_answered_as_its_examples_say(database_url: str) -> None:
    """Tokens are made by the server alone, so they take the place of those in the examples."""
    found = described("demo")
    bodies = {a.operation: a.body for a in requests(found) if a.operation.startswith("auth") and a.body}
    async with client(demo, database_url=database_url) as visitor:
        login = bodies["authLogin"]
        await visitor.running.create_account(login["username"], login["password"], "user")
        tokens: dict[str, Any] = {}
        for operation, path in (("authLogin", "login"), ("authRefresh", "refresh"), ("authLogout", "logout")):
            assert bodies[operation].keys() in ({"username", "password"}, {"refreshToken"})
            shown = {name: tokens.get(name, value) for name, value in bodies[operation].items()}
            reply = await visitor.post(f"/api/v1/auth/{path}", shown)
            assert reply.status == (204 if path == "logout" else 200), reply.body
            found.check("POST", f"/api/v1/auth/{path}", reply.status, reply.headers, reply.body)
            tokens = reply.json() if reply.body else {}
        refused = await visitor.post("/api/v1/auth/refresh", bodies["authRefresh"])
        assert refused.status == 401
        found.check("POST", "/api/v1/auth/refresh", refused.status, refused.headers, refused.body)


async def test_every_parameter_works_as_its_example_says(database_url: str) -> None:
    """The examples of filters find the example row; what is told to go with something else is sent with that."""
    found = described("demo")
    free = free_members(demo)
    problems: list[str] = []
    async with client(demo, database_url=database_url) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        world = ExampleWorld(admin, kept=[str(admin.id)])
        await world.set_up()
        for resource in world.order:
            row = world.rows.of(resource)
            by_wire = {field.wire: field for field in resource.fields.values()}
            together: dict[tuple[str, bool], list[tuple[str, str]]] = {}
            listed = found.document["paths"][f"/api/v1/{resource.path}"]["get"]["parameters"]
            for parameter in map(found.resolve, listed):
                if parameter["in"] == "header":
                    continue
                name, text = parameter["name"], in_query(parameter)
                field = by_wire.get(name.partition("[")[0])
                operator = name.partition("[")[2].rstrip("]") or "eq"
                if name in CURSORS:
                    continue
                known = field is not None and field.wire not in free and row.get(field.name) not in (None, [])
                if field is not None:
                    finds = known and operator in FINDING
                    together.setdefault((operator, finds), []).append((name, text))
                    continue
                pairs = [(name, text)] if not isinstance(text, list) else text
                accept = JSON_API if name.startswith("page[") else JSON
                query = urlencode([*pairs, *beside(name, found, listed)])
                reply = await admin.get(f"/api/v1/{resource.path}?{query}", accept=accept)
                if reply.status != 200:
                    problems.append(f"{resource.path}?{query}: {reply.status} {reply.body!r}")
            for (_, finds), pairs in together.items():
                query = urlencode(pairs)
                reply = await admin.get(f"/api/v1/{resource.path}?{query}")
                ids = [shown["id"] for shown in reply.json().get("data", ())]
                if reply.status != 200 or (finds and world.rows.key(resource) not in ids):
                    problems.append(f"{resource.path}?{query}: {reply.status} {reply.body!r}")
        await cursors_are_signed(admin, found)
    assert not problems, "\n".join(problems)


FINDING: Final = ("eq", "in", "lte", "gte", "between", "contains", "startsWith", "isNull")
"""The operators whose examples find the example row."""


def in_query(parameter: Mapping[str, Any]) -> Any:
    """The example of a parameter as a query string has it: a text, or pairs of names and texts."""
    example = parameter["example"]
    if parameter.get("style") == "deepObject":
        return [(f"{parameter['name']}[{member}]", plain(value)) for member, value in example.items()]
    return ",".join(map(plain, example)) if isinstance(example, list) else plain(example)


def plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def beside(name: str, found: Described, listed: list[Any]) -> list[tuple[str, str]]:
    """The examples of the parameters that one is told to go with."""
    examples = {p["name"]: p for p in map(found.resolve, listed)}
    if name == "groupBy":
        return [("aggregate", in_query(examples["aggregate"]))]
    if name == "order":
        return [("sort", in_query(examples["sort"]).lstrip("-"))]
    relation, bracket, option = name.partition("[")
    if bracket and option in ("limit]", "sort]", "filter]") and relation != "filter":
        return [("include", relation)]
    return []


async def cursors_are_signed(admin: Client, found: Described) -> None:
    """The example of a cursor is refused, and one that the server has made works."""
    await admin.post("/api/v1/achievements", {"code": "second", "product": "production", "name": "Second"})
    example = found.document["components"]["parameters"]["cursor"]["example"]
    for name, spelt in (("cursor", "limit"), ("page[after]", "page[size]")):
        accept = (
            JSON
            if name == "cursor"
            else f'{JSON_API};profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination/"'
        )
        refused = await admin.get(f"/api/v1/achievements?{urlencode({name: example})}", accept=accept)
        assert refused.status == 400
        found.check("GET", "/api/v1/achievements", refused.status, refused.headers, refused.body)
        first = await admin.get(f"/api/v1/achievements?{urlencode({spelt: 1})}", accept=accept)
        following = first.json()["links"]["next"]
        assert (await admin.get(following, accept=accept)).status == 200
