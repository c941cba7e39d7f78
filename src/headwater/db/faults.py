"""What a client is told when the database could not do what was asked."""

from headwater.base.errors import Fault
from headwater.db.base import Contended, Interrupted, Unavailable


def fault_of(trouble: Unavailable | Contended | Interrupted) -> Fault:
    """The refusal, and when to ask again. What the database itself said is for the log, not for clients."""
    match trouble:
        case Unavailable(unknown=True):
            message = (
                "The connection to the database broke while the write was being confirmed: "
                "it may have happened or not. Read before you repeat it."
            )
            return _database(message, trouble.retry_after, {"outcome": "unknown"})
        case Unavailable():
            return _database(None, trouble.retry_after)
        case Contended():
            message = "Others were writing the same rows all the time. Nothing was written; try again."
            return _database(message, 1)
        case _:
            return Fault("DEADLINE_EXCEEDED", headers={"Retry-After": "1"})


def _database(message: str | None, retry_after: int, facts: dict[str, str] | None = None) -> Fault:
    return Fault("DATABASE_ERROR", message, headers={"Retry-After": str(retry_after)}, facts=facts)
