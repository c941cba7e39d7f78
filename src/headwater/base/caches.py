"""Results that are remembered, for what clients send."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Final, TypeVar

T = TypeVar("T")
LONGEST: Final = 1000
"""Characters of a text up to which a result is remembered for it."""


def remembered(most: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """As `lru_cache(most)`, but where an argument is a long text the result is worked out anew: what strangers send
    must not fill the memory."""

    def wrap(function: Callable[..., T]) -> Callable[..., T]:
        kept = lru_cache(most)(function)

        @wraps(function)
        def ask(*arguments: Any) -> T:
            for value in arguments:
                if (type(value) is str or type(value) is bytes) and len(value) > LONGEST:
                    return function(*arguments)
            return kept(*arguments)

        return ask

    return wrap
