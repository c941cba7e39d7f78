"""Questions in bodies, as QUERY and `/search` take them: filters, orders, and what is shown."""

from collections.abc import Mapping, Sequence

from headwater.ir.document import MEMBERS
from headwater.ir.filters import OPERATORS
from headwater.ir.model import Field, Model, Resource
from headwater.ir.parse import MAX_SORT_KEYS
from headwater.ir.query import MAX_CONDITIONS, MAX_LIMIT
from headwater.ir.search import searchable
from headwater.ir.summaries import MAX_GROUP_KEYS, MAX_MEASURES
from headwater.ir.values import MAX_ELEMENTS
from headwater.ir.where import MAX_NESTING
from headwater.surfaces.describe.envelopes import ref
from headwater.surfaces.describe.parameters import CALL, SHARED, Parameters, search
from headwater.surfaces.describe.values import Schema, asked, visible


class Questions:
    """What can be asked of each resource. `filters` are the names of the schemas of filters, by resource."""

    def __init__(self, model: Model, parameters: Parameters, filters: Mapping[str, str]) -> None:
        self.model, self.parameters, self._filters = model, parameters, filters

    def query(self, resource: Resource) -> Schema:
        """A question in a body; its members are those of a query string."""
        whole = SHARED
        paths = list(self.parameters.paths(resource))
        members = {
            "filter": {"anyOf": [ref(self._filters[resource.name]), {"type": "object", "maxProperties": 0}]},
            "sort": _keys(self.parameters.keys(resource)),
            "fields": _names(self.parameters.shown(resource)) | {"minItems": 1},
            "limit": whole["limit"]["schema"],
            **{name: whole[name]["schema"] for name in ("page", "perPage")},
            "cursor": {"type": "string", "minLength": 1},
        }
        members["sort"]["items"] = {"anyOf": [members["sort"]["items"], {"type": "string", "pattern": CALL}]}
        members["groupBy"] = _names(self.parameters.keys(resource)) | {
            "minItems": 1,
            "uniqueItems": True,
            "maxItems": MAX_GROUP_KEYS,
        }
        members["aggregate"] = _names(self.parameters.calls(resource)) | {
            "minItems": 1,
            "uniqueItems": True,
            "maxItems": MAX_MEASURES,
        }
        if paths:
            members["include"] = {
                "type": "array",
                "items": {"anyOf": [{"type": "string", "enum": paths}, self._included(resource)]},
            }
        if fields := searchable(resource):
            whole = {**whole, "q": search(fields)}
            members["q"] = whole["q"]["schema"]
        found = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in members.items()}
        for name in ("limit", "cursor", "page", "perPage", "q"):
            if name in found:
                found[name]["description"] = whole[name]["description"]
        return {
            "type": "object",
            "description": "A question about many rows, or with `aggregate` about their numbers, of which then the "
            "members about rows are left out. A member that is null is as if left out. A filter nests at "
            f"most {MAX_NESTING} levels and has at most {MAX_CONDITIONS} conditions; names of fields may lead "
            "through more relations than are listed.",
            "properties": {name: found[name] for name in MEMBERS if name in found},
            "additionalProperties": False,
        }

    def _included(self, resource: Resource) -> Schema:
        """Relations with options of theirs."""
        members: dict[str, Schema] = {}
        for wire, relation in self.parameters.relations(resource).items():
            target = self.model.resources[relation.target]
            options = {"fields": _names(self.parameters.shown(target)) | {"minItems": 1}}
            if paths := list(self.parameters.paths(target)):
                options["include"] = _names(paths)
            if relation.kind == "many":
                options["filter"] = ref(self._filters[target.name])
                options["sort"] = _keys(self.parameters.keys(target))
                options["limit"] = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
            members[wire] = {"type": "object", "properties": options, "additionalProperties": False}
        return {
            "type": "object", "properties": members, "additionalProperties": False, "minProperties": 1
        }  # fmt: skip

    def filter(self, resource: Resource) -> Schema:
        """Conditions on a row, which hold together."""
        own = ref(self._filters[resource.name])
        several = {"type": "array", "items": own, "minItems": 1}
        members: dict[str, Schema] = {}
        for field in visible(resource):
            if field.batch is not None:
                continue
            if operators := {name: _compared(field, name) for name in OPERATORS[field.type.kind]}:
                members[field.wire] = {
                    "type": "object",
                    "properties": operators,
                    "additionalProperties": False,
                    "minProperties": 1,
                }
        for wire, relation in self.parameters.relations(resource).items():
            told = "" if relation.kind == "one" else "One of these satisfies all of it."
            members[wire] = {**ref(self._filters[relation.target]), **({"description": told} if told else {})}
        members |= {"and": several, "or": several, "not": own}
        return {
            "type": "object",
            "description": "Conditions that hold together. A relation takes conditions on what it leads to.",
            "properties": members,
            "additionalProperties": False,
            "minProperties": 1,
        }


def _compared(field: Field, operator: str) -> Schema:
    """What an operator of a filter compares with."""
    if operator == "isNull":
        return {"type": "boolean"}
    if operator == "between":
        return {"type": "array", "items": asked(field.type), "minItems": 2, "maxItems": 2}
    if operator in ("in", "nin"):
        return {"type": "array", "items": asked(field.type), "maxItems": MAX_ELEMENTS}
    return asked(field.type)


def _names(values: Sequence[str]) -> Schema:
    return {"type": "array", "items": {"type": "string", "enum": list(values)}}


def _keys(values: Sequence[str]) -> Schema:
    """The keys of an order, each also with `-` before it."""
    spelt = [text for name in values for text in (name, f"-{name}")]
    return {**_names(spelt), "uniqueItems": True, "maxItems": MAX_SORT_KEYS}
