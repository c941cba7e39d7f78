"""The guidelines that a machine can check: each rule with its severity and its section of the page `standards.md`,
which lies beside this, so that whoever has the package has it too."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Standard:
    """One rule. `section` is the anchor of its section; `demands` says in a sentence what must be."""

    name: str
    section: str
    severity: Severity
    demands: str


def _standards(*found: Standard) -> Mapping[str, Standard]:
    return {one.name: one for one in found}


STANDARDS: Final = _standards(
    Standard("declaration", "declarations", "error", "The declarations build: no mistake is left in them."),
    Standard("resource-name", "naming", "warning",
             "A class is named by a noun in the singular, without words such as Model, Data or Entity."),
    Standard("resource-plural", "naming", "warning",
             "The plural is that of the language: `plural=\"people\"`, where adding s does not make it."),
    Standard("abbreviation", "naming", "warning", "Names are whole words."),
    Standard("boolean-name", "naming", "warning",
             "A boolean is named by a statement that is true or false, and not by its opposite: `is_late`, "
             "`archived`."),
    Standard("repeated-name", "naming", "warning", "A field's name does not repeat that of its resource."),
    Standard("type-in-name", "naming", "warning", "A name says what a value means, not how it is stored."),
    Standard("list-name", "naming", "warning", "A list or a to-many relation has a plural name."),
    Standard("plain-id", "naming", "warning",
             "What refers to a row is a reference, and not a text that ends in _id."),
    Standard("reserved-name", "naming", "warning",
             "No field or relation is named like a query parameter, or like a member that JSON:API reserves."),
    Standard("enum-value", "naming", "warning", "The values of an enum are in snake_case, or are codes in capitals."),
    Standard("action-name", "naming", "warning",
             "An action is named by what it does to the matter, and not by what the methods of HTTP do already."),
    Standard("report-name", "naming", "warning",
             "A report is named by what it tells: not by what the methods of HTTP do, and not like a field."),
    Standard("money-float", "formats", "error", "Money is never a float."),
    Standard("money-plain", "formats", "warning", "Money names its currency: `money(currency=...)`."),
    Standard("time-name", "formats", "warning",
             "`_at` ends the name of an instant, `_on` and `_date` that of a day; neither names a time zone."),
    Standard("time-type", "formats", "warning", "A day is a date and an instant a datetime, not a text or a number."),
    Standard("duration-type", "formats", "warning", "A duration is a timedelta, not a number of some unit."),
    Standard("text-format", "formats", "warning",
             "Addresses and codes have their form: `email()`, `url()`, a pattern for countries, languages and "
             "currencies."),
    Standard("untyped-result", "formats", "warning",
             "The type of what a report returns says all of it: nothing in it is Any, or a plain list or dict."),
    Standard("unbounded-text", "limits", "warning", "A text that clients write has a max_length."),
    Standard("unbounded-list", "limits", "warning", "A list that clients write has a max_length."),
    Standard("unbounded-number", "limits", "warning",
             "A number by which the answer of a report grows, such as `limit` or `days`, has a bound."),
    Standard("missing-description", "descriptions", "error",
             "Every resource, every action and every report has a docstring."),
    Standard("application-description", "descriptions", "warning",
             "The application has a description, and each role a doc."),
    Standard("field-description", "descriptions", "warning",
             "Every field has a description, with its unit; a reference by what it refers to, an enum by its "
             "docstring, and "
             "`name`, `title` and `description` by themselves."),
    Standard("enum-description", "descriptions", "warning", "Every enum has a docstring."),
    Standard("description-form", "descriptions", "warning",
             "A description is a sentence or a phrase that begins with a capital and ends with a full stop."),
    Standard("missing-example", "descriptions", "warning",
             "A field has an example where none can be made from its type: with a pattern, or of free JSON."),
    Standard("parameter-description", "descriptions", "warning",
             "Every parameter of a report has a description; an enum has it by its docstring."),
    Standard("result-description", "descriptions", "warning",
             "Every type that a report returns has a docstring, with the units of its members."),
    Standard("closed-resource", "permissions", "error",
             "Somebody beside the admins may read a resource that is exposed."),
    Standard("closed-action", "permissions", "error", "Somebody beside the admins may call an action."),
    Standard("closed-report", "permissions", "error", "Somebody beside the admins may ask for a report."),
    Standard("open-report", "permissions", "warning",
             "A report with the rights of the product is not for everybody who has signed in."),
    Standard("impossible-rule", "permissions", "error", "A rule can hold: none shuts out everybody."),
    Standard("guest-write", "permissions", "warning", "Who has not signed in writes nothing."),
    Standard("open-write", "permissions", "warning", "Not everybody who has signed in changes or deletes every row."),
    Standard("masked-unique", "permissions", "warning",
             "A masked field is not unique, since a conflict would tell what is hidden."),
    Standard("no-moves", "states", "error", "A state has moves."),
    Standard("unreachable-state", "states", "warning", "Every state can be reached from the first."),
    Standard("no-start", "states", "warning", "A state field has a default: where every row begins."),
    Standard("nullable-unique", "integrity", "warning",
             "What is unique is never null, since rows with a null are not compared."),
    Standard("check-message", "errors", "warning",
             "The message of a check is a whole sentence, which says what must hold."),
    Standard("unindexed-filter", "speed", "warning", "What a read rule or a computed field looks up has an index."),
    Standard("unindexed-sort", "speed", "warning",
             "A state, a day or an instant, by which lists are filtered and sorted, is part of an index."),
    Standard("report-age", "speed", "warning",
             "A report that reads everything, of which all get the same answer, says how long it holds; none holds "
             "longer than a day."),
    Standard("stale-acceptance", "accepting", "warning",
             "What is accepted occurs: an acceptance that is not needed is removed."),
)  # fmt: skip


def reference(section: str) -> str:
    """The rules of a section as a Markdown table, for the documentation."""
    lines = ["| Rule | Severity | What must be |", "|---|---|---|"]
    lines += [
        f"| `{s.name}` | {s.severity} | {s.demands} |" for s in STANDARDS.values() if s.section == section
    ]
    return "\n".join(lines) + "\n"


@cache
def sections() -> Mapping[str, tuple[str, str]]:
    """The title and the text of each section of the page, by its anchor."""
    page = (files(__package__) / "standards.md").read_text(encoding="utf-8")
    found = re.findall(r'^## ([^\n]*?) <a id="([a-z-]+)"></a>\n(.*?)(?=^## |\Z)', page, re.M | re.S)
    return {anchor: (title, body) for title, anchor, body in found}


def explained(rule: str) -> str:
    """What a rule demands, and what the page says in its section."""
    standard = STANDARDS[rule]
    title, body = sections()[standard.section]
    text = body.replace(reference(standard.section), "").strip()
    return f"{rule} ({standard.severity}): {standard.demands}\n\n{title}\n\n{text}\n"
