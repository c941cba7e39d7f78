"""Whatever is sent is answered by what the registry of errors knows, and never with 500."""

import asyncio
import gc
import json
import os
import tracemalloc
import unicodedata
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from headwater.base.call import ANONYMOUS
from headwater.base.errors import MOST_DETAILS, REGISTRY
from headwater.ir.parameters import LIST_PARAMETERS
from headwater.ir.query import MAX_CONDITIONS
from tests.json_api import JSON_API
from tests.spec.rest_world import Reply, World, open_world
from web.node import node_modules

TEXTS = (
    "", " ", "\t\n", "null", "undefined", "NaN", "-Infinity", "1e999", "-0", "0x10", "1_000", "٣", "9" * 400,
    "-9223372036854775809", "9223372036854775808", "true", "[]", "{}", "'", '"', "`", "\\", "%", "_", "%00", "\x01",
    "\x7f", "\u202e", "\ufeff", "\ufffe", "Ω≈ç√∫", "田中さん", "👩‍👩‍👧‍👦", "Z̮̞̠͙͔ͅA̷̡L͉͚G̵̝̟O", "ﷺ", "İ", "ß", "\U0010ffff",
    "a" * 5000,
    "' OR 1=1 --", "'; DROP TABLE jobs; --", '" OR ""="', "1) UNION SELECT * FROM hw_log --", "$1", "?1", ":p1",
    "%s%s%n", "{0.__class__}", "${jndi:ldap://x}", "{{7*7}}", "<script>alert(1)</script>", "../../etc/passwd",
    "title[eq]=x", "title.title.title", ".", "..", "[", "]", "title[", "title[]", "-", "--title", "count(", "sum()",
    "count(count(title))", ",", ",,,,", "*", "film.jobs.film.jobs.film.jobs.film.jobs", "2026-02-30", "P1Y", "+1", "Å",
)  # fmt: skip
"""Texts that trip programs up."""

BODIES = (
    b"", b"nul", b"null", b"[]", b'""', b"0", b"NaN", b'{"title": NaN}', b'{"title": Infinity}', b"{" * 100_000,
    b"[" * 100_000, b'{"a":' * 40 + b"1" + b"}" * 40, b'{"title": "a", "title": "b"}', b'{"title": "\\ud800"}',
    b'{"title": "a\\u0000b"}', b'{"priority": 1' + b"0" * 5000 + b"}", b'{"priority": 1e400}', b'{"title": "\xff"}',
    b"\xef\xbb\xbf{}", b'{"title": "' + b"a" * 900_000 + b'"}', b'{"tags": [' + b"0," * 300_000 + b"0]}",
    b'{"__proto__": {"a": 1}}', b'{"": ""}', b'{"hours": "' + b"9" * 5000 + b'"}', b'{"hours": "1e99999999"}',
    b'{"effort": "P99999999999999Y"}', b'{"start": "0000-00-00"}', b'{"seenAt": "9999-12-31T23:59:60+99:99"}',
    b'{"extra": ' + b'{"a":' * 30 + b"1" + b"}" * 30 + b"}", b'{"filter": {"not": ' * 3 + b"{}" + b"}}" * 3,
)  # fmt: skip
"""Bodies that trip readers of JSON up."""

HEADERS = (
    "accept",
    "content-type",
    "if-match",
    "if-none-match",
    "prefer",
    "x-request-id",
    "traceparent",
    "content-length",
)


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url) as opened:
        opened = World(opened.engine, documented=False)
        film = await opened.post("/api/v1/films", {"code": "SWA", "name": "Swan"})
        job = await opened.post("/api/v1/jobs", {"filmId": "SWA", "title": "Comp"})
        assert (film.status, job.status) == (201, 201)
        yield opened


def refused_or_done(reply: Reply, what: object) -> None:
    assert reply.status < 500, (what, reply.status, reply.body)
    if reply.status >= 400:
        assert REGISTRY[reply.error["code"]].status == reply.status, what
        details = reply.error["details"]
        assert all(detail["code"] in REGISTRY and detail["message"] for detail in details), what


