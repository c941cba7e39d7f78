"""Who calls an application that a product mounts, and what they may see and do there."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from headwater.base.call import Actor, Call
from headwater.base.errors import Detail, Fault
from headwater.declare.reader import Reader
from headwater.engine.engine import Engine
from headwater.engine.tx import Tx
from headwater.ir.model import REPORTS

T = TypeVar("T")


class Caller(Reader):
    """The caller of one request, and the data as they may see and change it.

    Their row rules, field rules and permissions hold in everything that is done here, as they do for the API: a row
    that they may not see is not there, a field that they may not read is None.
    """

    def __init__(self, engine: Engine, call: Call) -> None:
        super().__init__(engine, call, engine.guard.rules(call))
        self._engine = engine

    @property
    def actor(self) -> Actor:
        """The account: its `id`, `name` and `roles`; `signed_in` is false for nobody's."""
        return self.call.actor

    @property
    def request_id(self) -> str:
        """The id under which this request is logged, and which its answer carries in `X-Request-Id`."""
        return self.call.request_id

    def may(self, permission: str) -> bool:
        """Whether one of the caller's roles grants a permission such as `read:reports`, which need not be a
        resource's."""
        verb, _, path = permission.partition(":")
        model = self._engine.model
        resource = next((r for r in model.resources.values() if r.path == path), None)
        reports = model.reports if path == REPORTS else {} if resource is None else resource.reports
        allowed: bool = self.rules.permit(verb, path, verb in reports)
        return allowed

    def require(self, permission: str) -> None:
        """Raises Fault where the caller lacks a permission: AUTHENTICATION_REQUIRED for nobody's, else
        INSUFFICIENT_PERMISSIONS."""
        if self.may(permission):
            return
        if not self.actor.signed_in:
            raise Fault("AUTHENTICATION_REQUIRED")
        message = f"You need the permission {permission} here."
        detail = Detail("INSUFFICIENT_PERMISSIONS", message, facts={"requiredPermission": permission})
        raise Fault("INSUFFICIENT_PERMISSIONS", message, [detail])

    async def transact(self, work: Callable[[Tx], Awaitable[T]], *, as_product: bool = False) -> T:
        """What `work` returns, once all that it creates, changes and deletes is durable, in one transaction.

        `work` runs again where a row that it has read has changed meanwhile. With `as_product` it has the rights of
        the product, as an action's body has.

        Raises Fault as a request to the API does.
        """
        return await self._engine.transact(self.call, work, None if as_product else self.rules)


def caller(request: Any) -> Caller:
    """The caller of a request: of a Starlette or FastAPI `Request`, or of an ASGI scope.

    Raises LookupError where the request did not come through an `App`.
    """
    found = getattr(request, "scope", request).get("headwater.caller")
    if not isinstance(found, Caller):
        raise LookupError("This request did not come through a Headwater App: mount the application there.")
    return found
