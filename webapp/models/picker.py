"""What the picker shows as somebody types: favourites, recents, and the models of each provider, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Final

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.models.catalogue import address_of
from webapp.models.mark import Mark
from webapp.models.matching import closeness, matching
from webapp.models.model import Model
from webapp.models.standing import Standing, standings_of
from webapp.models.table import OFFERED, holds, shown
from webapp.upstream.messages import CAPABILITIES

PAGE = 50
RECENT, MOST_STARS = 5, 50
CHEAP, LOCAL, HEALTHY = "cheap", "local", "healthy"
CHEAP_BELOW = 1.0  # US dollars for a million tokens of input
FILTERS: Final = (*CAPABILITIES, CHEAP, LOCAL, HEALTHY)


@dataclass(frozen=True, slots=True)
class Filters:
    """What must hold beside the words: `must` are names of FILTERS, `only` says of names of ONLY whether they hold.

    Without a kind a model may be of any. `most_price` is in US dollars for a million tokens of input.
    """

    kind: str | None = "chat"
    provider_id: int | None = None
    must: frozenset[str] = frozenset()
    show: str = OFFERED
    only: Mapping[str, bool] = field(default_factory=dict)
    most_price: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One page of results, grouped by provider in a stable order. Counts are of all pages, by provider."""

    query: str
    groups: list[tuple[Standing, list[Model]]]
    counts: dict[int, int]
    offset: int
    limit: int
    filters: Filters
    standings: Mapping[int, Standing]

    @property
    def total(self) -> int:
        """How many models there are on all pages."""
        return sum(self.counts.values())

    @property
    def end(self) -> int:
        """How many have been shown with this page."""
        return min(self.offset + self.limit, self.total)

    @property
    def is_continued(self) -> bool:
        """Whether the first group began on the page before."""
        return self.offset > 0 and self.offset not in accumulate(self.counts.values())

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins; None on the last."""
        return self.end if self.end < self.total else None


@dataclass(frozen=True, slots=True)
class Kept:
    """What comes first while nothing is searched: favourites by name, then what was used last, without favourites."""

    favourites: list[tuple[Standing, Model]]
    recents: list[tuple[Standing, Model]]


def search_models(
    session: Session, user: User, query: str, offset: int = 0, limit: int = PAGE, filters: Filters | None = None
) -> Choice:
    """Return the models of enabled providers that hold every word of the query; usable providers come first.

    Two statements: one counts by provider, which tells whose rows are on the page, the other loads these.
    """
    filters = filters or Filters()
    standings = _standings(session, user, filters)
    found = _found(query, user, filters, standings)
    rank = closeness(query)
    groups = session.execute(
        select(Model.provider_id, func.count(), func.min(rank)).where(found).group_by(Model.provider_id)
    ).all()
    order = sorted(groups, key=lambda row: _place(standings[row[0]], row[2]))
    choice = Choice(query, [], {row[0]: row[1] for row in order}, max(0, offset), limit, filters, standings)
    choice.groups.extend(_page(session, choice, found, rank))
    return choice


def kept_models(session: Session, user: User, filters: Filters, known: Mapping[int, Standing] | None = None) -> Kept:
    """Return this user's favourites and recents among the models that the filters let through.

    `known` is how the providers stand that they let through, if that was looked up already.
    """
    standings = known or _standings(session, user, filters)
    mine = select(Model).join(Mark).where(Mark.user_id == user.id, _found("", user, filters, standings))
    stars = mine.where(Mark.is_favourite).order_by(Model.search_text).limit(MOST_STARS)
    used = mine.where(~Mark.is_favourite, Mark.used_at.is_not(None)).order_by(Mark.used_at.desc()).limit(RECENT)
    found = [[(standings[row.provider_id], row) for row in session.scalars(rows)] for rows in (stars, used)]
    return Kept(*found)


def starred_among(session: Session, user: User, model_pks: list[int]) -> set[int]:
    """Return which of these models are this user's favourites."""
    stars = select(Mark.model_pk).where(Mark.user_id == user.id, Mark.is_favourite, Mark.model_pk.in_(model_pks))
    return set(session.scalars(stars))


def _standings(session: Session, user: User, filters: Filters) -> dict[int, Standing]:
    found = standings_of(session, user)
    if filters.provider_id:
        found = {key: row for key, row in found.items() if key == filters.provider_id}
    if HEALTHY in filters.must:
        found = {key: row for key, row in found.items() if row.is_healthy}
    if LOCAL in filters.must:
        found = {key: row for key, row in found.items() if address_of(session, row.provider).is_local}
    return found


def _found(query: str, user: User, filters: Filters, standings: Mapping[int, Standing]) -> ColumnElement[bool]:
    conditions = [
        Model.provider_id.in_(standings),
        shown(filters.show),
        matching(query, [row.provider for row in standings.values()]),
    ]
    if filters.kind:
        conditions.append(Model.kind == filters.kind)
    if CHEAP in filters.must:
        conditions.append(Model.input_price < CHEAP_BELOW)
    if filters.most_price is not None:
        conditions.append(Model.input_price <= filters.most_price)
    only = {**dict.fromkeys((name for name in CAPABILITIES if name in filters.must), True), **filters.only}
    return and_(*conditions, *(holds(name, user) if is_so else ~holds(name, user) for name, is_so in only.items()))


def _place(standing: Standing, best: int) -> tuple[object, ...]:
    provider = standing.provider
    return not standing.is_usable, provider.vendor_id == "demo", best, provider.name.casefold(), provider.id


def _page(
    session: Session,
    choice: Choice,
    found: ColumnElement[bool],
    rank: ColumnElement[int],
) -> list[tuple[Standing, list[Model]]]:
    """Load the rows of the providers into whose span the page falls."""
    places: dict[int, int] = {}
    start, before = 0, 0
    for place, (provider_id, count) in enumerate(choice.counts.items()):
        if start + count <= choice.offset:
            before = start + count
        elif start < choice.offset + choice.limit:
            places[provider_id] = place
        start += count
    if not places:
        return []
    keys = (
        select(Model.id)
        .where(found, Model.provider_id.in_(places))
        .order_by(case(places, value=Model.provider_id), rank, Model.position, Model.id)
        .offset(choice.offset - before)
        .limit(choice.limit)
    )
    # The keys are sorted first: thousands of whole rows would be read to be thrown away.
    ids = session.scalars(keys).all()
    rows = {row.id: row for row in session.scalars(select(Model).where(Model.id.in_(ids)))}
    return [
        (choice.standings[provider_id], list(group))
        for provider_id, group in groupby((rows[key] for key in ids), key=lambda row: row.provider_id)
    ]
