"""From JSON documents to `Query`: what the query string says, for questions too long for a URL (RFC 10008).

    {"filter": {"status": {"in": ["submitted"]}}, "sort": ["-priority"], "fields": ["title"],
     "include": ["artist", {"notes": {"sort": ["-createdAt"], "limit": 5}}], "limit": 50, "cursor": "…", "q": "…"}

or `{"aggregate": ["count", "avg(bid)"], "groupBy": ["status"], "sort": ["-count"]}` in place of what is about rows.
Nothing is coerced or ignored, and all problems are told together. A member that is null is as if left out. A cursor
works in either spelling of its query.
"""

from dataclasses import replace
from typing import Any, Final

from headwater.base.errors import Detail, Fault, Problems, nearest
from headwater.ir.body import settle
from headwater.ir.expr import Predicate
from headwater.ir.model import Resource
from headwater.ir.names import UnknownName
from headwater.ir.parse import Parser, paging
from headwater.ir.query import MAX_GROUPS, MAX_LIMIT, Query, Search, Sort, Summary, Within
from headwater.ir.scalars import BadValue, detail_of, json_name
from headwater.ir.search import search_in
from headwater.ir.selection import Node, Options, apply, conjunction
from headwater.ir.where import Filters

MEMBERS: Final = ("filter", "sort", "fields", "include", "limit", "cursor", "page", "perPage", "q", "aggregate",
                  "groupBy")  # fmt: skip
_OF_ROWS: Final = ("fields", "include", "cursor", "page", "perPage")
_OPTIONS: Final = ("filter", "sort", "limit", "fields", "include")
_OF_ONE: Final = ("fields", "include")


def query_of(parser: Parser, resource: Resource, sent: Any, *, within: Within | None = None) -> Query:
    """A question about many rows. Raises: Fault."""
    if not isinstance(sent, dict):
        raise Fault("INVALID_FORMAT", f"A query must be a JSON object, not {json_name(sent)}.")
    reading = _Reading(parser, resource)
    reading.members(sent, "", MEMBERS, "A query")
    if sent.get("aggregate") is not None or sent.get("groupBy") is not None:
        conditions = reading.filter(resource, sent, "")
        summary, search = reading.summary(resource, sent), reading.search(resource, sent)
        settle(reading.problems)
        return Query(
            resource.name, where=conjunction(conditions), within=within, summary=summary, search=search
        )
    reading.shown(sent, "", reading.selector.root)
    conditions = reading.filter(resource, sent, "")
    sort = reading.sort(resource, sent, "")
    cursor = sent.get("cursor")
    if not isinstance(cursor, str | None):
        reading.problem("cursor", f"`cursor` must be a string, not {json_name(cursor)}.")
    page = paging({k: v for k, v in sent.items() if v is not None}, reading.count, reading.problem)
    search = reading.search(resource, sent)
    settle(reading.problems)
    select, _ = apply(reading.selector.select(), reading.options)
    return Query(resource.name, None, select, conjunction(conditions), sort, page, within, search=search)


