"""REST, writing: create, replace, merge, delete, actions, versions, refusals (D8, D11, D30 to D35, D40, D60)."""

import random
import string
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater import Field, Resource, Tx, action, allow
from headwater import field as column
from headwater.base.call import ANONYMOUS
from headwater.declare import build
from tests.spec.rest_world import EDITOR, WRITER, World, open_world

JOB = {"filmId": "SWA", "title": "Roto"}


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url) as world:
        assert (await world.post("/api/v1/films", {"code": "SWA", "name": "Swan"})).status == 201
        yield world


async def job(world: World, **more: Any) -> str:
    """The place of a new job."""
    reply = await world.post("/api/v1/jobs", {**JOB, **more})
    assert reply.status == 201, reply.json
    return reply.headers["location"]


async def test_create(world: World) -> None:
    reply = await world.post("/api/v1/jobs?include=film&fields=title,film.name", JOB)
    assert reply.status == 201
    assert reply.data == {"title": "Roto", "film": {"name": "Swan"}}
    place = reply.headers["location"]
    assert place.startswith("/api/v1/jobs/job_")
    read = await world.get(place)
    assert read.data["priority"] == 5
    assert read.data["status"] == "open"
    shown = await world.get(f"{place}?include=film&fields=title,film.name")
    assert shown.headers["etag"] == reply.headers["etag"]


