"""Results that are remembered, for what clients send."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
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


class Kept(Generic[K, T]):
    """Results that are kept while all of them together weigh `most` at most: those that were used longest ago go first.
    What weighs more than a quarter of that is not kept, so that one result does not cost many others their place."""

    __slots__ = ("_found", "_weight", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._found: OrderedDict[K, tuple[T, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._found)

    def values(self) -> list[T]:
        """The results, those first that were used longest ago."""
        return [result for result, _ in self._found.values()]

    @property
    def weight(self) -> int:
        """What the results weigh together."""
        return self._weight

    def get(self, key: K) -> T | None:
        """The result of this key, if it is kept."""
        found = self._found.get(key)
        if found is None:
            return None
        self._found.move_to_end(key)
        return found[0]

    def keep(self, key: K, result: T, weight: int) -> None:
        """Keep a result that weighs so much."""
        if weight * 4 > self.most:
            return
        old = self._found.pop(key, None)
        self._found[key] = result, weight
        self._weight += weight - (0 if old is None else old[1])
        while self._weight > self.most:
            _, (_, gone) = self._found.popitem(last=False)
            self._weight -= gone
