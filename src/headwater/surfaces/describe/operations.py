"""Operations in words: their names, what they do, who may, and what can be asked of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from headwater.http.routes import Form, Route
from headwater.ir.model import REPORTS, Model
from headwater.surfaces.describe.codes import codes_of, codes_of_report, codes_of_route
from headwater.surfaces.describe.example_messages import ExampleMessages
from headwater.surfaces.describe.exchanges import Exchanges
from headwater.surfaces.describe.parameters import Parameters
from headwater.surfaces.describe.refusals import Refusals
from headwater.surfaces.describe.reports import parameters, summary
from headwater.surfaces.describe.schemas import Schemas
from headwater.surfaces.describe.subjects import Subject, guests_may, operation_id

Operation = dict[str, Any]

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
_SIGNED_IN: Final[list[dict[str, Any]]] = [{"bearer": []}]
_ANYBODY: Final[list[dict[str, Any]]] = [{}, {"bearer": []}]


class Operations:
    """Describes operations. `queried` are the paths that have QUERY."""

    def __init__(
        self,
        model: Model,
        parameters: Parameters,
        schemas: Schemas,
        examples: ExampleMessages,
        refusals: Refusals,
        queried: Collection[str],
    ) -> None:
        self.model, self.parameters, self.schemas, self.refusals = model, parameters, schemas, refusals
        self.exchanges = Exchanges(schemas, examples)
        self.used: set[str] = set()
        self._queried = queried

    def of(self, subject: Subject) -> Operation:
        """An operation on a resource."""
        body, answers = self.exchanges.of(subject)
        operation = self._named(
            subject.route,
            subject.resource.path,
            _summary(subject),
            self._described(subject),
            _ANYBODY if subject.open else _SIGNED_IN,
            self._parameters(subject),
        )
        return self._exchanging(operation, body, answers, codes_of(subject))

    def of_route(self, route: Route) -> Operation:
        """A route that belongs to no resource."""
        form = route.form or Form({})
        body, answers = self.exchanges.of_route(operation_id(route), route, form)
        group, dot, _ = route.name.partition(".")
        open = _SIGNED_IN if route.form is not None and route.form.signed_in else _ANYBODY
        operation = self._named(
            route,
            group if dot else "about",
            route.doc,
            _paragraphs(route.doc, _needs(route)),
            open if route.authenticates else [],
            ["If-None-Match"] if form.tagged else [],
        )
        operation["parameters"] += [{"name": n, "in": "query", **said} for n, said in form.query.items()]
        return self._exchanging(operation, body, answers, codes_of_route(route, form))

    def of_report(self, route: Route, subject: Subject | None) -> Operation:
        """A question that a function of the author's answers."""
        if subject is None:
            report, path = self.model.reports[route.facts["report"]], REPORTS
            grants = report.grants
        else:
            report, path = subject.resource.reports[route.facts["report"]], subject.resource.path
            grants = subject.resource.grants
        operation = self._named(
            route,
            path,
            summary(report, None if subject is None else subject.resource),
            _paragraphs(route.doc, _needs(route)),
            _ANYBODY if guests_may(self.model, path, report.name, grants) else _SIGNED_IN,
            ["If-None-Match"],
        )
        operation["parameters"] += parameters(report)
        return self._exchanging(
            operation, None, self.exchanges.of_report(operation_id(route), report), codes_of_report()
        )

    def _named(
        self, route: Route, tag: str, said: str, description: str, security: list[Any], names: Sequence[str]
    ) -> Operation:
        """What all have. `names` are those of parameters that are components."""
        operation: Operation = {
            "operationId": operation_id(route),
            "tags": [tag],
            "summary": said,
            "description": description,
            "security": security,
        }
        if route.permission:
            operation["x-permission"] = route.permission
        names = ["X-Request-Id", *names]
        operation["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
        self.used.update(names)
        return operation

    def _exchanging(
        self, operation: Operation, body: Any, answers: Mapping[str, Any], codes: Collection[str]
    ) -> Operation:
        if body is not None:
            operation["requestBody"] = body
        operation["responses"] = {**answers, **self.refusals.of(codes)}
        return operation

    def _described(self, subject: Subject) -> str:
        route, parts = subject.route, [subject.route.doc]
        if route.method == "GET" and route.template in self._queried:
            shown = subject.resource if subject.kind == "list" else subject.target
            name = self.schemas.form(shown, "Query")["$ref"].rpartition("/")[2]
            parts.append(
                f"`QUERY` on this path (RFC 10008) asks the same in a body, a `{name}`; `POST` to `/search` below a "
                "collection does so for tools that know no QUERY."
            )
        parts += _TRASH_NOTES.get((subject.kind, subject.trashed), ())
        if subject.resource.trash and subject.kind == "delete":
            parts.append(
                "It goes to the trash, with what goes with it, and can be restored. Nothing else shows it then."
            )
        if not subject.trashed:
            parts.append(_needs(route))
        return _paragraphs(*parts)

    def _parameters(self, subject: Subject) -> Sequence[str]:
        resource = subject.resource
        match subject.kind:
            case "list" if subject.trashed:
                return [name for name in self.parameters.list(resource) if not name.startswith("page-")]
            case "list":
                return self.parameters.list(resource)
            case "related" if subject.leads_to_one:
                return ["If-None-Match", *self.parameters.row(subject.target)]
            case "related":
                return self.parameters.list(subject.target)
            case "relationship" if subject.how is not None:
                return ["If-Match", "Prefer"] if subject.how == "set" else ["If-Match"]
            case "relationship" if subject.leads_to_one:
                return ["If-None-Match"]
            case "relationship":
                return self.parameters.ids(subject.target)
            case "search":
                return []
            case "delete" | "purge":
                return ["If-Match"]
            case "read":
                return ["If-None-Match", *self.parameters.row(resource)]
        row = self.parameters.row(resource)
        if subject.kind != "action" or self.exchanges.answers_itself(subject):
            row = ["Prefer", *row]
        return ["If-Match", *row] if subject.on_row else row


def _summary(subject: Subject) -> str:
    resource = subject.resource
    one, many = resource.singular.replace("_", " "), resource.plural.replace("_", " ")
    if subject.kind == "related":
        listed = "Read" if subject.leads_to_one else "List"
        return f"{listed} the {subject.relation.name.replace('_', ' ')} of one of the {many}"
    if subject.kind == "relationship":
        ids = "id" if subject.leads_to_one else "ids"
        how = {"set": "Set", "add": "Add", "replace": "Replace", "remove": "Remove"}
        said = f"{how.get(subject.how or '', 'Read')} the {ids} of the"
        return f"{said} {subject.relation.name.replace('_', ' ')} of one of the {many}"
    if subject.kind == "action":
        what = subject.action.name.replace("_", " ").capitalize()
        return f"{what}: {one if subject.on_row else many}"
    if subject.trashed:
        many = f"{many} in the trash"
    return {
        "list": f"List {many}", "search": f"Ask for {many} in a body",
        "read": f"Read one of the {many}", "create": f"Create one of the {many}",
        "replace": f"Replace one of the {many}", "update": f"Change one of the {many}",
        "delete": f"{'Trash' if resource.trash else 'Delete'} one of the {many}",
        "restore": f"Restore one of the {many}", "purge": f"Remove one of the {many} for good",
    }[subject.kind]  # fmt: skip


def _needs(route: Route) -> str:
    if not route.permission:
        return ""
    return f"Needs the permission `{route.permission}`, or a rule that allows it on the rows concerned."


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
