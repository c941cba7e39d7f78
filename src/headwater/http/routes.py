"""The one route table: the dispatcher, `headwater routes`, the documentation and CORS all read it.

Paths are matched segment by segment through dictionaries, a literal before a parameter. What a path means is
worked out at start: at run time there is no backtracking, no regular expression and no exception. A route whose
template ends with `/*` is a mount: it takes every method on its path and on all below it, which nobody else may have.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from headwater.base.errors import DeclarationError, DeclarationErrors, Fault
from headwater.http.exchange import Exchange, Handler, Response

ACCEPT_HEADERS: Final = {"POST": "Accept-Post", "PATCH": "Accept-Patch", "QUERY": "Accept-Query"}
"""The headers that tell which media types a method takes (W3C LDP, 7.1; RFC 5789, 3.1; RFC 10008)."""

_METHODS: Final[Sequence[str]] = ("GET", "HEAD", "QUERY", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Form:
    """What a route takes and answers, in JSON Schema (2020-12), where it does not follow from a resource.

    `answer` is the body of a 200, in one of `types`; None: it answers 204. `texts` are the media types in which it
    answers as well, of which nothing more is said. `example` is an answer, where none is made from the schema. `query`
    are parameters by name: a schema, a description, an example. `tagged`: the answer has an entity tag, so that it can
    be asked for only if it has changed. `body` is what is sent; None: nothing. `codes` are the errors that it refuses
    with, beside those that follow from its method, its body and its token. `signed_in`: guests are refused. `path` has
    an example of each parameter in the path.
    """

    answer: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None
    body_required: bool = True
    codes: tuple[str, ...] = ()
    signed_in: bool = False
    texts: tuple[str, ...] = ()
    path: Mapping[str, str] = field(default_factory=dict)
    types: tuple[str, ...] = ("application/json",)
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tagged: bool = False
    example: Any = None


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path, or a mount, whose method is `*`. `template` is like `/api/v1/tasks/{id}`.

    `permission` is what a caller needs, for listings: it is the engine that asks for it. `accepts` are the
    media types of a request body (told in the method's one of `ACCEPT_HEADERS`). Where `authenticates` is false,
    the `Authorization` header is not looked at, so that a stale token does not stop anybody from signing in.
    `facts` is what a surface knows of an operation on a resource, for its documentation; `form` what it knows
    of any other. What pages load is not `documented`.
    """

    method: str
    template: str
    handler: Handler
    name: str
    doc: str = ""
    permission: str | None = None
    accepts: tuple[str, ...] = ()
    authenticates: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    form: Form | None = None
    documented: bool = True


class _Leaf:
    """What a path means: each method's route with the places of its parameters, and a refusal of the rest."""

    __slots__ = ("methods", "refusal")

    def __init__(self, candidates: Sequence["_Candidate"]) -> None:
        self.methods: dict[str, tuple[Route, tuple[tuple[str, int], ...]]] = {}
        for candidate in sorted(candidates, key=lambda candidate: candidate.precedence):
            self.methods.setdefault(candidate.route.method, (candidate.route, candidate.parameters))
        if "GET" in self.methods:
            self.methods.setdefault("HEAD", self.methods["GET"])
        allowed = [method for method in _METHODS if method in self.methods or method == "OPTIONS"]
        allowed += sorted(self.methods.keys() - set(_METHODS))
        allow = ", ".join(allowed)
        headers = {"Allow": allow}
        for method, header in ACCEPT_HEADERS.items():
            if method in self.methods and self.methods[method][0].accepts:
                headers[header] = ", ".join(self.methods[method][0].accepts)
        template = next(iter(self.methods.values()))[0].template
        if "OPTIONS" not in self.methods:
            options = Route("OPTIONS", template, _options(headers), "options", authenticates=False)
            self.methods["OPTIONS"] = (options, ())
        self.refusal = Route("*", template, _not_allowed(headers), "method_not_allowed", authenticates=False)


class _Node:
    """One place in a path. `rest` is where any segment without a literal of its own leads; `beyond` takes what leads
    nowhere."""

    __slots__ = ("beyond", "leaf", "literals", "rest")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.rest: _Node | None = None
        self.leaf: _Leaf | None = None
        self.beyond = NOT_FOUND


@dataclass(frozen=True, slots=True)
class _Candidate:
    route: Route
    segments: tuple[str, ...]

    @property
    def precedence(self) -> tuple[bool, ...]:
        return tuple(_is_parameter(segment) for segment in self.segments)

    @property
    def parameters(self) -> tuple[tuple[str, int], ...]:
        return tuple(
            (segment[1:-1], at) for at, segment in enumerate(self.segments) if _is_parameter(segment)
        )


