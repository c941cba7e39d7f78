"""The OpenAPI 3.1 document of an application, derived from its model and its route table."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version as installed
from typing import Any, Final

from headwater.base.errors import REGISTRY, ErrorCode
from headwater.engine.guard import covers
from headwater.http.routes import Form, Route
from headwater.http.wire import JSON_API, JSON_PATCH, PROBLEM_TYPE
from headwater.ir.model import REPORTS, TRASH_VERBS, Grant, Model, Resource
from headwater.surfaces.describe.parameters import SHARED, Parameters
from headwater.surfaces.describe.reports import ASKING, parameters, summary
from headwater.surfaces.describe.schemas import PREFIX, Schemas, envelope, ref
from headwater.surfaces.describe.values import Schema, example

Operation = dict[str, Any]

_CONVENTIONS: Final = """\
Bodies are JSON in UTF-8 and read strictly: no other members than those listed, no coercion, no repeated names, no NUL
characters, integers of 64 bits, at most 32 levels. Text is normalised to NFC. Names in query strings may be written in
snake case too, and `filter[status]=` means the same as `status=`; a field behind a relation is filtered by its path,
such as `project.name[contains]=`. A path that has GET answers HEAD, and every path OPTIONS; other methods get 405 with
`Allow`. What a caller may not see answers 404, like what does not exist."""

_TAGS: Final = {
    "about": "What this is, where to go, and whether it is well.",
    "auth": "Signing in and out, and the keys that tokens are signed with.",
    "openapi": "This document.",
    "users": "The caller's own account.",
}

_READS: Final = ("list", "read", "related", "search")
# A head of more than 64 KiB is refused everywhere.
_EVERY: Final = ("INTERNAL_ERROR", "INVALID_FORMAT")
_CALLER: Final = ("INVALID_CREDENTIALS", "TOKEN_EXPIRED", "AUTHENTICATION_REQUIRED")
_BODY: Final = (
    "VALIDATION_ERROR",
    "INVALID_FORMAT",
    "REQUEST_TIMEOUT",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
)
_STORE: Final = ("DATABASE_ERROR", "DEADLINE_EXCEEDED")
_REASONS: Final = {
    400: "The request cannot be understood; `details` lists every problem.",
    401: "The caller is not signed in, or the token is not valid.",
    403: "The caller may see this, but not do that.",
    404: "There is no such thing, or the caller cannot see it.",
    406: "No representation matches `Accept`.",
    408: "The body did not arrive in time.",
    409: "The change conflicts with what is there.",
    412: "`If-Match` names another version than the current one.",
    413: "The body is too large.",
    415: "The body's media type is not understood here.",
    422: "Each value is valid, but a rule across fields, rows or states forbids it.",
    428: "This is only changed against a known version: send `If-Match`, or `version` in the body.",
    429: "Too many requests.",
    500: "An unexpected failure; its trace is logged under the request id.",
    503: "It cannot be done now; try again after `Retry-After` seconds.",
}
_HEADERS: Final[dict[str, Schema]] = {
    "X-Request-Id": {
        "description": "Names this request in the server's log.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    },
    "ETag": {
        "description": "The version of what is shown. Not there where the caller may not read what they wrote.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where the new row is.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Content-Location": {
        "description": "Where the row is that is shown.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {"description": "The links of the page (RFC 8288).", "schema": {"type": "string"}},
    "X-Total-Count": {
        "description": "On numbered pages: how many rows there are.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-Pagination-Pages": {
        "description": "On numbered pages: how many pages there are.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to sign in (RFC 6750).", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds until it is worth trying again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Accept-Query": {
        "description": "The media types in which the rows can be asked for by QUERY (RFC 10008).",
        "schema": {"type": "string"},
    },
    "Preference-Applied": {
        "description": "The preference of `Prefer` that was met (RFC 7240).",
        "schema": {"type": "string"},
    },
    "Accept-Post": {"description": "The media types that are understood.", "schema": {"type": "string"}},
    "Accept-Patch": {"description": "The media types that are understood.", "schema": {"type": "string"}},
}


def document(
    model: Model,
    routes: Iterable[Route],
    *,
    title: str,
    description: str = "",
    license: str | None = None,
    contact: Mapping[str, str] | None = None,
    version: str = "v1",
) -> dict[str, Any]:
    """The document, as JSON values. `license` is an identifier of SPDX, `contact` has a name, a url or an email."""
    info: dict[str, Any] = {
        "title": title,
        "version": version,
        "description": f"{description}\n\n{_CONVENTIONS}".strip(),
        "x-generator": f"headwater {installed('headwater')}",
    }
    if license:
        info["license"] = {"name": license, "identifier": license}
    if contact:
        info["contact"] = dict(contact)
    return _Document(model, tuple(routes), info).build()


class _Document:
    def __init__(self, model: Model, routes: Sequence[Route], info: dict[str, Any]) -> None:
        self.model, self.routes, self.info = model, routes, info
        self.parameters = Parameters(model)
        self.schemas = Schemas(model, self.parameters)
        self._statuses: set[int] = set()
        self._used: set[str] = set()
        self._queried = {route.template for route in self.routes if route.method == "QUERY"}

    def build(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        tags: dict[str, str] = {}
        for route in self.routes:
            if route.method in ("QUERY", "*"):
                # OpenAPI 3.1 has no place for it: the GET beside it tells of it in words. A mount tells of itself.
                continue
            resource = self._resource(route)
            operation = self._operation(route, resource)
            tag = operation["tags"][0]
            tags.setdefault(tag, resource.doc if resource else _TAGS.get(tag, ""))
            item = paths.setdefault(route.template, {})
            if "{id}" in route.template and "parameters" not in item and resource:
                item["parameters"] = [self._id(resource)]
            elif route.form is not None and route.form.path:
                item["parameters"] = [
                    {"name": name, "in": "path", "required": True, "example": value,
                     "schema": {"type": "string", "minLength": 1}}
                    for name, value in route.form.path.items()
                ]  # fmt: skip
            item[route.method.lower()] = operation
        every = {**SHARED, **{k: v for r in self._exposed() for k, v in self.parameters.of(r).items()}}
        responses = {_refusal(status): self._response(status) for status in sorted(self._statuses)}
        headers = {found.rpartition("/")[2] for found in _references([paths, responses])}
        schemas = _reached(self.schemas.found, [paths, responses])
        return {
            "openapi": "3.1.0",
            "info": self.info,
            "servers": [{"url": "/"}],
            "tags": [{"name": name, **({"description": doc} if doc else {})} for name, doc in tags.items()],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "parameters": {name: every[name] for name in every if name in self._used},
                "headers": {name: _HEADERS[name] for name in _HEADERS if name in headers},
                "responses": responses,
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "The access token that `POST /api/v1/auth/login` answers.",
                    }
                },
            },
        }

    def _exposed(self) -> Iterator[Resource]:
        return (resource for resource in self.model.resources.values() if resource.exposed)

    def _resource(self, route: Route) -> Resource | None:
        name = route.facts.get("resource")
        return None if name is None else self.model.resources[name]

    def _id(self, resource: Resource) -> Schema:
        field = resource.fields["id"]
        found: Schema = {
            "name": "id",
            "in": "path",
            "required": True,
            "description": f"The id of the {resource.singular.replace('_', ' ')}.",
            "schema": {"type": "string", "minLength": 1},
        }
        value = example(self.model, resource, field)
        return found if value is None else {**found, "example": value}

    # -- operations -----------------------------------------------------------------------------------------

    def _operation(self, route: Route, resource: Resource | None) -> Operation:
        kind = route.facts.get("operation", "")
        if kind == "report":
            return self._report(route, resource)
        group, dot, _ = route.name.partition(".")
        tag = resource.path if resource else group if dot else "about"
        operation: Operation = {
            "operationId": _identifier(route.name),
            "tags": [tag],
            "summary": self._summary(kind, route, resource),
            "description": self._described(route, resource),
            "security": self._security(route, resource, kind),
        }
        if route.permission:
            operation["x-permission"] = route.permission
        names = ["X-Request-Id"]
        if resource is not None:
            names += self._parameters(kind, resource, route)
        operation["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
        self._used.update(names)
        if resource is not None:
            body, answers = self._exchanged(kind, resource, route)
            if "trashed" in route.facts:  # what is in the trash has no form in JSON:API
                answers["200"]["content"].pop(JSON_API.media_type)
            codes = _codes(self.model, kind, resource, route)
        else:
            form = route.form or Form({})
            if form.tagged:
                operation["parameters"].append({"$ref": "#/components/parameters/If-None-Match"})
                self._used.add("If-None-Match")
            operation["parameters"] += [{"name": n, "in": "query", **said} for n, said in form.query.items()]
            body, answers = _plain(form, route)
            codes = (
                *_EVERY,
                *(_CALLER if route.authenticates else ()),
                *form.codes,
                *(_BODY if form.body else ()),
            )
        if body is not None:
            operation["requestBody"] = body
        operation["responses"] = {**answers, **self._refusals(codes)}
        return operation

    def _report(self, route: Route, resource: Resource | None) -> Operation:
        """A question that a function of the author's answers."""
        of = self.model.reports if resource is None else resource.reports
        report = of[route.facts["report"]]
        grants = report.grants if resource is None else resource.grants
        path = REPORTS if resource is None else resource.path
        names = ("X-Request-Id", "If-None-Match")
        self._used.update(names)
        codes = (*_EVERY, *_CALLER, *_STORE, *ASKING)
        return {
            "operationId": _identifier(route.name),
            "tags": [path],
            "summary": summary(report, resource),
            "description": self._described(route, None),
            "security": [{}, {"bearer": []}]
            if _guests(self.model, path, report.name, grants)
            else [{"bearer": []}],
            "x-permission": route.permission,
            "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names]
            + parameters(report),
            "responses": {
                **_answer(200, "The answer.", self.schemas.report(report), ("ETag",)),
                "304": {"description": "What you have still holds.", "headers": _headers("ETag")},
                **self._refusals(codes),
            },
        }

    def _summary(self, kind: str, route: Route, resource: Resource | None) -> str:
        if resource is None:
            return route.doc
        one, many = resource.singular.replace("_", " "), resource.plural.replace("_", " ")
        if kind == "related":
            listed = "Read" if self._leads_to_one(resource, route) else "List"
            return f"{listed} the {route.facts['relation'].replace('_', ' ')} of one of the {many}"
        if kind == "relationship":
            ids = "id" if self._leads_to_one(resource, route) else "ids"
            how = {"set": "Set", "add": "Add", "replace": "Replace", "remove": "Remove"}
            said = f"{how.get(route.facts.get('how', ''), 'Read')} the {ids} of the"
            return f"{said} {route.facts['relation'].replace('_', ' ')} of one of the {many}"
        if kind == "action":
            what = route.facts["action"].replace("_", " ").capitalize()
            return f"{what}: {many if '{id}' not in route.template else one}"
        if "trashed" in route.facts:
            many = f"{many} in the trash"
        return {
            "list": f"List {many}", "search": f"Ask for {many} in a body",
            "read": f"Read one of the {many}", "create": f"Create one of the {many}",
            "replace": f"Replace one of the {many}", "update": f"Change one of the {many}",
            "delete": f"{'Trash' if resource.trash else 'Delete'} one of the {many}",
            "restore": f"Restore one of the {many}", "purge": f"Remove one of the {many} for good",
        }[kind]  # fmt: skip

    def _described(self, route: Route, resource: Resource | None) -> str:
        parts = [route.doc]
        if resource is not None and route.method == "GET" and route.template in self._queried:
            shown = resource if route.facts["operation"] == "list" else self._target(resource, route)
            name = self.schemas.form(shown, "Query")["$ref"].rpartition("/")[2]
            parts.append(
                f"`QUERY` on this path (RFC 10008) asks the same in a body, a `{name}`; `POST` to `/search` below a "
                "collection does so for tools that know no QUERY."
            )
        parts += _TRASH_NOTES.get((route.facts.get("operation", ""), "trashed" in route.facts), ())
        if resource is not None and resource.trash and route.facts["operation"] == "delete":
            parts.append(
                "It goes to the trash, with what goes with it, and can be restored. Nothing else shows it then."
            )
        if route.permission and "trashed" not in route.facts:
            parts.append(
                f"Needs the permission `{route.permission}`, or a rule that allows it on the rows concerned."
            )
        return "\n\n".join(part for part in parts if part)

    def _security(self, route: Route, resource: Resource | None, kind: str) -> list[dict[str, Any]]:
        """Optional where guests may do something with it."""
        if not route.authenticates:
            return []
        if resource is None:
            closed = route.form is not None and route.form.signed_in
            return [{"bearer": []}] if closed else [{}, {"bearer": []}]
        verb = {"replace": "update", "list": "read", "search": "read"}.get(kind, kind)
        if kind == "related":
            resource, verb = self._target(resource, route), "read"
        if kind == "relationship":
            resource, verb = self._linked(resource, route)
        if kind == "action":
            verb = route.facts["action"]
        if "trashed" in route.facts and not any(_open(self.model, resource, v) for v in TRASH_VERBS):
            return [{"bearer": []}]
        return [{}, {"bearer": []}] if _open(self.model, resource, verb) else [{"bearer": []}]

    def _target(self, resource: Resource, route: Route) -> Resource:
        return self.model.resources[resource.relations[route.facts["relation"]].target]

    def _leads_to_one(self, resource: Resource, route: Route) -> bool:
        return resource.relations[route.facts["relation"]].kind == "one"

    def _linked(self, resource: Resource, route: Route) -> tuple[Resource, str]:
        """The resource whose rows are read or changed where a relationship is, and how."""
        relation, how = resource.relations[route.facts["relation"]], route.facts.get("how")
        if relation.kind == "one":
            return resource, "read" if how is None else "update"
        if how is None or relation.kind == "many":
            return self._target(resource, route), "read" if how is None else "update"
        return self.model.resources[str(relation.through)], "delete" if how == "remove" else "create"

    def _parameters(self, kind: str, resource: Resource, route: Route) -> list[str]:
        match kind:
            case "list" if "trashed" in route.facts:
                return [name for name in self.parameters.list(resource) if not name.startswith("page-")]
            case "list":
                return self.parameters.list(resource)
            case "related" if self._leads_to_one(resource, route):
                return ["If-None-Match", *self.parameters.row(self._target(resource, route))]
            case "related":
                return self.parameters.list(self._target(resource, route))
            case "relationship" if "how" in route.facts:
                return ["If-Match", "Prefer"] if route.facts["how"] == "set" else ["If-Match"]
            case "relationship" if self._leads_to_one(resource, route):
                return ["If-None-Match"]
            case "relationship":
                return [*self.parameters.ids(self._target(resource, route))]
            case "search":
                return []
            case "delete" | "purge":
                return ["If-Match"]
            case "read":
                return ["If-None-Match", *self.parameters.row(resource)]
        row = self.parameters.row(resource)
        if kind != "action" or self._answers_itself(resource, route):
            row = ["Prefer", *row]
        return ["If-Match", *row] if "{id}" in route.template else row

    def _answers_itself(self, resource: Resource, route: Route) -> bool:
        """Whether an action may answer the row that it is done on, which a client can prefer to be left out."""
        action = resource.actions[route.facts["action"]]
        own = self.schemas.result(resource, action) == self.schemas.form(resource, "One")
        return action.on == "row" and own

    def _pages(self, resource: Resource) -> dict[str, Any]:
        """A page of rows, or what `aggregate` asks for in its place."""
        shapes = [self.schemas.form(resource, "Many"), ref(self.schemas.groups), ref(self.schemas.summary)]
        document = self.schemas.documents.form(resource, "Documents")
        said = "A page; with `aggregate` groups, or one object."
        return _answer(200, said, {"anyOf": shapes}, _PAGE_HEADERS, document)

    def _relationship(self, resource: Resource, route: Route) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """Where a relation leads: read, or changed."""
        target, one = self._target(resource, route), self._leads_to_one(resource, route)
        form = self.schemas.documents.form
        headers: Sequence[str] = ("ETag", "Preference-Applied")
        if one:
            said, schema, document = "The id, or null.", self.schemas.id(target), form(target, "IdDocument")
        else:
            said, schema, document = "A page of ids.", self.schemas.ids(target), form(target, "IdDocuments")
            headers = [name for name in _PAGE_HEADERS if name != "Accept-Query"]
        shown = _answer(200, said, schema, headers, document)
        if "how" not in route.facts:
            return None, shown | (_UNCHANGED if one else {})
        done = {"204": {"description": "Done.", "headers": _headers("Preference-Applied")}}
        sent = form(target, "Linkage" if one else "Linkages")
        if one and not resource.fields[resource.relations[route.facts["relation"]].field].nullable:
            sent = envelope({"data": self.schemas.documents.identifier(target)})
        body = _body(route.accepts, sent)
        return body, done | (shown if one else {})

    def _exchanged(
        self, kind: str, resource: Resource, route: Route
    ) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """The request's body, and the answers that are no refusals."""
        form, document = self.schemas.form, self.schemas.documents.form
        headers = ("ETag", "Preference-Applied")
        unshown = {
            "204": {"description": "Done; as preferred, nothing is shown.", "headers": _headers(*headers)}
        }
        match kind:
            case "list":
                return None, self._pages(resource)
            case "related" if self._leads_to_one(resource, route):
                target = self._target(resource, route)
                shown = (self.schemas.one_or_none(target), ("ETag",), document(target, "DocumentOrNone"))
                return None, _answer(200, "The row, or null.", *shown) | _UNCHANGED
            case "related":
                return None, self._pages(self._target(resource, route))
            case "relationship":
                return self._relationship(resource, route)
            case "search":
                shapes = (ref(self.schemas.found_groups), ref(self.schemas.found_summary))
                answer = _answer(
                    200,
                    "A page; with `aggregate` groups, or one object.",
                    {"anyOf": [form(resource, "Found"), *shapes]},
                    _FOUND_HEADERS,
                    document(resource, "Documents"),
                )
                return _body(route.accepts, form(resource, "Query")), answer
            case "read":
                shown = (form(resource, "One"), ("ETag",), document(resource, "Document"))
                return None, _answer(200, "The row.", *shown) | _UNCHANGED
            case "create":
                new = (form(resource, "One"), ("Location", *headers), document(resource, "Document"))
                return _body(
                    route.accepts, form(resource, "Create"), document=document(resource, "NewDocument")
                ), _answer(201, _NEW, *new)
            case "replace":
                answer = _answer(200, _NOW, form(resource, "One"), headers, document(resource, "Document"))
                return _body(route.accepts, form(resource, "Replace")), answer | unshown
            case "update":
                answer = _answer(200, _NOW, form(resource, "One"), headers, document(resource, "Document"))
                changed = document(resource, "ChangeDocument")
                body = _body(route.accepts, form(resource, "Patch"), document=changed)
                if JSON_PATCH in body["content"]:
                    body["content"][JSON_PATCH] = {"schema": ref(self.schemas.patch)}
                return body, answer | unshown
            case "delete" | "purge":
                return None, {"204": {"description": "It is gone.", "headers": _headers()}}
            case "restore":
                placed = (*headers, "Content-Location")
                unshown["204"]["headers"] = _headers(*placed)
                answer = _answer(200, _NOW, form(resource, "One"), placed, document(resource, "Document"))
                return None, answer | unshown
        action = resource.actions[route.facts["action"]]
        arguments = form(resource, f"{action.name}.Arguments")
        required = bool(self.schemas.found[arguments["$ref"].rpartition("/")[2]].get("required"))
        answers: dict[str, Any] = {}
        result = self.schemas.result(resource, action)
        if result is not None:
            located = (*headers, "Content-Location") if action.on == "row" else headers
            answers = _answer(200, "Done.", result, located, self.schemas.document(resource, action))
            if self._answers_itself(resource, route):
                unshown["204"]["headers"] = _headers(*located)
                answers |= unshown
        else:
            answers["204"] = {"description": "Done.", "headers": _headers()}
        return _body(route.accepts, arguments, required, envelope({"meta": arguments})), answers

    # -- refusals -------------------------------------------------------------------------------------------

    def _refusals(self, codes: Iterable[str]) -> dict[str, Any]:
        statuses = sorted({REGISTRY[code].status for code in codes})
        self._statuses.update(statuses)
        return {str(s): {"$ref": f"#/components/responses/{_refusal(s)}"} for s in statuses}

    def _response(self, status: int) -> dict[str, Any]:
        """What a status means, with its codes."""
        entries = [entry for entry in REGISTRY.values() if entry.status == status]
        code = {"properties": {"code": {"enum": [entry.name for entry in entries]}}}
        # Components, so that generators of clients make one type of each, and not one for each operation.
        body = self.schemas.named(
            f"ApiError{status}", envelope({"error": {"allOf": [ref(self.schemas.error), code]}})
        )
        problem = self.schemas.named(f"ApiProblem{status}", {"allOf": [ref(self.schemas.problem), code]})
        extra = {
            401: ("WWW-Authenticate",),
            415: ("Accept-Post", "Accept-Patch"),
            429: ("Retry-After",),
            503: ("Retry-After",),
        }
        listed = "\n".join(f"- `{e.name}` ({e.number}): {e.meaning} {e.remedy}" for e in entries)
        return {
            "description": f"{_REASONS[status]}\n\n{listed}",
            "headers": _headers(*extra.get(status, ())),
            "content": {
                "application/json": {"schema": body, "example": _example(entries[0])},
                PROBLEM_TYPE: {"schema": problem},
                JSON_API.media_type: {"schema": self.schemas.documents.errors},
            },
        }