def targets(world: World) -> Iterator[str]:
    """Every parameter of a list, with each text as its value and as its name."""
    fields = [field.wire for field in world.engine.model.resources["Job"].fields.values()]
    operators = ("eq", "ne", "lt", "in", "between", "contains", "startsWith", "isNull")
    names = [
        *LIST_PARAMETERS,
        *(f"{name}[{operator}]" for name in fields for operator in operators),
        "film.name",
    ]
    names += ["fields[jobs]", "worker[limit]", "filter[title]"]
    for text in TEXTS:
        for name in names:
            yield f"/api/v1/jobs?{name}={quote(text)}"
        yield f"/api/v1/jobs?{quote(text)}={quote(text)}"
        yield f"/api/v1/jobs?title[{quote(text)}]=a"
        yield f"/api/v1/jobs/{quote(text, safe='')}"
        yield f"/api/v1/films/{quote(text, safe='')}/jobs"
    for raw in (
        "%",
        "%zz",
        "%ff",
        "&&&",
        "=",
        "a=%c3%28",
        "title=%00",
        "title=%ed%a0%80",
        "[]=1",
        "%5B%5D=1",
    ):
        yield f"/api/v1/jobs?{raw}"


async def test_no_text_in_any_parameter_is_too_much(world: World) -> None:
    for target in targets(world):
        refused_or_done(await world.get(target), target)


async def test_no_text_in_any_field_is_too_much(world: World) -> None:
    [job] = (await world.get("/api/v1/jobs")).data
    fields = [field.wire for field in world.engine.model.resources["Job"].fields.values()]
    for text in TEXTS:
        for name in fields:
            for value in (text, [text], {text: text}):
                reply = await world.ask("PATCH", f"/api/v1/jobs/{job['id']}", {name: value})
                refused_or_done(reply, (name, value))
                if reply.status == 200 and name == "title":
                    found = await world.get(f"/api/v1/jobs?title={quote(reply.data['title'])}")
                    assert [row["title"] for row in found.data] == [reply.data["title"]], text
                question = {"filter": {name: {"eq": value}}, "sort": [text], "include": [text]}
                refused_or_done(await world.ask("QUERY", "/api/v1/jobs", question), question)


async def test_no_body_is_too_much(world: World) -> None:
    [job] = (await world.get("/api/v1/jobs")).data
    place = f"/api/v1/jobs/{job['id']}"
    for body in BODIES:
        for method, path in (
            ("POST", "/api/v1/jobs"), ("PUT", place), ("PATCH", place), ("QUERY", "/api/v1/jobs"),
            ("POST", f"{place}/finish"), ("POST", "/api/v1/jobs/search"),
        ):  # fmt: skip
            refused_or_done(await world.ask(method, path, body), (method, path, body[:60]))
        patch = {"content-type": "application/json-patch+json"}
        refused_or_done(await world.ask("PATCH", place, body, patch), body[:60])


WIDE: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/api/v1/jobs?" + "&".join(f"x{n}=1" for n in range(3000)), None),
    ("GET", "/api/v1/jobs?" + "&".join(["title=a"] * 3000), None),
    ("GET", "/api/v1/jobs?" + "&".join(f"title[contains]=a{n}" for n in range(3000)), None),
    ("GET", "/api/v1/films?include=jobs&" + "&".join(f"jobs.title=a{n}" for n in range(3000)), None),
    ("GET", "/api/v1/jobs?fields=" + ",".join(f"x{n}" for n in range(3000)), None),
    ("GET", "/api/v1/jobs?include=" + ",".join(f"x{n}" for n in range(3000)), None),
    ("GET", "/api/v1/films/SWA/relationships/jobs?" + "&".join(["fields=a"] * 3000), None),
    ("POST", "/api/v1/jobs", {f"x{n}": 1 for n in range(3000)}),
    ("POST", "/api/v1/jobs", b"{" + b",".join([b'"title":"a"'] * 3000) + b"}"),
    ("POST", "/api/v1/jobs", {"title": "a", "tags": ["\0"] * 3000}),
    ("QUERY", "/api/v1/jobs", {"filter": {f"x{n}": {"eq": 1} for n in range(3000)}}),
    ("QUERY", "/api/v1/jobs", {"fields": [f"x{n}" for n in range(3000)]}),
    ("QUERY", "/api/v1/jobs", {"include": [f"x{n}" for n in range(3000)]}),
)
"""Requests with very many mistakes, or with more of one kind than anybody needs."""


