"""Refusals, in each of their forms."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from headwater.base.errors import Detail, Fault
from headwater.http import json_api
from headwater.http.exchange import Exchange, Response
from headwater.http.formats import GRAPHQL, JSON_API, PROBLEM_TYPE, encode_json, error_type, sends_document


def _error_body(fault: Fault, facts: Mapping[str, Any]) -> bytes:
    """A refusal in the JSON envelope."""
    first = {"code": fault.code, "number": fault.entry.number, "message": fault.message}
    return encode_json({"error": {**first, **facts}})


def _problem_body(fault: Fault, facts: Mapping[str, Any], path: str | None) -> bytes:
    """A refusal as a problem (RFC 9457), with what the envelope tells as further members. `path` is where it
    happened; the query string is left out, as it may hold what is nobody else's to see."""
    problem = {
        "type": f"/errors/{fault.code}",
        "title": fault.entry.meaning,
        "status": fault.status,
        "detail": fault.message,
    }
    if path is not None:
        problem["instance"] = quote(path, safe="-._~!$&'()*+,;=:@/%")
    return encode_json({**problem, **facts, **problem})


def graphql_error(fault: Fault, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A refusal as an error of a GraphQL response."""
    return {"message": fault.message, "extensions": dict(facts)}


def facts_of(fault: Fault, request_id: str, retry_after: str = "") -> dict[str, Any]:
    """What all forms of a refusal tell."""
    facts: dict[str, Any] = {
        "code": fault.code,
        "number": fault.entry.number,
        "requestId": request_id,
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "details": [_detail(detail) for detail in fault.details],
    }
    if fault.hint:
        facts["hint"] = fault.hint
    if retry_after.isdigit():
        facts["retryAfter"] = int(retry_after)
    return {**facts, **fault.facts}


def _detail(detail: Detail) -> dict[str, Any]:
    members = {
        "field": detail.field,
        "parameter": detail.parameter,
        "code": detail.code,
        "message": detail.message,
        "hint": detail.hint,
        **detail.facts,
    }
    return {name: value for name, value in members.items() if value is not None or name in detail.facts}


def error_response(
    fault: Fault,
    request_id: str,
    accept: bytes | None = None,
    path: str | None = None,
    *,
    sent: bool = True,
) -> Response:
    """A refusal as a response, in the form that the client's `Accept` header asks for, of what was asked at a path, and
    perhaps `sent` there.

    401 challenges (RFC 6750, 3), 429 and 503 say when to come back.
    """
    headers = dict(fault.headers)
    if fault.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="headwater"')
    elif fault.status in (429, 503):
        headers.setdefault("Retry-After", str(fault.facts.get("retryAfter", 1)))
    facts = facts_of(fault, request_id, headers.get("Retry-After", ""))
    status, media_type = fault.status, error_type(accept)
    if media_type == PROBLEM_TYPE:
        body = _problem_body(fault, facts, path)
    elif media_type == JSON_API.media_type:
        status = json_api.status(fault)
        body = encode_json(json_api.errors(fault, facts, sent=sent))
    elif media_type == GRAPHQL.media_type:
        body = encode_json({"errors": [graphql_error(fault, facts)]})
    else:
        body = _error_body(fault, facts)
    encoded = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store"), (b"vary", b"Accept")]
    encoded += [(name.lower().encode(), _header_value(value)) for name, value in headers.items()]
    return Response(status, encoded, body)


def refusal(fault: Fault, exchange: Exchange) -> Response:
    """The response that refuses a request."""
    accept = exchange.headers.get(b"accept")
    if accept in (None, b"*/*") and sends_document(exchange):
        accept = JSON_API.media_type.encode()
    sent = bool(exchange.route.accepts)
    return error_response(fault, exchange.request_id, accept, exchange.path, sent=sent)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _header_value(text: str) -> bytes:
    """Text as a header value: what could end the header, or is not in its character set, is replaced."""
    return _CONTROL.sub(" ", text).encode("latin-1", "replace")