_IN_TRASH: Final = (
    "Shows what you may read, and restore or remove for good; `deletedAt` says since when it is there.",
)
_TRASH_NOTES: Final[Mapping[tuple[str, bool], tuple[str, ...]]] = {
    **dict.fromkeys((("list", True), ("search", True), ("read", True)), _IN_TRASH),
    ("restore", False): (
        "What went to the trash because of it comes back with it. Refused with 409 where it leads to what is in the "
        "trash still, or where another row has meanwhile what must be unique.",
    ),
    ("purge", False): ("It must be in the trash. It cannot be restored any more, nor what goes with it.",),
}

_FOUND_HEADERS: Final = ("Accept-Query", "X-Total-Count", "X-Pagination-Pages")
_PAGE_HEADERS: Final = ("Link", *_FOUND_HEADERS)
_NOW: Final = "The row as it is now."
_NEW: Final = "The new row; no body where `Prefer: return=minimal` asks for none."


def _codes(model: Model, kind: str, resource: Resource, route: Route) -> tuple[str, ...]:
    """The errors that an operation on a resource can meet."""
    codes = [*_EVERY, *_CALLER, *_STORE, "INVALID_PARAMETER", "INSUFFICIENT_PERMISSIONS"]
    on_row = "{id}" in route.template
    if on_row:
        codes.append("RESOURCE_NOT_FOUND")
    removes = kind in ("delete", "purge")
    if not removes:
        codes.append("NOT_ACCEPTABLE")
    if kind in _READS or (kind == "relationship" and "how" not in route.facts):
        return (*codes, *_BODY) if kind == "search" else tuple(codes)
    codes.append("RESOURCE_CONFLICT")
    if kind == "create":
        codes.append("RESOURCE_NOT_FOUND")  # JSON:API: of what is referred to
    if not removes:
        codes += [*(() if kind == "restore" else _BODY), "RULE_VIOLATION"]
    elif any(field.on_delete == "set_null" for _, field in model.referrers(resource.name)):
        codes.append("RULE_VIOLATION")
    if on_row:
        codes.append("PRECONDITION_FAILED")
        if resource.demands_version:
            codes.append("PRECONDITION_REQUIRED")
    return tuple(codes)


