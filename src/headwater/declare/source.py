"""What only the source text knows: on which line a member stands, and the docstring below it."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as attribute

from headwater.declare.fields import Place


@dataclass(frozen=True, slots=True)
class Source:
    """The lines and docstrings of a class's members, by name. Empty where the source cannot be had."""

    file: str
    line: int
    lines: dict[str, int] = attribute(default_factory=dict)
    docs: dict[str, str] = attribute(default_factory=dict)

    def place(self, member: str) -> Place:
        """Where a member stands; where the class does, if that is not known."""
        return Place(self.file, self.lines.get(member, self.line))


def source_of(cls: type, place: Place) -> Source:
    """The source of a class whose statement begins at or near a place."""
    source = Source(place.file, place.line)
    found = _classes(place.file).get(cls.__name__)
    if found:
        node = min(found, key=lambda n: abs(n.lineno - place.line))
        for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
            for name in _names(statement):
                source.lines.setdefault(name, statement.lineno)
                doc = _text(after)
                if doc and not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    source.docs[name] = inspect.cleandoc(doc)
    return source


_read: dict[str, tuple[list[str], dict[str, list[ast.ClassDef]]]] = {}
"""Of the file that was read last, its lines and its classes by name: most files declare several resources."""


def _classes(file: str) -> dict[str, list[ast.ClassDef]]:
    lines = linecache.getlines(file)
    known = _read.get(file)
    if known is not None and known[0] is lines:
        return known[1]
    classes: dict[str, list[ast.ClassDef]] = {}
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return {}
    for statement in _statements(tree.body):
        if isinstance(statement, ast.ClassDef):
            classes.setdefault(statement.name, []).append(statement)
    _read.clear()
    _read[file] = lines, classes
    return classes


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements, those within others included."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, []))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _statements(part.body)


def _names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.AnnAssign(target=ast.Name(name)):
            return [name]
        case ast.Assign(targets=targets):
            return [t.id for t in targets if isinstance(t, ast.Name)]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
    return []


def _text(statement: ast.stmt | None) -> str | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return None
