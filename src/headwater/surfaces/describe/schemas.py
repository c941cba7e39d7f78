"""The components of a model: each resource as it is read and written, its actions' arguments and results."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

import msgspec

from headwater.base.errors import REGISTRY
from headwater.declare import Resource as Declared
from headwater.ir.document import MEMBERS
from headwater.ir.filters import OPERATORS
from headwater.ir.model import Action, Field, Kind, Model, Report, Resource, Type
from headwater.ir.parse import MAX_PAGE, MAX_SORT_KEYS
from headwater.ir.patch import MAX_OPERATIONS
from headwater.ir.query import MAX_CONDITIONS, MAX_GROUPS, MAX_LIMIT
from headwater.ir.scalars import INT64, MAX_DIGITS
from headwater.ir.search import searchable
from headwater.ir.summaries import MAX_GROUP_KEYS, MAX_MEASURES
from headwater.ir.values import MAX_ELEMENTS
from headwater.ir.where import MAX_NESTING
from headwater.surfaces.describe.documents import DocumentSchemas
from headwater.surfaces.describe.parameters import CALL, SHARED, Parameters, search
from headwater.surfaces.describe.reports import answered, sample
from headwater.surfaces.describe.values import (
    Schema,
    asked,
    default,
    example,
    nullable,
    patched,
    read,
    written,
)

PREFIX: Final = "#/components/schemas/"


def ref(name: str) -> Schema:
    """A reference to a schema."""
    return {"$ref": PREFIX + name}


class Schemas:
    """The schemas of a model's exposed resources, by name. Resources keep their names; others give way to them."""

    def __init__(self, model: Model, parameters: Parameters) -> None:
        self.model, self.parameters = model, parameters
        self.found: dict[str, Schema] = {}
        self._names = {r.name for r in model.resources.values() if r.exposed}
        self._forms: dict[tuple[str, str], str] = {}
        self._results: dict[tuple[str, str], Schema | None] = {}
        self.error = self._add("ApiError", _error())
        self.meta = self._add("ApiMeta", _META)
        self.page_meta = self._add("ApiPageMeta", _PAGE_META)
        self.links = self._add("ApiLinks", _LINKS)
        self.problem = self._add("ApiProblem", _problem())
        self.patch = self._add("ApiPatch", _PATCH)
        self.groups = self._add("ApiGroups", _GROUPS)
        self.summary = self._add("ApiSummary", _SUMMARY)
        # What a body asked for has no address of its own.
        self.found_groups = self._add("ApiGroupsFound", _groups({"type": "null"}))
        self.found_summary = self._add("ApiSummaryFound", envelope({"data": _NUMBERS, "meta": _META}))
        self._filters = {
            resource.name: self._add(f"{resource.name}Filter", {})
            for resource in model.resources.values()
            if resource.exposed
        }
        for resource in model.resources.values():
            if resource.exposed:
                self._resource(resource)
        self.documents = DocumentSchemas(
            model,
            parameters,
            lambda name, schema: ref(self._add(name, schema)),
            lambda r, form: self.plain(r, form),
        )
        self._actions([(r, a) for r in model.resources.values() if r.exposed for a in r.actions.values()])
        self._reports = self._answers([*model.reports.values(), *_reports(model)])
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
                "links": _SELF,
            }
        )

    def id(self, resource: Resource) -> Schema:
        """Where a to-one relation leads, in plain JSON."""
        data = {"anyOf": [self.documents.identifier(resource), {"type": "null"}]}
        return envelope({"data": data, "meta": ref(self.meta), "links": _RELATED})

    def ids(self, resource: Resource) -> Schema:
        """A page of where a to-many relation leads, in plain JSON."""
        data = {"type": "array", "items": self.documents.identifier(resource), "maxItems": MAX_LIMIT}
        links = {"allOf": [ref(self.links), _RELATED]}
        return envelope({"data": data, "meta": ref(self.page_meta), "links": links})

    def plain(self, resource: Resource, form: str) -> Schema:
        """One form of a resource; the resource itself for none."""
        return self.found[self._forms[resource.name, form] if form else resource.name]

    def result(self, resource: Resource, action: Action) -> Schema | None:
        """The body of an action's 200; None where it answers nothing."""
        return self._results[resource.name, action.name]

    def report(self, report: Report) -> Schema:
        """The body of a report's 200."""
        return self._reports[id(report)]

    def named(self, name: str, schema: Schema) -> Schema:
        """A reference to a schema that becomes a component."""
        return ref(self._add(name, schema))

    def _add(self, name: str, schema: Schema) -> str:
        while name in self._names or name in self.found:
            name += "_"
        self.found[name] = schema
        return name

    def _resource(self, resource: Resource) -> None:
        self.found[resource.name] = self._read(resource)
        row = ref(resource.name)
        one = {"data": row, "meta": ref(self.meta)}
        rows = {"data": {"type": "array", "items": row}, "meta": ref(self.meta)}
        many = {"data": rows["data"], "meta": ref(self.page_meta), "links": ref(self.links)}
        many["data"] = {**rows["data"], "maxItems": MAX_LIMIT}
        forms = {
            "Create": self._body(resource, "create"),
            "Replace": self._body(resource, "replace"),
            "Patch": self._body(resource, "patch"),
            "One": envelope(one),
            "Many": envelope(many),
            "Rows": envelope(rows),
            "Query": self._query(resource),
            # Links cannot hold a body.
            "Found": envelope({**many, "links": {"type": "null"}}),
        }
        self.found[self._filters[resource.name]] = self._filter(resource)
        for form, schema in forms.items():
            self._forms[resource.name, form] = self._add(resource.name + form, schema)

    def _read(self, resource: Resource) -> Schema:
        members: dict[str, Schema] = {}
        shown: dict[str, Any] = {}
        for field in _visible(resource):
            schema = _shown(resource, field)
            if field.read_only or field.computed is not None:
                schema["readOnly"] = True
            members[field.wire] = _told(schema, field)
            if field.batch is not None:
                note = "Shown where `fields` names it."
                members[field.wire]["description"] = f"{field.doc} {note}".strip()
                continue
            value = example(self.model, resource, field)
            if value is not None:
                shown[field.wire] = value
        for wire, relation in self.parameters.relations(resource).items():
            target, told = ref(relation.target), relation.doc or self.model.resources[relation.target].doc
            note = f"{told} With `include={wire}`.".strip()
            if relation.kind == "one":
                members[wire] = {"anyOf": [target, {"type": "null"}], "readOnly": True, "description": note}
            else:
                members[wire] = {"type": "array", "items": target, "readOnly": True, "description": note}
        described = (
            "Which members are there follows from `fields` and `include`. What you may not see is null."
        )
        return {
            "type": "object",
            "description": f"{resource.doc} {described}".strip(),
            "properties": members,
            "examples": [shown],
        }

    def _query(self, resource: Resource) -> Schema:
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
            "examples": [{"sort": [f"-{self.parameters.keys(resource)[0]}"], "limit": 20}],
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

    def _filter(self, resource: Resource) -> Schema:
        """Conditions on a row, which hold together."""
        own = ref(self._filters[resource.name])
        several = {"type": "array", "items": own, "minItems": 1}
        members: dict[str, Schema] = {}
        for field in _visible(resource):
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

    def _body(self, resource: Resource, form: str) -> Schema:
        members: dict[str, Schema] = {}
        required: list[str] = []
        shown: dict[str, Any] = {}
        for field in resource.fields.values():
            if field.internal and not field.secret:
                continue
            if field.read_only or field.computed is not None:
                if form == "replace" and field.batch is None:
                    schema = _shown(resource, field)
                    note = "It may be sent as it was read, and must be so still."
                    schema["description"] = f"{schema.get('description', '')} {note}".strip()
                    members[field.wire] = {**schema, "readOnly": True}
                continue
            schema = patched(field) if form == "patch" else written(field)
            if field.nullable:
                schema = nullable(schema)
            schema = _told(schema, field)
            if form != "create" and field.immutable:
                note = "It never changes: leave it out, or send it as it is."
                schema["description"] = f"{schema.get('description', '')} {note}".strip()
                schema["x-immutable"] = True
            if form != "patch" and (value := default(field)) is not msgspec.UNSET:
                schema["default"] = value
            members[field.wire] = schema
            if field.secret:
                members[field.wire]["writeOnly"] = True
            kept = field.immutable or field.secret
            demanded = field.required and (form == "create" or (form == "replace" and not kept))
            if demanded:
                required.append(field.wire)
            value = example(self.model, resource, field)
            if value is not None and (demanded or (form == "patch" and not shown and not field.immutable)):
                shown[field.wire] = value
        if form != "create" and "version" in resource.fields:
            members["version"] = {
                "type": "integer",
                "format": "int64",
                "minimum": -INT64 - 1,
                "maximum": INT64,
                "description": "The version that the change is meant for: refused with 409 if it has changed since.",
            }
        said = {
            "create": "A new row.",
            "replace": "The whole row. Fields that are left out return to their defaults.",
            "patch": "A merge patch (RFC 7396): what is left out stays, null clears.",
        }[form]
        found: Schema = {
            "type": "object",
            "description": f"{resource.doc} {said}".strip(),
            "properties": members,
            "additionalProperties": False,
        }
        if required:
            found["required"] = required
        if form == "patch" or set(required) <= shown.keys():
            found["examples"] = [shown]
        return found

    # -- actions ------------------------------------------------------------------------------------------

    def _actions(self, actions: Sequence[tuple[Resource, Action]]) -> None:
        """The arguments and results of all actions; the Structs that they name become components."""
        values = [action.result for _, action in actions if self._is_value(action.result)]
        annotations = [*(action.parameters for _, action in actions), *values]
        schemas, parts = msgspec.json.schema_components(annotations, ref_template=PREFIX + "{name}")
        names: dict[str, str] = {}
        for (resource, action), schema in zip(actions, schemas, strict=False):
            name = schema["$ref"].removeprefix(PREFIX)
            arguments = f"{resource.name}{_capital(action.name)}Arguments"
            names[name] = self._forms[resource.name, f"{action.name}.Arguments"] = self._add(arguments, {})
            part = parts[name]
            del part["title"]
            if not part["required"]:
                del part["required"]
                part["type"] = ["object", "null"]  # a body of null gives no arguments, as no body does
            part |= {"description": action.doc, "additionalProperties": False}
        for name in parts.keys() - names.keys():
            names[name] = self._add(name, {})
        for name, part in parts.items():
            self.found[names[name]] = _strict(part, names)
        results = iter(schemas[len(actions) :])
        for resource, action in actions:
            self._results[resource.name, action.name] = self._answer(
                resource, action, lambda: _strict(next(results), names)
            )

    def _answers(self, reports: Sequence[Report]) -> dict[int, Schema]:
        """The answers of all reports; the Structs and enums that they name become components."""
        schemas, parts = msgspec.json.schema_components(
            [report.result for report in reports], ref_template=PREFIX + "{name}"
        )
        names = {name: self._add(name, {}) for name in parts}
        for name, part in parts.items():
            self.found[names[name]] = answered(_strict(part, names))
        found = {}
        for report, schema in zip(reports, schemas, strict=True):
            data = answered(_strict(schema, names))
            shown = envelope({"data": data, "meta": ref(self.meta)})
            sent = {"requestId": "req_0123456789abcdef01234567"}
            found[id(report)] = {**shown, "examples": [{"data": sample(data, self.found), "meta": sent}]}
        return found

    def document(self, resource: Resource, action: Action) -> Schema:
        """The document of an action's 200."""
        result, documents = action.result, self.documents
        if result is None and action.on == "row":
            return documents.form(resource, "Document")
        if result is not None and (shown := self._shown(result)):
            return documents.form(shown, "Document")
        if result is not None and (shown := self._shown_many(result)):
            return documents.form(shown, "Documents")
        return documents.result

    def _answer(self, resource: Resource, action: Action, value: Callable[[], Schema]) -> Schema | None:
        """An action's answer: a row or rows as the caller may see them, its row, or another value."""
        result = action.result
        if result is None:
            return self.form(resource, "One") if action.on == "row" else None
        if shown := self._shown(result):
            return self.form(shown, "One")
        if shown := self._shown_many(result):
            return self.form(shown, "Rows")
        data = value() if self._is_value(result) else {}
        return envelope({"data": data, "meta": ref(self.meta)})

    def _is_value(self, result: Any) -> bool:
        """Whether an action returns something that is no row, of a type that msgspec can describe."""
        if result is None or self._shown(result) or self._shown_many(result):
            return False
        try:
            msgspec.json.schema_components((result,))
        except (TypeError, RuntimeError):
            return False
        return True

    def _shown(self, annotation: Any) -> Resource | None:
        if isinstance(annotation, type) and issubclass(annotation, Declared):
            found = self.model.resources[annotation.__name__]
            return found if found.exposed else None
        return None

    def _shown_many(self, annotation: Any) -> Resource | None:
        arguments = get_args(annotation)
        return self._shown(arguments[0]) if get_origin(annotation) in (list, tuple) and arguments else None


