"""Private addresses that an admin has opened: nothing else private is ever reached."""

import contextlib
from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.runtime import runtime


class PrivateAddress(Record):
    """One host and port on a private network or this machine."""

    __tablename__ = "private_addresses"
    __table_args__ = (UniqueConstraint("host", "port"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(Text)
    port: Mapped[int]
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    opened_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)


def is_open(session: Session, host: str, port: int) -> bool:
    """Whether an admin, or the operator by JACKFIELD_ALLOWED_PRIVATE, has opened this host and port."""
    if (host, port) in runtime().settings.allowed_private:
        return True
    return session.scalar(select(PrivateAddress.id).filter_by(host=host, port=port)) is not None


def open_address(session: Session, host: str, port: int, admin_id: int) -> None:
    """Write down an admin's confirmation; a second one, also at the same moment, changes nothing."""
    if not is_open(session, host, port):
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(PrivateAddress(host=host, port=port, opened_by_id=admin_id))
