"""Documents of JSON:API 1.1 that clients send, read as the bodies of plain JSON that mean the same.

Members that the specification does not define are ignored, as it demands; attributes and relationships are read as
strictly as ever. What is wrong is told by pointers into the document as it was sent.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from headwater.base.errors import Detail, Fault, Problems, nearest
from headwater.http.json_api import pointer
from headwater.ir.body import settle
from headwater.ir.model import Relation, Resource
from headwater.ir.names import Namer
from headwater.ir.scalars import json_name

T = TypeVar("T")
MAX_IDENTIFIERS: Final = 100


class Incoming:
    """Reads documents about the rows of one resource."""

    def __init__(self, namer: Namer, resource: Resource) -> None:
        self.model, self.resource = namer.model, resource
        self.relations = {r.wire: r for r in namer.names(resource).relations.values()}
        self._references = {
            resource.fields[r.field].wire: r.wire for r in self.relations.values() if r.kind == "one"
        }

    def read(self, sent: Any, parse: Callable[[dict[str, Any]], T], key: str | None = None) -> T:
        """What `parse` makes of the plain body that a document of a resource means; `key` is the row that it is about,
        None for a new one.

        Raises: Fault, of all problems that it has and that `parse` finds; RESOURCE_CONFLICT for another type or id;
        NOT_SUPPORTED for an id that clients cannot choose, and for to-many relationships.
        """
        data = _data(sent)
        if not isinstance(data, dict):
            raise _refused(
                "INVALID_FORMAT", f"`data` must be a resource object, not {json_name(data)}.", "/data"
            )
        problems: list[Detail] = Problems()
        body = self._attributes(data, problems)
        self._identity(data, key, body, problems)
        unread = self._relationships(data, body, problems)
        try:
            found = parse(body)
        except Fault as fault:
            located = [self._located(d) for d in fault.details if d.field not in unread]
            settle([*problems, *located])
            raise
        settle(problems)
        return found

    @contextmanager
    def pointing(self) -> Iterator[None]:
        """What is refused within is told by pointers into a document."""
        try:
            yield
        except Fault as fault:
            fault.details = tuple(self._located(detail) for detail in fault.details)
            raise

    def _located(self, detail: Detail) -> Detail:
        if detail.field is None or detail.pointer is not None:
            return detail
        relation = self._references.get(detail.field)
        place = f"/relationships/{relation}" if relation else f"/attributes{pointer(detail.field)}"
        return replace(detail, pointer=f"/data{place}")

    def _identity(
        self, data: dict[str, Any], key: str | None, body: dict[str, Any], problems: list[Detail]
    ) -> None:
        type, id = data.get("type"), data.get("id")
        if type != self.resource.path:
            if type is None:
                raise _refused("REQUIRED_FIELD", f"`type` is required: `{self.resource.path}`.", "/data/type")
            raise _refused("RESOURCE_CONFLICT", f"The type here is `{self.resource.path}`.", "/data/type")
        if id is not None and not isinstance(id, str):
            problems.append(
                Detail("INVALID_FORMAT", f"`id` must be a string, not {json_name(id)}.", pointer="/data/id")
            )
        elif key is not None:
            if id is None:
                problems.append(Detail("REQUIRED_FIELD", f"`id` is required: `{key}`.", pointer="/data/id"))
            elif id != key:
                raise _refused("RESOURCE_CONFLICT", f"The id here is `{key}`.", "/data/id")
        elif id is not None:
            if not self.resource.natural:
                what = self.resource.singular.replace("_", " ")
                raise _refused(
                    "NOT_SUPPORTED", f"The server chooses the id of a {what}; leave it out.", "/data/id"
                )
            wire = self.resource.fields[self.resource.key].wire
            if body.setdefault(wire, id) != id:
                raise _refused(
                    "RESOURCE_CONFLICT", f"`id` and `{wire}` are the same, or one is left out.", "/data/id"
                )

    def _attributes(self, data: dict[str, Any], problems: list[Detail]) -> dict[str, Any]:
        given = data.get("attributes", {})
        if not isinstance(given, dict):
            message = f"`attributes` must be an object, not {json_name(given)}."
            problems.append(Detail("INVALID_FORMAT", message, pointer="/data/attributes"))
            return {}
        body = dict(given)
        for name in given.keys() & self._references.keys():
            message = f"`{name}` is no attribute; send the relationship `{self._references[name]}`."
            problems.append(Detail("UNKNOWN_FIELD", message, pointer=f"/data/attributes/{name}"))
            del body[name]
        return body

    def _relationships(
        self, data: dict[str, Any], body: dict[str, Any], problems: list[Detail]
    ) -> set[str | None]:
        """Add the references to the body. The names of those that cannot be read."""
        given = data.get("relationships", {})
        unread: set[str | None] = set()
        if not isinstance(given, dict):
            message = f"`relationships` must be an object, not {json_name(given)}."
            problems.append(Detail("INVALID_FORMAT", message, pointer="/data/relationships"))
            return unread
        for name, relationship in given.items():
            place, relation = f"/data/relationships{pointer(name)}", self.relations.get(name)
            if relation is None:
                near = nearest(name[:80], self.relations)
                listed = f"there are {', '.join(self.relations)}." if self.relations else "it has none."
                mend = f"did you mean `{near}`?" if near else listed
                message = f"{self.resource.path} has no relationship `{name[:80]}`; {mend}"
                problems.append(Detail("UNKNOWN_FIELD", message, pointer=place))
            elif relation.kind != "one":
                message = f"`{name}` is written at `/{self.resource.path}/{{id}}/relationships/{name}`."
                raise _refused("NOT_SUPPORTED", message, place)
            elif not isinstance(relationship, dict) or "data" not in relationship:
                message = f"`{name}` must be an object with `data`."
                problems.append(Detail("INVALID_FORMAT", message, pointer=place))
                unread.add(self.resource.fields[relation.field].wire)
            else:
                before = len(problems)
                id = self.reference(relation, relationship["data"], f"{place}/data", problems)
                wire = self.resource.fields[relation.field].wire
                if len(problems) > before:
                    unread.add(wire)
                else:
                    body[wire] = id
        return unread

    # -- linkage --------------------------------------------------------------------------------------------

    def reference(self, relation: Relation, data: Any, place: str, problems: list[Detail]) -> str | None:
        """The id of a resource identifier object, or None for null. What is wrong is added to `problems`."""
        if data is None:
            return None
        if not isinstance(data, dict):
            message = f"A reference is null or an object with `type` and `id`, not {json_name(data)}."
            problems.append(Detail("INVALID_FORMAT", message, pointer=place))
            return None
        path = self.model.resources[relation.target].path
        type, id = data.get("type"), data.get("id")
        if type != path:
            problems.append(Detail("INVALID_FORMAT", f"`type` must be `{path}`.", pointer=f"{place}/type"))
        if not isinstance(id, str):
            problems.append(Detail("INVALID_FORMAT", "`id` must be a string.", pointer=f"{place}/id"))
            return None
        return id

    def linkage(self, relation: Relation, sent: Any) -> tuple[str | None, ...]:
        """The ids that a document of a relationship names: for a to-one relation one, which may be None.

        Raises: Fault.
        """
        data = _data(sent)
        problems: list[Detail] = Problems()
        if relation.kind == "one":
            found: Sequence[str | None] = [self.reference(relation, data, "/data", problems)]
        elif not isinstance(data, list):
            raise _refused("INVALID_FORMAT", f"`data` must be an array, not {json_name(data)}.", "/data")
        elif len(data) > MAX_IDENTIFIERS:
            message = f"At most {MAX_IDENTIFIERS} can be named at once, not {len(data)}."
            raise _refused("QUERY_TOO_COMPLEX", message, "/data")
        else:
            for index, item in enumerate(data):
                if item is None:
                    problems.append(
                        Detail("INVALID_FORMAT", "A member must not be null.", pointer=f"/data/{index}")
                    )
            found = [self.reference(relation, item, f"/data/{i}", problems) for i, item in enumerate(data)]
        settle(problems)
        return tuple(found)


def arguments_of(sent: Any) -> Any:
    """The arguments that a document gives to an action: its `meta`. Raises: Fault."""
    if not isinstance(sent, dict) or "meta" not in sent:
        raise _refused("INVALID_FORMAT", "An action takes its arguments from the document's `meta`.", "")
    return sent["meta"]


def _data(sent: Any) -> Any:
    if not isinstance(sent, dict) or "data" not in sent:
        raise _refused("INVALID_FORMAT", "A document is a JSON object with `data`.", "")
    return sent["data"]


def _refused(code: str, message: str, place: str) -> Fault:
    return Fault(code, message, [Detail(code, message, pointer=place)])
