"""Requests that Schemathesis makes from the document, and whether the application answers callers of each kind as the
document says."""

import os
import re
from contextlib import suppress
from copy import deepcopy
from functools import cache
from itertools import cycle
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.errors import UnsupportedSchema
from schemathesis.core.failures import FailureGroup

from headwater.ir.query import MAX_LIMIT
from headwater.testing import Client, client
from headwater_products.demo import app as demo
from tests.described import furnished
from tests.spec.callers import CALLERS, sign_up_each, take_part

LEFT_OUT = {
    # They send further requests by a transport of their own, over a socket.
    "ignored_auth": "test_openapi.py asks every operation as nobody",
    "object_level_authorization": "test_rules.py compares every answer with the rules",
    "use_after_free": "test_rest_writing.py reads what was deleted",
    "ensure_resource_availability": "test_rest_writing.py reads what was made",
    # They judge requests of a phase that is not run here.
    "missing_required_header": "no header is required",
    "unsupported_method": "test_http_routes.py asks for methods that are not there",
    "allow_header_conformance": "test_http_routes.py reads `Allow`",
    "max_response_time": "no test is timed",
}
"""The checks of Schemathesis that are not made, with the reason of each."""

CONFIG = SchemathesisConfig.from_dict(
    {
        # JSON Schema has no word for "no NUL", and every text would have to say it: the API's description does.
        "generation": {"allow-x00": False},
        "checks": {
            # A schema cannot say that a reference leads nowhere, or that a version is old.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "422"]
            },
            "negative_data_rejection": {
                "expected-statuses": ["400", "401", "403", "404", "409", "412", "415"]
            },
        },
    }
)
load_all_checks()


@schemathesis.deserializer("application/yaml", "application/openapi+yaml", "application/vnd.oai.openapi")
def from_yaml(context: Any, response: Any) -> Any:
    """The document itself, which Schemathesis would read with a loader that is twenty times slower."""
    return yaml.load(response.content, yaml.CSafeLoader)


CHECKED = [check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]
OTHERS = [check for check in CHECKED if check.__name__ != "positive_data_acceptance"]
LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
EXAMPLES = 12 if LONG else 2
RUNS = [
    (store, mode)
    for store in ("sqlite", "postgres")
    for mode in GenerationMode
    # What is wrong by the document is refused before any store is asked: one of them will do but for the long run.
    if LONG or store == "sqlite" or mode is GenerationMode.POSITIVE
]

UNSAID = re.compile(
    "|".join(
        (
            "is named twice",  # of an order, a key and its opposite
            "`order` (goes with one key|needs `sort`)",
            "pages by cursor; it cannot go with",
            "is not included; add `include=",
            "^Send it unchanged, with the same parameters",  # cursors are made by the server alone
            "must be (at least|more than|at most|less than) ",  # of decimals, which are texts
            "contradicts `If-Match`",
            "of the calendar",  # a format asserts nothing by itself
            "without a fraction or exponent|Expected `int[^`]*`, got `float`",  # to JSON Schema 1.0 is an integer
            "^A filter nests at most|leads through more than",
            "is given options more than once",  # of a relation
            r" has no `-?(count`|[a-zA-Z]+\([\w.]+\)?`)",  # of an order, without `groupBy`
            "^`fields` means nothing in JSON:API",  # nor does a parameter know of the body's media type
            "^Operation [0-9]+",  # which fields a patch leads to, and what they take
            "`groupBy` needs `aggregate`|Without `groupBy` there is|is neither asked for nor grouped by",
            "must be an integer from 1 to",  # not 1.0, nor so many rows as there can be groups
            "An integer has 64 bits at most",  # wherever any JSON goes
            "^`q` (must have at most [0-9]+ words|must name something)",
            "is for rows(;| that are included;)",  # with `aggregate` there are none
            # What a text holds by `contentMediaType` and `contentSchema` is told, and asserted by nothing.
            "^`(variables|extensions)` (is not JSON that can be read|must be an object)",
        )
    )
)
"""What a 400 may say to a request that is right by its schema: rules that JSON Schema has no words for."""
UNSAID_OF_DOCUMENTS = re.compile(f"{UNSAID.pattern}|^`code` is required")
"""The same of a document of JSON:API, where a natural key is an `id` or an attribute."""


ROWS = re.compile(
    r"^(fields(\[[\w-]+\])?|include|cursor|page|perPage|sort|order)$|^\w+\[(limit|sort|filter)\]"
)
"""The parameters that a summary has no use for, or seldom one."""


def unsaid(response: Any) -> bool:
    """Whether a request was refused only for rules that no schema can tell."""
    if response.status_code != 400:
        return False
    body = response.json()
    document = "errors" in body
    details = body["errors"] if document else body["error"]["details"]
    rules = UNSAID_OF_DOCUMENTS if document else UNSAID
    return bool(details) and all(rules.search(found.get("message") or found["detail"]) for found in details)


