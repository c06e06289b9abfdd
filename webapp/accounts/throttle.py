"""Slows down whoever guesses passwords, without locking the owner out."""

from datetime import datetime, timedelta

from sqlalchemy import Text, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.accounts.user import normal_email
from webapp.core import clock
from webapp.core.database import Record, UtcTime

WINDOW = timedelta(minutes=15)
PAUSE = timedelta(minutes=1)
TRIES_HERE = 5  # wrong passwords for one account from one address, then a pause
TRIES_ADDRESS = 30  # wrong passwords from one address for any account, then a pause
TRIES_ACCOUNT = 50  # wrong passwords for one account from anywhere, then one try in `SLOW`
SLOW = timedelta(seconds=2)


class FailedSignIn(Record):
    """One wrong password."""

    __tablename__ = "failed_sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(Text, index=True)
    address: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)


def seconds_to_wait(session: Session, email: str, address: str) -> int:
    """Return how long this account must wait at this address before the next try; 0 for none."""
    account, rows = normal_email(email), FailedSignIn
    waits = []
    for tries, pause, conditions in (
        (TRIES_HERE, PAUSE, (rows.account == account, rows.address == address)),
        (TRIES_ADDRESS, PAUSE, (rows.address == address,)),
        (TRIES_ACCOUNT, SLOW, (rows.account == account,)),
    ):
        count, latest = session.execute(
            select(func.count(), func.max(rows.at)).where(rows.at > clock.now() - WINDOW, *conditions)
        ).one()
        if count >= tries:
            waits.append((latest + pause - clock.now()).total_seconds())
    return max([0, *(int(wait) + 1 for wait in waits if wait > 0)])


def note_try(session: Session, email: str, address: str) -> int:
    """Write a try down as failed and return how many are left before a pause; forget the old ones."""
    session.execute(delete(FailedSignIn).where(FailedSignIn.at < clock.now() - WINDOW))
    session.add(FailedSignIn(account=normal_email(email), address=address))
    session.flush()
    failed = session.scalar(
        select(func.count()).where(FailedSignIn.account == normal_email(email), FailedSignIn.address == address)
    )
    return max(0, TRIES_HERE - (failed or 0))


def forget_tries(session: Session, email: str, address: str) -> None:
    """A right password wipes the slate for this account at this address."""
    session.execute(
        delete(FailedSignIn).where(FailedSignIn.account == normal_email(email), FailedSignIn.address == address)
    )
