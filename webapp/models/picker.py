"""What the picker shows as somebody types: favourites, recents, and the models of each provider, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Label, Select, and_, case, false, func, select
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
class Offered:
    """A model as a row shows it: whole records take longer to load than all else that a search does."""

    id: int
    provider_id: int
    model_id: str
    display_name: str | None
    capabilities: Mapping[str, bool | None]
    context_length: int | None
    input_price: float | None
    is_favourite: bool

    @property
    def name(self) -> str:
        """What to call it on a page."""
        return self.display_name or self.model_id


@dataclass(frozen=True, slots=True)
class Choice:
    """One page of results, grouped by provider in a stable order. Counts are of all pages, by provider."""

    query: str
    groups: list[tuple[Standing, list[Offered]]]
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

    favourites: list[tuple[Standing, Offered]]
    recents: list[tuple[Standing, Offered]]


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
    choice.groups.extend(_page(session, user, choice, found, rank))
    return choice


def kept_models(session: Session, user: User, filters: Filters, known: Mapping[int, Standing] | None = None) -> Kept:
    """Return this user's favourites and recents among the models that the filters let through.

    `known` is how the providers stand that they let through, if that was looked up already.
    """
    standings = known or _standings(session, user, filters)
    mine = _offered(user).where(_found("", user, filters, standings))
    stars = mine.where(Mark.is_favourite).order_by(Model.search_text).limit(MOST_STARS)
    used = mine.where(~Mark.is_favourite, Mark.used_at.is_not(None)).order_by(Mark.used_at.desc()).limit(RECENT)
    found = [[Offered(*row) for row in session.execute(rows)] for rows in (stars, used)]
    return Kept(*([(standings[row.provider_id], row) for row in rows] for rows in found))


def count_offered(session: Session, user: User) -> int:
    """Return among how many models this user may choose."""
    standings = standings_of(session, user)
    return session.scalar(select(func.count()).select_from(Model).where(_found("", user, Filters(), standings))) or 0


def _standings(session: Session, user: User, filters: Filters) -> Mapping[int, Standing]:
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
    user: User,
    choice: Choice,
    found: ColumnElement[bool],
    rank: ColumnElement[int],
) -> list[tuple[Standing, list[Offered]]]:
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
    # The keys are sorted first: thousands of whole rows would be read to be thrown away. Within one provider and
    # without words an index has them in this order.
    order: list[Label[int]] = []
    if len(places) > 1:
        order.append(case(places, value=Model.provider_id).label("place"))
    if choice.query.strip():
        order.append(rank.label("rank"))
    keys = (
        select(Model.id, *order)
        .where(found, Model.provider_id.in_(places))
        .order_by(*order, Model.position, Model.id)
        .offset(choice.offset - before)
        .limit(choice.limit)
        .subquery()
    )
    rows = _offered(user).join(keys, keys.c.id == Model.id)
    rows = rows.order_by(*(keys.c[column.name] for column in order), Model.position, Model.id)
    found_rows = (Offered(*row) for row in session.execute(rows))
    return [
        (choice.standings[provider_id], list(group))
        for provider_id, group in groupby(found_rows, key=attrgetter("provider_id"))
    ]


def _offered(user: User) -> Select[*tuple[Any, ...]]:
    """Select the columns of `Offered`."""
    marked = and_(Mark.model_pk == Model.id, Mark.user_id == user.id)
    return select(
        Model.id,
        Model.provider_id,
        Model.model_id,
        Model.display_name,
        Model.capabilities,
        Model.context_length,
        Model.input_price,
        func.coalesce(Mark.is_favourite, false()),
    ).outerjoin(Mark, marked)
