"""The errors of each operation in the OpenAPI document: those that it can meet, and no others.

That an answer has no other code than those described is checked wherever answers are compared with the document
(`tests/described.py`). Here it is compared with declarations that leave hardly anything to refuse.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from headwater import (
    App,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Tx,
    action,
    allow,
    check,
    field,
    key,
    many,
    mask,
    optref,
    ref,
    state,
    unique,
)
from headwater.base.errors import REGISTRY
from headwater_products.demo import app as demo
from tests.spec.test_openapi import operations


class Leaf(Resource, plural="leaves"):
    """Nothing is unique, nothing refers to anything, nothing has a rule."""

    text: Field[str] = field(max_length=20)


class Stage(StrEnum):
    """How far it is."""

    RAW = "raw"
    DONE = "done"


class Shelf(Resource, plural="shelves", demands_version=True):
    """Changed only against a known version."""

    code: Field[str] = key(pattern=r"[a-z]+", example="upper")
    books: Many[Book] = many(lambda: Book.shelf, init=False)


class Book(Resource, trash=True):
    """With everything that can be refused."""

    shelf: Ref[Shelf] = ref(on_delete="restrict")
    sequel: OptRef[Book] = optref(default=None, on_delete="set_null")
    number: Field[int] = field(ge=1)
    pages: Field[int] = field(ge=1)
    stage: Field[Stage] = state(default=Stage.RAW, moves={Stage.RAW: [Stage.DONE]})

    @action(to="user")
    async def bind(self, tx: Tx) -> None:
        """Be done with it."""
        self.stage = Stage.DONE


allow(Leaf, "read", "create", to="guest")
allow(Shelf, "read")
allow(Book, "read", "create", "update", "delete")
mask(Book.pages, unless="editor")
check(Book, lambda: Book.pages >= Book.number, message="There are at least as many pages as its number.")
unique(Book.shelf, Book.number)

APP = App(title="Library", resources=[Leaf, Shelf, Book])

TOKEN = {"INVALID_CREDENTIALS", "TOKEN_EXPIRED"}
ALWAYS = {
    "INTERNAL_ERROR",
    "DATABASE_ERROR",
    "DEADLINE_EXCEEDED",
    "INVALID_FORMAT",
    "INVALID_PARAMETER",
} | TOKEN
SHOWN = {"QUERY_TOO_COMPLEX", "NOT_ACCEPTABLE"}
BODY = {"VALIDATION_ERROR", "REQUEST_TIMEOUT", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"}
MAY = {"AUTHENTICATION_REQUIRED", "INSUFFICIENT_PERMISSIONS"}
IN_JSON_API = {"RESOURCE_CONFLICT", "REQUIRED_FIELD", "NOT_SUPPORTED"}
ROW = {"RESOURCE_NOT_FOUND"}
VERSION = {"PRECONDITION_FAILED"}

EXACTLY: dict[str, set[str]] = {
    # Guests may read and create leaves, so nobody has to sign in to do it, and no field is hidden.
    "leavesList": ALWAYS | SHOWN | {"INVALID_CURSOR"},
    "leavesSearch": ALWAYS | BODY | {"INVALID_CURSOR", "NOT_ACCEPTABLE"},
    "leavesRead": ALWAYS | SHOWN | ROW,
    "leavesCreate": ALWAYS | SHOWN | BODY | MAY | IN_JSON_API,
    "leavesReplace": ALWAYS | SHOWN | BODY | MAY | ROW | VERSION | {"RESOURCE_CONFLICT"},
    "leavesUpdate": ALWAYS | SHOWN | BODY | MAY | ROW | VERSION | {"RESOURCE_CONFLICT", "REQUIRED_FIELD"},
    "leavesDelete": ALWAYS | MAY | ROW | VERSION,
    # Books refer to shelves, whose code is chosen by clients.
    # A document of JSON:API may put books on a new shelf, which moves them.
    "shelvesCreate": ALWAYS | SHOWN | BODY | MAY | IN_JSON_API | ROW
    | {"RESOURCE_ALREADY_EXISTS", "DANGLING_REFERENCE", "RULE_VIOLATION"},
    "shelvesDelete": ALWAYS | MAY | ROW | VERSION | {"PRECONDITION_REQUIRED", "RESOURCE_CONFLICT"},
    "booksList": ALWAYS | SHOWN | MAY | {"INVALID_CURSOR"},
    "booksCreate": ALWAYS | SHOWN | BODY | MAY | IN_JSON_API
    | {"RULE_VIOLATION", "DANGLING_REFERENCE", "RESOURCE_ALREADY_EXISTS"},
    "booksReplace": ALWAYS | SHOWN | BODY | MAY | ROW | VERSION
    | {"RULE_VIOLATION", "DANGLING_REFERENCE", "RESOURCE_ALREADY_EXISTS", "FORBIDDEN_TRANSITION", "RESOURCE_CONFLICT"},
    # A sequel that loses its other half is checked as any changed book is; other books refer to it until then.
    "booksDelete": ALWAYS | MAY | ROW | VERSION | {"RESOURCE_CONFLICT", "RULE_VIOLATION"},
    "booksRestore": ALWAYS | SHOWN | MAY | ROW | VERSION | {"RESOURCE_ALREADY_EXISTS", "RULE_VIOLATION"},
    # No unique field is a sequel.
    "booksSequelSet": ALWAYS | BODY | MAY | ROW | VERSION | {"NOT_ACCEPTABLE", "DANGLING_REFERENCE", "RULE_VIOLATION"},
    "booksSequelIds": ALWAYS | MAY - {"INSUFFICIENT_PERMISSIONS"} | ROW | {"NOT_ACCEPTABLE"},
    # A book is always on a shelf: it can be moved to another, and not be taken away.
    "shelvesBooksAdd": ALWAYS | BODY | SHOWN | MAY | ROW | VERSION
    | {"DANGLING_REFERENCE", "RESOURCE_ALREADY_EXISTS", "RULE_VIOLATION"},
    "shelvesBooksRemove": ALWAYS | BODY | SHOWN | ROW | VERSION | {"AUTHENTICATION_REQUIRED", "NOT_SUPPORTED"},
    "live": {"INTERNAL_ERROR", "INVALID_FORMAT"},
    "usersMe": {"INTERNAL_ERROR", "INVALID_FORMAT", "DATABASE_ERROR", "AUTHENTICATION_REQUIRED"} | TOKEN,
}  # fmt: skip


def codes_of(document: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    """The codes that an operation is described with, in any form of errors."""
    found: set[str] = set()
    for status, answer in operation["responses"].items():
        if "$ref" not in answer:
            continue
        content = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]["content"]
        plain = [told for media_type, told in content.items() if "api+json" not in media_type]
        for told in plain:
            schema = document["components"]["schemas"][told["schema"]["$ref"].rpartition("/")[2]]
            inner = schema["properties"]["error"] if "properties" in schema else schema
            codes = inner["allOf"][1]["properties"]["code"]["enum"]
            assert all(str(REGISTRY[code].status) == status for code in codes)
            found |= set(codes)
        assert plain or status == "404", "in JSON:API, what is referred to and is not there is not found"
    return found


@pytest.mark.parametrize("name", EXACTLY)
def test_an_operation_has_the_codes_that_it_can_meet(name: str) -> None:
    document = APP.openapi()
    operation = next(o for _, _, o in operations(document) if o["operationId"] == name)
    assert codes_of(document, operation) == EXACTLY[name]


def test_what_no_declaration_can_cause_is_nowhere() -> None:
    """Codes that come from one word of a declaration are where that word is, in all of the demo."""
    document, resources = demo.openapi(), {r.path: r for r in demo.model.resources.values()}
    actions = {f"{r.path}/{{id}}/{a.path}" for r in resources.values() for a in r.actions.values()}
    seen: set[str] = set()
    for method, path, operation in operations(document):
        codes, where = codes_of(document, operation), path.removeprefix("/api/v1/")
        resource = resources.get(where.split("/")[0])
        seen |= codes
        assert "METHOD_NOT_ALLOWED" not in codes
        assert ("UNSUPPORTED_MEDIA_TYPE" in codes) == ("requestBody" in operation), path
        assert ("PRECONDITION_FAILED" in codes) <= (method != "GET"), path
        if resource is None or where in actions:
            continue
        fields = resource.fields.values()
        assert "PRECONDITION_REQUIRED" not in codes or resource.demands_version, path
        if "FORBIDDEN_TRANSITION" in codes:
            assert method in ("PUT", "PATCH")
            assert any(field.moves for field in fields), path
        if method == "GET":
            assert not codes & {"RESOURCE_ALREADY_EXISTS", "RULE_VIOLATION", "DANGLING_REFERENCE"} or (
                operation["tags"] == [resource.path]  # a report, whose author may raise one of them
            ), path
        if method in ("PUT", "POST") and where.count("/") < 2 and "search" not in where:
            unique = bool(resource.uniques) or any(field.unique for field in fields)
            natural = resource.natural and method == "POST"
            linking = method == "POST" and any(r.kind != "one" for r in resource.relations.values())
            if not unique and not natural and not linking:
                assert "RESOURCE_ALREADY_EXISTS" not in codes, path
            if not any(field.target for field in fields) and not linking:
                assert "DANGLING_REFERENCE" not in codes, path
    assert {"FORBIDDEN_TRANSITION", "RESOURCE_ALREADY_EXISTS", "DANGLING_REFERENCE", "RULE_VIOLATION"} <= seen


def test_the_permission_is_told_in_words_and_as_a_member() -> None:
    for _, path, operation in operations(demo.openapi()):
        permission = operation.get("x-permission")
        told = f"`{permission}`" in operation["description"]
        assert told == (permission is not None) or "/trash/" in path, path