async def test_many_mistakes_are_not_answered_at_length(world: World) -> None:
    for method, target, body in WIDE:
        reply = await world.ask(method, target, body)
        assert reply.status == 400, (method, target[:60], reply.body[:200])
        assert len(reply.error["details"]) <= MOST_DETAILS
        assert len(reply.body) < 40_000, (method, target[:60], len(reply.body))
    document = {"data": {"type": "jobs", "attributes": {f"x{n}": 1 for n in range(3000)}}}
    spoken = {"content-type": "application/vnd.api+json"}
    reply = await world.ask("POST", "/api/v1/jobs", document, spoken)
    assert (reply.status, len(reply.json["errors"])) == (400, MOST_DETAILS)
    reply = await world.post("/api/v1/jobs", {f"x{n}": 1 for n in range(3000)})
    assert reply.error["message"] == f"The body has more than {MOST_DETAILS} problems; here are the first."


async def test_as_many_conditions_as_are_allowed_are_answered(world: World) -> None:
    """In time, which they are not where a database looks for the best order of so many joins."""
    for condition in ("film.jobs.film.name=Swan", "title[contains]=o"):
        for count, status in ((60, 200), (MAX_CONDITIONS, 200), (MAX_CONDITIONS + 1, 400)):
            target = "/api/v1/jobs?" + "&".join([condition] * count)
            reply = await asyncio.wait_for(world.get(target), 30)
            assert reply.status == status, reply.body[:200]
            assert status != 200 or len(reply.data) == 1


async def test_no_header_is_too_much(world: World) -> None:
    [job] = (await world.get("/api/v1/jobs")).data
    for text in TEXTS:
        value = text.encode().decode("latin-1").replace("\n", " ")
        for name in HEADERS:
            if name == "content-length" and text.isascii() and text.isdigit():
                continue  # the server sees to it that this is true
            for method in ("GET", "PATCH"):
                body = {"priority": 1} if method == "PATCH" else None
                reply = await world.ask(method, f"/api/v1/jobs/{job['id']}", body, {name: value})
                refused_or_done(reply, (name, text))


def naughty_strings() -> list[str]:
    """Minimaxir's list of strings that are likely to cause issues when they come from a user; in the usual run, one of
    eight."""
    packages = node_modules(Path(__file__).parents[1] / "npm" / "hostile")
    strings = json.loads((packages / "big-list-of-naughty-strings" / "blns.json").read_text())
    return strings[:: 1 if os.environ.get("HEADWATER_TEST_LONG") else 8]


async def test_naughty_strings_are_kept_as_they_are_or_refused(world: World) -> None:
    kept = 0
    for text in naughty_strings():
        made = await world.post("/api/v1/jobs", {"filmId": "SWA", "title": text})
        refused_or_done(made, text)
        for request in (
            ("GET", f"/api/v1/jobs/{quote(text, safe='')}", None),
            ("GET", f"/api/v1/jobs?q={quote(text)}", None),
            ("GET", f"/api/v1/jobs?{quote(text)}={quote(text)}", None),
            ("POST", "/api/v1/jobs", {text: text}),
            ("QUERY", "/api/v1/jobs", {"filter": {"title": {text: text}}, "fields": [text]}),
        ):
            refused_or_done(await world.ask(*request), request)
        if made.status == 201:
            kept += 1
            assert made.data["title"] == unicodedata.normalize("NFC", text)
            found = (await world.get(f"/api/v1/jobs?title={quote(text)}&limit=100")).data
            assert made.data["id"] in [row["id"] for row in found], text
    assert kept > 20


async def test_long_questions_do_not_fill_the_memory(world: World) -> None:
    """Strangers too may ask them, in either form, of what they may not even write; none is remembered."""
    stranger = World(world.engine, ANONYMOUS, documented=False)
    forms = {"accept": JSON_API, "content-type": JSON_API}

    async def ask(number: int) -> None:
        query, text = "&" * (60_000 + number), f"{number}".ljust(60_000, "x")
        for headers in ({}, forms):
            await stranger.ask("POST", f"/api/v1/jobs?{query}", {}, headers)
            for path in ("jobs", "jobs/none", "films/SWA/jobs", "jobs/none/film"):
                await stranger.ask("GET", f"/api/v1/{path}?{query}", None, headers)
            body = {"include": [{"jobs": {"filter": {"title": {"ne": text}}}}]}
            headers = headers | {"content-type": "application/json"}
            reply = await world.ask("POST", "/api/v1/films/search", body, headers)
            assert reply.status == 200, reply.body

    await ask(0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, 30):
            await ask(number)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000
