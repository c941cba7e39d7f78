"""Requests drawn from a model: any filter, order, selection, summary and page that a client can ask for.

Paths are walked at random, so they lead through hidden rows, through the paths of rules, and through masked fields.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from headwater.ir.filters import OPERATORS, UNSORTED
from headwater.ir.model import Field, Kind, Model, Relation, Resource
from headwater.ir.summaries import FITTING

JSON_API = "application/vnd.api+json"
Values = Callable[[Resource, Field], Any]
"""Draws a JSON value that a field might have."""


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Asker:
    """Draws requests that read."""

    def __init__(
        self,
        model: Model,
        draw: random.Random,
        values: Values,
        keys: Mapping[str, list[str]],
        ways: Mapping[str, list[tuple[str, ...]]],
    ) -> None:
        """`keys` are the ids of each resource's rows, hidden ones too; `ways` paths of relations that are often gone,
        since rules lead through them."""
        self.model, self.draw, self.values, self.keys, self.ways = model, draw, values, keys, ways
        self.exposed = [resource for resource in model.resources.values() if resource.exposed]

    def request(self) -> Request:
        found = self._request()
        if found.method == "GET" and "seed=" not in found.target and self.draw.random() < 0.25:
            return Request("GET", found.target, headers={"accept": JSON_API})
        return found

    def _request(self) -> Request:
        draw = self.draw
        resource = draw.choice(self.exposed)
        if resource.reports and draw.random() < 0.25:
            return self._report(resource)
        trash = resource.trash and draw.random() < 0.3
        path = f"/api/v1/{'trash/' if trash else ''}{resource.path}"
        kind = draw.random()
        if kind < 0.12:
            return Request("GET", f"{path}/{self._key(resource)}{self._query(self._shown(resource))}")
        many = [r for r in resource.relations.values() if r.kind != "one"]
        asked = resource
        if many and kind < 0.35 and not trash:
            relation = draw.choice(many)
            if draw.random() < 0.2:
                of = relation.name.replace("_", "-")
                return Request("GET", f"{path}/{self._key(resource)}/relationships/{of}")
            path = f"{path}/{self._key(resource)}/{relation.name.replace('_', '-')}"
            asked = self.model.resources[relation.target]
        if draw.random() < 0.25:
            return Request("QUERY", path, self.document(asked))
        wanted = self._filters(asked)
        if sought := self._sought(asked):
            wanted.append(("q", sought))
        wanted += self._summary(asked) if draw.random() < 0.25 else self._rows(asked)
        return Request("GET", path + self._query(wanted))

    def _report(self, resource: Resource) -> Request:
        """A report, which takes a seed for what it asks."""
        report = self.draw.choice(list(resource.reports.values()))
        of = f"/{self._key(resource)}" if report.on == "row" else ""
        seed = self.draw.randrange(1 << 20)
        return Request("GET", f"/api/v1/{resource.path}{of}/{report.path}?seed={seed}")

    def _key(self, resource: Resource) -> str:
        return self.draw.choice(self.keys[resource.name] or self.keys["Task"])

    def _query(self, wanted: list[tuple[str, str]]) -> str:
        parts = [f"{quote(name, safe='[].')}={quote(value, safe=',()-.')}" for name, value in wanted]
        return "?" + "&".join(parts) if parts else ""

    # -- places -------------------------------------------------------------------------------------------------

    def walk(self, resource: Resource, most: int, only_one: bool = False) -> tuple[list[Relation], Resource]:
        """Relations from a resource, at most so many, and where they lead."""
        hops: list[Relation] = []
        if self.ways.get(resource.name) and most > 2 and self.draw.random() < 0.4:
            for name in self.draw.choice(self.ways[resource.name]):
                hops.append(resource.relations[name])
                resource = self.model.resources[hops[-1].target]
            return hops, resource
        while len(hops) < most and self.draw.random() < 0.55:
            ways = [r for r in resource.relations.values() if r.kind == "one" or not only_one]
            if not ways:
                break
            hops.append(self.draw.choice(ways))
            resource = self.model.resources[hops[-1].target]
        return hops, resource

    def field(
        self,
        resource: Resource,
        most: int = 3,
        only_one: bool = False,
        kinds: frozenset[Kind] = frozenset(Kind),
    ) -> tuple[str, Resource, Field] | None:
        """A field, here or at the end of a walk, as clients spell it."""
        hops, target = self.walk(resource, most, only_one)
        fields = [f for f in _asked(target) if f.type.kind in kinds]
        if not fields:
            return None
        found = self.draw.choice(fields)
        return ".".join([*(hop.wire for hop in hops), found.wire]), target, found

    def operation(self, target: Resource, found: Field) -> tuple[str, Any]:
        """An operator and what it takes, in JSON."""
        operator = self.draw.choice(OPERATORS[found.type.kind])
        if operator == "isNull":
            return operator, self.draw.random() < 0.5
        if operator in ("in", "nin", "between"):
            return operator, [self.values(target, found), self.values(target, found)]
        value = self.values(target, found)
        if operator in ("contains", "startsWith"):
            value = str(value)[: self.draw.choice([1, 2, 40])].swapcase()
        return operator, value

    # -- query strings ------------------------------------------------------------------------------------------

    def _filters(self, resource: Resource, most: int = 2) -> list[tuple[str, str]]:
        wanted = []
        for _ in range(self.draw.choice([0, 1, 1, most])):
            if place := self.field(resource):
                path, target, found = place
                operator, value = self.operation(target, found)
                wanted.append((path if operator == "eq" else f"{path}[{operator}]", _text(value)))
        return wanted

    def _sought(self, resource: Resource) -> str | None:
        """Something to search for: a part of a text that some row has."""
        fields = [f for f in resource.fields.values() if f.searchable]
        if not fields or self.draw.random() > 0.2:
            return None
        text = str(self.values(resource, self.draw.choice(fields)))
        start = self.draw.randrange(2)
        return text[start : start + self.draw.choice([1, 3, 40])].strip(' "') or "comp"

    def _sorts(self, resource: Resource) -> list[str]:
        kinds = frozenset(Kind) - UNSORTED
        places = [
            self.field(resource, 2, only_one=True, kinds=kinds) for _ in range(self.draw.choice([0, 1, 2]))
        ]
        names = dict.fromkeys(place[0] for place in places if place)
        return [self.draw.choice(["", "-"]) + name for name in names]

    def _shown(self, resource: Resource) -> list[tuple[str, str]]:
        wanted: list[tuple[str, str]] = []
        included = {
            ".".join(hop.wire for hop in hops)
            for hops, _ in (self.walk(resource, 3) for _ in range(2))
            if hops
        }
        if included and self.draw.random() < 0.6:
            wanted.append(("include", ",".join(sorted(included))))
        elif self.draw.random() < 0.3:
            fields = [f.wire for f in resource.fields.values() if not f.internal]
            named = self.draw.sample(fields, 2)
            hops, target = self.walk(resource, 3)
            if hops:  # of a row behind relations, a field that a function works out if there is one
                batched = [f.wire for f in target.fields.values() if f.batch]
                named.append(".".join([*(hop.wire for hop in hops), *(batched or ["id"])[:1]]))
            wanted.append(
                ("fields", ",".join([*named, *(f.wire for f in resource.fields.values() if f.batch)]))
            )
        return wanted

    def _rows(self, resource: Resource) -> list[tuple[str, str]]:
        draw = self.draw
        wanted = self._shown(resource)
        for name, text in tuple(wanted):
            hops = text.split(",")[0].split(".") if name == "include" else []
            relation = next((r for r in resource.relations.values() if hops and r.wire == hops[0]), None)
            if relation is not None and relation.kind != "one" and draw.random() < 0.5:
                target = self.model.resources[relation.target]
                wanted.append((f"{relation.wire}[limit]", str(draw.choice([1, 2]))))
                if sorts := self._sorts(target):
                    wanted.append((f"{relation.wire}[sort]", ",".join(sorts)))
        if sorts := self._sorts(resource):
            wanted.append(("sort", ",".join(sorts)))
        if draw.random() < 0.3:
            wanted += [("page", str(draw.choice([1, 2]))), ("perPage", str(draw.choice([2, 25])))]
        else:
            wanted.append(("limit", str(draw.choice([2, 5, 50]))))
        return wanted

    def _summary(self, resource: Resource) -> list[tuple[str, str]]:
        draw = self.draw
        measures = {"count"} if draw.random() < 0.5 else set()
        for _ in range(draw.choice([0, 1, 2])):
            function = draw.choice(sorted(FITTING))
            place = self.field(
                resource, 0 if function == "sum" else 2, only_one=True, kinds=FITTING[function]
            )
            if place:
                measures.add(f"{function}({place[0]})")
        measures = measures or {"count"}
        wanted = [("aggregate", ",".join(sorted(measures)))]
        groups = dict.fromkeys(key.removeprefix("-") for key in self._sorts(resource))
        if groups:
            wanted.append(("groupBy", ",".join(groups)))
            if draw.random() < 0.5:
                wanted.append(("sort", draw.choice(["", "-"]) + draw.choice([*sorted(measures), *groups])))
            wanted.append(("limit", str(draw.choice([1, 2, 100]))))
        return wanted

    # -- bodies -------------------------------------------------------------------------------------------------

    def document(self, resource: Resource) -> dict[str, Any]:
        body: dict[str, Any] = {"filter": self.tree(resource, 2), "limit": self.draw.choice([2, 5, 50])}
        if sorts := self._sorts(resource):
            body["sort"] = sorts
        if sought := self._sought(resource):
            body["q"] = sought
        if resource.relations and self.draw.random() < 0.5:
            relation = self.draw.choice(list(resource.relations.values()))
            target = self.model.resources[relation.target]
            options: dict[str, Any] = {
                "include": [self.draw.choice([r.wire for r in target.relations.values()])]
            }
            if relation.kind != "one":
                options |= {"filter": self.tree(target, 1), "sort": self._sorts(target), "limit": 2}
            body["include"] = [{relation.wire: options}]
        return body

    def tree(self, resource: Resource, depth: int) -> dict[str, Any]:
        """A filter: of a field, of a related row, or of several of these together."""
        kind = self.draw.random()
        if depth and kind < 0.2:
            return {"not": self.tree(resource, depth - 1)}
        if depth and kind < 0.4:
            return {self.draw.choice(["and", "or"]): [self.tree(resource, depth - 1) for _ in range(2)]}
        if depth and resource.relations and kind < 0.75:
            relation = self.draw.choice(list(resource.relations.values()))
            return {relation.wire: self.tree(self.model.resources[relation.target], depth - 1)}
        place = self.field(resource, 0)
        assert place is not None
        operator, value = self.operation(place[1], place[2])
        return {place[0]: {operator: value}}


def _asked(resource: Resource) -> list[Field]:
    """The fields by which clients can filter."""
    return [f for f in resource.fields.values() if not f.internal and f.batch is None]


def _text(value: Any) -> str:
    """A JSON value as a parameter has it."""
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
