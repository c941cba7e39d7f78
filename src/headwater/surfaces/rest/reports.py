"""GET reports: questions that a function of the author's answers."""

from collections.abc import Iterator
from typing import Final

from headwater.engine.engine import Engine
from headwater.http.decode import decode_query
from headwater.http.envelopes import one
from headwater.http.exchange import Exchange, Handler, Response
from headwater.http.formats import negotiate
from headwater.http.routes import Route
from headwater.http.tags import etag, tagged
from headwater.ir.asking import asked
from headwater.ir.model import REPORTS, Report, Resource
from headwater.ir.query import Ask

_JSON: Final = (b"content-type", b"application/json")
# What an answer holds depends on who asks, so that a cache which two people share must not give it to the other.
_VARY: Final = (b"vary", b"Authorization")


def report_routes(engine: Engine, resources: list[Resource], base: str) -> Iterator[Route]:
    """The routes of all reports below `/api/VERSION`."""
    for resource in resources:
        path = f"{base}/{resource.path}"
        for report in resource.reports.values():
            where = f"{path}/{{id}}" if report.on == "row" else path
            yield Route(
                "GET",
                f"{where}/{report.path}",
                answers(engine, report, resource),
                f"{resource.path}.{report.name}",
                report.doc,
                resource.permission(report.name),
                facts={"resource": resource.name, "operation": "report", "report": report.name},
            )
    for report in engine.model.reports.values():
        yield Route(
            "GET",
            f"{base}/{REPORTS}/{report.path}",
            answers(engine, report),
            f"{REPORTS}.{report.name}",
            report.doc,
            report.permission,
            facts={"operation": "report", "report": report.name},
        )


def answers(engine: Engine, report: Report, resource: Resource | None = None) -> Handler:
    """The handler of a report."""
    name = None if resource is None else resource.name
    kept = f"private, max-age={report.max_age}" if report.max_age else "private, no-cache"
    headers = [_JSON, (b"cache-control", kept.encode()), _VARY]

    async def answer(exchange: Exchange) -> Response:
        negotiate(exchange.headers.get(b"accept"))
        arguments = asked(report, decode_query(exchange.query))
        key = exchange.path_parameters.get("id")
        text = await engine.ask(exchange.call, Ask(report.name, name, key, arguments))
        response = Response(200, headers.copy(), one(text, exchange.request_id))
        return tagged(exchange, etag(text.encode()), response)

    return answer
