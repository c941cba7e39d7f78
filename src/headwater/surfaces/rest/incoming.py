"""Documents of JSON:API 1.1 that clients send, read as the bodies of plain JSON that mean the same.

Members that the specification does not define are ignored, as it demands; attributes and relationships are read as
strictly as ever. What is wrong is told by pointers into the document as it was sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from headwater.base.errors import Detail, Fault, Problems, nearest
from headwater.http.json_api import pointer, pointer_of, steps
from headwater.ir.body import settle
from headwater.ir.command import MAX_IDENTIFIERS, Linked
from headwater.ir.model import Relation, Resource
from headwater.ir.names import Namer
from headwater.ir.pieces import member
from headwater.ir.scalars import json_name

T = TypeVar("T")


class Incoming:
    """Reads documents about the rows of one resource."""

    def __init__(self, namer: Namer, resource: Resource) -> None:
        self.model, self.resource = namer.model, resource
        self.relations = {member(resource, r.wire): r for r in namer.names(resource).relations.values()}
        self._references = {
            resource.fields[r.field].wire: name for name, r in self.relations.items() if r.kind == "one"
        }
        # Where a detail's field is in a document, if it is not an attribute of the same name.
        self._places = {wire: f"/relationships/{name}" for wire, name in self._references.items()}
        self._places |= {
            r.wire: f"/relationships/{name}" for name, r in self.relations.items() if r.kind != "one"
        }
        self._renamed = {
            f.wire: name
            for f in resource.fields.values()
            if f.target is None and (name := member(resource, f.wire)) != f.wire
        }

    def read(
        self, sent: Any, parse: Callable[[dict[str, Any]], T], key: str | None = None
    ) -> tuple[T, Linked]:
        """What `parse` makes of the plain body that a document of a resource means, and where its to-many
        relationships are to lead; `key` is the row that it is about, None for a new one.

        Raises: Fault, of all problems that it has and that `parse` finds; RESOURCE_CONFLICT for another type or id;
        NOT_SUPPORTED for an id that clients cannot choose.
        """
        data = _data(sent)
        if not isinstance(data, dict):
            raise _refused(
                "INVALID_FORMAT", f"`data` must be a resource object, not {json_name(data)}.", "/data"
            )
        problems: list[Detail] = Problems()
        body = self._attributes(data, problems)
        self._identity(data, key, body, problems)
        unread, linked = self._relationships(data, body, problems)
        try:
            found = parse(body)
        except Fault as fault:
            fault.details = tuple(d for d in fault.details if d.field not in unread)
            point(fault, self.locate)
            settle([*problems, *fault.details])
            raise
        settle(problems)
        return found, linked

    def locate(self, detail: Detail) -> Detail:
        """The detail with its place in the document that gave a row its values."""
        first, *rest = tuple(steps(str(detail.field))) or ("",)
        if (named := self._renamed.get(first)) is not None:
            message = detail.message.replace(f"`{first}", f"`{named}")
            return replace(detail, message=message, pointer=pointer_of(("data", "attributes", named, *rest)))
        place = self._places.get(str(detail.field)) or f"/attributes{pointer(str(detail.field))}"
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
        for wire, name in self._renamed.items():
            if wire in given:
                message = f"`{wire}` is no attribute in JSON:API; send `{name}`."
                problems.append(Detail("UNKNOWN_FIELD", message, pointer=f"/data/attributes/{wire}"))
                del body[wire]
            if name in given:
                body[wire] = body.pop(name)
        return body

    def _relationships(
        self, data: dict[str, Any], body: dict[str, Any], problems: list[Detail]
    ) -> tuple[set[str | None], Linked]:
        """Add the references to the body. The names of those that cannot be read, and where other relations lead."""
        given = data.get("relationships", {})
        unread: set[str | None] = set()
        linked: dict[str, frozenset[str]] = {}
        if not isinstance(given, dict):
            message = f"`relationships` must be an object, not {json_name(given)}."
            problems.append(Detail("INVALID_FORMAT", message, pointer="/data/relationships"))
            return unread, linked
        for name, relationship in given.items():
            place, relation = f"/data/relationships{pointer(name)}", self.relations.get(name)
            if relation is None:
                near = nearest(name[:80], self.relations)
                listed = f"there are {', '.join(self.relations)}." if self.relations else "it has none."
                mend = f"did you mean `{near}`?" if near else listed
                message = f"{self.resource.path} has no relationship `{name[:80]}`; {mend}"
                problems.append(Detail("UNKNOWN_FIELD", message, pointer=place))
            elif not isinstance(relationship, dict) or "data" not in relationship:
                message = f"`{name}` must be an object with `data`."
                problems.append(Detail("INVALID_FORMAT", message, pointer=place))
                if relation.kind == "one":
                    unread.add(self.resource.fields[relation.field].wire)
            elif relation.kind != "one":
                ids = self.references(relation, relationship["data"], f"{place}/data", problems)
                linked[relation.name] = frozenset(ids)
            else:
                before = len(problems)
                id = self.reference(relation, relationship["data"], f"{place}/data", problems)
                wire = self.resource.fields[relation.field].wire
                if len(problems) > before:
                    unread.add(wire)
                else:
                    body[wire] = id
        return unread, linked

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
        found: Sequence[str | None]
        if relation.kind == "one":
            found = (self.reference(relation, data, "/data", problems),)
        else:
            found = self.references(relation, data, "/data", problems)
        settle(problems)
        return tuple(found)

    def references(self, relation: Relation, data: Any, place: str, problems: list[Detail]) -> Sequence[str]:
        """The ids of an array of resource identifier objects. What is wrong is added to `problems`.

        Raises: Fault, where it is no array, or one of too many.
        """
        if not isinstance(data, list):
            raise _refused("INVALID_FORMAT", f"`data` must be an array, not {json_name(data)}.", place)
        if len(data) > MAX_IDENTIFIERS:
            message = f"At most {MAX_IDENTIFIERS} can be named at once, not {len(data)}."
            raise _refused("QUERY_TOO_COMPLEX", message, place)
        found = []
        for index, item in enumerate(data):
            here = f"{place}/{index}"
            if item is None:
                problems.append(Detail("INVALID_FORMAT", "A member must not be null.", pointer=here))
            elif (id := self.reference(relation, item, here, problems)) is not None:
                found.append(id)
        return found


def arguments_of(sent: Any) -> Any:
    """The arguments that a document gives to an action: its `meta`. Raises: Fault."""
    if not isinstance(sent, dict) or "meta" not in sent:
        raise _refused("INVALID_FORMAT", "An action takes its arguments from the document's `meta`.", "")
    return sent["meta"]


def argument(detail: Detail) -> Detail:
    """The detail with its place in the document that gave an action its arguments."""
    return replace(detail, pointer=f"/meta{pointer(str(detail.field))}")


def point(fault: Fault, locate: Callable[[Detail], Detail]) -> None:
    """Tell of each field that a fault names where it is in the document that was sent."""
    fault.details = tuple(
        detail if detail.field is None or detail.pointer is not None else locate(detail)
        for detail in fault.details
    )


def _data(sent: Any) -> Any:
    if not isinstance(sent, dict) or "data" not in sent:
        raise _refused("INVALID_FORMAT", "A document is a JSON object with `data`.", "")
    return sent["data"]


def _refused(code: str, message: str, place: str) -> Fault:
    return Fault(code, message, [Detail(code, message, pointer=place)])
