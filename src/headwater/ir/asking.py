"""The arguments of a report, from a query string: typed, bounded, and none of them unknown."""

from collections.abc import Iterable, Sequence
from typing import Any

from headwater.base.errors import Detail, Problems, nearest, shortened
from headwater.ir.filters import split
from headwater.ir.limits import check_limits
from headwater.ir.model import Field, Kind, Report
from headwater.ir.names import snake
from headwater.ir.parse import refuse
from headwater.ir.scalars import BadValue, detail_of, malformed
from headwater.ir.values import MAX_ELEMENTS, item_type, query_decoder


def asked(report: Report, parameters: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The arguments by the author's names, those that are left out with their defaults.

    Names may be written in snake case too; the values of a list are separated by commas, or come one by one. Raises:
    Fault, with every problem.
    """
    fields = report.parameters
    values: dict[str, Any] = {}
    problems: list[Detail] = Problems()
    given: dict[str, tuple[str, list[str]]] = {}

    def problem(name: str, message: str) -> None:
        problems.append(Detail("INVALID_PARAMETER", message, parameter=name))

    for name, text in parameters:
        known = fields.get(snake(name))
        of = name if known is None or name not in (known.wire, known.name) else known.name
        given.setdefault(of, (name, []))[1].append(text)
    for of, (name, texts) in given.items():
        field = fields.get(of)
        if field is None:
            problem(name, _unknown(name, fields.values()))
            continue
        try:
            value = _read(field, texts)
            broken = check_limits(field, value)
        except BadValue as bad:
            broken = [bad]
        else:
            values[field.name] = _enum(field, value)
        for one in broken:
            problems.append(detail_of(name, one, parameter=True))
        if len(texts) > 1 and field.type.kind is not Kind.LIST:
            problem(name, f"`{name}` is given more than once.")
    for field in fields.values():
        if field.name in given:
            continue
        if field.required:
            problem(field.wire, f"`{field.wire}` is missing.")
        elif field.default is not None:
            values[field.name] = _enum(field, field.default())
        else:
            values[field.name] = None
    if problems:
        refuse(problems)
    return values


def _read(field: Field, texts: Sequence[str]) -> Any:
    if field.type.kind is not Kind.LIST:
        return query_decoder(field.type)(texts[0])
    decode = query_decoder(item_type(field.type))
    parts = [part for text in texts if text for part in split(text)]
    if len(parts) > MAX_ELEMENTS:
        raise malformed(f"Must have at most {MAX_ELEMENTS} elements, not {len(parts)}.")
    return [decode(part) for part in parts]


def _enum(field: Field, value: Any) -> Any:
    enum = field.type.enum
    if enum is None:
        return value
    return [enum(item) for item in value] if field.type.kind is Kind.LIST else enum(value)


def _unknown(name: str, fields: Iterable[Field]) -> str:
    valid = [field.wire for field in fields]
    near = nearest(name[:80], valid)
    short = shortened(name)
    if not valid:
        return f"`{short}` means nothing here; leave it out."
    listed = ", ".join(f"`{one}`" for one in valid)
    return f"There is no parameter `{short}`; " + (
        f"did you mean `{near}`?" if near else f"there are {listed}."
    )