@cache
def cases(mode: GenerationMode, first: int, step: int) -> list[Any]:
    """Some requests for each operation of the first path and every `step`th from there, the same each time; none where
    nothing about it could be wrong."""
    schema = schemathesis.openapi.from_dict(_bare(demo.openapi()), config=CONFIG)
    operations = [result.ok() for result in schema.get_all_operations()]
    # What is deleted can be asked for nothing more.
    operations.sort(key=lambda operation: operation.method == "delete")
    paths = set(sorted({operation.path for operation in operations})[first::step])
    return [case for operation in operations if operation.path in paths for case in _of(operation, mode)]


def _bare(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what does not bear on whether a request is right."""
    document = deepcopy(document)
    # The callers have tokens, or none: made-up ones would hide what is behind them.
    del document["components"]["securitySchemes"]
    # test_openapi_examples.py sends the examples: here they would stand in for what is made up, and take their time.
    del document["components"]["examples"]
    for parameter in document["components"]["parameters"].values():
        del parameter["example"]
    for item in document["paths"].values():
        for method, operation in item.items():
            if method == "parameters":
                continue
            del operation["security"]
            for told in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media in told.get("content", {}).values():
                    media.pop("examples", None)
    return document


def _of(operation: Any, mode: GenerationMode) -> list[Any]:
    found: list[Any] = []
    if mode is GenerationMode.NEGATIVE and not operation.body and not operation.query:
        return found  # any id and any header is right: hundreds of attempts would come to nothing

    @settings(max_examples=EXAMPLES, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode))
    def take(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and case.query:
            _settled(case, summary=len(found) % 2 == 1)
        found.append(case)

    # It finds no opposite of a few schemas; what it has made until then is sent.
    with suppress(UnsupportedSchema):
        take()
    assert found, operation.label
    return found


def _settled(case: Any, *, summary: bool) -> None:
    """Make a query ask for rows, or for a summary: nearly all that ask for both are refused for that alone."""
    rows = {name for name in case.query if ROWS.search(name)}
    unmeant = rows if summary else {"aggregate", "groupBy"}
    unmeant = {*unmeant, *(name for name in case.query if name.startswith("page["))}  # they are of JSON:API
    if summary and "groupBy" not in case.query:
        unmeant |= {"limit"}
    if "(" in str(case.query.get("sort", "")) or "count" in str(case.query.get("sort", "")):
        unmeant |= {"sort", "order"}
    if not summary and type(case.query.get("limit")) is int:
        case.query["limit"] = min(case.query["limit"], MAX_LIMIT)
    for name in unmeant:
        case.query.pop(name, None)


async def answered(caller: Client, case: Any) -> Any:
    """What the application answers to a case."""
    made = case.as_transport_kwargs(base_url="http://127.0.0.1")
    parts = ("method", "url", "headers", "params", "cookies", "data", "json")
    request = requests.Request(**{name: made[name] for name in parts if name in made}).prepare()
    body = request.body or b""
    reply = await caller.request(
        str(request.method),
        request.path_url,
        body.encode() if isinstance(body, str) else body,
        {name: text for name, text in request.headers.items() if name.lower() != "content-length"},
    )
    return schemathesis.Response(
        status_code=reply.status,
        headers={name: [value] for name, value in reply.headers.items()},
        content=reply.body,
        request=request,
        elapsed=0.0,
        verify=True,
    )


@pytest.mark.parametrize(
    ("store_url", "mode"), RUNS, indirect=["store_url"], ids=[f"{store}-{mode.value}" for store, mode in RUNS]
)
async def test_made_up_requests_are_answered_as_described(store_url: str, mode: GenerationMode) -> None:
    problems: list[str] = []
    seen: set[int] = set()
    async with client(demo, database_url=store_url) as visitor:
        callers = await sign_up_each(visitor)
        known = await furnished(callers["admin"])
        await callers["admin"].post("/api/v1/projects", {"code": "NRT", "name": "Elsewhere"})
        await take_part(callers, known["projects"][0], "NRT")
        others = cycle(CALLERS[:-1])
        # In the usual run each store is asked about one path in four.
        for case in cases(mode, 0, 1) if LONG else cases(mode, int(store_url.startswith("postgres")), 4):
            # A deed of the admin's leaves less to ask about: they come last.
            asking = CALLERS if LONG else (next(others), "admin")
            if "{id}" in case.path and (rows := known.get(case.path.split("/")[3])):
                case.path_parameters = {"id": rows[0]}
            for name in asking:
                response = await answered(callers[name], case)
                seen.add(response.status_code)
                if response.status_code == 201 and "preference-applied" in response.headers:
                    # OpenAPI cannot say that an answer has a body or none.
                    assert response.content == b""
                    continue
                try:
                    case.validate_response(response, checks=OTHERS if unsaid(response) else CHECKED)
                except FailureGroup as group:
                    said = "; ".join(str(failure) for failure in group.exceptions)
                    request = response.request
                    problems.append(
                        f"{name}: {request.method} {request.path_url} {request.body!r}\n"
                        f"  {response.status_code} {response.content!r}\n  {said}"
                    )
    assert not problems, "\n".join(problems)
    # What is made up is seldom created, so seldom that it takes many tries; test_openapi_examples.py creates all.
    met = {200, 204, 401, 403, 404, *((201,) if LONG else ())}
    assert seen >= (met if mode is GenerationMode.POSITIVE else {400})
