"""Whatever is raised becomes an answer."""

import logging

from headwater.base.errors import Fault
from headwater.base.observe import Observers, StoreTrouble, UnexpectedFailure
from headwater.db.base import TROUBLES
from headwater.db.faults import fault_of
from headwater.http.exchange import Disconnected, Exchange, Handler, Middleware, Response
from headwater.http.refusals import refusal


def errors(observers: Observers) -> Middleware:
    """Render faults, tell what a database's refusal means to a client, and answer anything else with 500."""

    def wrap(handler: Handler) -> Handler:
        async def answering(exchange: Exchange) -> Response:
            try:
                return await handler(exchange)
            except Fault as fault:
                if isinstance(fault.__cause__, TROUBLES):
                    _report(fault.__cause__, exchange, observers)
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
    if isinstance(error, TROUBLES):
        _report(error, exchange, observers)
        return refusal(fault_of(error), exchange)
    if UnexpectedFailure in observers.wanted:
        observers.emit(UnexpectedFailure(exchange.request_id, error))
    else:
        logging.getLogger("headwater").error("failure in %s", exchange.request_id, exc_info=error)
    return refusal(Fault("INTERNAL_ERROR"), exchange)


def _report(trouble: BaseException, exchange: Exchange, observers: Observers) -> None:
    """The reason is for those who run the server."""
    if StoreTrouble in observers.wanted:
        observers.emit(StoreTrouble(exchange.request_id, str(trouble)))
