"""From query strings to `Query`.

A parameter's name is resolved once and kept; a request then only reads its values. Nothing is ignored: an
unknown name, a value that its field cannot hold and a parameter given twice are problems, and all problems of
a request are told together. What the caller may see is the engine's concern.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, NoReturn, TypeVar

from headwater.base.caches import LONGEST, remembered
from headwater.base.errors import MOST_DETAILS, Detail, Fault, Problems
from headwater.ir.expr import Predicate
from headwater.ir.filters import UNSORTED, Build
from headwater.ir.model import Model, Resource
from headwater.ir.names import Namer, UnknownName
from headwater.ir.parameters import (
    LISTS,
    PAGES,
    ROW_PARAMETERS,
    FieldsOf,
    Filter,
    Glossary,
    Option,
    Single,
    Unknown,
)
from headwater.ir.query import (
    DEFAULT_LIMIT,
    MAX_CONDITIONS,
    MAX_GROUPS,
    MAX_LIMIT,
    Cursor,
    Numbered,
    Query,
    Search,
    Select,
    Sort,
    Summary,
    Within,
)
from headwater.ir.scalars import BadValue, detail_of
from headwater.ir.search import search_in
from headwater.ir.selection import Options, Selector, apply, conjunction
from headwater.ir.summaries import Summarizer

Parameters = Sequence[tuple[str, str]]
Typed = tuple[tuple[str, str], ...]
T = TypeVar("T")
Form = Literal["json", "json_api", "json_api_cursors"]
"""How parameters are spelt, and what answers look like. The last pages by cursor where nothing is said."""

DEFAULT_SIZE: Final = 25
MAX_PAGE: Final = 1_000_000_000
MAX_SORT_KEYS: Final = 8
CURSOR_PROFILE: Final = "https://jsonapi.org/profiles/ethanresnick/cursor-pagination/"

_START: Final = Cursor()


class Parser:
    """Parses the query strings of one model."""

    def __init__(self, model: Model, form: Form = "json") -> None:
        self.model, self.form = model, form
        self.namer = Namer(model, pieces=form != "json")
        self.glossary = Glossary(model, self.namer, json_api=form != "json")
        # What is shown where nothing is said, and the first page.
        self.whole = {
            resource.name: self.selector(resource).select() for resource in model.resources.values()
        }
        self.start: Cursor | Numbered = Numbered(1, DEFAULT_SIZE) if form == "json_api" else _START
        self.sorts = _with_problems(remembered(2048)(self._sorts))
        self.selects = _with_problems(remembered(2048)(self._selects))
        self.long_selects = _with_problems(self._selects)
        self.summaries = _with_problems(remembered(2048)(self._summaries))

    def list(self, resource: Resource, parameters: Parameters, *, within: Within | None = None) -> Query:
        """A question about many rows. Raises: Fault."""
        if not parameters:
            return Query(resource.name, select=self.whole[resource.name], page=self.start, within=within)
        reading = _Reading(self, resource)
        reading.take(parameters)
        if "aggregate" in reading.singles or "groupBy" in reading.singles:
            summary = reading.summary()
            where, search = conjunction(reading.where), reading.search()
            reading.finish()
            return Query(resource.name, where=where, within=within, summary=summary, search=search)
        page, sort, select, search = reading.page(), reading.sort(), reading.select(), reading.search()
        reading.finish()
        where = conjunction(reading.where)
        return Query(resource.name, None, select, where, sort, page, within, search=search)

    def select(self, resource: Resource, parameters: Parameters) -> Select:
        """What one row shows, where it is read or written. Raises: Fault."""
        if not parameters:
            return self.whole[resource.name]
        reading = _Reading(self, resource, one=True)
        reading.take(parameters)
        select = reading.select()
        reading.finish()
        return select

    def selector(self, resource: Resource) -> Selector:
        """Collects what the rows of one answer show."""
        return Selector(self.model, self.namer, resource, pieces=self.form != "json")

    def nothing(self, parameters: Parameters) -> None:
        """For what takes no parameters. Raises: Fault, if there are some."""
        problems = [
            Detail("INVALID_PARAMETER", f"`{name}` means nothing here; leave it out.", parameter=name)
            for name, _ in parameters
        ]
        if problems:
            refuse(problems)

    def _sorts(self, name: str, text: str, order: str | None) -> tuple[Sort, ...]:
        """The keys. Raises: _Mistaken, with messages."""
        keys: list[Sort] = []
        problems: list[str] = []
        parts = text.split(",")
        if order is not None and (len(parts) > 1 or text.startswith("-")):
            problems.append("`order` goes with one key; write `-` before each key that descends instead.")
        if len(parts) > MAX_SORT_KEYS:
            raise _Mistaken((), [f"At most {MAX_SORT_KEYS} keys can be sorted by."])
        for part in parts:
            try:
                place = self.namer.place(self.model.resources[name], part.removeprefix("-"))
            except UnknownName as unknown:
                problems.append(unknown.message)
                continue
            if place.many:
                problems.append(f"`{part}` leads to many rows, so no order follows from it.")
            elif place.field.type.kind in UNSORTED:
                problems.append(f"`{part}` holds no single value, so no order follows from it.")
            elif any(key.column == place.column for key in keys):
                problems.append(f"`{part}` is named twice.")
            else:
                keys.append(Sort(place.column, part.startswith("-") or order == "desc"))
        return _sound(tuple(keys), problems)

    def _selects(self, name: str, fields: str | None, include: str | None, typed: Typed) -> Select:
        """The selection. Raises: _Mistaken, with details."""
        selector = self.selector(self.model.resources[name])
        problems: list[Detail] = []
        wanted = [("fields", part) for part in fields.split(",")] if fields is not None else []
        wanted += [("include", part) for part in include.split(",")] if include else []
        wanted += [(target, part) for target, text in typed for part in text.split(",")]
        for parameter, part in wanted:
            try:
                if parameter == "fields":
                    selector.field(part)
                elif parameter == "include":
                    selector.include(part)
                else:
                    selector.field_of(self.model.resources[parameter], part)
            except UnknownName as unknown:
                target = self.model.resources.get(parameter)
                spelt = f"fields[{target.path}]" if target else parameter
                problems.append(Detail(unknown.code, unknown.message, parameter=spelt))
                if len(problems) > MOST_DETAILS:
                    break
        return _sound(selector.select(), problems)

    def _summaries(
        self, name: str, aggregate: str, group_by: str | None, sort: str | None, order: str | None
    ) -> Summary:
        """The summary. Raises: _Mistaken, with what the summarizer found wrong."""
        summarizer = Summarizer(self.namer, self.model.resources[name])
        summary = summarizer.read(aggregate, group_by, sort, order)
        return _sound(summary, summarizer.problems)


class _Mistaken(Exception):
    """A text that is wrong: what it means as far as it means anything, and the problems. An exception, since caches
    keep none: what strangers send, and what is said of it at length, must not fill the memory."""

    def __init__(self, meant: Any, problems: Sequence[Any]) -> None:
        self.meant, self.problems = meant, problems
        super().__init__()


def _sound(meant: T, problems: Sequence[Any]) -> T:
    """Raises: _Mistaken, if there are problems."""
    if problems:
        raise _Mistaken(meant, problems)
    return meant


def _with_problems(read: Callable[..., T]) -> Callable[..., tuple[T, Sequence[Any]]]:
    """A reader that gives, instead of raising them, the problems beside what it read."""

    def ask(*arguments: Any) -> tuple[T, Sequence[Any]]:
        try:
            return read(*arguments), ()
        except _Mistaken as mistaken:
            return mistaken.meant, mistaken.problems

    return ask


class _Reading:
    """One request while it is read: what it gave, and what is wrong with it."""

    __slots__ = (
        "conditions", "lists", "one", "options", "parser", "problems", "resource", "singles", "sorts", "typed",
        "where",
    )  # fmt: skip

    def __init__(self, parser: Parser, resource: Resource, one: bool = False) -> None:
        self.parser, self.resource, self.one = parser, resource, one
        self.singles: dict[str, str] = {}
        self.where: list[Predicate] = []
        self.conditions = 0
        # What may come in several parameters: lists that filter, and the orders of what is included.
        self.lists: dict[str, tuple[Build, list[Predicate], list[str]]] = {}
        self.sorts: dict[tuple[str, ...], tuple[str, str]] = {}
        self.typed: dict[str, str] = {}
        self.options: dict[tuple[str, ...], Options] = {}
        self.problems: list[Detail] = Problems()

    def problem(self, parameter: str, message: str, code: str = "INVALID_PARAMETER", **more: Any) -> None:
        self.problems.append(Detail(code, message, parameter=parameter, **more))

    def bad(self, parameter: str, bad: BadValue) -> None:
        self.problems.append(detail_of(parameter, bad, parameter=True))

    def finish(self) -> None:
        """Raises a Fault if there are problems."""
        if self.problems:
            refuse(self.problems)

    def take(self, parameters: Parameters) -> None:
        """Read every parameter, as far as it stands by itself."""
        meaning, resource = self.parser.glossary.meaning, self.resource
        for name, text in parameters:
            found = meaning(resource, name)
            match found:
                case Filter() if not self.one:
                    self._filter(name, text, found, self.where)
                case Single(canonical) if not self.one or canonical in ROW_PARAMETERS:
                    if canonical not in self.singles:
                        self.singles[canonical] = text
                    elif canonical in LISTS:
                        self.singles[canonical] += f",{text}"
                    else:
                        self.problem(name, f"`{name}` is given more than once.")
                case FieldsOf(target):
                    before = self.typed.get(target.name)
                    self.typed[target.name] = text if before is None else f"{before},{text}"
                case Option():
                    self._option(name, text, found)
                case Unknown(detail):
                    self.problems.append(detail)
                case _:
                    self.problem(name, f"`{name}` means nothing for a single row; `fields` and `include` do.")
        for name, (build, where, texts) in self.lists.items():
            self._condition(name, build, where, texts)
        for path, (name, text) in self.sorts.items():
            target = self.parser.model.target(resource, path)
            self.options[path].sort, problems = self.parser.sorts(target.name, text, None)
            for message in problems:
                self.problem(name, message)

    def _filter(self, name: str, text: str, filter: Filter, where: list[Predicate]) -> None:
        """Add what a filter asks for to `where`: that of a list when all of its values are known."""
        if filter.many:
            self.lists.setdefault(name, (filter.build, where, []))[2].append(text)
        else:
            self._condition(name, filter.build, where, (text,))

    def _condition(self, name: str, build: Build, where: list[Predicate], texts: Sequence[str]) -> None:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            message = f"A query has at most {MAX_CONDITIONS} conditions."
            refuse([*self.problems, Detail("QUERY_TOO_COMPLEX", message, parameter=name)])
        try:
            where.append(build(texts))
        except BadValue as bad:
            self.bad(name, bad)

    def _option(self, name: str, text: str, option: Option) -> None:
        wanted = self.options.get(option.path)
        if wanted is None:
            wanted = self.options[option.path] = Options(name)
        if option.filter is not None:
            self._filter(name, text, option.filter, wanted.where)
        elif option.name == "sort":
            _, before = self.sorts.get(option.path, (name, None))
            self.sorts[option.path] = name, text if before is None else f"{before},{text}"
        elif wanted.limited:
            self.problem(name, f"`{name}` is given more than once.")
        else:
            wanted.limit, wanted.limited = self.number(name, text, MAX_LIMIT), True

    def number(self, name: str, text: str, most: int) -> int:
        """A count from 1 to `most`."""
        if text.isascii() and text.isdecimal() and len(text) <= 12 and 1 <= int(text) <= most:
            return int(text)
        self.problem(name, f"`{name}` must be an integer from 1 to {most}.")
        return 1

    def page(self) -> Cursor | Numbered:
        """Paging by cursor, or by number where `page` or `perPage` says so."""
        if self.parser.form == "json":
            return paging(self.singles, self.number, self.problem)
        return self._page(*map(self.singles.get, PAGES))

    def _page(
        self, number: str | None, size: str | None, after: str | None, before: str | None
    ) -> Cursor | Numbered:
        """The page that JSON:API's parameters ask for. By number, unless cursors are wanted."""
        if after is not None and before is not None:
            message = "`page[after]` and `page[before]` do not go together here; leave one of them out."
            self.problem("page[before]", message, type=f"{CURSOR_PROFILE}range-pagination-not-supported")
        token = before if after is None else after
        by_cursor = token is not None or (self.parser.form == "json_api_cursors" and number is None)
        if token is not None and number is not None:
            message = "`page[number]` cannot go with `page[after]` and `page[before]`, which page by cursor."
            self.problem("page[number]", message)
        if token == "":
            self.problem("page[before]" if after is None else "page[after]", "A cursor must not be empty.")
        count = DEFAULT_LIMIT if by_cursor else DEFAULT_SIZE
        if size is not None and size.isascii() and size.isdecimal() and int(size[-12:]) > MAX_LIMIT:
            message = f"`page[size]` must be an integer from 1 to {MAX_LIMIT}."
            self.problem("page[size]", message, type=f"{CURSOR_PROFILE}max-size-exceeded",
                         facts={"page": {"maxSize": MAX_LIMIT}})  # fmt: skip
        elif size is not None:
            count = self.number("page[size]", size, MAX_LIMIT)
        if by_cursor:
            return Cursor(count, token, None if token is None else after is None)
        return Numbered(1 if number is None else self.number("page[number]", number, MAX_PAGE), count)

    def sort(self) -> tuple[Sort, ...]:
        """The order that `sort` and `order` ask for; empty if none."""
        text, order = self._order()
        if text is None:
            return ()
        sort, problems = self.parser.sorts(self.resource.name, text, order)
        for message in problems:
            self.problem("sort", message)
        return sort

    def _order(self) -> tuple[str | None, str | None]:
        """`sort` and `order` as they are given."""
        text, order = self.singles.get("sort"), self.singles.get("order")
        if order is not None:
            if text is None:
                self.problem("order", "`order` needs `sort` to say by what.")
            if order not in ("asc", "desc"):
                self.problem("order", "`order` must be `asc` or `desc`.")
        return text, order

    def search(self) -> Search | None:
        """What is searched for."""
        text = self.singles.get("q")
        if text is None:
            return None
        try:
            return search_in(self.resource, text)
        except BadValue as bad:
            self.bad("q", bad)
            return None

    def summary(self) -> Summary:
        """What is asked of many rows together."""
        singles = self.singles
        for name in ("fields", "include", "cursor", "page", "perPage"):
            if name in singles:
                self.problem(
                    name, f"`{name}` is for rows; with `aggregate` there are none. Leave one of them out."
                )
        for target in self.typed:
            spelt = f"fields[{self.parser.model.resources[target].path}]"
            self.problem(
                spelt, f"`{spelt}` is for rows; with `aggregate` there are none. Leave one of them out."
            )
        for options in self.options.values():
            self.problem(
                options.parameter, f"`{options.parameter}` is for rows that are included; leave it out."
            )
        text, order = self._order()
        aggregate, group_by, limit = singles.get("aggregate"), singles.get("groupBy"), singles.get("limit")
        if aggregate is None:
            self.problem("groupBy", "`groupBy` needs `aggregate` to say what of each group, such as `count`.")
            aggregate = "count"
        summary, problems = self.parser.summaries(self.resource.name, aggregate, group_by, text, order)
        for parameter, message, code in problems:
            self.problem(parameter, message, code)
        if limit is None:
            return summary
        if group_by is None:
            self.problem("limit", "Without `groupBy` there is one answer; leave `limit` out.")
        return replace(summary, limit=self.number("limit", limit, MAX_GROUPS))

    def select(self) -> Select:
        """What each row shows."""
        fields, include = self.singles.get("fields"), self.singles.get("include")
        if fields is None and include is None and not self.typed:
            select = self.parser.whole[self.resource.name]
        else:
            typed = tuple(self.typed.items())
            parser = self.parser
            kept = sum(map(len, self.typed.values())) <= LONGEST
            selects = parser.selects if kept else parser.long_selects
            select, problems = selects(self.resource.name, fields, include, typed)
            self.problems.extend(problems)
        if self.options:
            select, included = apply(select, self.options)
            for path, options in self.options.items():
                if path not in included:
                    name = options.parameter.partition("[")[0]
                    self.problem(options.parameter, f"`{name}` is not included; add `include={name}`.")
        return select


