"""What `q` asks for: words and phrases, all of which are to be found in a row.

    q=lighting "ada okafor"

Words are parted by white space. A phrase stands in double quotes and is found as it is written; what is left open goes
on to the end. Case, accents and compatibility forms do not count (`fold_text`).
"""

import re
from typing import Any, Final

from headwater.ir.model import Field, Resource
from headwater.ir.query import Search
from headwater.ir.scalars import beyond, fold_text, malformed, text_value

MAX_SEARCH: Final = 200
"""Characters of `q`."""
MAX_TERMS: Final = 10
GRAM: Final = 3
"""Characters of the parts of text that the databases index: what is shorter is looked for in each row."""

_TERM: Final = re.compile(r'"([^"]*)"?|(\S+)')
_QUOTES: Final = str.maketrans("“”„", '"""')


def search_of(sent: Any) -> Search:
    """What a text asks for. Raises: BadValue."""
    text = text_value(sent)
    if len(text) > MAX_SEARCH:
        raise beyond(f"Must have at most {MAX_SEARCH} characters, has {len(text)}.", maxLength=MAX_SEARCH)
    found = _TERM.finditer(fold_text(text).translate(_QUOTES))
    terms = tuple(dict.fromkeys(filter(None, ((match[1] or match[2] or "").strip() for match in found))))
    if not terms:
        raise malformed("Must name something to look for; leave it out for all rows.")
    if len(terms) > MAX_TERMS:
        raise beyond(
            f"Must have at most {MAX_TERMS} words, has {len(terms)}; a phrase in double quotes counts as one."
        )
    return Search(terms, tuple(len(term) >= GRAM for term in terms))


def searchable(resource: Resource) -> tuple[Field, ...]:
    """The fields that a search looks into, the most telling first."""
    return tuple(found for found in resource.fields.values() if found.searchable)


def search_in(resource: Resource, sent: Any) -> Search:
    """What a text asks for of a resource. Raises: BadValue."""
    if not searchable(resource):
        raise malformed(f"No field of {resource.path} is searchable; use filters instead.")
    return search_of(sent)
