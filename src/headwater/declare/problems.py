"""The mistakes found while building a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from headwater.base.errors import DeclarationError, DeclarationErrors
from headwater.declare.annotations import BadAnnotation
from headwater.declare.constants import Nonsense, Spoilt
from headwater.declare.expressions import Misuse, UnknownMember
from headwater.declare.fields import Place

T = TypeVar("T")


class Problems:
    """A list of mistakes, each with its place, its subject (such as `Task.title`) and its mend."""

    def __init__(self) -> None:
        self.errors: list[DeclarationError] = []

    def add(self, place: Place, subject: str, message: str, mend: str) -> None:
        message = message[0].upper() + message[1:] + ("" if message[-1] in ".?!" else ".")
        mend = mend + ("" if not mend or mend[-1] in ".?!" else ".")
        self.errors.append(DeclarationError(message, where=f"{place.shown}: {subject}", mend=mend))

    def attempt(self, place: Place, subject: str, make: Callable[[], T]) -> T | None:
        """What `make` gives; None if it fails, in which case the mistake is noted.

        What fails only because of a mistake that is noted already stays silent.
        """
        try:
            return make()
        except (Spoilt, BadAnnotation):
            return None
        except (Nonsense, Misuse, UnknownMember) as bad:
            self.add(place, subject, bad.message, bad.mend)
        except Exception as error:  # an author's function may raise anything
            self.add(place, subject, f"it raises {type(error).__name__}: {error}", "correct the function")
        return None

    def settle(self) -> None:
        """Raises: DeclarationErrors if there are mistakes."""
        if self.errors:
            raise DeclarationErrors(sorted(self.errors, key=lambda error: _order(error.where)))


def _order(where: str) -> tuple[str, int]:
    file, _, rest = where.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0
