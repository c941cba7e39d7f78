"""Whatever is raised becomes an answer."""

import logging

from headwater.base.errors import Fault
from headwater.base.observe import Observers, UnexpectedFailure
from headwater.db.base import Contended, Interrupted, Unavailable
from headwater.http.exchange import Disconnected, Exchange, Handler, Middleware, Response
from headwater.http.wire import refusal


def errors(observers: Observers) -> Middleware:
    """Render faults, tell what a database's refusal means to a client, and answer anything else with 500."""

    def wrap(handler: Handler) -> Handler:
        async def answering(exchange: Exchange) -> Response:
            try:
                return await handler(exchange)
            except Fault as fault:
                return refusal(fault, exchange)
            except Disconnected:
                raise
            except Exception as error:
                return failure(error, exchange, observers)

        return answering

    return wrap


def failure(error: Exception, exchange: Exchange, observers: Observers) -> Response:
    """The answer to an exception that is no `Fault`: a known trouble of the database, or else a bug.

    A bug is reported with its trace under the request id, and answered without any of it.
    """
    fault = _database_fault(error)
    if fault is None:
        if UnexpectedFailure in observers.wanted:
            observers.emit(UnexpectedFailure(exchange.request_id, error))
        else:
            logging.getLogger("headwater").error("failure in %s", exchange.request_id, exc_info=error)
        fault = Fault("INTERNAL_ERROR")
    return refusal(fault, exchange)


def _database_fault(error: Exception) -> Fault | None:
    match error:
        case Unavailable(unknown=True):
            return Fault(
                "DATABASE_ERROR",
                "The connection to the database broke while the write was being confirmed: "
                "it may have happened or not. Read before you repeat it.",
                headers={"Retry-After": str(error.retry_after)},
                facts={"outcome": "unknown"},
            )
        case Unavailable():
            return Fault("DATABASE_ERROR", headers={"Retry-After": str(error.retry_after)})
        case Interrupted():
            return Fault("DEADLINE_EXCEEDED")
        case Contended():
            return Fault(
                "DATABASE_ERROR",
                "Others were writing the same rows all the time. Nothing was written; try again.",
                headers={"Retry-After": "1"},
            )
    return None
