"""Health: `/health/live` says that the process answers, `/health/ready` that it can serve."""

from typing import Any

from headwater.engine.engine import Engine
from headwater.engine.migrate import Revisions
from headwater.http.exchange import Exchange, Response
from headwater.http.routes import Form, Route

_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


def _fine(*names: str) -> dict[str, Any]:
    """The schema of an answer in which everything is in order."""
    return {"type": "object", "properties": {n: {"const": "ok"} for n in names}, "required": list(names)}


def routes(engine: Engine, revisions: Revisions) -> list[Route]:
    """The probes that a load balancer or supervisor asks."""

    async def live(exchange: Exchange) -> Response:
        return Response(200, list(_JSON), b'{"status":"ok"}')

    async def ready(exchange: Exchange) -> Response:
        await engine.ready(revisions)
        return Response(200, list(_JSON), b'{"status":"ok","database":"ok","migrations":"ok"}')

    return [
        Route(
            "GET",
            "/health/live",
            live,
            "live",
            "Whether the process answers.",
            authenticates=False,
            form=Form(_fine("status")),
        ),
        Route(
            "GET",
            "/health/ready",
            ready,
            "ready",
            "Whether the database answers and is migrated.",
            authenticates=False,
            form=Form(_fine("status", "database", "migrations"), codes=("DATABASE_ERROR",)),
        ),
    ]