class _Reading:
    """One document while it is read."""

    __slots__ = ("filters", "options", "parser", "problems", "selector")

    def __init__(self, parser: Parser, resource: Resource) -> None:
        self.parser = parser
        self.selector = parser.selector(resource)
        self.options: dict[tuple[str, ...], Options] = {}
        self.problems: list[Detail] = Problems()
        self.filters = Filters(parser.namer, self.problems)

    def problem(self, at: str, message: str, code: str = "INVALID_FORMAT") -> None:
        self.problems.append(Detail(code, message, at))

    def members(self, sent: dict[str, Any], at: str, valid: tuple[str, ...], what: str) -> None:
        """Refuse members that mean nothing."""
        for name in sent:
            if name not in valid:
                near = nearest(name[:80], valid)
                listed = ", ".join(f"`{one}`" for one in valid)
                mend = f"did you mean `{near}`?" if near else f"there are {listed}."
                self.problem(at + name[:80], f"{what} has no member `{name[:80]}`; {mend}", "UNKNOWN_FIELD")

    def filter(self, resource: Resource, sent: dict[str, Any], at: str) -> list[Predicate]:
        if sent.get("filter") is None:
            return []
        return self.filters.where(resource, sent["filter"], f"{at}filter")

    def search(self, resource: Resource, sent: dict[str, Any]) -> Search | None:
        if sent.get("q") is None:
            return None
        try:
            return search_in(resource, sent["q"])
        except BadValue as bad:
            self.problems.append(detail_of("q", bad))
            return None

    def sort(self, resource: Resource, sent: dict[str, Any], at: str) -> tuple[Sort, ...]:
        keys = self._texts(sent, "sort", at)
        if not keys:
            return ()
        sort, problems = self.parser.sorts(resource.name, ",".join(keys), None)
        for message in problems:
            self.problem(f"{at}sort", message, "INVALID_PARAMETER")
        return sort

    def summary(self, resource: Resource, sent: dict[str, Any]) -> Summary:
        """What is asked of many rows together."""
        for name in _OF_ROWS:
            if sent.get(name) is not None:
                message = f"`{name}` is for rows; with `aggregate` there are none. Leave one of them out."
                self.problem(name, message, "VALIDATION_ERROR")
        measures, groups, sort = (self._texts(sent, name, "") for name in ("aggregate", "groupBy", "sort"))
        for name in ("aggregate", "groupBy"):
            if sent.get(name) == []:
                self.problem(name, f"`{name}` is empty; name some, or leave it out.")
        if sent.get("aggregate") is None:
            message = "`groupBy` needs `aggregate` to say what of each group, such as `count`."
            self.problem("groupBy", message, "VALIDATION_ERROR")
        asked = (",".join(texts) if texts else None for texts in (groups, sort))
        summary, problems = self.parser.summaries(resource.name, ",".join(measures) or "count", *asked, None)
        for name, message, code in problems:
            self.problem(name, message, code)
        if sent.get("limit") is None:
            return summary
        if not groups:
            self.problem(
                "limit", "Without `groupBy` there is one answer; leave `limit` out.", "VALIDATION_ERROR"
            )
        return replace(summary, limit=self.count("limit", sent["limit"], MAX_GROUPS))

    def shown(self, sent: dict[str, Any], at: str, node: Node) -> None:
        """What a row shows, by `fields` and `include`."""
        if sent.get("fields") == []:
            self.problem(f"{at}fields", f"`{at}fields` is empty; name some, or leave it out for all.")
        for index, name in enumerate(self._texts(sent, "fields", at)):
            try:
                self.selector.field(name, node)
            except UnknownName as unknown:
                self.problem(f"{at}fields[{index}]", unknown.message, _code(unknown))
        included = sent.get("include")
        if included is None:
            return
        if not isinstance(included, list):
            self.problem(f"{at}include", f"`{at}include` must be an array, not {json_name(included)}.")
            return
        for index, item in enumerate(included):
            here = f"{at}include[{index}]"
            if not isinstance(item, str | dict) or not item:
                message = f'`{here}` must be a relation, or `{{"relation": options}}`, not {json_name(item)}.'
                self.problem(here, message)
                continue
            for name, options in item.items() if isinstance(item, dict) else ((item, None),):
                try:
                    child = self.selector.include(name, node)
                except UnknownName as unknown:
                    self.problem(here, unknown.message, _code(unknown))
                    continue
                if isinstance(item, dict):
                    self._options(options, f"{here}.{name}", child)

    def _options(self, sent: Any, at: str, node: Node) -> None:
        """What is asked of one included relation."""
        if not isinstance(sent, dict):
            self.problem(at, f"`{at}` must be an object of options, not {json_name(sent)}.")
            return
        owner = self.parser.model.target(self.selector.root.resource, node.path[:-1])
        if owner.relations[node.path[-1]].kind == "one":
            self.members(sent, f"{at}.", _OF_ONE, "A relation to one row")
        else:
            self.members(sent, f"{at}.", _OPTIONS, "A relation to many rows")
            if node.path in self.options:
                self.problem(at, f"`{at}` is given options more than once.")
            options = self.options[node.path] = Options(at)
            options.where = self.filter(node.resource, sent, f"{at}.")
            options.sort = self.sort(node.resource, sent, f"{at}.")
            if sent.get("limit") is not None:
                options.limit = self.count(f"{at}.limit", sent["limit"], MAX_LIMIT)
        self.shown(sent, f"{at}.", node)

    def count(self, at: str, value: Any, most: int) -> int:
        """A count from 1 to `most`."""
        if type(value) is int and 1 <= value <= most:
            return value
        self.problem(at, f"`{at}` must be an integer from 1 to {most}.")
        return 1

    def _texts(self, sent: dict[str, Any], name: str, at: str) -> list[str]:
        """An array of names; none if it is left out."""
        value = sent.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.problem(f"{at}{name}", f"`{at}{name}` must be an array of names, not {json_name(value)}.")
            return []
        for index, item in enumerate(value):
            if not isinstance(item, str) or "," in item:
                what = "one name; give each an element of its own" if isinstance(item, str) else "a string"
                self.problem(f"{at}{name}[{index}]", f"`{at}{name}[{index}]` must be {what}.")
        return [item for item in value if isinstance(item, str) and "," not in item]


def _code(unknown: UnknownName) -> str:
    return "UNKNOWN_FIELD" if unknown.code == "INVALID_PARAMETER" else unknown.code