def _open(model: Model, resource: Resource, verb: str) -> bool:
    """Whether guests may do this to any row."""
    return _guests(model, resource.path, verb, resource.grants)


def _guests(model: Model, path: str, verb: str, grants: Iterable[Grant]) -> bool:
    if any(covers(p, verb, path) for p in model.roles["guest"].permissions):
        return True
    return any(verb in grant.verbs and "guest" in (grant.roles or ()) for grant in grants)


def _plain(form: Form, route: Route) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The body and the answer of a route that belongs to no resource."""
    body = None if form.body is None else _body(route.accepts, dict(form.body), form.body_required)
    if form.answer is None:
        return body, {"204": {"description": "Done.", "headers": _headers()}}
    answer = _answer(200, "The answer.", dict(form.answer), ("ETag",) if form.tagged else ())
    answer["200"]["content"] = {media_type: {"schema": dict(form.answer)} for media_type in form.types}
    answer["200"]["content"] |= {media_type: {"schema": {"type": "string"}} for media_type in form.texts}
    return body, answer | (_UNCHANGED if form.tagged else {})


def _body(
    accepts: Sequence[str], schema: Schema, required: bool = True, document: Schema | None = None
) -> dict[str, Any]:
    """A request's body, and its form in JSON:API where that differs."""
    content = {media_type: {"schema": schema} for media_type in accepts}
    if document is not None and JSON_API.media_type in content:
        content[JSON_API.media_type] = {"schema": document}
    return {"required": required, "content": content}


