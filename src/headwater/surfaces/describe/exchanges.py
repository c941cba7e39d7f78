"""What an operation takes and what it answers when nothing is refused, with an example of each."""

from collections.abc import Sequence
from typing import Any, Final

from headwater.http.formats import JSON_PATCH
from headwater.http.routes import Form, Route
from headwater.ir.model import Report, Resource
from headwater.surfaces.describe.envelopes import envelope, ref
from headwater.surfaces.describe.example_messages import ExampleMessages
from headwater.surfaces.describe.example_rows import sample
from headwater.surfaces.describe.messages import DONE, UNCHANGED, Media, answer, body, headers
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

    def __init__(self, schemas: Schemas, examples: ExampleMessages) -> None:
        self.schemas, self.examples = schemas, examples

    def of(self, subject: Subject) -> Exchanged:
        """Those of an operation on a resource."""
        resource, accepts, examples = subject.resource, subject.route.accepts, self.examples
        match subject.kind:
            case "list":
                return None, self._pages(resource, subject)
            case "related" if subject.leads_to_one:
                return None, self._related(subject) | UNCHANGED
            case "related":
                return None, self._pages(subject.target, subject)
            case "relationship":
                return self._relationship(subject)
            case "search":
                sent = body(accepts, self._form(resource, "Query", examples.query(resource)))
                return sent, self._found(subject)
            case "read":
                shown = self._one(resource, trashed=subject.trashed)
                document = self._document(resource, trashed=subject.trashed)
                return None, answer(200, "The row.", shown, ("ETag",), document) | UNCHANGED
            case "create":
                document = self._in_json_api(resource, "NewDocument", examples.new_document(resource))
                sent = body(
                    accepts, self._form(resource, "Create", examples.create(resource)), document=document
                )
                new = (self._one(resource), ("Location", *_ROW_HEADERS), self._document(resource))
                return sent, answer(201, _NEW, *new)
            case "replace":
                whole = self._form(resource, "Replace", examples.replace(resource))
                return body(accepts, whole), self._row(resource)
            case "update":
                document = self._in_json_api(resource, "ChangeDocument", examples.change_document(resource))
                sent = body(
                    accepts, self._form(resource, "Patch", examples.patch(resource)), document=document
                )
                if JSON_PATCH in sent["content"]:
                    named = (f"{resource.name}JsonPatch", examples.json_patch(resource))
                    sent["content"][JSON_PATCH] = examples.media(ref(self.schemas.patch), *named)
                return sent, self._row(resource)
            case "delete" | "purge":
                return None, {"204": {"description": "It is gone.", "headers": headers()}}
            case "restore":
                return None, self._row(resource, "Content-Location")
        return self._action(subject)

    def of_report(self, name: str, report: Report) -> dict[str, Any]:
        """The answers of a report. `name` is the operation's."""
        return (
            answer(200, "The answer.", self._sampled(name, self.schemas.report(report)), ("ETag",))
            | UNCHANGED
        )

    def of_route(self, name: str, route: Route, form: Form) -> Exchanged:
        """Those of a route that belongs to no resource."""
        sent = None
        if form.body is not None:
            sent = body(route.accepts, self._sampled(f"{name}-body", dict(form.body)), form.body_required)
        if form.answer is None:
            return sent, {"204": DONE}
        if form.example is None:
            media = self._sampled(name, dict(form.answer))
        else:
            media = self.examples.media(dict(form.answer), name, form.example)
        found = answer(200, "The answer.", media, ("ETag",) if form.tagged else ())
        found["200"]["content"] = dict.fromkeys(form.types, media)
        found["200"]["content"] |= {media_type: {"schema": {"type": "string"}} for media_type in form.texts}
        return sent, found | (UNCHANGED if form.tagged else {})

    def answers_itself(self, subject: Subject) -> bool:
        """Whether an action may answer the row that it is done on, which a client can prefer to be left out."""
        action, resource = subject.action, subject.resource
        own = self.schemas.result(resource, action) == self.schemas.form(resource, "One")
        return action.on == "row" and own

    # -- media types ----------------------------------------------------------------------------------------

    def _form(self, resource: Resource, form: str, example: Any) -> Media:
        return self.examples.media(self.schemas.form(resource, form), f"{resource.name}{form}", example)

    def _in_json_api(self, resource: Resource, form: str, example: Any) -> Media:
        schema = self.schemas.documents.form(resource, form)
        return self.examples.media(schema, f"{resource.name}{form}", example)

    def _one(self, resource: Resource, *, trashed: bool = False) -> Media:
        name = f"{resource.name}OneInTrash" if trashed else f"{resource.name}One"
        return self.examples.media(
            self.schemas.form(resource, "One"), name, self.examples.one(resource, trashed=trashed)
        )

    def _document(self, resource: Resource, *, trashed: bool = False) -> Media:
        schema = self.schemas.documents.form(resource, "Document")
        name = f"{resource.name}DocumentInTrash" if trashed else f"{resource.name}Document"
        return self.examples.media(schema, name, self.examples.document(resource, trashed=trashed))

    def _documents(self, resource: Resource, subject: Subject, example: Any) -> Media:
        """A page in JSON:API."""
        schema = self.schemas.documents.form(resource, "Documents")
        return self.examples.media(schema, f"{subject.operation_id}.document", example)

    def _sampled(self, name: str, schema: dict[str, Any]) -> Media:
        """With an example that is made from the schema."""
        return self.examples.media(schema, name, sample(schema, self.schemas.found))

    # -- answers --------------------------------------------------------------------------------------------

    def _row(self, resource: Resource, *more: str) -> dict[str, Any]:
        """The row as it is now, or nothing where that is preferred."""
        names = (*_ROW_HEADERS, *more)
        found = answer(200, _NOW, self._one(resource), names, self._document(resource))
        return found | _unshown(*names)

    def _pages(self, resource: Resource, subject: Subject) -> dict[str, Any]:
        """A page of rows, or what `aggregate` asks for in its place."""
        examples, path, name = self.examples, self._path(subject), subject.operation_id
        if subject.kind == "list":
            count = 1
            page = examples.page(resource, path, trashed=subject.trashed)
            document = examples.document_page(resource, path, trashed=subject.trashed)
        else:
            there = (subject.resource, subject.relation)
            count = len(examples.ids(*there))
            page = examples.related_page(*there, path)
            document = examples.related_document_page(*there, path)
        shapes = (ref(self.schemas.groups), ref(self.schemas.summary))
        media = examples.media(
            {"anyOf": [self.schemas.form(resource, "Many"), *shapes]},
            name,
            page,
            groups=examples.groups(resource, path, count),
            summary=examples.summary(path, count),
        )
        return answer(200, _PAGE, media, _PAGE_HEADERS, self._documents(resource, subject, document))

    def _found(self, subject: Subject) -> dict[str, Any]:
        """The same, of what a body asks for."""
        resource, examples = subject.resource, self.examples
        shapes = (ref(self.schemas.found_groups), ref(self.schemas.found_summary))
        media = examples.media(
            {"anyOf": [self.schemas.form(resource, "Found"), *shapes]},
            subject.operation_id,
            examples.found_page(resource, trashed=subject.trashed),
            groups=examples.groups(resource, None),
            summary=examples.summary(None),
        )
        found = examples.found_document(resource, trashed=subject.trashed)
        return answer(200, _PAGE, media, _FOUND_HEADERS, self._documents(resource, subject, found))

    def _related(self, subject: Subject) -> dict[str, Any]:
        """The row behind a to-one relation."""
        target, examples, name = subject.target, self.examples, subject.operation_id
        there = (subject.resource, subject.relation, self._path(subject))
        media = examples.media(self.schemas.one_or_none(target), name, examples.related(*there))
        schema = self.schemas.documents.form(target, "DocumentOrNone")
        document = examples.media(schema, f"{name}.document", examples.related_document(*there))
        return answer(200, "The row, or null.", media, ("ETag",), document)

    def _relationship(self, subject: Subject) -> Exchanged:
        """Where a relation leads: read, or changed."""
        resource, relation, target = subject.resource, subject.relation, subject.target
        examples, one, path = self.examples, subject.leads_to_one, self._path(subject)
        form = self.schemas.documents.form
        names: Sequence[str] = _ROW_HEADERS
        if one:
            said, schema, document = "The id, or null.", self.schemas.id(target), form(target, "IdDocument")
        else:
            said, schema, document = "A page of ids.", self.schemas.ids(target), form(target, "IdDocuments")
            names = [name for name in _PAGE_HEADERS if name != "Accept-Query"]
        name = f"{resource.name}.{relation.name}"
        media = examples.media(schema, f"{name}.ids", examples.relationship(resource, relation, path))
        linked = examples.relationship_document(resource, relation, path)
        shown = answer(200, said, media, names, examples.media(document, f"{name}.ids.document", linked))
        if subject.how is None:
            return None, shown | (UNCHANGED if one else {})
        done = {"204": {"description": "Done.", "headers": headers("Preference-Applied")}}
        sent = form(target, "Linkage" if one else "Linkages")
        if one and not resource.fields[relation.field].nullable:
            sent = envelope({"data": self.schemas.documents.identifier(target)})
        given = examples.media(sent, f"{name}.linkage", examples.linkage(resource, relation))
        return body(subject.route.accepts, given), done | (shown if one else {})

    def _action(self, subject: Subject) -> Exchanged:
        resource, action, examples = subject.resource, subject.action, self.examples
        schema = self.schemas.form(resource, f"{action.name}.Arguments")
        required = bool(self.schemas.found[schema["$ref"].rpartition("/")[2]].get("required"))
        given, name = sample(schema, self.schemas.found), f"{resource.name}.{action.name}"
        arguments = examples.media(schema, f"{name}.arguments", given)
        document = examples.media(envelope({"meta": schema}), f"{name}.arguments.document", {"meta": given})
        sent = body(subject.route.accepts, arguments, required, document)
        result = self.schemas.result(resource, action)
        if result is None:
            return sent, {"204": DONE}
        located = (*_ROW_HEADERS, "Content-Location") if action.on == "row" else _ROW_HEADERS
        answers = answer(200, "Done.", *self._done(subject, result, located))
        return sent, answers | (_unshown(*located) if self.answers_itself(subject) else {})

    def _done(
        self, subject: Subject, result: dict[str, Any], names: Sequence[str]
    ) -> tuple[Media, Sequence[str], Media]:
        """What an action answers, in both forms."""
        resource, action, examples = subject.resource, subject.action, self.examples
        rows = self.schemas.shown(resource, action)
        if rows is None:
            value, name = sample(result["properties"]["data"], self.schemas.found), subject.operation_id
            plain = examples.media(result, name, examples.value(value))
            told = examples.value_document(value)
            return plain, names, examples.media(self.schemas.documents.result, f"{name}.document", told)
        shown, several = rows
        if not several:
            return self._one(shown), names, self._document(shown)
        plain = self._form(shown, "Rows", examples.several(shown))
        schema = self.schemas.documents.form(shown, "Documents")
        return plain, names, examples.media(schema, f"{shown.name}Rows.document", examples.documents(shown))

    def _path(self, subject: Subject) -> str:
        """The path of an operation on the example row."""
        return subject.route.template.replace("{id}", str(self.examples.rows.key(subject.resource)))


def _unshown(*names: str) -> dict[str, Any]:
    return {"204": {"description": _UNSHOWN, "headers": headers(*names)}}