def _reports(model: Model) -> list[Report]:
    return [report for r in model.resources.values() if r.exposed for report in r.reports.values()]


def envelope(members: Mapping[str, Schema]) -> Schema:
    """An object with all of these members."""
    return {"type": "object", "properties": dict(members), "required": list(members)}


def _strict(schema: Any, names: Mapping[str, str]) -> Any:
    """A schema of msgspec with the forms that this platform reads: 64 bits, decimals, moments, no other members."""
    if isinstance(schema, list):
        return [_strict(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {
        k: v if k in ("default", "enum", "const") else _strict(v, names) for k, v in schema.items()
    }
    if isinstance(found.get("$ref"), str):
        name = found["$ref"].removeprefix(PREFIX)
        found["$ref"] = PREFIX + names[name]
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    match found.get("type"), found.get("format"):
        case "integer", None:
            found = {"format": "int64", "minimum": -INT64 - 1, "maximum": INT64, **found}
        case "string", "decimal":
            found |= {"pattern": r"^-?[0-9]+(\.[0-9]+)?$", "maxLength": MAX_DIGITS}
            del found["format"]
        case "string", "date-time":
            found |= asked(Type(Kind.DATETIME))
        case "string", "duration":
            del found["format"]
            found |= asked(Type(Kind.DURATION))
    return found


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


def _shown(resource: Resource, field: Field) -> Schema:
    """A field's value as answers show it."""
    schema = read(field.type)
    return nullable(schema) if field.nullable or field.name in resource.masks else schema


def _visible(resource: Resource) -> Iterable[Field]:
    return (field for field in resource.fields.values() if not field.internal)


def _told(schema: Schema, field: Field) -> Schema:
    """With the field's documentation before what the schema says of itself."""
    parts = [field.doc, schema.get("description", "")]
    if field.moves:
        moves = "; ".join(f"{old} → {', '.join(new)}" for old, new in field.moves.items() if new)
        parts.append(f"Moves: {moves}.")
    if field.unique:
        parts.append("No two rows share it.")
    text = " ".join(part for part in parts if part)
    return {**schema, "description": text} if text else schema


def _capital(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


# -- what all answers share ------------------------------------------------------------------------------

_META: Final[Schema] = {
    "type": "object",
    "properties": {"requestId": {"type": "string", "description": "Names this request in the server's log."}},
    "required": ["requestId"],
}
_TOKEN: Final[Schema] = {"type": ["string", "null"]}
_PAGE_META: Final[Schema] = {
    "type": "object",
    "properties": {
        "requestId": _META["properties"]["requestId"],
        "pagination": {
            "oneOf": [
                envelope(
                    {
                        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                        "nextCursor": _TOKEN,
                        "prevCursor": _TOKEN,
                        "hasMore": {"type": "boolean"},
                    }
                ),
                envelope(
                    {
                        "page": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
                        "perPage": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                        "total": {"type": "integer", "minimum": 0},
                        "pages": {"type": "integer", "minimum": 0},
                    }
                ),
            ]
        },
    },
    "required": ["requestId", "pagination"],
}
_LINK: Final[Schema] = {"type": ["string", "null"], "format": "uri-reference"}
_LINKS: Final[Schema] = {
    "type": "object",
    "description": "Relative to the host. `last` is there on numbered pages.",
    "properties": {
        "self": {"type": "string", "format": "uri-reference"},
        "first": {"type": "string", "format": "uri-reference"},
        "prev": _LINK,
        "next": _LINK,
        "last": {"type": "string", "format": "uri-reference"},
    },
    "required": ["self", "first", "prev", "next"],
}


_SELF: Final[Schema] = envelope({"self": {"type": "string", "format": "uri-reference"}})
_RELATED: Final[Schema] = envelope(
    {
        "self": {"type": "string", "format": "uri-reference"},
        "related": {"type": "string", "format": "uri-reference"},
    }
)
_NUMBERS: Final[Schema] = {
    "type": "object",
    "description": "What `aggregate` asked for. Values have the form that they have in rows.",
    "properties": {
        "group": {"type": "object", "description": "What the rows of this group share."},
        "count": {"type": "integer", "minimum": 0},
        "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "countDistinct": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        **{name: {"type": "object"} for name in ("sum", "avg", "min", "max")},
    },
    "additionalProperties": False,
}


def _groups(links: Schema) -> Schema:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_GROUPS}
    pagination = {**envelope({"limit": limit, "hasMore": {"type": "boolean"}}), "additionalProperties": False}
    return envelope(
        {
            "data": {"type": "array", "items": {**_NUMBERS, "required": ["group"]}, "maxItems": MAX_GROUPS},
            "meta": envelope({"requestId": _META["properties"]["requestId"], "pagination": pagination}),
            "links": links,
        }
    )


_GROUPS: Final = _groups(_SELF)
_SUMMARY: Final[Schema] = envelope({"data": _NUMBERS, "meta": _META, "links": _SELF})

_POINTER: Final[Schema] = {
    "type": "string",
    "pattern": "^(?:/(?:[^~/]|~[01])*)+$",
    "description": "A field, and perhaps a place within its value (RFC 6901).",
}


def _operation(names: Sequence[str], members: Mapping[str, Schema]) -> Schema:
    return envelope({"op": {"enum": list(names)}, **members})


_PATCH: Final[Schema] = {
    "type": "array",
    "description": "A JSON Patch (RFC 6902): operations that are performed one after the other, all or none.",
    "maxItems": MAX_OPERATIONS,
    "items": {
        "oneOf": [
            _operation(("add", "replace", "test"), {"path": _POINTER, "value": {}}),
            _operation(("remove",), {"path": _POINTER}),
            _operation(("move", "copy"), {"from": _POINTER, "path": _POINTER}),
        ]
    },
    "examples": [[{"op": "test", "path": "/version", "value": 3}]],
}


def _error() -> Schema:
    facts = _facts()
    return {
        **facts,
        "description": "A refusal.",
        "properties": {**facts["properties"], "message": {"type": "string"}},
        "required": [*facts["required"], "message"],
    }


def _problem() -> Schema:
    """A refusal in the form of RFC 9457."""
    facts = _facts()
    own: dict[str, Schema] = {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Leads to what the error means.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    }
    where = {"instance": {"type": "string", "format": "uri-reference"}}
    return {
        "type": "object",
        "description": "A problem (RFC 9457).",
        "properties": {**own, **where, **facts["properties"]},
        "required": [*own, *facts["required"]],
    }


def _facts() -> Schema:
    """What both forms of a refusal tell."""
    codes = {"type": "string", "enum": list(REGISTRY)}
    detail = {
        "type": "object",
        "description": "One problem; `field` is in the body, `parameter` in the query string or a header. Some "
        "have facts of their own, such as `pattern`, `allowed` or `requiredPermission`.",
        "properties": {
            "field": {"type": "string"},
            "parameter": {"type": "string"},
            "code": codes,
            "message": {"type": "string"},
            "hint": {"type": "string"},
            "requiredPermission": {"type": "string"},
        },
        "required": ["code", "message"],
    }
    error = envelope(
        {
            "code": codes,
            "number": {"type": "integer", "enum": [code.number for code in REGISTRY.values()]},
            "requestId": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
            "details": {"type": "array", "items": detail},
        }
    )
    error["properties"]["hint"] = {"type": "string"}
    error["properties"]["retryAfter"] = {"type": "integer", "minimum": 0, "description": "Seconds."}
    return error
