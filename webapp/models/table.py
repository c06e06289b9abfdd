"""The table of all models: hidden ones and those of switched-off providers too, filtered, sorted, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, Text, and_, case, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.words import searchable
from webapp.models.mark import Mark
from webapp.models.matching import matching
from webapp.models.model import TYPED, Model
from webapp.providers.provider import Provider, visible_providers
from webapp.upstream.messages import CAPABILITIES

PAGE = 60
OFFERED, HIDDEN, GONE = "offered", "hidden", "gone"
CUSTOM, FAVOURITE = "custom", "favourite"
ONLY: Final = (*CAPABILITIES, "embedding", "overridden", CUSTOM, FAVOURITE)
BY_NAME = "name"
SORTS: Final = (BY_NAME, "provider", "context", "input", "output", "newest")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. `only` are names of ONLY, all of which must hold; a minus before `sort` turns it round."""

    words: str = ""
    provider_id: int | None = None
    show: str = ""  # offered and hidden ones
    only: tuple[str, ...] = ()
    sort: str = BY_NAME
    offset: int = 0

    def address(self, **other: Any) -> dict[str, Any]:
        """Return the parameters of an address that finds this, with some of it otherwise; other filters begin anew."""
        wanted = replace(self, **{"offset": 0, **other})
        values = {
            "q": wanted.words,
            "provider": wanted.provider_id,
            "show": wanted.show,
            "only": list(wanted.only),
            "sort": wanted.sort if wanted.sort != BY_NAME else "",
            "offset": wanted.offset,
        }
        return {name: value for name, value in values.items() if value}

    @property
    def is_filtered(self) -> bool:
        """Whether something beside the order is asked for."""
        return bool(self.words or self.provider_id or self.show or self.only)


@dataclass(frozen=True, slots=True)
class Table:
    """One page of the table.

    `known` counts all models that providers list, `own` are the providers
    that this user may change, `favourites` keys of `rows`.
    """

    wanted: Wanted
    rows: list[Model]
    total: int
    providers: list[Provider]
    own: frozenset[int]
    favourites: frozenset[int]

    @property
    def known(self) -> int:
        """How many models there are without a filter."""
        return sum(row.models_count for row in self.providers)

    @property
    def end(self) -> int:
        """The number of the last row."""
        return self.wanted.offset + len(self.rows)


def find_table(session: Session, user: User, wanted: Wanted) -> Table:
    """Return the page that is looked for, or the last one when there are fewer."""
    providers = _providers(session, user)
    found = _keys(user, wanted, providers)
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    offset = min(wanted.offset, (max(total, 1) - 1) // PAGE * PAGE)
    # The keys are sorted first: thousands of whole rows would be read to be thrown away.
    keys = session.scalars(found.order_by(*_order(wanted.sort, providers)).offset(offset).limit(PAGE)).all()
    by_key = {row.id: row for row in session.scalars(select(Model).where(Model.id.in_(keys)))}
    starred = select(Mark.model_pk).where(Mark.user_id == user.id, Mark.is_favourite, Mark.model_pk.in_(keys))
    return Table(
        wanted=replace(wanted, offset=offset),
        rows=[by_key[key] for key in keys],
        total=total,
        providers=providers,
        own=frozenset(row.id for row in providers if row.may_change(user)),
        favourites=frozenset(session.scalars(starred)),
    )


def wanted_models(session: Session, user: User, wanted: Wanted) -> Select[int]:
    """Select the keys of all models that are looked for, among those of the providers that this user may see."""
    return _keys(user, wanted, _providers(session, user))


def shown(show: str) -> ColumnElement[bool]:
    """Return what must hold of a model that is OFFERED, HIDDEN or GONE; without a word, of one that is listed."""
    if show == GONE:
        return Model.vanished_at.is_not(None)
    listed = Model.vanished_at.is_(None)
    if show in (OFFERED, HIDDEN):
        return and_(listed, Model.is_enabled if show == OFFERED else ~Model.is_enabled)
    return listed


def holds(name: str, user: User) -> ColumnElement[bool]:
    """Return what must hold of a model so that this name of ONLY holds."""
    if name == "embedding":
        return Model.kind == name
    if name == CUSTOM:
        return Model.source == TYPED
    if name == "overridden":
        return or_(cast(Model.overrides, Text) != "{}", cast(Model.parameters, Text) != "{}")
    if name == FAVOURITE:
        return exists().where(Mark.model_pk == Model.id, Mark.user_id == user.id, Mark.is_favourite)
    # Every row is looked at: its text takes a fraction of the time that its JSON takes, on every database.
    return cast(Model.capabilities, Text).contains(f'"{name}": true', autoescape=True)


def _providers(session: Session, user: User) -> list[Provider]:
    rows = session.scalars(visible_providers(user)).all()
    return sorted(rows, key=lambda row: (searchable(row.name), row.id))


def _keys(user: User, wanted: Wanted, providers: list[Provider]) -> Select[int]:
    # No index of the column: SQLite would fetch nearly all rows by it, one here, one there, instead of reading them.
    provider_id = Model.provider_id + 0
    found = select(Model.id).where(provider_id.in_([row.id for row in providers]), shown(wanted.show))
    if wanted.provider_id:
        found = found.where(Model.provider_id == wanted.provider_id)
    if wanted.words:
        found = found.where(matching(wanted.words, providers))
    return found.where(*(holds(name, user) for name in wanted.only))


def _order(sort: str, providers: list[Provider]) -> list[SQLColumnExpression[Any]]:
    places = {row.id: place for place, row in enumerate(providers)}
    columns: Mapping[str, SQLColumnExpression[Any]] = {
        "provider": case(places, value=Model.provider_id) if places else Model.provider_id,
        "context": Model.context_length,
        "input": Model.input_price,
        "output": Model.output_price,
        "newest": Model.first_seen_at,
    }
    column = columns.get(sort.lstrip("-"), Model.search_text)
    # What is not known comes last, whatever the direction; equals are in the order of their names.
    is_falling = sort.startswith("-") != (sort.lstrip("-") == "newest")
    return [column.is_(None), column.desc() if is_falling else column, Model.search_text, Model.id]
