"""What an operation takes and what it answers when nothing is refused."""

from collections.abc import Sequence
from typing import Any, Final

from headwater.http.routes import Form, Route
from headwater.http.wire import JSON_API, JSON_PATCH
from headwater.ir.model import Report, Resource
from headwater.surfaces.describe.envelopes import envelope, ref
from headwater.surfaces.describe.messages import DONE, UNCHANGED, answer, body, headers
from headwater.surfaces.describe.schemas import Schemas
from headwater.surfaces.describe.subjects import Subject

Exchanged = tuple[dict[str, Any] | None, dict[str, Any]]
"""A request's body, and answers by status."""

_FOUND_HEADERS: Final = ("Accept-Query", "X-Total-Count", "X-Pagination-Pages")
_PAGE_HEADERS: Final = ("Link", *_FOUND_HEADERS)
_ROW_HEADERS: Final = ("ETag", "Preference-Applied")
_NOW: Final = "The row as it is now."
_NEW: Final = "The new row; no body where `Prefer: return=minimal` asks for none."
_PAGE: Final = "A page; with `aggregate` groups, or one object."
_UNSHOWN: Final = "Done; as preferred, nothing is shown."


class Exchanges:
    """The bodies and the answers of operations."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas

    def of(self, subject: Subject) -> Exchanged:
        """Those of an operation on a resource."""
        sent, answers = self._of(subject)
        if subject.trashed:  # what is in the trash has no form in JSON:API
            answers["200"]["content"].pop(JSON_API.media_type)
        return sent, answers

    def of_report(self, report: Report) -> dict[str, Any]:
        """The answers of a report."""
        return answer(200, "The answer.", self.schemas.report(report), ("ETag",)) | UNCHANGED

    def of_route(self, route: Route, form: Form) -> Exchanged:
        """Those of a route that belongs to no resource."""
        sent = None if form.body is None else body(route.accepts, dict(form.body), form.body_required)
        if form.answer is None:
            return sent, {"204": DONE}
        found = answer(200, "The answer.", dict(form.answer), ("ETag",) if form.tagged else ())
        found["200"]["content"] = {media_type: {"schema": dict(form.answer)} for media_type in form.types}
        found["200"]["content"] |= {media_type: {"schema": {"type": "string"}} for media_type in form.texts}
        return sent, found | (UNCHANGED if form.tagged else {})

    def answers_itself(self, subject: Subject) -> bool:
        """Whether an action may answer the row that it is done on, which a client can prefer to be left out."""
        action, resource = subject.action, subject.resource
        own = self.schemas.result(resource, action) == self.schemas.form(resource, "One")
        return action.on == "row" and own

    def _of(self, subject: Subject) -> Exchanged:
        resource, accepts = subject.resource, subject.route.accepts
        form, document = self.schemas.form, self.schemas.documents.form
        match subject.kind:
            case "list":
                return None, self._pages(resource)
            case "related" if subject.leads_to_one:
                target = subject.target
                shown = (self.schemas.one_or_none(target), ("ETag",), document(target, "DocumentOrNone"))
                return None, answer(200, "The row, or null.", *shown) | UNCHANGED
            case "related":
                return None, self._pages(subject.target)
            case "relationship":
                return self._relationship(subject)
            case "search":
                shapes = (ref(self.schemas.found_groups), ref(self.schemas.found_summary))
                found = {"anyOf": [form(resource, "Found"), *shapes]}
                page = answer(200, _PAGE, found, _FOUND_HEADERS, document(resource, "Documents"))
                return body(accepts, form(resource, "Query")), page
            case "read":
                shown = (form(resource, "One"), ("ETag",), document(resource, "Document"))
                return None, answer(200, "The row.", *shown) | UNCHANGED
            case "create":
                sent = body(accepts, form(resource, "Create"), document=document(resource, "NewDocument"))
                new = (form(resource, "One"), ("Location", *_ROW_HEADERS), document(resource, "Document"))
                return sent, answer(201, _NEW, *new)
            case "replace":
                return body(accepts, form(resource, "Replace")), self._row(resource)
            case "update":
                changed = document(resource, "ChangeDocument")
                sent = body(accepts, form(resource, "Patch"), document=changed)
                if JSON_PATCH in sent["content"]:
                    sent["content"][JSON_PATCH] = {"schema": ref(self.schemas.patch)}
                return sent, self._row(resource)
            case "delete" | "purge":
                return None, {"204": {"description": "It is gone.", "headers": headers()}}
            case "restore":
                return None, self._row(resource, "Content-Location")
        return self._action(subject)

    def _row(self, resource: Resource, *more: str) -> dict[str, Any]:
        """The row as it is now, or nothing where that is preferred."""
        shown = (self.schemas.form(resource, "One"), (*_ROW_HEADERS, *more))
        found = answer(200, _NOW, *shown, self.schemas.documents.form(resource, "Document"))
        return found | _unshown(*_ROW_HEADERS, *more)

    def _pages(self, resource: Resource) -> dict[str, Any]:
        """A page of rows, or what `aggregate` asks for in its place."""
        shapes = [self.schemas.form(resource, "Many"), ref(self.schemas.groups), ref(self.schemas.summary)]
        document = self.schemas.documents.form(resource, "Documents")
        return answer(200, _PAGE, {"anyOf": shapes}, _PAGE_HEADERS, document)

    def _relationship(self, subject: Subject) -> Exchanged:
        """Where a relation leads: read, or changed."""
        resource, target, one = subject.resource, subject.target, subject.leads_to_one
        form = self.schemas.documents.form
        names: Sequence[str] = _ROW_HEADERS
        if one:
            said, schema, document = "The id, or null.", self.schemas.id(target), form(target, "IdDocument")
        else:
            said, schema, document = "A page of ids.", self.schemas.ids(target), form(target, "IdDocuments")
            names = [name for name in _PAGE_HEADERS if name != "Accept-Query"]
        shown = answer(200, said, schema, names, document)
        if subject.how is None:
            return None, shown | (UNCHANGED if one else {})
        done = {"204": {"description": "Done.", "headers": headers("Preference-Applied")}}
        sent = form(target, "Linkage" if one else "Linkages")
        if one and not resource.fields[subject.relation.field].nullable:
            sent = envelope({"data": self.schemas.documents.identifier(target)})
        return body(subject.route.accepts, sent), done | (shown if one else {})

    def _action(self, subject: Subject) -> Exchanged:
        resource, action = subject.resource, subject.action
        arguments = self.schemas.form(resource, f"{action.name}.Arguments")
        required = bool(self.schemas.found[arguments["$ref"].rpartition("/")[2]].get("required"))
        sent = body(subject.route.accepts, arguments, required, envelope({"meta": arguments}))
        result = self.schemas.result(resource, action)
        if result is None:
            return sent, {"204": DONE}
        located = (*_ROW_HEADERS, "Content-Location") if action.on == "row" else _ROW_HEADERS
        answers = answer(200, "Done.", result, located, self.schemas.document(resource, action))
        return sent, answers | (_unshown(*located) if self.answers_itself(subject) else {})


def _unshown(*names: str) -> dict[str, Any]:
    return {"204": {"description": _UNSHOWN, "headers": headers(*names)}}
