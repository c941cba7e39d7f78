"""The OpenAPI document: it is valid, it says what is there and nothing else, and answers are what it says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from typer.testing import CliRunner

from headwater import App, Field, Resource, allow, field
from headwater.app import Running
from headwater.base.errors import REGISTRY
from headwater.cli import cli
from headwater.http.exchange import Exchange, Response
from headwater.http.routes import Route
from headwater.ir.filters import OPERATORS
from headwater.surfaces.describe import document
from headwater.testing import client
from headwater_products.demo import app as demo
from tests.described import Described, furnished
from tests.spec import rest_world


class Secret(Resource, exposed=False):
    """What nobody may know of."""

    word: Field[str] = field(max_length=20)


class Error(Resource):
    """A resource whose name others could want."""

    text: Field[str] = field(max_length=20, internal=True, default="")
    shape: Field[str] = field(pattern=r"(?P<letter>[a-z])", default="a")


allow(Error, "read", to="guest")

PECULIAR = App(title="Peculiar", resources=[Secret, Error])
STUDIO = App(title="Studio", resources=[rest_world.Film, rest_world.Job, rest_world.Note, rest_world.Worker])
APPS = {"demo": demo, "studio": STUDIO, "peculiar": PECULIAR}


@pytest.fixture(params=APPS)
def app(request: pytest.FixtureRequest) -> App:
    return APPS[request.param]


@pytest.fixture(scope="module")
def production() -> dict[str, Any]:
    return demo.openapi()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method.upper(), path, operation


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from nodes(member)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


def rows(app: App) -> list[str]:
    return [r.name for r in app.model.resources.values() if r.exposed]


# -- the document ----------------------------------------------------------------------------------------


def test_the_document_is_valid_openapi(app: App) -> None:
    OpenAPIV31SpecValidator(app.openapi()).validate()


def test_every_reference_leads_somewhere_and_every_component_is_used(app: App) -> None:
    found = app.openapi()
    described = Described(found, rows(app))
    named = {node["$ref"] for node in nodes(found) if isinstance(node.get("$ref"), str)}
    for pointer in named:
        assert described.resolve({"$ref": pointer})
    there = {f"#/components/{kind}/{name}" for kind in ("parameters", "responses", "headers", "schemas")
             for name in found["components"][kind]}  # fmt: skip
    assert there <= named


def test_the_document_has_every_route_and_no_other(app: App) -> None:
    found = {(method, path) for method, path, _ in operations(app.openapi())}
    routes = {(route.method, route.template) for route in app.route_table() if route.documented}
    # OpenAPI 3.1 cannot name QUERY; the operations beside it tell of it.
    asked = {template for method, template in routes if method == "QUERY"}
    assert found == {(method, template) for method, template in routes if method != "QUERY"}
    paths = app.openapi()["paths"]
    assert asked
    assert asked == {
        path for path, item in paths.items() if "`QUERY`" in item.get("get", {}).get("description", "")
    }


def test_operations_have_names_of_their_own(app: App) -> None:
    names = [operation["operationId"] for _, _, operation in operations(app.openapi())]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][A-Za-z0-9]*", name) for name in names)


def test_nothing_is_said_of_what_is_not_exposed() -> None:
    text = json.dumps(PECULIAR.openapi())
    for word in ("Secret", "nobody may know", "passwordHash", "Account", "SigningKey"):
        assert word not in text, word


def test_a_resource_keeps_its_name_whatever_it_is() -> None:
    found = PECULIAR.openapi()["components"]["schemas"]
    assert set(found["Error"]["properties"]) == {"id", "createdAt", "updatedAt", "version", "shape"}
    shape = found["ErrorCreate"]["properties"]["shape"]
    assert "pattern" not in shape, "other languages do not know this pattern"
    assert "(?P<letter>[a-z])" in shape["description"]


def test_each_filter_is_a_parameter(production: dict[str, Any]) -> None:
    listed = production["paths"]["/api/v1/tasks"]["get"]["parameters"]
    described = Described(production, [])
    names = {described.resolve(parameter)["name"] for parameter in listed}
    for declared in demo.model.resources["Task"].fields.values():
        for operator in OPERATORS[declared.type.kind]:
            assert (declared.wire if operator == "eq" else f"{declared.wire}[{operator}]") in names
    assert {"limit", "cursor", "page", "perPage", "sort", "order", "fields", "include"} <= names
    assert {"timeLogs[limit]", "timeLogs[sort]", "timeLogs[filter]"} <= names
    related = production["paths"]["/api/v1/projects/{id}/tasks"]["get"]["parameters"]
    assert {p["$ref"] for p in listed} == {p["$ref"] for p in related}


def test_a_filter_on_a_field_named_like_a_parameter_is_spelt_out() -> None:
    names = {p["name"] for p in STUDIO.openapi()["components"]["parameters"].values()}
    assert {"filter[limit]", "filter[limit][gte]"} <= names


def test_who_may_call_is_said() -> None:
    paths = STUDIO.openapi()["paths"]
    assert paths["/api/v1/films"]["get"]["security"] == [{}, {"bearer": []}]
    assert paths["/api/v1/films"]["get"]["x-permission"] == "read:films"
    assert paths["/api/v1/films"]["post"]["security"] == [{"bearer": []}]
    assert paths["/api/v1/films/{id}/jobs"]["get"]["security"] == [{}, {"bearer": []}]
    assert paths["/api/v1/notes"]["get"]["security"] == [{"bearer": []}]
    assert paths["/api/v1/jobs/{id}/finish"]["post"]["x-permission"] == "finish:jobs"
    assert paths["/api/v1/auth/login"]["post"]["security"] == []
    assert paths["/api/v1/users/me"]["get"]["security"] == [{"bearer": []}]


def test_writes_say_what_they_take(production: dict[str, Any]) -> None:
    schemas = production["components"]["schemas"]
    create, replace, patch = (schemas[f"Shot{form}"] for form in ("Create", "Replace", "Patch"))
    assert create["required"] == ["projectId", "sequenceId", "code", "frameOut"]
    assert replace["required"] == ["sequenceId", "code", "frameOut"]
    assert "required" not in patch
    assert {"id", "createdAt", "updatedAt"}.isdisjoint(create["properties"])
    assert "version" in patch["properties"]
    assert "version" not in create["properties"]
    assert patch["properties"]["projectId"]["x-immutable"] is True
    assert all(form["additionalProperties"] is False for form in (create, replace, patch))
    handles = create["properties"]["handles"]
    assert (handles["minimum"], handles["maximum"], handles["default"]) == (0, 500, 8)
    assert schemas["Task"]["properties"]["spent"]["readOnly"] is True
    assert schemas["Task"]["properties"]["bid"]["type"] == ["string", "null"], "it is masked for some"
    types = set(production["paths"]["/api/v1/shots/{id}"]["patch"]["requestBody"]["content"])
    assert types == {
        "application/merge-patch+json", "application/json", "application/json-patch+json", "application/vnd.api+json"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("question", "valid"),
    [
        ({"filter": {"or": [{"status": {"in": ["submitted"]}}, {"not": {"bid": {"isNull": True}}}]}}, True),
        ({"filter": {"project": {"name": {"contains": "swan"}}, "timeLogs": {"hours": {"gte": "8"}}}}, True),
        ({"include": ["project", {"timeLogs": {"sort": ["-createdAt"], "limit": 5}}], "cursor": None}, True),
        ({"filter": {"status": "submitted"}}, False),
        ({"filter": {"status": {"like": "sub"}}}, False),
        ({"filter": {"or": []}}, False),
        ({"include": [{"project": {"limit": 5}}]}, False),
        ({"limit": 1001}, False),
        ({"aggregate": ["count", "avg(bid)"], "groupBy": ["status"], "sort": ["-count"]}, True),
        ({"aggregate": ["avg(title)"]}, False),
        ({"aggregate": "count"}, False),
    ],
)
async def test_questions_in_bodies_are_taken_as_described(
    production: dict[str, Any], question: Any, valid: bool
) -> None:
    described = Described(production, rows(demo))
    body = "/paths/~1api~1v1~1tasks~1search/post/requestBody/content/application~1json/schema"
    assert described.validator(body).is_valid(question) is valid
    async with client(demo) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        reply = await admin.post("/api/v1/tasks/search", question)
        assert reply.status == (200 if valid else 400), reply.body
        described.check("POST", "/api/v1/tasks/search", reply.status, reply.headers, reply.body)


async def test_summaries_preferences_and_problems_are_answered_as_described(
    production: dict[str, Any],
) -> None:
    described = Described(production, rows(demo))
    patch, project = "application/json-patch+json", {"code": "SWA", "name": "Swan"}
    both = "application/json, application/problem+json"
    async with client(demo) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        place = "/api/v1/projects/SWA"
        for method, path, body, headers, status in (
            ("POST", "/api/v1/projects", project, {"prefer": "return=minimal"}, 201),
            (
                "PATCH",
                place,
                [{"op": "replace", "path": "/name", "value": "S"}],
                {"content-type": patch},
                200,
            ),
            ("PUT", place, project, {"prefer": "return=minimal"}, 204),
            ("GET", "/api/v1/projects?aggregate=count,min(name)&groupBy=status&limit=1000", None, {}, 200),
            ("GET", "/api/v1/projects?aggregate=count,avg(frameRate)", None, {}, 200),
            ("POST", "/api/v1/projects", {}, {"accept": both}, 400),
            ("GET", "/errors/RULE_VIOLATION", None, {"accept": "text/html"}, 200),
            ("GET", "/errors/NOTHING", None, {}, 404),
        ):
            reply = await admin.request(method, path, body, headers)
            assert reply.status == status, reply.body
            described.check(method, path.partition("?")[0], reply.status, reply.headers, reply.body)


def test_a_route_without_a_form_is_described_by_its_words() -> None:
    async def handler(exchange: Exchange) -> Response:
        return Response(204, [])

    route = Route("POST", "/hooks", handler, "hooks.take", "Take it.", form=None)
    found = document(PECULIAR.model, [route], title="x")
    assert found["paths"]["/hooks"]["post"]["summary"] == "Take it."
    OpenAPIV31SpecValidator(found).validate()


# -- how it is served ------------------------------------------------------------------------------------


async def test_the_document_is_served_and_kept_by_clients() -> None:
    async with client(PECULIAR) as visitor:
        newest = await visitor.get("/api/openapi.json")
        assert (newest.status, newest.headers["content-type"]) == (200, "application/json")
        assert newest.json() == json.loads(json.dumps(PECULIAR.openapi()))
        assert (await visitor.get("/api/v1/openapi.json")).body == newest.body
        again = await visitor.get("/api/openapi.json", if_none_match=newest.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == newest.headers["etag"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/json"),
        ("application/openapi+json", "application/openapi+json"),
        ("text/html, application/vnd.oai.openapi+json;version=3.1;q=0.5", "application/vnd.oai.openapi+json"),
        ("text/csv", None),
    ],
)
async def test_the_document_comes_as_what_is_accepted(accept: str, content_type: str | None) -> None:
    async with client(PECULIAR) as visitor:
        reply = await visitor.get("/api/openapi.json", accept=accept)
        if content_type is None:
            assert (reply.status, reply.json()["error"]["code"]) == (406, "NOT_ACCEPTABLE")
        else:
            assert (reply.status, reply.headers["content-type"]) == (200, content_type)
            assert "accept" in reply.headers["vary"]


async def test_a_parameter_of_the_document_is_refused() -> None:
    async with client(PECULIAR) as visitor:
        for query in ("version=2.0", "version=3.0&version=3.1", "version=3.0&colour=red"):
            reply = await visitor.get(f"/api/openapi.json?{query}")
            assert (reply.status, reply.json()["error"]["code"]) == (400, "INVALID_PARAMETER")


def test_the_command_prints_the_document(tmp_path: Path) -> None:
    runner = CliRunner()
    printed = runner.invoke(cli, ["openapi"])
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout) == json.loads(json.dumps(demo.openapi()))
    written = runner.invoke(cli, ["openapi", "--out", str(tmp_path / "api.json")])
    assert written.exit_code == 0, written.output
    assert json.loads((tmp_path / "api.json").read_text("utf-8")) == json.loads(printed.stdout)
    failed = runner.invoke(cli, ["openapi", "--out", str(tmp_path / "missing" / "api.json")])
    assert failed.exit_code == 1
    assert "cannot be written" in str(failed.exception)


async def test_only_what_is_open_to_guests_is_done_for_nobody() -> None:
    found = demo.openapi()
    async with client(demo) as visitor:
        for method, path, operation in operations(found):
            reply = await visitor.request(method, path.replace("{id}", "x"), {} if method != "GET" else None)
            assert (reply.status == 401) == (operation["security"] == [{"bearer": []}]) or (
                # Signing in has its own 401, and a body is read before a guest is refused.
                path.startswith("/api/v1/auth/") or reply.status == 400
            ), (method, path, reply.status)


# -- answers ---------------------------------------------------------------------------------------------


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a field's schema allows, its edges with preference, and now and then what it does not."""
    wrong = st.sampled_from([None, True, 7, -1, "", "x" * 300, [], {}, "2026-01-01", "1.5", 2**63])
    kinds = schema.get("type", "string")
    right: list[st.SearchStrategy[Any]] = []
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if "enum" in schema:
            right.append(st.sampled_from(schema["enum"]))
        elif kind == "null":
            right.append(st.none())
        elif kind == "integer":
            right.append(st.integers(schema["minimum"], schema["maximum"]))
        elif schema.get("format") == "date":
            right.append(st.dates().map(str))
        elif "pattern" in schema:
            right.append(st.from_regex(schema["pattern"], fullmatch=True))
        else:
            least, most = schema.get("minLength", 0), min(schema.get("maxLength", 30), 30)
            right.append(st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=most))
    return st.one_of(*right, *right, *right, wrong)


