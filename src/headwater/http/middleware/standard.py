"""The usual middleware of an application."""

from headwater.base.config import Config
from headwater.base.observe import Observers
from headwater.base.protocols import Authenticator
from headwater.http.exchange import Middleware
from headwater.http.middleware.authenticate import authenticate
from headwater.http.middleware.context import context
from headwater.http.middleware.cors import cors
from headwater.http.middleware.errors import errors
from headwater.http.middleware.security import security
from headwater.http.middleware.timing import timing


def standard(config: Config, observers: Observers, authenticator: Authenticator) -> tuple[Middleware, ...]:
    """The middleware of an application, outermost first. `errors` is inside those that add headers, so that
    refusals carry them too."""
    public = config.public_url or ""
    return (
        *((timing,) if config.tells_timing else ()),
        context(config.request_timeout),
        security(tls=config.tls or public.startswith("https://")),
        cors(config.cors_origins, local=config.mode == "demo"),
        errors(observers),
        authenticate(authenticator),
    )
