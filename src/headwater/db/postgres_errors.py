"""What PostgreSQL's and asyncpg's errors mean to a store."""

import asyncpg

from headwater.db.base import (
    Contended,
    Interrupted,
    ReferenceViolation,
    StoreError,
    TooLong,
    Unavailable,
    UniqueViolation,
)

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""All that asyncpg raises of itself. A timeout is an OSError."""

STALE = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
    asyncpg.InvalidSQLStatementNameError,
)
"""The schema has changed under a prepared statement, or the server has forgotten it."""

_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    ConnectionError,
)


def is_lost(error: BaseException, connection: asyncpg.Connection) -> bool:
    """Whether the connection itself has ended, rather than the statement failed."""
    return isinstance(error, _GONE) or connection.is_closed()


def translate(error: Exception) -> StoreError:
    """The store's error for one of `DRIVER_ERRORS`."""
    match error:
        case asyncpg.UniqueViolationError():
            name = str(error.constraint_name)
            return UniqueViolation(f"pk_{error.table_name}" if name == f"{error.table_name}_pkey" else name)
        case asyncpg.ForeignKeyViolationError() | asyncpg.RestrictViolationError():
            return ReferenceViolation(error.constraint_name)
        case asyncpg.SerializationError() | asyncpg.DeadlockDetectedError() | asyncpg.LockNotAvailableError():
            return Contended(str(error))
        case TimeoutError() | asyncpg.QueryCanceledError():
            return Interrupted("stopped at its deadline")
        case asyncpg.DiskFullError():
            return Unavailable("the disk is full: the database cannot take writes", retry_after=10)
        case asyncpg.ReadOnlySQLTransactionError():
            return Unavailable("the database is read-only at the moment", retry_after=5)
        case asyncpg.InsufficientResourcesError() | asyncpg.PostgresSystemError():
            return Unavailable(f"the database is out of resources: {error}", retry_after=5)
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidCatalogNameError():
            return Unavailable(f"the database refuses the connection: {error}", retry_after=10)
        case asyncpg.PostgresError(sqlstate="54000") if str(error).startswith("index row"):
            return TooLong(str(error))
        case asyncpg.PostgresError(sqlstate="54000") if "not accepting commands" in str(error):
            return Unavailable(f"the database takes no writes: {error}", retry_after=10)
        case asyncpg.PostgresError() if not isinstance(error, _GONE):
            return Contended(str(error)) if isinstance(error, STALE) else StoreError(str(error))
        case asyncpg.InterfaceError() if "clos" not in str(error):
            return StoreError(str(error))
        case _:
            return Unavailable(f"the database cannot be reached: {error}")