def paging(
    given: Mapping[str, Any],
    count: Callable[[str, Any, int], int],
    problem: Callable[[str, str], None],
) -> Cursor | Numbered:
    """The page that `limit` and `cursor`, or `page` and `perPage`, ask for.

    `count` reads a number from 1 to a most; `problem` notes what is wrong with a member.
    """
    if "page" in given or "perPage" in given:
        for name in ("limit", "cursor"):
            if name in given:
                problem(name, f"`{name}` pages by cursor; it cannot go with `page` and `perPage`.")
        return Numbered(
            count("page", given["page"], MAX_PAGE) if "page" in given else 1,
            count("perPage", given["perPage"], MAX_LIMIT) if "perPage" in given else DEFAULT_SIZE,
        )
    token = given.get("cursor")
    if token == "":
        problem("cursor", "`cursor` must not be empty; leave it out to begin.")
    if "limit" not in given:
        return _START if token is None else Cursor(DEFAULT_LIMIT, token)
    return Cursor(count("limit", given["limit"], MAX_LIMIT), token)


def refuse(problems: Sequence[Detail]) -> NoReturn:
    """Raises the Fault for some problems of a query string."""
    codes = {problem.code for problem in problems}
    code = codes.pop() if len(codes) == 1 else "INVALID_PARAMETER"
    message = problems[0].message if len(problems) == 1 else f"The query has {len(problems)} problems."
    raise Fault(code, message, problems)
