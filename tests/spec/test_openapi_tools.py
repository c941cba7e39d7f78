"""The OpenAPI document in other tools' hands: linters find nothing to say, in YAML and in 3.0 it says the same."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator
from typer.testing import CliRunner

from headwater.cli import cli
from headwater.surfaces.describe import downgraded, encode_yaml
from headwater.testing import client
from headwater_products.demo import app as demo
from tests.spec.test_openapi import PECULIAR
from web.node import Workshop, workshop

PACKAGES = Path(__file__).parents[1] / "npm" / "openapi"
LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
DIALECTS = ["3.1", *(["3.0"] if LONG else [])]
RULES: dict[str, Any] = {"extends": ["spectral:oas"]}
if not LONG:
    # It takes Spectral minutes to see what Redocly sees in seconds, and test_openapi_examples.py as well.
    RULES["rules"] = {"oas3-valid-media-example": "off"}


def plain(value: Any) -> Any:
    """A value as it is once it has been sent."""
    return json.loads(json.dumps(value))


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return workshop(PACKAGES, tmp_path_factory.mktemp("tools"))


def written(tools: Workshop, dialect: str) -> str:
    name = f"api-{dialect}.yaml"
    found = demo.openapi()
    (tools.folder / name).write_bytes(encode_yaml(found if dialect == "3.1" else downgraded(found)))
    return name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_redocly_has_nothing_to_say(tools: Workshop, dialect: str) -> None:
    said = tools.tool("redocly", "lint", written(tools, dialect), "--extends=recommended", "--format=json",
                      REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")  # fmt: skip
    assert json.loads(said)["problems"] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_spectral_has_nothing_to_say(tools: Workshop, dialect: str) -> None:
    (tools.folder / "rules.yaml").write_text(json.dumps(RULES))
    said = tools.tool("spectral", "lint", written(tools, dialect), "-r", "rules.yaml", "-f", "json",
                      "--fail-severity", "hint", "--quiet", seconds=900)  # fmt: skip
    assert json.loads(said or "[]") == []


# -- YAML ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [demo, PECULIAR], ids=["demo", "peculiar"])
def test_yaml_says_the_same(app: Any) -> None:
    found = plain(app.openapi())
    assert yaml.load(encode_yaml(found), yaml.CSafeLoader) == found


ODD = [
    "", " ", "a", "yes", "No", "null", "~", "1", "1.5", "0x1f", "2026-01-01", "a: b", "a #b", "-", "- a", "a:", "?",
    "[", "{", "!", "&a", "*a", "|", ">", "%", "@", "`", "'", '"', "\\", "a\nb", "a\nb\n", " a\nb", "\na", "a\n\nb",
    "a\n b", "a\n ", "a\tb", "\t\nb", "\u00e9", "\u2028", "\x7f", "\ud7ff", "\U0001f600", "a" * 300, "=", "<<", "a,b",
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_any_text_survives_yaml(value: str) -> None:
    for whole in (
        value,
        {value: value},
        [value, [value, []], {}],
        {"a": [{value: [value]}, {"b": {}}], "c": None},
    ):
        assert yaml.safe_load(encode_yaml(whole)) == whole


@pytest.mark.parametrize("place", ["/api", "/api/v1"])
async def test_yaml_is_served_with_its_own_tag(place: str) -> None:
    async with client(PECULIAR) as visitor:
        json_one = await visitor.get(f"{place}/openapi.json")
        yaml_one = await visitor.get(f"{place}/openapi.yaml")
        assert yaml_one.headers["content-type"] == "application/yaml"
        assert yaml.safe_load(yaml_one.body) == json_one.json()
        assert yaml_one.headers["etag"] != json_one.headers["etag"]
        again = await visitor.get(f"{place}/openapi.yaml", if_none_match=yaml_one.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        crossed = await visitor.get(f"{place}/openapi.json", if_none_match=yaml_one.headers["etag"])
        assert crossed.status == 200


@pytest.mark.parametrize(
    ("path", "accept", "content_type"),
    [
        ("json", "application/yaml", "application/yaml"),
        ("json", "application/yaml;q=0.5, */*", "application/json"),
        ("yaml", "application/json", "application/json"),
        ("yaml", "application/vnd.oai.openapi", "application/vnd.oai.openapi"),
        ("yaml", "*/*", "application/yaml"),
    ],
)
async def test_accept_chooses_between_them(path: str, accept: str, content_type: str) -> None:
    async with client(PECULIAR) as visitor:
        reply = await visitor.get(f"/api/openapi.{path}", accept=accept)
        assert (reply.status, reply.headers["content-type"]) == (200, content_type)
        found = (
            yaml.safe_load(reply.body)
            if "yaml" in content_type or "openapi" in content_type
            else reply.json()
        )
        assert found == plain(PECULIAR.openapi())


def test_the_command_prints_yaml_and_the_older_version() -> None:
    runner = CliRunner()
    printed = runner.invoke(cli, ["openapi", "--yaml"])
    assert yaml.load(printed.stdout, yaml.CSafeLoader) == plain(demo.openapi())
    older = runner.invoke(cli, ["openapi", "--3.0"])
    assert json.loads(older.stdout) == plain(downgraded(demo.openapi()))


# -- 3.0 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [demo, PECULIAR], ids=["demo", "peculiar"])
def test_the_older_document_is_valid_and_has_the_same_operations(app: Any) -> None:
    found, newer = plain(downgraded(app.openapi())), plain(app.openapi())
    assert found["openapi"] == "3.0.3"
    OpenAPIV30SpecValidator(found).validate()
    assert {p: set(i) for p, i in found["paths"].items()} == {p: set(i) for p, i in newer["paths"].items()}
    assert found["components"]["schemas"].keys() == newer["components"]["schemas"].keys()
    words = {word for schema in schemas(found) for word in schema}
    assert not words & {"const", "examples", "$defs", "prefixItems"}
    assert all(isinstance(schema.get("type", ""), str) for schema in schemas(found))
    assert not any("$ref" in schema and len(schema) > 1 for schema in schemas(found))
    assert all("items" in schema for schema in schemas(found) if schema.get("type") == "array")


def schemas(value: Any, within: bool = False) -> Iterator[dict[str, Any]]:
    """Every schema of a document in 3.0."""
    if isinstance(value, list):
        for item in value:
            yield from schemas(item, within)
        return
    if not isinstance(value, dict):
        return
    if within:
        yield value
        yield from schemas(list(value.get("properties", {}).values()), True)
        for word in ("items", "not", "additionalProperties", "allOf", "anyOf", "oneOf"):
            yield from schemas(value.get(word), True)
        return
    for name, member in value.items():
        if name == "schemas":
            yield from schemas(list(member.values()), True)
        elif name not in ("example", "examples"):
            yield from schemas(member, name == "schema")


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": "null"}, {"type": "object", "nullable": True, "enum": [None]}),
        ({"const": "EUR"}, {"enum": ["EUR"]}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 0, "exclusiveMinimum": True}),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        ({"$ref": "#/x", "description": "it"}, {"description": "it", "allOf": [{"$ref": "#/x"}]}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": ["string", "integer", "null"]},
         {"allOf": [{"anyOf": [{"type": "string", "nullable": True}, {"type": "integer", "nullable": True}]}]}),
        ({"properties": {"const": {"const": 1}}}, {"properties": {"const": {"enum": [1]}}}),
        ({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]},
         {"anyOf": [{"$ref": "#/x"}, {"type": "object", "nullable": True, "enum": [None]}]}),
    ],
)  # fmt: skip
def test_schemas_are_said_in_the_older_words(newer: dict[str, Any], older: dict[str, Any]) -> None:
    document = {"openapi": "3.1.0", "info": {}, "components": {"schemas": {"X": newer}}}
    assert downgraded(document)["components"]["schemas"]["X"] == older


def test_a_word_without_counterpart_is_not_dropped_in_silence() -> None:
    document = {"openapi": "3.1.0", "info": {}, "components": {"schemas": {"X": {"prefixItems": []}}}}
    with pytest.raises(ValueError, match="has no `prefixItems`"):
        downgraded(document)


async def test_the_older_document_is_served_where_it_is_asked_for() -> None:
    async with client(PECULIAR) as visitor:
        tags = set()
        for path in (
            "/api/openapi.json",
            "/api/v1/openapi.json",
            "/api/openapi.yaml",
            "/api/v1/openapi.yaml",
        ):
            reply = await visitor.get(f"{path}?version=3.0")
            found = yaml.safe_load(reply.body)
            assert found == plain(downgraded(PECULIAR.openapi()))
            tags.add(reply.headers["etag"])
            newer = await visitor.get(f"{path}?version=3.1", if_none_match=reply.headers["etag"])
            assert (newer.status, yaml.safe_load(newer.body)["openapi"]) == (200, "3.1.0")
        assert len(tags) == 2
        refused = await visitor.get("/api/openapi.json?version=2.0")
        assert refused.json()["error"]["message"] == "`version` is the version of OpenAPI: 3.1 or 3.0."
