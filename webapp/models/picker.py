"""Finds models as somebody types: in the database, by every word, whatever the accents."""

from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.models.model import Model, searchable, visible_models
from webapp.providers.provider import Provider, visible_providers

PAGE = 50
LONGEST_QUERY = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """One page of results, grouped by provider in a stable order."""

    query: str
    groups: list[tuple[Provider, list[Model]]]
    total: int
    offset: int
    limit: int = PAGE

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins; None on the last."""
        end = self.offset + self.limit
        return end if end < self.total else None


@dataclass(frozen=True, slots=True)
class Filters:
    """What a model must have beside the words. Without a kind it may be of any."""

    kind: str | None = "chat"
    capability: str | None = None
    provider_id: int | None = None


def search_models(
    session: Session, user: User, query: str, offset: int = 0, limit: int = PAGE, filters: Filters | None = None
) -> Choice:
    """Return the models of enabled providers that hold every word of the query; usable providers come first."""
    words = searchable(query[:LONGEST_QUERY].replace("\0", " ")).split()
    found = _filtered(visible_models(user).where(Provider.is_enabled), filters or Filters())
    providers = session.scalars(visible_providers(user)).all()  # they are few: names and keys are looked at here
    for word in words:
        named = [row.id for row in providers if word in searchable(row.name)]
        found = found.where(or_(Model.search_text.contains(word, autoescape=True), Provider.id.in_(named)))
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    needs_key = [row.id for row in providers if row.needs_key]
    page = session.scalars(
        found.order_by(
            Provider.id.in_(needs_key),
            Provider.vendor_id == "demo",
            Provider.name,
            Provider.id,
            Model.position,
            Model.id,
        )
        .offset(max(0, offset))
        .limit(limit)
    ).all()
    groups = [(provider, list(models)) for provider, models in groupby(page, key=lambda model: model.provider)]
    return Choice(query=query, groups=groups, total=total, offset=offset, limit=limit)


def _filtered(found: Select[Model], filters: Filters) -> Select[Model]:
    if filters.kind:
        found = found.where(Model.kind == filters.kind)
    if filters.capability:
        found = found.where(Model.capabilities[filters.capability].as_boolean())
    if filters.provider_id:
        found = found.where(Model.provider_id == filters.provider_id)
    return found
