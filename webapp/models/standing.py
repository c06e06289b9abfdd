"""How the providers stand whose models are offered: whether they can be used, and why not. No provider is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from webapp.accounts.user import User
from webapp.core.database import reading
from webapp.core.memory import memory
from webapp.providers.check import BAD, GOOD, Check
from webapp.providers.checks import RUNGS
from webapp.providers.provider import Provider, open_to

READY, UNTESTED, FAILED, DOWN, UNREADABLE, KEYLESS = "ready", "untested", "failed", "down", "unreadable", "keyless"
OUT, UNSTEADY = "out", "unsteady"  # by the calls that were made: it can be chosen all the same
DOORSTEP = RUNGS.index("list")  # whoever fails a test before does not answer at all
# What the words of routing/report.py stand for here.
STANDS_FOR = {"down": OUT, "resting": OUT, "slow": UNSTEADY, "unsteady": UNSTEADY, "good": READY}

word_of: Callable[[Provider], str] | None = None  # of `webapp.routing`: how a provider is doing


@dataclass(frozen=True, slots=True)
class Standing:
    """One provider (detached, for requests share it); `since` tells when its newest series of failed tests began."""

    provider: Provider
    word: str
    since: datetime | None = None

    @property
    def is_usable(self) -> bool:
        """Whether a model of it can be chosen."""
        return self.word in (READY, UNTESTED, FAILED, OUT, UNSTEADY)

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is known to be wrong with it."""
        return self.word in (READY, UNTESTED)


def standings_of(session: Session, user: User) -> Mapping[int, Standing]:
    """Return how the switched-on providers stand whose models this user may choose, by id; remembered for a second."""
    return memory.get(("standings", user.id), lambda: _read_standings(session, user), waits=False)


def _read_standings(beside: Session, user: User) -> Mapping[int, Standing]:
    with reading(beside) as session:
        providers = session.scalars(open_to(user).where(Provider.is_enabled)).all()
        newest = _newest_checks(session, [row.id for row in providers])
        since = _failing_since(session, [provider_id for provider_id, word in newest.items() if word == DOWN])
    return {row.id: Standing(row, _word(row, newest.get(row.id, UNTESTED)), since.get(row.id)) for row in providers}


def _word(provider: Provider, tested: str) -> str:
    """Calls that were made go before a test, unless that says that nothing answers."""
    if provider.needs_key:
        return KEYLESS
    if provider.is_key_unreadable:
        return UNREADABLE
    called = word_of(provider) if word_of else ""
    if tested == DOWN or called not in STANDS_FOR or (called == "good" and tested == FAILED):
        return tested
    return STANDS_FOR[called]


def _newest_checks(session: Session, provider_ids: Sequence[int]) -> dict[int, str]:
    """What the newest test of each provider said that ended well or badly; the exchanges in its row stay unread."""
    newest = (
        select(func.max(Check.id))
        .where(Check.provider_id.in_(provider_ids), Check.status.in_((GOOD, BAD)), Check.is_usual)
        .group_by(Check.provider_id)
    )
    is_out = or_(*(Check.rungs[(place, "verdict")].as_string() == BAD for place in range(DOORSTEP)))
    rows = session.execute(select(Check.provider_id, Check.status, is_out).where(Check.id.in_(newest)))
    return {
        provider_id or 0: READY if status == GOOD else DOWN if is_out else FAILED
        for provider_id, status, is_out in rows
    }


def _failing_since(session: Session, provider_ids: Sequence[int]) -> dict[int, datetime]:
    if not provider_ids:
        return {}
    good = aliased(Check)
    last_good = select(func.max(good.id)).where(good.provider_id == Check.provider_id, good.status == GOOD)
    rows = session.execute(
        select(Check.provider_id, func.min(Check.created_at))
        .where(Check.provider_id.in_(provider_ids), Check.status == BAD, Check.is_usual)
        .where(Check.id > func.coalesce(last_good.where(good.is_usual).scalar_subquery(), 0))
        .group_by(Check.provider_id)
    )
    return {provider_id or 0: since for provider_id, since in rows}
