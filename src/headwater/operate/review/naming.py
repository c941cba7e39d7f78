"""Section "naming": what things are called."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from headwater.declare.names import snake
from headwater.ir.model import Kind
from headwater.ir.parameters import LIST_PARAMETERS
from headwater.operate.review.subject import Found, Subject

PLURALS: Final = {
    "person": "people", "child": "children", "man": "men", "woman": "women", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "mouse": "mice", "criterion": "criteria", "phenomenon": "phenomena", "medium": "media",
    "datum": "data", "analysis": "analyses", "crisis": "crises", "thesis": "theses", "basis": "bases",
    "leaf": "leaves", "life": "lives", "shelf": "shelves", "half": "halves", "knife": "knives", "wife": "wives",
    "series": "series", "species": "species", "equipment": "equipment", "information": "information",
    "feedback": "feedback", "news": "news", "staff": "staff", "stock": "stock", "software": "software",
    "furniture": "furniture", "luggage": "luggage", "hardware": "hardware", "metadata": "metadata",
    "progress": "progress",
}  # fmt: skip
HOLLOW: Final = (
    "model",
    "table",
    "resource",
    "entity",
    "object",
    "record",
    "data",
    "info",
    "dto",
    "row",
    "class",
)
ABBREVIATIONS: Final = {
    "acct": "account", "addr": "address", "amt": "amount", "avg": "average", "bday": "birthday", "btn": "button",
    "cat": "category", "cfg": "configuration", "cnt": "count", "cust": "customer", "del": "delete",
    "dept": "department", "desc": "description", "descr": "description", "dir": "directory", "dob": "birthday",
    "dt": "date", "emp": "employee", "env": "environment", "err": "error", "freq": "frequency", "idx": "index",
    "img": "image", "inv": "invoice", "lang": "language", "lbl": "label", "len": "length", "loc": "location",
    "lvl": "level", "mgr": "manager", "mod": "modified", "msg": "message", "nbr": "number", "no": "number",
    "nr": "number", "num": "number", "obj": "object", "org": "organisation", "pct": "percent", "pic": "picture",
    "pos": "position", "prio": "priority", "prod": "product", "proj": "project", "prj": "project", "pwd": "password",
    "qty": "quantity", "ref": "reference", "req": "request", "resp": "response", "seq": "sequence",
    "spec": "specification", "src": "source", "stat": "status", "str": "text", "tel": "telephone", "tmp": "temporary",
    "trx": "transaction", "ts": "time", "txn": "transaction", "txt": "text", "typ": "type", "usr": "user",
    "val": "value", "ver": "version", "vol": "volume", "wt": "weight", "yr": "year",
}  # fmt: skip
TYPES: Final = (
    "str",
    "string",
    "int",
    "integer",
    "float",
    "bool",
    "boolean",
    "dict",
    "json",
    "array",
    "enum",
    "obj",
)
STATING: Final = (
    "is",
    "has",
    "can",
    "may",
    "must",
    "should",
    "needs",
    "allows",
    "wants",
    "was",
    "uses",
    "shows",
    "sends",
)
STATEMENTS: Final = re.compile(
    "(.*(ed|able|ible|ive|ent|ant|ful|less|al|ing)|open|done|late|paid|sold|sent|read|seen|known|shown|hidden|held|built"
    "|public|private|secret|default|urgent|new|old|free|full|empty|final|ready|sticky|frozen|broken|online|offline"
    "|primary|dead|alive|valid|safe|busy|kept|lost|won|due|on|off|left|met|set|taken|given|chosen|quiet|loud|big|small)"
)
NEGATED: Final = ("not", "no", "non", "never", "isnt", "without", "disabled", "inactive", "invalid", "unpublished",
                  "unlimited", "unread", "disallowed", "hide")  # fmt: skip
CRUD: Final = (
    "get",
    "list",
    "fetch",
    "read",
    "find",
    "search",
    "update",
    "edit",
    "delete",
    "remove",
    "save",
    "patch",
)
JSON_API: Final = ("type", "links", "relationships", "attributes", "included", "meta")


def naming(of: Subject) -> Iterator[Found]:
    yield from _resource(of)
    for reviewed in of.own():
        name, field = reviewed.path, reviewed.field
        yield from _words(of, name, "field")
        yield from _field(of, name)
        if field.type.kind is Kind.BOOLEAN:
            yield from _boolean(of, name)
        elif field.name.split("_")[0] in ("is", "has", "can"):
            mend = f"name it {field.name.split('_', 1)[-1]!r}, or make it a boolean"
            yield of.found(
                "boolean-name", name, f"it is named like a boolean, and is {field.type.kind.value}", mend
            )
        if field.type.kind is Kind.LIST and not _plural(field.name):
            yield of.found(
                "list-name", name, "it holds a list, and has a singular name", "name it in the plural"
            )
        if field.type.kind is Kind.TEXT and field.name.endswith("_id"):
            mend = "make it a Ref or OptRef; name a foreign system's own ids by what they are, as in `invoice_number`"
            yield of.found("plain-id", name, "it is named like a reference, and is a text", mend)
        if field.type.enum is not None:
            yield from _values(of, name, field.type.enum.__name__, field.type.values)
    for name, relation in of.resource.relations.items():
        if relation.kind == "one":
            continue
        yield from _words(of, name, "relation")
        if name != of.model.resources[relation.target].plural:
            yield from _field(of, name)
        if not _plural(name):
            message = "it leads to many rows, and has a singular name"
            yield of.found("list-name", name, message, "name it in the plural")
    for name, action in of.resource.actions.items():
        yield from _words(of, name, "action")
        if name.split("_")[0] in CRUD:
            mend = (
                "leave it to GET, POST, PATCH or DELETE, or name what it does to the matter, as in `archive`"
            )
            yield of.found(
                "action-name", name, f"{name.split('_')[0]!r} is what the methods of HTTP do", mend
            )
        for parameter in action.parameters.__struct_fields__:
            yield from _abbreviated(of, name, f"its parameter {parameter}", parameter.split("_"))


def _resource(of: Subject) -> Iterator[Found]:
    name, declared, words = of.resource.name, of.declaration.plural, of.words
    last = words[-1]
    if len(words) > 1 and last in HOLLOW:
        yield of.found(
            "resource-name", "", f"{name} ends in a word that says nothing", f"leave {last.title()} out"
        )
    elif declared is None and _plural(last) and last not in PLURALS:
        mend = "name the class in the singular; its path is the plural"
        yield of.found("resource-name", "", f"{name} is in the plural", mend)
    right = PLURALS.get(last)
    if right is not None:
        plural = "_".join([*words[:-1], right])
        if declared != plural:
            message = f"the plural of {of.resource.singular} is {plural}, not {of.resource.plural}"
            yield of.found("resource-plural", "", message, f'write plural="{plural}"')
    elif declared is not None and declared == of.resource.singular:
        message = f"the plural {declared} is the singular"
        yield of.found("resource-plural", "", message, 'give the plural, as in plural="people"')
    yield from _abbreviated(of, "", name, words)


def _plural(name: str) -> bool:
    last = name.split("_")[-1]
    return last in PLURALS.values() or (
        last.endswith("s") and not last.endswith(("ss", "us", "is", "news", "lens", "canvas"))
    )


def _words(of: Subject, name: str, what: str) -> Iterator[Found]:
    last = name.rpartition(".")[2]
    yield from _abbreviated(of, name, f"the {what}'s name", last.split("_"))
    wire = re.sub("_(.)", lambda m: m[1].upper(), last)
    if "." in name or what == "action":
        return
    if wire in LIST_PARAMETERS or last in LIST_PARAMETERS:
        mend = "choose another name, or tell clients to write `filter[" + wire + "]=`"
        yield of.found("reserved-name", name, f"`{wire}` is a query parameter", mend)
    elif wire in JSON_API:
        mend = "say of what kind, as in `kind`, `category` or `product_type`"
        yield of.found("reserved-name", name, f"`{wire}` is a member that JSON:API reserves", mend)


def _abbreviated(of: Subject, member: str, what: str, words: Sequence[str]) -> Iterator[Found]:
    for message, mend in abbreviated(what, words):
        yield of.found("abbreviation", member, message, mend)


def abbreviated(what: str, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A message and a mend for each word of a name that is cut short."""
    for word in words:
        if word in ABBREVIATIONS:
            yield f"{what} is cut short: {word!r}", f"write {ABBREVIATIONS[word]!r}"


