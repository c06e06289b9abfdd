"""Connection tests that were started together: four run at a time, the others wait for their turn."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, func, select, update
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import writing
from webapp.core.errors import BusyError, CryptoError, NotFoundError, TooOftenError
from webapp.core.ids import random_text
from webapp.core.runtime import runtime
from webapp.providers.check import LIVE, RUNNING, STOPPED, WAITING, Check, last_model
from webapp.providers.checks import MINUTE, add_tests, all_waiting, run_check, stop_check
from webapp.providers.provider import Provider
from webapp.providers.ways import target_by, usual_way
from webapp.upstream.target import Target

AT_ONCE = 4
STARTS_PER_USER = 3  # in a minute, one after the other

_Line = Row[int, int | None, str, datetime | None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Where the tests of a batch stand: rows of (id, provider_id, status, finished_at), those that ended first."""

    id: str
    lines: list[_Line]

    @property
    def is_running(self) -> bool:
        """Whether more is to come."""
        return any(line.status in LIVE for line in self.lines)

    @property
    def counts(self) -> Counter[str]:
        """How many there are of each status."""
        return Counter(line.status for line in self.lines)

    @property
    def ended(self) -> int:
        """How many came to an end."""
        return sum(line.status not in LIVE for line in self.lines)

    def changed_since(self, ended: int) -> list[int]:
        """Providers whose tests run, or ended since so many had. Those at once may end in any order, so look back."""
        lines = self.lines[max(0, ended - AT_ONCE) :]
        return [line.provider_id for line in lines if line.status != WAITING and line.provider_id]


def start_batch(session: Session, user: User, providers: list[Provider]) -> Batch:
    """Write down a test for each provider and begin with four; raise TooOftenError or BusyError."""
    batch = random_text(12)
    tests = [
        Check(provider_id=one.id, user_id=user.id, name=one.name, status=WAITING, batch=batch, rungs=all_waiting())
        for one in providers
    ]
    add_tests(session, tests, lambda: _refuse_too_many(session, user.id, batch))
    started = 0
    try:
        while started < min(AT_ONCE, len(providers)):
            runtime().background.start(run_turns, batch)
            started += 1
    except BusyError:
        if not started:
            stop_batch(session, user, batch)
            raise
    return find_batch(session, user, batch)


def run_turns(batch: str) -> None:
    """Test one waiting provider after the other, beside those who do the same."""
    closing = runtime().background.is_closing
    while not closing.is_set() and (turn := _take_turn(batch)):
        run_check(*turn)


def find_batch(session: Session, user: User, batch: str) -> Batch:
    """Load a batch of one's own."""
    columns = select(Check.id, Check.provider_id, Check.status, Check.finished_at)
    found = session.execute(columns.where(Check.batch == batch, Check.user_id == user.id)).all()
    if not found:
        raise NotFoundError
    return Batch(batch, sorted(found, key=lambda line: (line.status in LIVE, line.finished_at or clock.now(), line.id)))


def running_batch(session: Session, user: User) -> Batch | None:
    """Return the batch that this user's tests run in, if there is one."""
    batch = session.scalar(
        select(Check.batch).where(Check.user_id == user.id, Check.batch.is_not(None), Check.status.in_(LIVE)).limit(1)
    )
    return find_batch(session, user, batch) if batch else None


def stop_batch(session: Session, user: User, batch: str) -> None:
    """Let nothing more begin, and ask what runs to end."""
    waits = (Check.batch == batch, Check.user_id == user.id, Check.status == WAITING)
    session.execute(update(Check).where(*waits).values(status=STOPPED, finished_at=clock.now()))
    session.commit()
    for line in find_batch(session, user, batch).lines:
        if line.status == RUNNING:
            stop_check(session, line.id)


def end_abandoned(session: Session, before: datetime) -> None:
    """Where no test began or ended since this moment, nobody is left to begin those that wait."""
    latest = func.coalesce(Check.finished_at, Check.created_at)
    alive = select(Check.batch).where(Check.batch.is_not(None), latest > before)
    waits = (Check.status == WAITING, Check.batch.not_in(alive))
    session.execute(update(Check).where(*waits).values(status=STOPPED, finished_at=clock.now()))


def _refuse_too_many(session: Session, user_id: int, batch: str) -> None:
    """One batch at a time, and few in a minute."""
    others = (Check.user_id == user_id, Check.batch != batch)
    if session.scalar(select(Check.id).where(*others, Check.status.in_(LIVE)).limit(1)):
        raise TooOftenError(most=1, seconds=5, are_running=True)
    recent = select(func.count(Check.batch.distinct())).where(*others, Check.created_at > clock.now() - MINUTE)
    if (session.scalar(recent) or 0) >= STARTS_PER_USER:
        raise TooOftenError(most=STARTS_PER_USER, seconds=int(MINUTE.total_seconds()), are_running=False)


def _take_turn(batch: str) -> tuple[int, Target, str | None] | None:
    """Take the next test that waits; one that cannot be called any more ends here."""
    while True:
        with writing() as session:
            waiting = select(Check).where(Check.batch == batch, Check.status == WAITING).order_by(Check.id).limit(1)
            check = session.scalar(waiting.with_for_update(skip_locked=True))
            if check is None:
                return None
            check.status, check.created_at = RUNNING, clock.now()
            provider = session.get(Provider, check.provider_id)
            try:
                if provider and provider.deleted_at is None:
                    check.model = provider.default_model or last_model(session, provider.id)
                    check.route = usual_way(session, provider)
                    return check.id, target_by(session, provider, check.route), check.model
            except CryptoError:
                pass  # its card tells that the key does not open
            check.status, check.finished_at = STOPPED, clock.now()
