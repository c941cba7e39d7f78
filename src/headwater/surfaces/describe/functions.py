"""The arguments and results of authors' functions, actions and reports, as msgspec describes their types."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from headwater.ir.model import Action, Kind, Model, Report, Resource, Type
from headwater.ir.scalars import INT64, MAX_DIGITS
from headwater.surfaces.describe.envelopes import PREFIX, envelope, ref
from headwater.surfaces.describe.reports import answered
from headwater.surfaces.describe.values import Schema, asked


class Components(Protocol):
    """Where schemas become components."""

    found: dict[str, Schema]
    meta: str

    def add(self, name: str, schema: Schema) -> str:
        """Its name, which may differ from the one that was wished for."""

    def form(self, resource: Resource, form: str) -> Schema:
        """A reference to one form of a resource."""


class Functions:
    """The schemas of all actions and reports of a model's exposed resources. `arguments` names those of the actions'
    arguments."""

    def __init__(self, model: Model, components: Components) -> None:
        self.model, self.components = model, components
        self.arguments: dict[tuple[str, str], str] = {}
        self._results: dict[tuple[str, str], Schema | None] = {}
        exposed = [resource for resource in model.resources.values() if resource.exposed]
        self._actions([(resource, action) for resource in exposed for action in resource.actions.values()])
        self._reports = self._answers(
            [*model.reports.values(), *(report for r in exposed for report in r.reports.values())]
        )

    def result(self, resource: Resource, action: Action) -> Schema | None:
        """The body of an action's 200; None where it answers nothing."""
        return self._results[resource.name, action.name]

    def report(self, report: Report) -> Schema:
        """The body of a report's 200."""
        return self._reports[id(report)]

    def shown(self, resource: Resource, action: Action) -> tuple[Resource, bool] | None:
        """The resource whose rows an action answers, and whether there can be several; None: it answers no rows."""
        shown = self.model.answers(resource, action)
        return shown if shown is not None and shown[0].exposed else None

    def _actions(self, actions: Sequence[tuple[Resource, Action]]) -> None:
        """The Structs that arguments and results name become components."""
        values = [action.result for resource, action in actions if self._is_value(resource, action)]
        annotations = [*(action.parameters for _, action in actions), *values]
        schemas, parts = msgspec.json.schema_components(annotations, ref_template=PREFIX + "{name}")
        names: dict[str, str] = {}
        for (resource, action), schema in zip(actions, schemas, strict=False):
            name = schema["$ref"].removeprefix(PREFIX)
            arguments = f"{resource.name}{_capital(action.name)}Arguments"
            names[name] = self.arguments[resource.name, action.name] = self.components.add(arguments, {})
            part = parts[name]
            del part["title"]
            if not part["required"]:
                del part["required"]
                part["type"] = ["object", "null"]  # a body of null gives no arguments, as no body does
            part |= {"description": action.doc, "additionalProperties": False}
        for name in parts.keys() - names.keys():
            names[name] = self.components.add(name, {})
        for name, part in parts.items():
            self.components.found[names[name]] = _strict(part, names)
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
        names = {name: self.components.add(name, {}) for name in parts}
        for name, part in parts.items():
            self.components.found[names[name]] = answered(_strict(part, names))
        found = {}
        for report, schema in zip(reports, schemas, strict=True):
            data = answered(_strict(schema, names))
            found[id(report)] = envelope({"data": data, "meta": ref(self.components.meta)})
        return found

    def _answer(self, resource: Resource, action: Action, value: Callable[[], Schema]) -> Schema | None:
        """An action's answer: a row or rows as the caller may see them, its row, or another value."""
        if rows := self.shown(resource, action):
            return self.components.form(rows[0], "Rows" if rows[1] else "One")
        if action.result is None:
            return None
        data = value() if self._is_value(resource, action) else {}
        return envelope({"data": data, "meta": ref(self.components.meta)})

    def _is_value(self, resource: Resource, action: Action) -> bool:
        """Whether an action returns something that is no row, of a type that msgspec can describe."""
        if action.result is None or self.model.answers(resource, action):
            return False
        try:
            msgspec.json.schema_components((action.result,))
        except (TypeError, RuntimeError):
            return False
        return True


def _strict(schema: Any, names: Mapping[str, str]) -> Any:
    """A schema of msgspec with the forms that this platform reads: 64 bits, decimals, moments, no other members."""
    if isinstance(schema, list):
        return [_strict(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {
        k: v if k in ("default", "enum", "const") else _strict(v, names) for k, v in schema.items()
    }
    if found.get("required") == []:
        del found["required"]  # OpenAPI 3.0 wants one member at least
    if isinstance(found.get("$ref"), str):
        name = found["$ref"].removeprefix(PREFIX)
        found["$ref"] = PREFIX + names[name]
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    match found.get("type"), found.get("format"):
        case "integer", None:
            found = {"format": "int64", "minimum": -INT64 - 1, "maximum": INT64, **found}
        case "string", "decimal":
            del found["format"]
            found = {"pattern": r"^-?[0-9]+(\.[0-9]+)?$", "maxLength": MAX_DIGITS, **found}
        case "string", "date-time":
            found |= asked(Type(Kind.DATETIME))
        case "string", "duration":
            del found["format"]
            found |= asked(Type(Kind.DURATION))
    return found


def _capital(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