async def test_a_natural_key_is_the_place(world: World) -> None:
    reply = await world.post("/api/v1/films", {"code": "BEE", "name": "Bees"})
    assert reply.headers["location"] == "/api/v1/films/BEE"
    again = await world.post("/api/v1/films", {"code": "BEE", "name": "Bees"})
    assert (again.status, again.error["code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    assert again.problems == [("code", "RESOURCE_ALREADY_EXISTS")]


async def test_all_problems_of_a_body_are_told_at_once(world: World) -> None:
    reply = await world.post(
        "/api/v1/jobs",
        {"titel": "x", "film": "SWA", "priority": 12, "hours": 1.5, "isOpen": True, "status": "opne",
         "id": "job_1", "seenAt": "2026-01-01T00:00:00", "tags": [1]},
    )  # fmt: skip
    assert (reply.status, reply.error["code"], reply.error["number"]) == (400, "VALIDATION_ERROR", 2001)
    assert dict(reply.problems) == {
        "titel": "UNKNOWN_FIELD",
        "film": "UNKNOWN_FIELD",
        "priority": "VALIDATION_ERROR",
        "hours": "INVALID_FORMAT",
        "isOpen": "READ_ONLY_FIELD",
        "status": "VALIDATION_ERROR",
        "id": "READ_ONLY_FIELD",
        "seenAt": "INVALID_FORMAT",
        "tags[0]": "INVALID_FORMAT",
        "title": "REQUIRED_FIELD",
        "filmId": "REQUIRED_FIELD",
    }
    said = {d["field"]: d["message"] for d in reply.error["details"]}
    assert "did you mean `title`?" in said["titel"]
    assert "did you mean `filmId`?" in said["film"]


async def test_a_failed_pattern_is_shown(world: World) -> None:
    reply = await world.post("/api/v1/films", {"code": "swan", "name": "Swan"})
    assert reply.error["details"][0]["pattern"] == "[A-Z]{3}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "INVALID_FORMAT"),
        (b"{", "INVALID_FORMAT"),
        (b"[]", "INVALID_FORMAT"),
        (b'{"title": "a", "title": "b"}', "VALIDATION_ERROR"),
        (b'{"title": NaN}', "INVALID_FORMAT"),
        (b'{"title": "\\ud800"}', "INVALID_FORMAT"),
        (b'{"title": "\\u0000", "filmId": "SWA"}', "VALIDATION_ERROR"),
        (b'{"title": "\xff"}', "INVALID_FORMAT"),
        (b'{"extra": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}", "VALIDATION_ERROR"),
    ],
)
async def test_what_is_not_strict_json_is_refused(world: World, body: bytes, code: str) -> None:
    for method, target in (
        ("POST", "/api/v1/jobs"),
        ("PATCH", "/api/v1/films/SWA"),
        ("PUT", "/api/v1/films/SWA"),
    ):
        reply = await world.ask(method, target, body, {"content-type": "application/json"})
        assert (reply.status, reply.error["code"]) == (400, code)


async def test_text_is_composed(world: World) -> None:
    place = await job(world, title="A\u0308pfel")
    assert (await world.get(place)).data["title"] == "\u00c4pfel"
    assert len((await world.get("/api/v1/jobs?title=A%CC%88pfel")).data) == 1


async def test_media_types(world: World) -> None:
    reply = await world.post("/api/v1/jobs", JOB, content_type="text/plain")
    assert (reply.status, reply.error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert reply.headers["accept-post"] == "application/json, application/vnd.api+json"
    place = await job(world)
    reply = await world.ask("PATCH", place, [], {"content-type": "text/plain"})
    assert reply.status == 415
    assert reply.headers["accept-patch"] == (
        "application/merge-patch+json, application/json, application/json-patch+json, application/vnd.api+json"
    )
    for kind in ("application/merge-patch+json", "application/json", "application/json; charset=utf-8"):
        assert (await world.ask("PATCH", place, {"priority": 6}, {"content-type": kind})).status == 200
    for method, target in (("POST", "/api/v1/jobs"), ("PATCH", place), ("PUT", place)):
        reply = await world.ask(method, target, JOB, {"accept": "text/html"})
        assert reply.status == 406
    assert len((await world.get("/api/v1/jobs")).data) == 1


async def test_a_merge_patch_changes_what_it_names(world: World) -> None:
    worker = (await world.post("/api/v1/workers", {"name": "Ada"})).data["id"]
    place = await job(world, workerId=worker, extra={"a": {"b": 1, "c": 2}, "d": 3})
    reply = await world.ask(
        "PATCH", place, {"workerId": None, "extra": {"a": {"b": None, "e": 4}, "d": None}}
    )
    assert reply.status == 200
    assert reply.data["workerId"] is None
    assert reply.data["extra"] == {"a": {"c": 2, "e": 4}}
    assert reply.data["title"] == "Roto"
    assert reply.data["version"] == 2
    same = await world.ask("PATCH", place, {"title": "Roto"})
    assert same.data["version"] == 2
    assert same.headers["etag"] == reply.headers["etag"]
    reply = await world.ask("PATCH", place, {"title": None, "priority": None})
    assert reply.problems == [("title", "INVALID_FORMAT"), ("priority", "INVALID_FORMAT")]


async def test_a_replacement_is_the_whole_row(world: World) -> None:
    place = await job(world, priority=9, start="2026-01-01", extra={"a": 1}, tags=["x"])
    reply = await world.ask("PUT", place, {"filmId": "SWA", "title": "Paint", "extra": {"b": None}})
    assert reply.status == 200
    changed = {name: reply.data[name] for name in ("title", "priority", "start", "extra", "tags")}
    assert changed == {"title": "Paint", "priority": 5, "start": None, "extra": {"b": None}, "tags": []}
    reply = await world.ask("PUT", place, {"title": "Paint"})
    assert reply.problems == [("filmId", "REQUIRED_FIELD")]
    assert (await world.ask("PUT", "/api/v1/films/SWA", {"name": "Swans"})).data["code"] == "SWA"
    assert (await world.ask("PUT", "/api/v1/films/SWA", {"code": "SWA", "name": "Swan"})).status == 200
    reply = await world.ask("PUT", "/api/v1/films/SWA", {"code": "BEE", "name": "Swan"})
    assert reply.status == 422
    assert (await world.ask("PUT", "/api/v1/films/BEE", {"code": "BEE", "name": "Bees"})).status == 404


async def test_if_match(world: World) -> None:
    place = await job(world)
    tag = (await world.get(place)).headers["etag"]
    first = await world.ask("PATCH", place, {"priority": 6}, {"if-match": tag})
    assert first.status == 200
    stale = await world.ask("PATCH", place, {"priority": 7}, {"if-match": tag})
    assert (stale.status, stale.error["code"]) == (412, "PRECONDITION_FAILED")
    assert stale.error["details"][0]["currentVersion"] == 2
    part = (await world.get(f"{place}?fields=title")).headers["etag"]
    assert (await world.ask("PATCH", place, {"priority": 7}, {"if-match": part})).status == 200
    for header in (f"W/{part}", '"other"', '"1.x", "2.x"'):
        assert (await world.ask("PATCH", place, {"priority": 8}, {"if-match": header})).status == 412
    for header in ("*", '"1.x", "3.x"', '"3"'):
        before = (await world.get(place)).data
        reply = await world.ask("PATCH", place, {"title": before["title"]}, {"if-match": header})
        assert reply.status == 200
    assert (await world.ask("PATCH", "/api/v1/jobs/none", {}, {"if-match": '"1", "2"'})).status == 404
    assert (await world.ask("DELETE", place, None, {"if-match": tag})).status == 412
    assert (await world.post(f"{place}/finish", if_match=tag)).status == 412


async def test_a_version_in_the_body(world: World) -> None:
    place = await job(world)
    for method, body in (("PATCH", {"priority": 6}), ("PUT", {**JOB, "priority": 7})):
        version = (await world.get(place)).data["version"]
        assert (await world.ask(method, place, {**body, "version": version})).status == 200
        stale = await world.ask(method, place, {**body, "version": version})
        assert (stale.status, stale.error["code"]) == (409, "RESOURCE_CONFLICT")
    both = await world.ask("PATCH", place, {"priority": 1, "version": 3}, {"if-match": '"2.x"'})
    assert both.problems == [("version", "VALIDATION_ERROR")]
    assert (
        await world.ask("PATCH", place, {"priority": 1, "version": 3}, {"if-match": '"3.x"'})
    ).status == 200


async def test_delete(world: World) -> None:
    place = await job(world)
    reply = await world.ask("DELETE", place)
    assert (reply.status, reply.body) == (204, b"")
    assert "content-type" not in reply.headers
    assert (await world.ask("DELETE", place)).status == 404
    assert (await world.get(place)).status == 404


async def test_actions_on_a_row(world: World) -> None:
    place = await job(world)
    reply = await world.post(f"{place}/finish?fields=status,extra", {"note": "well done"})
    assert reply.status == 200
    assert reply.data == {"status": "done", "extra": {"note": "well done"}}
    assert reply.headers["content-location"] == place
    assert reply.headers["etag"].startswith('"2.')
    again = await world.post(f"{place}/finish")
    assert again.status == 200
    assert (await world.post("/api/v1/jobs/none/finish")).status == 404
    wrong = await world.post(f"{place}/finish", {"note": 5, "notes": "x"})
    assert wrong.problems == [("note", "INVALID_FORMAT"), ("notes", "UNKNOWN_FIELD")]
    assert (await world.ask("GET", f"{place}/finish")).status == 405
    gone = await world.post(f"{place}/scrap")
    assert gone.status == 200
    assert gone.data == {"id": place.rpartition("/")[2]}
    assert (await world.get(place)).status == 404


async def test_actions_on_the_collection(world: World) -> None:
    await job(world)
    await job(world)
    assert (await world.post("/api/v1/jobs/count-open")).data == {"open": 2}
    assert (await world.post("/api/v1/jobs/count-open", {"atMost": 1})).data == {"open": 1}
    reply = await world.post("/api/v1/jobs/count-open", {"at_most": 1})
    assert "did you mean `atMost`?" in reply.error["details"][0]["message"]


async def test_an_action_that_returns_rows_shows_what_the_caller_may_see(world: World) -> None:
    await world.post("/api/v1/films", {"code": "OPN", "name": "Open", "openToAll": True})
    await job(world, title="A")
    await job(world, title="B", filmId="OPN")
    await job(world, title="C", filmId="OPN")
    reply = await world.post("/api/v1/jobs/by-title?fields=title,film.name&include=film")
    assert [row["title"] for row in reply.data] == ["C", "B", "A"]
    assert reply.data[0]["film"] == {"name": "Open"}
    world.actor = WRITER
    reply = await world.post("/api/v1/jobs/by-title?fields=title")
    assert (reply.status, reply.data) == (200, [{"title": "C"}, {"title": "B"}])
    world.actor = EDITOR
    made = await world.post(f"{await job(world)}/bill", {"hours": "1.5", "titles": ["D", "E"]})
    assert [(row["title"], row["version"]) for row in made.data] == [("D", 1), ("E", 1)]
    assert (await world.post(f"{await job(world)}/bill", {"hours": "1.5", "titles": []})).data == []


async def test_what_an_action_sets_is_checked_as_what_a_client_sends(world: World) -> None:
    place = await job(world)
    for hours in ("1.555", "99999999999999999999"):
        reply = await world.post(f"{place}/bill", {"hours": hours, "titles": ["x" * 51, "", "y" * 51]})
        assert reply.status == 400
        assert reply.problems == [("title", "VALIDATION_ERROR")] * 2 + [("hours", "VALIDATION_ERROR")]
        assert reply.error["details"][0]["message"].startswith("`title` must have at most 50")
    assert (await world.get(f"{place}?fields=hours,version")).data == {"hours": "0.00", "version": 1}


async def test_an_authors_mistake_is_a_failure_that_keeps_nothing(world: World) -> None:
    place = await job(world)
    for mistake in ("confuse", "wrap-up"):
        reply = await world.post(f"{place}/{mistake}")
        assert (reply.status, reply.error["code"]) == (500, "INTERNAL_ERROR")
    assert (await world.get(f"{place}?fields=title,version")).data["version"] == 1


async def test_rules_across_fields_and_states(world: World) -> None:
    reply = await world.post("/api/v1/jobs", {**JOB, "start": "2026-02-01", "deadline": "2026-01-01"})
    assert (reply.status, reply.error["code"]) == (422, "RULE_VIOLATION")
    place = await job(world, start="2026-02-01")
    assert (await world.ask("PATCH", place, {"deadline": "2026-01-01"})).status == 422
    assert (await world.ask("PATCH", place, {"status": "shut"})).status == 200
    reply = await world.ask("PATCH", place, {"status": "open"})
    assert (reply.status, reply.error["code"]) == (422, "FORBIDDEN_TRANSITION")
    reply = await world.post("/api/v1/jobs", {**JOB, "filmId": "NOT"})
    assert (reply.status, reply.error["code"]) == (422, "DANGLING_REFERENCE")
    assert reply.problems == [("filmId", "DANGLING_REFERENCE")]


async def test_unknown_parameters_of_writes_are_refused(world: World) -> None:
    place = await job(world)
    for method, target, body in (
        ("POST", "/api/v1/jobs", JOB), ("PATCH", place, {"priority": 1}), ("PUT", place, JOB),
        ("DELETE", place, None), ("POST", f"{place}/finish", None), ("DELETE", f"{place}?fields=id", None),
    ):  # fmt: skip
        separator = "&" if "?" in target else "?"
        reply = await world.ask(method, f"{target}{separator}dryRun=true", body)
        assert reply.status == 400
        assert ("dryRun", "INVALID_PARAMETER") in reply.problems
    assert (await world.get(place)).data["version"] == 1


async def test_who_may_not_read_what_they_write_learns_its_id(world: World) -> None:
    await world.ask("PATCH", "/api/v1/films/SWA", {"openToAll": True})
    film = await world.post("/api/v1/films", {"code": "BEE", "name": "Bees", "openToAll": True})
    assert film.status == 201
    writer = world.as_writer()
    seen = await writer.post("/api/v1/jobs", JOB)
    assert seen.data["title"] == "Roto"
    diary = await writer.post("/api/v1/notes", {"text": "a"})
    assert diary.status == 201
    assert diary.data == {"id": diary.headers["location"].rpartition("/")[2]}
    assert "etag" not in diary.headers
    assert (await writer.get(diary.headers["location"])).status == 404


async def test_who_has_not_signed_in_is_asked_to_where_nothing_is_for_guests(world: World) -> None:
    place = await job(world)
    world.actor = ANONYMOUS
    for method, target, body in [
        ("GET", "/api/v1/workers", None),
        ("GET", "/api/v1/workers/none", None),
        ("GET", "/api/v1/workers?page=1", None),
        ("POST", "/api/v1/jobs", JOB),
        ("PATCH", place, {"title": "x"}),
        ("DELETE", place, None),
        ("DELETE", "/api/v1/jobs/none", None),
        ("POST", f"{place}/finish", None),
        ("POST", "/api/v1/jobs/count-open", None),
    ]:
        reply = await world.ask(method, target, body)
        assert (reply.status, reply.error["code"]) == (401, "AUTHENTICATION_REQUIRED"), target
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert (await world.get("/api/v1/jobs")).data == []
    assert (await world.get(place)).status == 404


async def test_who_may_not_write_is_told_why(world: World) -> None:
    await world.ask("PATCH", "/api/v1/films/SWA", {"openToAll": True})
    reply = await world.as_writer().ask("PATCH", "/api/v1/films/SWA", {"name": "x"})
    assert (reply.status, reply.error["code"]) == (403, "INSUFFICIENT_PERMISSIONS")
    assert reply.error["details"][0]["requiredPermission"] == "update:films"
    reply = await world.as_nobody().ask("PATCH", "/api/v1/films/SWA", {"name": "x"})
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")


async def test_an_answer_without_a_body_for_who_prefers_it(world: World) -> None:
    made = await world.post("/api/v1/jobs", JOB, prefer="respond-async, return=minimal; x=1")
    assert (made.status, made.body, made.headers["content-length"]) == (201, b"", "0")
    assert made.headers["preference-applied"] == "return=minimal"
    assert made.headers["vary"] == "Accept, Prefer"
    assert "content-type" not in made.headers
    place, row = made.headers["location"], (await world.get(made.headers["location"])).data
    for method, body, version in (("PATCH", {"priority": 6}, 2), ("PUT", JOB, 3)):
        reply = await world.ask(method, place, body, {"prefer": 'Return="minimal"'})
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["preference-applied"] == "return=minimal"
        assert reply.headers["etag"].startswith(f'"{version}.')
    assert row["version"] == 1
    assert (await world.post(f"{place}/finish", prefer="return=minimal")).status == 204
    assert (await world.get(place)).data["status"] == "done"


async def test_only_preferences_that_were_met_are_acknowledged(world: World) -> None:
    reply = await world.post("/api/v1/jobs", JOB, prefer="return=representation, return=minimal")
    assert (reply.status, reply.headers["preference-applied"]) == (201, "return=representation")
    assert reply.data["title"] == JOB["title"]
    for preference in ("", "return=nothing", "handling=lenient", 'note="return=minimal"', "x, ,;", '"'):
        reply = await world.post("/api/v1/jobs", JOB, prefer=preference)
        assert reply.data["title"] == JOB["title"]
        assert "preference-applied" not in reply.headers
    blind = await world.as_writer().post("/api/v1/notes", {"text": "x"}, prefer="return=representation")
    assert list(blind.data) == ["id"]
    assert "preference-applied" not in blind.headers
    gone = await world.ask("DELETE", f"/api/v1/jobs/{reply.data['id']}", None, {"prefer": "return=minimal"})
    assert (gone.status, "preference-applied" in gone.headers) == (204, False)
    refused = await world.post("/api/v1/jobs", {}, prefer="return=minimal")
    assert (refused.status, "preference-applied" in refused.headers) == (400, False)


class Tag(Resource):
    """A text of any length, which is there once."""

    text: Field[str] = column(unique=True)

    @action(to="editor")
    async def stretch(self, tx: Tx, *, text: str) -> None:
        """Take another text."""
        self.text = text


allow(Tag, "read", "create", "update", to="editor")
TAGS = build([Tag])


async def test_a_text_too_long_for_an_index_is_refused_where_the_database_cannot_keep_it(
    store_url: str,
) -> None:
    """PostgreSQL keeps some 2,700 bytes in an index; SQLite any."""
    long = "".join(random.Random(1).choices(string.ascii_letters, k=6000))
    async with open_world(store_url, TAGS) as world:
        short = await world.post("/api/v1/tags", {"text": "short"})
        own = f"/api/v1/tags/{short.data['id']}"
        replies = [
            await world.post("/api/v1/tags", {"text": long}),
            await world.ask("PATCH", own, {"text": long + "a"}),
            await world.post(f"{own}/stretch", {"text": long + "b"}),
        ]
        if store_url.startswith("sqlite:"):
            assert [reply.status for reply in replies] == [201, 200, 200]
        else:
            assert [(reply.status, reply.error["code"]) for reply in replies] == [
                (400, "VALIDATION_ERROR")
            ] * 3
            assert (await world.get(own)).data["text"] == "short"