def _answer(
    status: int, description: str, schema: Schema, headers: Iterable[str], document: Schema | None = None
) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    if document is not None:
        content[JSON_API.media_type] = {"schema": document}
    return {str(status): {"description": description, "headers": _headers(*headers), "content": content}}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _references(value: Any) -> Iterator[str]:
    """Every `$ref` within a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)


def _reached(schemas: Mapping[str, Schema], places: Any) -> dict[str, Schema]:
    """The schemas that are referred to from some places, and by one another."""
    reached: set[str] = set()
    ahead = {name for found in _references(places) if (name := found.removeprefix(PREFIX)) in schemas}
    while ahead:
        reached |= ahead
        found = {r.removeprefix(PREFIX) for name in ahead for r in _references(schemas[name])}
        ahead = found - reached
    return {name: schema for name, schema in schemas.items() if name in reached}


_UNCHANGED: Final = {"304": {"description": "What you have still holds.", "headers": _headers("ETag")}}


def _refusal(status: int) -> str:
    return f"Refused{status}"


def _example(entry: ErrorCode) -> Mapping[str, Any]:
    error: dict[str, Any] = {
        "code": entry.name,
        "number": entry.number,
        "message": entry.meaning,
        "requestId": "req_0123456789abcdef01234567",
        "timestamp": "2026-03-02T09:30:00.000000Z",
        "details": [],
    }
    if entry.status in (429, 503):
        error["retryAfter"] = 1
    return {"error": error}


def _identifier(name: str) -> str:
    """`tasks.time-logs` as `tasksTimeLogs`."""
    first, *others = re.split("[^A-Za-z0-9]+", name)
    return first + "".join(part[:1].upper() + part[1:] for part in others)
