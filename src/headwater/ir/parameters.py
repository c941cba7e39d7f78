"""What the names of query parameters mean, found once per name and kept."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from headwater.base.errors import Detail, nearest
from headwater.ir.filters import Build, builder, takes_list
from headwater.ir.model import Model, Resource
from headwater.ir.names import Namer, UnknownName, snake

LIST_PARAMETERS: Final = (
    "limit", "cursor", "page", "perPage", "sort", "order", "fields", "include", "aggregate", "groupBy",
    "q",
)  # fmt: skip
LISTS: Final = frozenset({"sort", "fields", "include", "aggregate", "groupBy"})
ROW_PARAMETERS: Final = ("fields", "include")
PAGES: Final = ("page[number]", "page[size]", "page[after]", "page[before]")
"""How JSON:API spells paging; the last two are of its profile for cursors."""

MAX_NAME: Final = 300

_SPELLINGS: Final = {**{name: name for name in LIST_PARAMETERS}, "per_page": "perPage", "group_by": "groupBy"}
_OPTIONS: Final = ("limit", "sort", "filter")
_ELSEWHERE: Final = {
    "limit": "`page[size]`",
    "cursor": "`page[after]` or `page[before]`",
    "page": "`page[number]`",
    "perPage": "`page[size]`",
    "fields": "`fields[{path}]`",
    "aggregate": "`Accept: application/json`, as there are no resources in its answer",
    "groupBy": "`Accept: application/json`, as there are no resources in its answer",
}
"""What stands for our parameters in JSON:API."""
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]+\]){0,3})")


@dataclass(frozen=True, slots=True)
class Single:
    """A parameter of the request itself, one of `LIST_PARAMETERS`, or of `PAGES`. Those of `LISTS` are lists, whose
    elements may come one by one; any other can be given once."""

    name: str


@dataclass(frozen=True, slots=True)
class Filter:
    """`status`, `deadline[gte]`, `filter[limit]`. `many`: it takes a list, whose values may come one by one."""

    build: Build
    many: bool = False


@dataclass(frozen=True, slots=True)
class FieldsOf:
    """`fields[tasks]`."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Option:
    """`tasks[limit]`, `tasks[sort]`, `tasks[filter][status]`: `path` names relations, to `target`."""

    path: tuple[str, ...]
    name: str
    target: Resource
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name without a meaning."""

    detail: Detail


Meaning = Single | Filter | FieldsOf | Option | Unknown


class Glossary:
    """The meanings of parameters, for each resource of a model; with `json_api` as that specification spells them."""

    def __init__(self, model: Model, namer: Namer, *, json_api: bool = False) -> None:
        self.model, self.namer, self.json_api = model, namer, json_api
        self._paths = {r.path: r for r in model.resources.values() if r.exposed}
        self._kept = lru_cache(8192)(self._find)

    def meaning(self, resource: Resource, parameter: str) -> Meaning:
        """What a parameter's name stands for in a question about a resource."""
        if len(parameter) > MAX_NAME:
            short = parameter[:60] + "..."
            return Unknown(Detail("INVALID_PARAMETER", f"`{short}` is too long for a name.", parameter=short))
        try:
            return self._kept(resource.name, parameter)
        except UnknownName as unknown:  # which the cache does not keep: strangers could fill it
            return Unknown(Detail(unknown.code, unknown.message, parameter=parameter))

    def _find(self, name: str, parameter: str) -> Meaning:
        return self._resolve(self.model.resources[name], parameter)

    def _resolve(self, resource: Resource, parameter: str) -> Meaning:
        found = _NAME.fullmatch(parameter)
        if found is None:
            raise UnknownName(f"`{parameter}` is not the name of a parameter.")
        base, brackets = found[1], found[2][1:-1].split("][") if found[2] else []
        if base == "filter" and brackets:
            return self._filter(resource, brackets[0], brackets[1:])
        if base == "fields" and len(brackets) == 1:
            return FieldsOf(self._named(brackets[0]))
        if self.json_api:
            if parameter in PAGES:
                return Single(parameter)
            if base == "page" and brackets:
                listed = ", ".join(f"`{name}`" for name in PAGES)
                raise UnknownName(f"There is no parameter `{parameter}`; there are {listed}.")
            if _SPELLINGS.get(base) in _ELSEWHERE:
                mend = _ELSEWHERE[_SPELLINGS[base]].format(path=resource.path)
                raise UnknownName(f"`{parameter}` means nothing in JSON:API; use {mend}.")
        if base in _SPELLINGS:
            if not brackets:
                return Single(_SPELLINGS[base])
            mend = f"a field of that name is filtered by `filter[{base}]{found[2]}`."
            raise UnknownName(f"`{base}` is a parameter, which takes no brackets; {mend}")
        return (brackets and self._option(resource, base, brackets)) or self._filter(
            resource, base, brackets, LIST_PARAMETERS
        )

    def _filter(self, resource: Resource, path: str, rest: Sequence[str], also: Iterable[str] = ()) -> Filter:
        if len(rest) > 1:
            raise UnknownName(f"`[{rest[1]}]` follows an operator, where nothing can follow.")
        operator = rest[0] if rest else "eq"
        return Filter(builder(self.namer.place(resource, path, also=also), operator), takes_list(operator))

    def _option(self, resource: Resource, base: str, brackets: Sequence[str]) -> Option | None:
        """The option of a to-many relation; None if `base` does not lead to one."""
        try:
            path = self.namer.relations(resource, base)
        except UnknownName:
            return None
        if path[-1].kind == "one":
            return None
        target, names = self.model.resources[path[-1].target], tuple(relation.name for relation in path)
        match brackets:
            case ["limit" | "sort" as option]:
                return Option(names, option, target)
            case ["filter", inner, *rest]:
                return Option(names, "filter", target, self._filter(target, inner, rest))
        near = nearest(brackets[0], [option for option in _OPTIONS if option != brackets[0]])
        mend = f"did you mean `[{near}]`?" if near else "there are `[limit]`, `[sort]`, `[filter][name]`."
        raise UnknownName(f"`{base}` is a relation without the option `[{']['.join(brackets)}]`; {mend}")

    def _named(self, text: str) -> Resource:
        """The resource that `fields[...]` names: by its path, in any spelling."""
        found = self._paths.get(snake(text).replace("_", "-"))
        if found is None:
            near = nearest(text, self._paths)
            mend = f"did you mean `fields[{near}]`?" if near else f"there are {', '.join(self._paths)}."
            raise UnknownName(f"There is no resource `{text}`; {mend}")
        return found
