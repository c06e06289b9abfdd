"""Changes many models at once: those that were chosen, or all that a filter finds."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Text, cast, select, update
from sqlalchemy.orm import Session, undefer

from webapp.accounts.user import User
from webapp.models.mark import STAR, Mark
from webapp.models.model import Model
from webapp.models.overlay import override
from webapp.models.table import Wanted, wanted_models
from webapp.providers.provider import visible_providers

CHUNK = 500  # keys in one statement
NO_SYNC = {"autoflush": False, "synchronize_session": False}  # what is loaded is none of the rows that it changes
MOST = 1_000_000
RUN = "[0-9]{1,9}(-[0-9]{1,9})?"
Item = TypeVar("Item")
PACKED = re.compile(f"{RUN}(,{RUN})*")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which models: these keys, or without keys all that are looked for."""

    keys: tuple[int, ...] | None
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the keys of the models that are otherwise now, and how many this user must leave alone."""

    changed: list[int]
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    key: int
    is_own: bool
    is_enabled: bool


def offer(session: Session, user: User, chosen: Chosen, is_enabled: bool) -> Outcome:
    """Offer or hide models. Only those that are otherwise now count as changed, so that exactly they can be undone."""
    found = _find(session, user, chosen)
    changed = [row.key for row in found if row.is_own and row.is_enabled != is_enabled]
    for part in _chunks(changed):
        session.execute(update(Model).where(Model.id.in_(part)).values(is_enabled=is_enabled))
    return Outcome(changed, _refused(found))


def star(session: Session, user: User, chosen: Chosen, is_favourite: bool) -> Outcome:
    """Make models this user's favourites, or no longer; anybody may, whoever the provider belongs to."""
    starred = set(session.scalars(select(Mark.model_pk).where(Mark.user_id == user.id, Mark.is_favourite)))
    changed = [row.key for row in _find(session, user, chosen) if (row.key in starred) != is_favourite]
    if changed:
        who = {"user_id": user.id, "starred": is_favourite}
        session.execute(STAR, [{**who, "model_pk": key} for key in changed])
    return Outcome(changed)


def say(session: Session, user: User, chosen: Chosen, said: dict[str, Any]) -> Outcome:
    """Lay what people say (overlay.py) over all of these models."""
    found = _find(session, user, chosen)
    own = [row.key for row in found if row.is_own]
    columns = ("overrides", "capabilities", *(name for name in said if name != "capabilities"))
    for groups in _chunks(_alike(session, own, said)):
        firsts = select(Model).options(undefer(Model.facts)).where(Model.id.in_([keys[0] for keys in groups]))
        rows = {row.id: row for row in session.scalars(firsts)}
        for first, *others in groups:
            override(rows[first], said)
            values = {name: getattr(rows[first], name) for name in columns}
            for part in _chunks(others):
                session.execute(update(Model).where(Model.id.in_(part)).values(values), execution_options=NO_SYNC)
        session.flush()
        for row in rows.values():
            session.expunge(row)  # thousands at once would cost more memory than all else
    return Outcome(own, _refused(found))


def packed(keys: Iterable[int]) -> str:
    """Return keys as text in which neighbours are one range, `4-9,12`: ten thousand in one field of a form."""
    runs = groupby(enumerate(sorted(keys)), key=lambda pair: pair[1] - pair[0])
    ends = ([key for _, key in run] for _, run in runs)
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ends)


def unpacked(text: str) -> tuple[int, ...]:
    """Read `packed` back; raise ValueError for what is not of that form, or of too many keys."""
    if text and not PACKED.fullmatch(text):
        raise ValueError
    keys: list[int] = []
    for run in text.split(",") if text else []:
        first, _, last = run.partition("-")
        found = range(int(first), int(last or first) + 1)
        if len(keys) + len(found) > MOST:
            raise ValueError
        keys += found
    return tuple(keys)


def _find(session: Session, user: User, chosen: Chosen) -> list[_Found]:
    own = {row.id: row.may_change(user) for row in session.scalars(visible_providers(user))}
    columns = select(Model.id, Model.provider_id, Model.is_enabled)
    if chosen.keys is None:
        parts = [columns.where(Model.id.in_(wanted_models(session, user, chosen.wanted)))]
    else:
        parts = [columns.where(Model.id.in_(part)) for part in _chunks(chosen.keys)]
    return [
        _Found(key, own[provider_id], is_enabled)
        for part in parts
        for key, provider_id, is_enabled in session.execute(part)
        if provider_id in own
    ]


def _alike(session: Session, keys: Sequence[int], said: dict[str, Any]) -> list[list[int]]:
    """Group models of which the same counts after this was said, so that one of each group is reckoned with.

    What is taken back gives way to what each one's provider says: then every model is a group of its own.
    """
    if None in said.get("capabilities", {}).values():
        return [[key] for key in keys]
    alike: dict[tuple[str, str], list[int]] = {}
    columns = select(Model.id, cast(Model.overrides, Text), cast(Model.capabilities, Text))
    for part in _chunks(keys):
        for key, overrides, capabilities in session.execute(columns.where(Model.id.in_(part))):
            alike.setdefault((overrides, capabilities), []).append(key)
    return list(alike.values())


def _refused(found: list[_Found]) -> int:
    return sum(not row.is_own for row in found)


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    yield from (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
