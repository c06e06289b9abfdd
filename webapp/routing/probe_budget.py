"""What checks in the background may cost in a day (UTC), by all processes together: nothing unless an admin says so."""

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import BigInteger, Text, delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Record, claim, writing
from webapp.settings.setting import read_setting, write_setting

SETTING: Final = "probe_budget_nano_usd"  # a day's, in billionths of a dollar
KEPT: Final = timedelta(days=31)


class ProbeDay(Record):
    """One day. A check under way counts as what it can cost at most, one that is over as what it did cost."""

    __tablename__ = "probe_days"

    day: Mapped[str] = mapped_column(Text, primary_key=True)  # 2026-11-20
    spent_nano_usd: Mapped[int] = mapped_column(BigInteger, default=0)
    calls: Mapped[int] = mapped_column(default=0)


@dataclass(frozen=True, slots=True)
class Budget:
    """How things stand today; `nano_usd` is a day's, 0: switched off."""

    nano_usd: int
    spent_nano_usd: int = 0
    calls: int = 0

    @property
    def left_nano_usd(self) -> int:
        """What may be spent still."""
        return max(0, self.nano_usd - self.spent_nano_usd)


def read_budget(session: Session) -> Budget:
    """Return today's budget."""
    row = session.get(ProbeDay, _today())
    limit = int(read_setting(session, SETTING) or 0)
    return Budget(limit, row.spent_nano_usd, row.calls) if row else Budget(limit)


def set_budget(session: Session, nano_usd: int) -> None:
    """Say what a day's checks may cost; 0 switches them off."""
    write_setting(session, SETTING, str(nano_usd) if nano_usd else None)


def reserve(most_nano_usd: int) -> str | None:
    """Set aside what a check can cost; return the day that it counts for, None when that is more than is left.

    Of several processes that want the last of it, one gets it.
    """
    with writing() as session:
        budget, day = read_budget(session), _today()
        if not budget.nano_usd:
            return None
        if session.get(ProbeDay, day) is None:
            with contextlib.suppress(IntegrityError), session.begin_nested():  # or another process was first
                session.add(ProbeDay(day=day))
        spent = ProbeDay.spent_nano_usd + most_nano_usd
        mine = update(ProbeDay).where(ProbeDay.day == day, spent <= budget.nano_usd)
        return day if claim(session, mine.values(spent_nano_usd=spent, calls=ProbeDay.calls + 1)) else None


def book(day: str, reserved_nano_usd: int, nano_usd: int) -> None:
    """Put what a check did cost in the place of what was set aside for it."""
    with writing() as session:
        spent = ProbeDay.spent_nano_usd - reserved_nano_usd + nano_usd
        session.execute(update(ProbeDay).where(ProbeDay.day == day).values(spent_nano_usd=spent))


def prune_probe_days(session: Session) -> None:
    """Forget the days that are long over."""
    session.execute(delete(ProbeDay).where(ProbeDay.day < (clock.now() - KEPT).date().isoformat()))


def _today() -> str:
    return clock.now().date().isoformat()
