"""The paths for signing in and out, the published keys, and who one is."""

from collections.abc import Mapping
from typing import Any, Final

from headwater.base.errors import Detail, Fault, Problems, shortened
from headwater.http.envelopes import JSON_TYPE, json_response, one
from headwater.http.exchange import Exchange, Response
from headwater.http.formats import encode_json, read_body, sent_type
from headwater.http.middleware.authenticate import bearer_token
from headwater.http.routes import Form, Route
from headwater.identity.identity import Grant, Identity

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
NO_STORE: Final = (b"cache-control", b"no-store")


def _object(members: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has all of these members."""
    return {"type": "object", "properties": members, "required": list(members)}


def _texts(*names: str) -> dict[str, Any]:
    """The schema of a body of these texts and nothing else."""
    members = {name: {"type": "string", "examples": [_EXAMPLES[name]]} for name in names}
    return {**_object(members), "additionalProperties": False}


# What only the server can make is not shown whole.
_EXAMPLES: Final = {
    "username": "grace.mbeki",
    "password": "a dozen frames of fog",
    "refreshToken": "sess_01j9zq4h8wfwrtk4p2v6m8x3ae.Zm9n.c3VuZG93bg",
    "accessToken": "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJ1c2VyXzAxajl6cSJ9.c2lnbmF0dXJl",
}


_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_TOKENS: Final = _object({
    "accessToken": {"type": "string", "description": "A JWT, to be sent as `Authorization: Bearer`.",
                    "examples": [_EXAMPLES["accessToken"]]},
    "tokenType": {"const": "bearer"},
    "expiresIn": {"type": "integer", "minimum": 1, "description": "Seconds until the access token expires.",
                  "examples": [900]},
    "refreshToken": {"type": "string", "description": "Gets new tokens, once.",
                     "examples": [_EXAMPLES["refreshToken"]]},
})  # fmt: skip
_ME: Final = _object({
    "data": _object({
        "id": {"type": "string"}, "login": {"type": "string"}, "name": {"type": "string"},
        "roles": _TEXTS, "permissions": _TEXTS,
    }),
    "meta": _object({"requestId": {"type": "string"}}),
})  # fmt: skip
_SOMEBODY: Final = {
    "data": {
        "id": "user_01j9zq4h8wfwrtk4p2v6m8x3ae", "login": "grace.mbeki", "name": "Grace Mbeki",
        "roles": ["guest", "user"], "permissions": [],
    },
    "meta": {"requestId": "req_0123456789abcdef01234567"},
}  # fmt: skip
_KEYS: Final = _object({
    "keys": {
        "type": "array",
        "description": "As RFC 7517 has it.",
        "items": {"type": "object", "properties": {
                      "kty": {"type": "string", "examples": ["RSA"]},
                      "kid": {"type": "string", "examples": ["2026-03-02"]},
                  },
                  "required": ["kty", "kid"]},
    }
})  # fmt: skip


def routes(identity: Identity) -> list[Route]:
    """The routes of an application's identity."""

    async def login(exchange: Exchange) -> Response:
        body = await _fields(exchange, ("username", "password"))
        return _tokens(await identity.login(body["username"], body["password"], exchange.request_id))

    async def refresh(exchange: Exchange) -> Response:
        body = await _fields(exchange, ("refreshToken",))
        return _tokens(await identity.refresh(body["refreshToken"], exchange.request_id))

    async def logout(exchange: Exchange) -> Response:
        # The route looks at the header itself: a client may sign out with its refresh token, however old the
        # access token that it still sends.
        if await exchange.body():
            body = await _fields(exchange, ("refreshToken",))
            await identity.logout(token=body["refreshToken"], request_id=exchange.request_id)
        else:
            sent = exchange.headers.get(b"authorization")
            if sent is None:
                raise Fault("AUTHENTICATION_REQUIRED", "Send the refresh token, or a bearer token.")
            actor = await identity.actor(bearer_token(sent))
            await identity.logout(actor.session, request_id=exchange.request_id)
        return Response(204, [NO_STORE])

    async def me(exchange: Exchange) -> Response:
        actor = exchange.call.actor
        account = None if actor.id is None else await identity.account_by_id(actor.id)
        if account is None:
            raise Fault("AUTHENTICATION_REQUIRED")
        shown = {
            "id": account["id"],
            "login": account["login"],
            "name": account["name"],
            "roles": sorted(actor.roles),
            "permissions": sorted(actor.permissions),
        }
        return Response(200, [JSON_TYPE, NO_STORE], one(encode_json(shown).decode(), exchange.request_id))

    async def keys(exchange: Exchange) -> Response:
        # A minute is far less than a key is published before it signs.
        cached = (b"cache-control", b"public, max-age=60")
        return json_response({"keys": await identity.published_keys()}, headers=[cached])

    return [
        Route("POST", "/api/v1/auth/login", login, "auth.login", "Sign in with user name and password.",
              accepts=(JSON, FORM), authenticates=False,
              form=Form(_TOKENS, _texts("username", "password"), codes=("INVALID_CREDENTIALS", "DATABASE_ERROR"))),
        Route("POST", "/api/v1/auth/refresh", refresh, "auth.refresh",
              "Exchange a refresh token for new tokens.", accepts=(JSON,), authenticates=False,
              form=Form(_TOKENS, _texts("refreshToken"),
                        codes=("INVALID_CREDENTIALS", "TOKEN_EXPIRED", "TOKEN_REUSED", "DATABASE_ERROR"))),
        Route("POST", "/api/v1/auth/logout", logout, "auth.logout",
              "End the session of the refresh token in the body, or else of the bearer token.",
              accepts=(JSON,), authenticates=False,
              form=Form(None, _texts("refreshToken"), body_required=False,
                        codes=("AUTHENTICATION_REQUIRED", "INVALID_CREDENTIALS", "DATABASE_ERROR"))),
        Route("GET", "/api/v1/users/me", me, "users.me", "Who the caller is, with roles and permissions.",
              form=Form(_ME, codes=("AUTHENTICATION_REQUIRED", "DATABASE_ERROR"), signed_in=True,
                        example=_SOMEBODY)),
        Route("GET", "/.well-known/jwks.json", keys, "auth.keys",
              "The keys that access tokens are signed with.", authenticates=False,
              form=Form(_KEYS, codes=("DATABASE_ERROR",))),
    ]  # fmt: skip


def _tokens(grant: Grant) -> Response:
    body = {
        "accessToken": grant.access_token,
        "tokenType": "bearer",
        "expiresIn": grant.expires_in,
        "refreshToken": grant.refresh_token,
    }
    return json_response(body, headers=[NO_STORE])


# What a client of OAuth 2's password grant sends besides (RFC 6749, 4.3.2); none of it changes the answer.
_OAUTH: Final = frozenset({"grant_type", "scope", "client_id", "client_secret"})


async def _fields(exchange: Exchange, names: tuple[str, ...]) -> dict[str, str]:
    """The text fields of a body. Raises: Fault VALIDATION_ERROR naming all that is missing, unknown or no text."""
    sent: Any = await read_body(exchange)
    if not isinstance(sent, dict):
        raise Fault("VALIDATION_ERROR", "The body is not an object.")
    beside = _OAUTH if sent_type(exchange) == FORM else frozenset[str]()
    details: list[Detail] = Problems()
    for name in names:
        if name not in sent:
            details.append(Detail("REQUIRED_FIELD", f"{name} is missing.", field=name))
        elif not isinstance(sent[name], str):
            details.append(Detail("INVALID_FORMAT", f"{name} is not a text.", field=name))
    for name in sent:
        if name not in names and name not in beside:
            short, hint = shortened(name), f"The fields are {', '.join(names)}."
            details.append(Detail("UNKNOWN_FIELD", f"There is no field {short!r}.", field=short, hint=hint))
    if details:
        raise Fault("VALIDATION_ERROR", details=details)
    return sent
