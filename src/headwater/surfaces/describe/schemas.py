"""The components of a model: each resource as it is read, written and asked for, and what all answers share."""

from headwater.ir.model import Action, Model, Report, Resource
from headwater.ir.query import MAX_LIMIT
from headwater.surfaces.describe.documents import DocumentSchemas
from headwater.surfaces.describe.envelopes import (
    GROUPS,
    LINKS,
    META,
    NUMBERS,
    PAGE_META,
    PATCH,
    RELATED,
    SELF,
    SUMMARY,
    envelope,
    error,
    groups_of,
    problem,
    ref,
)
from headwater.surfaces.describe.functions import Functions
from headwater.surfaces.describe.parameters import Parameters
from headwater.surfaces.describe.questions import Questions
from headwater.surfaces.describe.rows import Rows
from headwater.surfaces.describe.values import Schema


class Schemas:
    """The schemas of a model's exposed resources, by name. Resources keep their names; others give way to them."""

    def __init__(self, model: Model, parameters: Parameters) -> None:
        self.model = model
        self.found: dict[str, Schema] = {}
        exposed = [resource for resource in model.resources.values() if resource.exposed]
        self._names = {resource.name for resource in exposed}
        self._forms: dict[tuple[str, str], str] = {}
        self._shared: dict[str, str] = {}
        self.error = self.add("ApiError", error())
        self.meta = self.add("ApiMeta", META)
        self.page_meta = self.add("ApiPageMeta", PAGE_META)
        self.links = self.add("ApiLinks", LINKS)
        self.problem = self.add("ApiProblem", problem())
        self.patch = self.add("ApiPatch", PATCH)
        self.groups = self.add("ApiGroups", GROUPS)
        self.summary = self.add("ApiSummary", SUMMARY)
        # What a body asked for has no address of its own.
        self.found_groups = self.add("ApiGroupsFound", groups_of({"type": "null"}))
        self.found_summary = self.add("ApiSummaryFound", envelope({"data": NUMBERS, "meta": META}))
        self._filters = {resource.name: self.add(f"{resource.name}Filter", {}) for resource in exposed}
        self._rows, self._questions = Rows(model, parameters), Questions(model, parameters, self._filters)
        for resource in exposed:
            self._resource(resource)
        self.documents = DocumentSchemas(
            model,
            parameters,
            lambda name, schema: ref(self.add(name, schema)),
            lambda r, form: self.plain(r, form),
        )
        self._functions = Functions(model, self)
        self._forms |= {
            (name, f"{action}.Arguments"): schema
            for (name, action), schema in self._functions.arguments.items()
        }
        self.found = dict(sorted(self.found.items()))

    def form(self, resource: Resource, form: str) -> Schema:
        """A reference to one form of a resource: Create, Replace, Patch, One, Many, Rows, Query, Found, or
        `ACTION.Arguments`."""
        return ref(self._forms[resource.name, form])

    def one_or_none(self, resource: Resource) -> Schema:
        """A row behind a relation, in plain JSON."""
        return envelope(
            {
                "data": {"anyOf": [ref(resource.name), {"type": "null"}]},
                "meta": ref(self.meta),
                "links": SELF,
            }
        )

    def id(self, resource: Resource) -> Schema:
        """Where a to-one relation leads, in plain JSON."""
        data = {"anyOf": [self.documents.identifier(resource), {"type": "null"}]}
        return envelope({"data": data, "meta": ref(self.meta), "links": RELATED})

    def ids(self, resource: Resource) -> Schema:
        """A page of where a to-many relation leads, in plain JSON."""
        data = {"type": "array", "items": self.documents.identifier(resource), "maxItems": MAX_LIMIT}
        links = {"allOf": [ref(self.links), RELATED]}
        return envelope({"data": data, "meta": ref(self.page_meta), "links": links})

    def plain(self, resource: Resource, form: str) -> Schema:
        """One form of a resource; the resource itself for none."""
        return self.found[self._forms[resource.name, form] if form else resource.name]

    def result(self, resource: Resource, action: Action) -> Schema | None:
        """The body of an action's 200; None where it answers nothing."""
        return self._functions.result(resource, action)

    def shown(self, resource: Resource, action: Action) -> tuple[Resource, bool] | None:
        """The resource whose rows an action answers, and whether there can be several; None: it answers no rows."""
        return self._functions.shown(resource, action)

    def report(self, report: Report) -> Schema:
        """The body of a report's 200."""
        return self._functions.report(report)

    def once(self, name: str, schema: Schema) -> Schema:
        """A reference to a component of this name, which becomes one unless it is there."""
        known = self._shared.get(name)
        if known is None:
            known = self._shared[name] = self.add(name, schema)
        return ref(known)

    def add(self, name: str, schema: Schema) -> str:
        """Make a component of a schema; its name, which is not that of another."""
        while name in self._names or name in self.found:
            name += "_"
        self.found[name] = schema
        return name

    def _resource(self, resource: Resource) -> None:
        self.found[resource.name] = self._rows.read(resource)
        row = ref(resource.name)
        one = {"data": row, "meta": ref(self.meta)}
        rows = {"data": {"type": "array", "items": row}, "meta": ref(self.meta)}
        many = {"data": rows["data"], "meta": ref(self.page_meta), "links": ref(self.links)}
        many["data"] = {**rows["data"], "maxItems": MAX_LIMIT}
        forms = {
            "Create": self._rows.written(resource, "create"),
            "Replace": self._rows.written(resource, "replace"),
            "Patch": self._rows.written(resource, "patch"),
            "One": envelope(one),
            "Many": envelope(many),
            "Rows": envelope(rows),
            "Query": self._questions.query(resource),
            # Links cannot hold a body.
            "Found": envelope({**many, "links": {"type": "null"}}),
        }
        self.found[self._filters[resource.name]] = self._questions.filter(resource)
        for form, schema in forms.items():
            self._forms[resource.name, form] = self.add(resource.name + form, schema)
