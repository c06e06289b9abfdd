"""What typed words find among models: every word counts, in any order, whatever the accents and punctuation."""

import re
from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, case, literal, or_, true

from webapp.core.words import compact, searchable
from webapp.models.model import Model
from webapp.providers.provider import Provider

LONGEST_QUERY = 200
MOST_WORDS = 12
BORDERS = (" ", "/", "-")  # what stands before a word in names and ids


def words_of(query: str) -> list[str]:
    """Return the words that are looked for, each once."""
    return list(dict.fromkeys(searchable(query[:LONGEST_QUERY].replace("\0", " ")).split()))[:MOST_WORDS]


def matching(query: str, providers: Iterable[Provider]) -> ColumnElement[bool]:
    """Each word is in the name or id of a model, or in the name of its provider, which is one of these."""
    names = {row.id: searchable(row.name) for row in providers}  # they are few: looked at here
    return and_(true(), *(_holds(word, names) for word in words_of(query)))


def closeness(query: str) -> ColumnElement[int]:
    """How well a model matches: 0 when words of its names begin with all that is typed, the first of them, too.

    1 when it is not the first, 2 when something is inside a word or in the provider's name.
    """
    words, text = words_of(query), Model.search_text
    if not words:
        return literal(0)
    first = or_(*(text.startswith(word, autoescape=True) for word in words))
    each = [[text.contains(border + word, autoescape=True) for border in BORDERS] for word in words]
    begun = and_(
        *(or_(text.startswith(word, autoescape=True), *later) for word, later in zip(words, each, strict=True))
    )
    return case((~begun, 2), (first, 0), else_=1)


def _holds(word: str, names: dict[int, str]) -> ColumnElement[bool]:
    named = [provider_id for provider_id, name in names.items() if word in name]
    texts = {word, compact(word)} if re.search(r"[^\W_][\W_]+[^\W_]", word) and len(compact(word)) > 2 else {word}
    held = [Model.search_text.contains(text, autoescape=True) for text in sorted(texts)]
    return or_(*held, *([Model.provider_id.in_(named)] if named else []))
