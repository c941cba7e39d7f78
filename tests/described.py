"""Whether answers are what an OpenAPI document says: their status, headers, media type and body."""

import copy
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from headwater.http.middleware.security import _HEADERS
from headwater.testing import Client

DOCUMENT = "urn:document"
UNNAMED = (
    *(name.decode() for name, _ in _HEADERS),
    "content-type",
    "content-length",
    "cache-control",
    "vary",
    "allow",
    "server-timing",
)
"""Headers that an answer may have without the document naming them."""


class Described:
    """A document, and the operations that it describes. Rows are taken strictly: no members but those that the
    document names."""

    def __init__(self, document: Mapping[str, Any], rows: Iterable[str]) -> None:
        self.document: dict[str, Any] = copy.deepcopy(dict(document))
        strict = {name + form for name in rows for form in ("", "One", "Many", "Rows", "Found")}
        for name in strict & self.document["components"]["schemas"].keys():
            self.document["components"]["schemas"][name]["additionalProperties"] = False
        resource = Resource.from_contents(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **self.document}
        )
        self._registry: Registry[Any] = Registry().with_resource(DOCUMENT, resource)
        self._paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "/?"), path)
            for path in sorted(self.document["paths"], key=lambda path: path.count("{"))
        ]
        self._searches = {path for path in self.document["paths"] if path.endswith("/search")}
        self._validators: dict[str, Draft202012Validator] = {}

    def resolve(self, node: Any) -> Any:
        """What a node is, or what it refers to."""
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def validator(self, pointer: str) -> Draft202012Validator:
        """The validator of the schema at a pointer into the document."""
        found = self._validators.get(pointer)
        if found is None:
            found = Draft202012Validator(
                {"$ref": f"{DOCUMENT}#{pointer}"},
                registry=self._registry,
                format_checker=Draft202012Validator.FORMAT_CHECKER,
            )
            self._validators[pointer] = found
        return found

    def check(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raises AssertionError where an answer is not what the document says."""
        template = next((template for pattern, template in self._paths if pattern.fullmatch(path)), None)
        extra: tuple[str, ...] = ()
        if method == "QUERY" and template is not None:
            # The document cannot name it: it is what POST to `/search` is, except that it tells its media types.
            if f"{template}/search" not in self._searches:
                assert "{id}" in template or status in (404, 405), f"{method} {path} is not described"
                return
            method, template, extra = "POST", f"{template}/search", ("accept-query",)
        operation = self.document["paths"].get(template, {}).get(method.lower())
        if operation is None:
            assert method in ("HEAD", "OPTIONS") or status in (404, 405), f"{method} {path} is not described"
            return
        said = operation["responses"].get(str(status))
        assert said is not None, f"{method} {template} answered {status}, which is not described: {body!r}"
        found = self.resolve(said)
        for name in headers:
            known = {header.lower() for header in found.get("headers", {})}
            assert name in known or name in UNNAMED or name in extra, (
                f"{method} {template} {status}: header {name}"
            )
        for name, described in found.get("headers", {}).items():
            if name.lower() in headers:
                schema = self.resolve(described)["schema"]
                value: Any = headers[name.lower()]
                Draft202012Validator(schema).validate(int(value) if schema["type"] == "integer" else value)
        if "content" not in found:
            assert body == b"", f"{method} {template} {status} has a body: {body!r}"
            return
        if status == 201 and headers.get("preference-applied") == "return=minimal":
            assert body == b"", f"{method} {template} shows what is preferred to be left out"
            return
        media_type = headers["content-type"].partition(";")[0]
        assert media_type in found["content"], media_type
        if not media_type.endswith("json"):
            return
        where = f"/components/responses/{said['$ref'].rpartition('/')[2]}" if "$ref" in said else (
            f"/paths/{template.replace('~', '~0').replace('/', '~1')}/{method.lower()}/responses/{status}"
        )  # fmt: skip
        pointer = f"{where}/content/{media_type.replace('/', '~1')}/schema"
        problems = [
            f"{e.json_path}: {e.message}" for e in self.validator(pointer).iter_errors(json.loads(body))
        ]
        assert not problems, f"{method} {path} {status}: {problems}"


async def furnished(admin: Client) -> dict[str, list[str]]:
    """A row of each kind, to refer to."""

    async def made(path: str, **body: Any) -> str:
        reply = await admin.post(f"/api/v1/{path}", body)
        assert reply.status == 201, reply.body
        return str(reply.data["id"])

    project = await made("projects", code="SWA", name="Saltwater Avenue")
    sequence = await made("sequences", projectId=project, code="SQ010")
    shot = await made("shots", projectId=project, sequenceId=sequence, code="SH010", frameOut=1100)
    task = await made("tasks", projectId=project, shotId=shot, title="Comp", department="fx")
    member = await made("memberships", projectId=project, personId=admin.id, role="supervisor")
    log = await made("time-logs", taskId=task, personId=admin.id, date="2026-03-02", hours="1.5")
    return {
        "projects": [project],
        "sequences": [sequence],
        "shots": [shot],
        "tasks": [task],
        "memberships": [member],
        "time-logs": [log],
        "people": [str(admin.id)],
    }
