"""What only the source text knows: on which line a member stands, and the docstring below it."""

from __future__ import annotations

import ast
import inspect
import linecache
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import lru_cache

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
    text = "".join(linecache.getlines(place.file))
    found = [node for node in _classes(text) if node.name == cls.__name__]
    if found:
        node = min(found, key=lambda n: abs(n.lineno - place.line))
        for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
            for name in _names(statement):
                source.lines.setdefault(name, statement.lineno)
                doc = _text(after)
                if doc and not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    source.docs[name] = inspect.cleandoc(doc)
    return source


@lru_cache(maxsize=8)
def _classes(text: str) -> tuple[ast.ClassDef, ...]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


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