def bodies(schema: dict[str, Any], known: dict[str, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies by a schema, most of which refer to rows that exist; sometimes one member is missing or too many."""
    members = {
        name: st.sampled_from(known[name]) | values(member) if name in known else values(member)
        for name, member in schema["properties"].items()
    }
    required = set(schema["required"])
    right = st.fixed_dictionaries(
        {name: members[name] for name in members if name in required},
        optional={name: members[name] for name in members if name not in required},
    )
    extra = right.map(lambda body: {**body, "colour": "red"})
    less = right.map(lambda body: dict(list(body.items())[1:]))
    return st.one_of(right, right, right, extra, less)


REFERENCES = {"projectId": "projects", "sequenceId": "sequences", "shotId": "shots", "taskId": "tasks",
              "artistId": "people", "reviewerId": "people", "personId": "people"}  # fmt: skip


async def test_bodies_by_the_schema_are_answered_as_described(store_url: str) -> None:
    """A valid body is taken, or refused for what no schema can say; an invalid one is a 400."""
    async with client(demo, database_url=store_url) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        known = await furnished(admin)
        described = Described(demo.openapi(), rows(demo))
        seen: set[int] = set()
        for path, name in (("projects", "Project"), ("shots", "Shot"), ("tasks", "Task"), ("time-logs", "TimeLog"),
                           ("memberships", "Membership"), ("sequences", "Sequence")):  # fmt: skip
            schema = described.document["components"]["schemas"][f"{name}Create"]
            referred = {field: known[of] for field, of in REFERENCES.items() if field in schema["properties"]}
            for body in drawn(bodies(schema, referred), 60):
                reply = await admin.post(f"/api/v1/{path}", body)
                described.check("POST", f"/api/v1/{path}", reply.status, reply.headers, reply.body)
                valid = described.validator(f"/components/schemas/{name}Create").is_valid(body)
                if valid and reply.status == 400:
                    assert all(unsaid(detail) for detail in reply.json()["error"]["details"]), (
                        body,
                        reply.body,
                    )
                if not valid:
                    assert reply.status == 400, (body, reply.body)
                seen.add(reply.status)
        assert seen >= {201, 400, 422}, seen


def unsaid(detail: dict[str, Any]) -> bool:
    """Whether a refusal is for what JSON Schema cannot say: decimals' bounds, NUL, days that no calendar has."""
    beyond = re.search(r"must be (at least|more than|at most|less than)", detail["message"])
    return bool(beyond) or "NUL" in detail["message"] or "of the calendar" in detail["message"]


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Some of what a strategy gives, the same each time."""
    found: list[Any] = []

    @settings(max_examples=count, database=None, derandomize=True, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found


def test_every_code_of_the_registry_is_described() -> None:
    described = {
        code
        for app in APPS.values()
        for name, schema in app.openapi()["components"]["schemas"].items()
        if re.fullmatch(r"ApiError\d[\d_]*", name)
        for code in schema["properties"]["error"]["allOf"][1]["properties"]["code"]["enum"]
    }
    assert demo.openapi()["components"]["schemas"]["ApiError"]["properties"]["code"]["enum"] == list(REGISTRY)
    elsewhere = {
        "METHOD_NOT_ALLOWED",  # said once for all in the API's description
        "RATE_LIMIT_EXCEEDED", "PRECONDITION_REQUIRED",  # of nothing in these applications
        "UNKNOWN_FIELD", "READ_ONLY_FIELD",  # of details
        "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_REQUIRED",  # of errors in GraphQL answers
    }  # fmt: skip
    assert REGISTRY.keys() - described == elsewhere


async def test_nothing_is_made_before_the_document_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Running] = []
    original = document
    monkeypatch.setattr(
        "headwater.surfaces.describe.document", lambda *a, **k: (made.append(a[0]), original(*a, **k))[1]
    )
    async with client(PECULIAR) as visitor:
        await visitor.get("/api/v1/errors")
        assert not made
        for _ in range(3):
            await visitor.get("/api/openapi.json")
            await visitor.get("/api/v1/openapi.json")
        assert len(made) == 1