def _field(of: Subject, name: str) -> Iterator[Found]:
    words = name.rpartition(".")[2].split("_")
    own = of.words
    if "." not in name and len(words) > len(own) and words[: len(own)] == own:
        shorter = "_".join(words[len(own) :])
        yield of.found(
            "repeated-name", name, f"it repeats the name of {of.resource.name}", f"name it {shorter!r}"
        )
    if len(words) > 1 and words[-1] in (*TYPES, "list", "flag"):
        mend = f"name it {'_'.join(words[:-1])!r}"
        yield of.found("type-in-name", name, f"its name tells how it is stored: {words[-1]!r}", mend)


def _boolean(of: Subject, path: str) -> Iterator[Found]:
    name = path.rpartition(".")[2]
    words = name.split("_")
    if any(word in NEGATED for word in words):
        mend = "name what is true, as in `is_active`, so that nobody reads a double negation"
        yield of.found("boolean-name", path, "it is named by its opposite", mend)
    elif words[0] not in STATING and not STATEMENTS.fullmatch(words[-1]):
        yield of.found(
            "boolean-name", path, "it is not named by a statement", f"name it `is_{name}` or `has_{name}`"
        )


def _values(of: Subject, path: str, enum: str, values: tuple[str, ...]) -> Iterator[Found]:
    if all(re.fullmatch("[A-Z0-9]{2,4}", value) for value in values):
        return  # such as currencies and countries
    for value in values:
        if not re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", value):
            better = snake(re.sub(r"[\s-]+", "_", value))
            yield of.found(
                "enum-value", path, f"the value {value!r} of {enum} is not in snake_case", f"write {better!r}"
            )