class Routes:
    """The table. Raises DeclarationErrors naming all routes that are doubled or malformed."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)
        errors: list[DeclarationError] = []
        seen: dict[tuple[str, tuple[str, ...]], Route] = {}
        for route in self._routes:
            errors += _mistakes(route)
            shape = tuple("{}" if _is_parameter(segment) else segment for segment in _split(route.template))
            other = seen.setdefault((route.method, shape), route)
            if other is not route and not _is_mount(route):
                errors.append(
                    DeclarationError(
                        f"{route.method} {route.template} ({route.name}) is already taken "
                        f"by {other.template} ({other.name})",
                        mend="give one of them another path or method.",
                    )
                )
        for mount in filter(_is_mount, self._routes):
            errors += _taken(mount, self._routes)
        if errors:
            raise DeclarationErrors(errors)
        self._root = _grow([_Candidate(route, _split(route.template)) for route in self._routes], 0)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a method and a percent-encoded path, and the path's parameters.

        Always finds one: for an unknown path a route whose handler raises Fault RESOURCE_NOT_FOUND, for an
        unknown method one that raises METHOD_NOT_ALLOWED. A trailing slash is ignored.
        """
        segments = path.split("/")
        if "%" in path:
            try:
                # A segment is decoded after the split: an encoded slash belongs to its segment.
                segments = [unicodedata.normalize("NFC", unquote(s, errors="strict")) for s in segments]
            except UnicodeDecodeError:
                return NOT_FOUND, {}
            if any("\0" in segment for segment in segments):
                return NOT_FOUND, {}
        if not segments[-1] and len(segments) > 1:
            del segments[-1]
        node: _Node | None = self._root
        for segment in segments:
            following = node.literals.get(segment)  # type: ignore[union-attr]
            if following is None:
                following = node.rest  # type: ignore[union-attr]
                if following is None or not segment:
                    return node.beyond, {}  # type: ignore[union-attr]
            node = following
        leaf = node.leaf  # type: ignore[union-attr]
        if leaf is None:
            return node.beyond, {}  # type: ignore[union-attr]
        found = leaf.methods.get(method)
        if found is None:
            return leaf.refusal, {}
        route, parameters = found
        return route, {name: segments[at] for name, at in parameters}


def _grow(candidates: Sequence[_Candidate], depth: int) -> _Node:
    """The node that these candidates share. A parameter's also go below every literal beside it."""
    node = _Node()
    ending = [c for c in candidates if len(c.segments) == depth]
    if ending and _is_mount(ending[0].route):
        node.beyond = ending[0].route
    elif ending:
        node.leaf = _Leaf(ending)
    parametric: list[_Candidate] = []
    literal: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        if len(candidate.segments) <= depth:
            continue
        segment = candidate.segments[depth]
        if _is_parameter(segment):
            parametric.append(candidate)
            for beside in literal.values():
                beside.append(candidate)
        else:
            literal.setdefault(segment, [*parametric]).append(candidate)
    node.literals = {segment: _grow(found, depth + 1) for segment, found in literal.items()}
    if parametric:
        node.rest = _grow(parametric, depth + 1)
    return node


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _is_mount(route: Route) -> bool:
    return route.template.endswith("/*")


def _split(template: str) -> tuple[str, ...]:
    return ("",) if template == "/" else tuple(template.removesuffix("/*").split("/"))


def _taken(mount: Route, routes: Iterable[Route]) -> Iterator[DeclarationError]:
    """A mount has its path and all below it for itself."""
    segments = _split(mount.template)
    for other in routes:
        others = _split(other.template)
        if len(others) < len(segments) and not _is_mount(other):
            continue
        pairs = zip(segments, others, strict=False)
        if other is not mount and all(a == b or _is_parameter(b) for a, b in pairs):
            path = mount.template.removesuffix("/*") or "/"
            message = f"{path} is where {other.method} {other.template} ({other.name}) is"
            yield DeclarationError(
                message, where=mount.name, mend="mount it at a path of its own, such as /reports."
            )
            return


def _mistakes(route: Route) -> Iterator[DeclarationError]:
    where = f"{route.method} {route.template}"
    segments = _split(route.template)
    if _is_mount(route) and any(map(_is_parameter, segments)):
        yield DeclarationError("the path of a mount has no parameters", where=where)
    if segments[0] or "" in segments[1:] or not route.template:
        yield DeclarationError(
            "a template starts with a slash, does not end with one and has no empty segment", where=where
        )
    names = [segment[1:-1] for segment in segments if _is_parameter(segment)]
    for segment in segments:
        inner = segment[1:-1] if _is_parameter(segment) and segment.endswith("}") else None
        if ("{" in segment or "}" in segment) and not (inner and inner.isidentifier()):
            yield DeclarationError(
                f"`{segment}` is not a parameter", where=where, mend="write it as `{name}`."
            )
    if len(set(names)) != len(names):
        yield DeclarationError("a parameter's name occurs twice", where=where)
    if not (route.method.isupper() or _is_mount(route)):
        yield DeclarationError("a method is written in capitals", where=where)


async def _not_found(exchange: Exchange) -> Response:
    raise Fault("RESOURCE_NOT_FOUND", "There is nothing at this path.")


NOT_FOUND: Final = Route("*", "", _not_found, "not_found", authenticates=False)


def _not_allowed(headers: Mapping[str, str]) -> Handler:
    async def refuse(exchange: Exchange) -> Response:
        raise Fault(
            "METHOD_NOT_ALLOWED",
            f"{exchange.method} is not offered here; {headers['Allow']} are.",
            headers=headers,
        )

    return refuse


def _options(headers: Mapping[str, str]) -> Handler:
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def options(exchange: Exchange) -> Response:
        return Response(204, list(encoded))

    return options
