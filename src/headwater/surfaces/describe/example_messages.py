"""Examples of what is sent and answered, as components: made of the example rows, in plain JSON and in JSON:API."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from headwater.base.errors import Fault
from headwater.http.formats import JSON, JSON_API
from headwater.http.refusals import error_response
from headwater.ir.model import TRASH, Field, Kind, Model, Relation, Resource
from headwater.ir.parse import DEFAULT_SIZE
from headwater.ir.pieces import member
from headwater.ir.query import DEFAULT_GROUPS, DEFAULT_LIMIT
from headwater.ir.values import to_wire
from headwater.surfaces.describe.example_rows import MOMENT_SENT, ExampleRows, is_known
from headwater.surfaces.describe.messages import Media
from headwater.surfaces.describe.parameters import Parameters
from headwater.surfaces.describe.values import Schema, writable
from headwater.surfaces.envelope import REQUEST_ID

_META: Final = {"requestId": REQUEST_ID}
_JSON_API: Final = {"version": "1.1"}
_PATH: Final = "/api/v1/errors"


class ExampleMessages:
    """The examples of a document. `base` is the path of the API."""

    def __init__(self, model: Model, rows: ExampleRows, parameters: Parameters, base: str) -> None:
        self.model, self.rows, self.parameters, self.base = model, rows, parameters, base
        self.found: dict[str, Any] = {}

    def media(self, schema: Schema, name: str, value: Any, **others: Any) -> Media:
        """A media type with an example, which becomes a component of this name, and others by theirs. There is none
        where it is None, or not known."""
        given = {"example": (name, value), **{n: (f"{name}-{n}", v) for n, v in others.items()}}
        shown = {
            n: self.named(*told) for n, told in given.items() if told[1] is not None and is_known(told[1])
        }
        return {"schema": schema, **({"examples": shown} if shown else {})}

    def named(self, name: str, value: Any) -> dict[str, str]:
        """A reference to an example that becomes a component."""
        while self.found.setdefault(name, {"value": value})["value"] != value:
            name += "_"
        return {"$ref": f"#/components/examples/{name}"}

    # -- what is sent ---------------------------------------------------------------------------------------

    def create(self, resource: Resource) -> dict[str, Any] | None:
        """What must be sent, and what the author has given an example of."""
        return self._body(resource, lambda field: field.required or field.example is not None)

    def replace(self, resource: Resource) -> dict[str, Any] | None:
        """All that can change."""
        found = self._body(resource, lambda field: not field.immutable and not field.secret)
        return None if found is None else found | self._version(resource)

    def patch(self, resource: Resource) -> dict[str, Any]:
        """One field: of those with an author's example, if there are any."""
        changed = self._body(resource, lambda f: not (f.immutable or f.secret or f.target)) or {}
        told = [f.wire for f in writable(resource) if f.example is not None]
        first = next((name for name in (*told, *changed) if changed.get(name) is not None), None)
        return ({} if first is None else {first: changed[first]}) | self._version(resource)

    def json_patch(self, resource: Resource) -> list[dict[str, Any]]:
        """The same as a JSON Patch, of a row that nobody has changed."""
        members = self.patch(resource).items()
        changed = [{"op": "replace", "path": f"/{n}", "value": v} for n, v in members if n != "version"]
        return [{"op": "test", "path": "/version", "value": 1}, *changed]

    def query(self, resource: Resource) -> dict[str, Any]:
        """A question in a body, which the example row answers."""
        keys = self.parameters.keys(resource)
        order = "createdAt" if "createdAt" in keys else keys[0]
        return {"filter": self._filter(resource), "sort": [f"-{order}"], "limit": 20}

    def new_document(self, resource: Resource) -> dict[str, Any] | None:
        """A resource object for a new row."""
        body = self.create(resource)
        if body is None:
            return None
        attributes, relationships = self._parted(resource, body)
        linked = {wire: {"data": data} for wire, data in relationships.items()}
        more = {"relationships": linked} if linked else {}
        return {"data": {"type": resource.path, "attributes": attributes, **more}}

    def change_document(self, resource: Resource) -> dict[str, Any]:
        """A resource object that changes the row."""
        attributes = {member(resource, name): value for name, value in self.patch(resource).items()}
        return {"data": {**self.identifier(resource), "attributes": attributes}}

    def linkage(self, resource: Resource, relation: Relation) -> dict[str, Any]:
        """Where a relation of the row leads."""
        found = self._identifiers(resource, relation)
        if relation.kind != "one":
            return {"data": found}
        return {"data": found[0] if found else None}

    def _body(self, resource: Resource, wanted: Callable[[Field], bool]) -> dict[str, Any] | None:
        """The wanted members of those that can be sent; None where what must be sent cannot be made up."""
        row, found = self.rows.of(resource), {}
        for field in writable(resource):
            if not wanted(field):
                continue
            if field.name in row:
                found[field.wire] = to_wire(field.type, row[field.name])
            elif field.required:
                return None
        return found

    def _version(self, resource: Resource) -> dict[str, Any]:
        return {"version": 1} if resource.demands_version else {}

    def _filter(self, resource: Resource) -> dict[str, Any]:
        row = self.rows.of(resource)
        for kind, operator in ((Kind.ENUM, "in"), (Kind.TEXT, "contains"), (Kind.ID, "in")):
            for field in resource.fields.values():
                known = row.get(field.name) is not None and not (field.internal or field.batch)
                if field.type.kind is kind and known:
                    value = to_wire(field.type, row[field.name])
                    return {field.wire: {operator: [value] if operator == "in" else value.split()[-1]}}
        return {}

    # -- what is answered -----------------------------------------------------------------------------------

    def one(self, resource: Resource, *, trashed: bool = False) -> dict[str, Any]:
        return {"data": self.rows.sent(resource, trashed=trashed), "meta": _META}

    def several(self, resource: Resource) -> dict[str, Any]:
        """What an action answers that returns rows."""
        return {"data": [self.rows.sent(resource)], "meta": _META}

    def related(self, resource: Resource, relation: Relation, path: str) -> dict[str, Any]:
        """The row behind a to-one relation."""
        rows = self._behind(resource, relation)
        return {"data": rows[0] if rows else None, "meta": _META, "links": {"self": path}}

    def page(self, resource: Resource, path: str, *, trashed: bool = False) -> dict[str, Any]:
        return self._page([self.rows.sent(resource, trashed=trashed)], _links(path))

    def related_page(self, resource: Resource, relation: Relation, path: str) -> dict[str, Any]:
        """The rows behind a to-many relation."""
        return self._page(self._behind(resource, relation), _links(path))

    def found_page(self, resource: Resource, *, trashed: bool = False) -> dict[str, Any]:
        """A page that the example of a question asks for."""
        found = self._page([self.rows.sent(resource, trashed=trashed)], None)
        found["meta"]["pagination"]["limit"] = self.query(resource)["limit"]
        return found

    def groups(self, resource: Resource, path: str | None, count: int = 1) -> dict[str, Any] | None:
        """The answer to the examples of `aggregate` and `groupBy`, about so many rows as the example row. `path`: None
        where a body asks."""
        name = self.parameters.group(resource)
        field = resource.by_wire[name]
        value = self.rows.of(resource).get(field.name)
        if value is None and not field.nullable:
            return None
        group = {"group": {name: to_wire(field.type, value)}, "count": count}
        links = None if path is None else {"self": f"{path}?aggregate=count&groupBy={name}"}
        pagination = {"limit": DEFAULT_GROUPS, "hasMore": False}
        data = [group] if count else []
        return {"data": data, "meta": {**_META, "pagination": pagination}, "links": links}

    def summary(self, path: str | None, count: int = 1) -> dict[str, Any]:
        """The answer to the example of `aggregate` alone."""
        links = {} if path is None else {"links": {"self": f"{path}?aggregate=count"}}
        return {"data": {"count": count}, "meta": _META, **links}

    def relationship(self, resource: Resource, relation: Relation, path: str) -> dict[str, Any]:
        """The ids behind a relation."""
        found, related = self._identifiers(resource, relation), self._beside(path, relation)
        if relation.kind == "one":
            data = found[0] if found else None
            return {"data": data, "meta": _META, "links": {"self": path, "related": related}}
        return self._page(found, _links(path) | {"related": related})

    def value(self, value: Any) -> dict[str, Any]:
        """What an author's function answers that is no row."""
        return {"data": value, "meta": _META}

    def _page(self, data: list[Any], links: Mapping[str, Any] | None) -> dict[str, Any]:
        page = {"limit": DEFAULT_LIMIT, "nextCursor": None, "prevCursor": None, "hasMore": False}
        return {"data": data, "meta": {**_META, "pagination": page}, "links": links}

    # -- the same in JSON:API -------------------------------------------------------------------------------

    def identifier(self, resource: Resource) -> dict[str, Any]:
        return {"type": resource.path, "id": self.rows.key(resource)}

    def document(self, resource: Resource, *, trashed: bool = False) -> dict[str, Any]:
        return {"jsonapi": _JSON_API, "data": self._object(resource, trashed=trashed), "meta": _META}

    def related_document(self, resource: Resource, relation: Relation, path: str) -> dict[str, Any]:
        """The row behind a to-one relation."""
        found = self._objects(resource, relation)
        data = found[0] if found else None
        return {"jsonapi": _JSON_API, "data": data, "meta": _META, "links": {"self": path}}

    def documents(self, resource: Resource, *, trashed: bool = False) -> dict[str, Any]:
        """The rows that an action returns."""
        return {"jsonapi": _JSON_API, "data": [self._object(resource, trashed=trashed)], "meta": _META}

    def document_page(self, resource: Resource, path: str, *, trashed: bool = False) -> dict[str, Any]:
        return self._document_page([self._object(resource, trashed=trashed)], path)

    def related_document_page(self, resource: Resource, relation: Relation, path: str) -> dict[str, Any]:
        """The rows behind a to-many relation."""
        return self._document_page(self._objects(resource, relation), path)

    def found_document(self, resource: Resource, *, trashed: bool = False) -> dict[str, Any]:
        """A page that the example of a question asks for."""
        pagination = self.found_page(resource)["meta"]["pagination"]
        return {**self.documents(resource, trashed=trashed), "meta": {**_META, "pagination": pagination}}

    def relationship_document(self, resource: Resource, relation: Relation, path: str) -> dict[str, Any]:
        found, related = self._identifiers(resource, relation), self._beside(path, relation)
        if relation.kind == "one":
            links = {"self": path, "related": related}
            data = found[0] if found else None
            return {"jsonapi": _JSON_API, "data": data, "meta": _META, "links": links}
        page = self._document_page(found, path)
        page["links"]["related"] = related
        return page

    def value_document(self, value: Any) -> dict[str, Any]:
        return {"jsonapi": _JSON_API, "meta": {**_META, "result": value}}

    def _document_page(self, data: list[Any], path: str) -> dict[str, Any]:
        count = len(data)
        page = {"page": 1, "perPage": DEFAULT_SIZE, "total": count, "pages": count}
        first = f"{path}?page%5Bnumber%5D=1"
        links = {"self": path, "first": first, "prev": None, "next": None, "last": first}
        return {"jsonapi": _JSON_API, "data": data, "meta": {**_META, **page}, "links": links}

    def _objects(self, resource: Resource, relation: Relation) -> list[dict[str, Any]]:
        target = self.model.resources[relation.target]
        return [self._object(target, id) for id in self.ids(resource, relation)]

    def _object(self, resource: Resource, id: str | None = None, *, trashed: bool = False) -> dict[str, Any]:
        here = self.path(resource, id)
        attributes, linked = self._parted(resource, self.rows.sent(resource, trashed=trashed))
        attributes.pop("id", None)
        relationships: dict[str, Any] = {}
        for wire, relation in self.parameters.relations(resource).items():
            name, segment = member(resource, wire), relation.name.replace("_", "-")
            links = {"self": f"{here}/relationships/{segment}", "related": f"{here}/{segment}"}
            data = {"data": linked[name]} if name in linked else {}
            if not trashed:
                relationships[name] = {"links": links, **data}
            elif data:
                relationships[name] = data
        if trashed:
            here = f"{self.base}/{TRASH}{here.removeprefix(self.base)}"
        more = {"relationships": relationships} if relationships else {}
        shown = {"attributes": attributes, **more, "links": {"self": here}}
        return {"type": resource.path, "id": id or self.rows.key(resource), **shown}

    def _parted(
        self, resource: Resource, members: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plain members as attributes, and where the to-one relations lead."""
        attributes, linked = dict(members), {}
        for wire, relation in self.parameters.relations(resource).items():
            name = resource.fields[relation.field].wire if relation.kind == "one" else None
            if name in attributes:
                id = attributes.pop(name)
                path = self.model.resources[relation.target].path
                linked[member(resource, wire)] = None if id is None else {"type": path, "id": id}
        return {member(resource, name): value for name, value in attributes.items()}, linked

    # -- where things are -----------------------------------------------------------------------------------

    def path(self, resource: Resource, id: str | None = None) -> str:
        """The path of the row, or of another one."""
        return f"{self.base}/{resource.path}/{id or self.rows.key(resource)}"

    def _beside(self, path: str, relation: Relation) -> str:
        """The path of the rows behind a relation, of whose ids this is the path."""
        return f"{path.rpartition('/relationships/')[0]}/{relation.name.replace('_', '-')}"

    def ids(self, resource: Resource, relation: Relation) -> list[str]:
        """The ids of the rows to which a relation of the row leads: one or none."""
        if relation.kind == "one":
            id = self.rows.of(resource)[relation.field]
        else:
            other = self.model.resources[relation.through or relation.target]
            row = self.rows.of(other)
            near = row.get(relation.field) == self.rows.key(resource)
            id = row.get(str(relation.far) if relation.through else other.key) if near else None
        return [] if id is None else [str(id)]

    def _identifiers(self, resource: Resource, relation: Relation) -> list[dict[str, Any]]:
        path = self.model.resources[relation.target].path
        return [{"type": path, "id": id} for id in self.ids(resource, relation)]

    def _behind(self, resource: Resource, relation: Relation) -> list[dict[str, Any]]:
        """The rows to which a relation of the row leads, which are like the example rows."""
        row = self.rows.sent(self.model.resources[relation.target])
        return [{**row, "id": id} for id in self.ids(resource, relation)]


def _links(path: str) -> dict[str, Any]:
    """The links of a page that is the only one."""
    return {"self": path, "first": path, "prev": None, "next": None}


def refusal(code: str, media_type: str) -> dict[str, Any]:
    """An error, in one of the forms that errors have."""
    found = json.loads(error_response(Fault(code), REQUEST_ID, media_type.encode(), _PATH).body)
    where = {JSON.media_type: "error", JSON_API.media_type: "meta"}.get(media_type)
    told = found if where is None else found[where]
    told["timestamp"] = MOMENT_SENT
    return dict(found)
