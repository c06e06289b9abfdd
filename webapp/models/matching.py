"""What typed words find among models: every word counts, in any order, whatever the accents."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, or_, true

from webapp.models.model import Model, searchable
from webapp.providers.provider import Provider

LONGEST_QUERY = 200


def matching(query: str, providers: Iterable[Provider]) -> ColumnElement[bool]:
    """Each word is in the name or id of a model, or in the name of its provider, which is one of these."""
    words = searchable(query[:LONGEST_QUERY].replace("\0", " ")).split()
    names = {row.id: searchable(row.name) for row in providers}  # they are few: looked at here
    return and_(true(), *(_holds(word, names) for word in words))


def _holds(word: str, names: dict[int, str]) -> ColumnElement[bool]:
    named = [provider_id for provider_id, name in names.items() if word in name]
    return or_(Model.search_text.contains(word, autoescape=True), Model.provider_id.in_(named))
