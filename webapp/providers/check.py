"""A connection test that ran or runs: one row, with what each rung found."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, ScalarSelect, Text, func, or_, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import NotFoundError
from webapp.providers.provider import Provider
from webapp.providers.ways import DIRECT

WAITING, RUNNING, GOOD, BAD, UNKNOWN, STOPPED = "waiting", "running", "good", "bad", "unknown", "stopped"
LIVE, VERDICTS = (WAITING, RUNNING), (GOOD, BAD, UNKNOWN)


class Check(Record):
    """One run of the ladder. `provider_id` is empty for a provider that is not saved yet."""

    __tablename__ = "checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=RUNNING)
    route: Mapped[str] = mapped_column(Text, default=DIRECT, server_default=DIRECT)
    is_usual: Mapped[bool] = mapped_column(default=True, server_default=true())  # it took the way that chats took
    batch: Mapped[str | None] = mapped_column(Text, index=True)  # those that were started together
    rungs: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)

    @property
    def is_running(self) -> bool:
        """Whether more is to come."""
        return self.status in LIVE

    @property
    def passed(self) -> int:
        """How many rungs were good."""
        return sum(rung["verdict"] == GOOD for rung in self.rungs)

    @property
    def latency_ms(self) -> float:
        """All rungs together."""
        return float(sum(rung["latency_ms"] or 0 for rung in self.rungs))

    @property
    def first_token_ms(self) -> float | None:
        """How long the streamed answer took to begin; None when it did not."""
        return next((rung["detail"].get("first_token_ms") for rung in self.rungs if rung["name"] == "stream"), None)

    @property
    def offers(self) -> list[str]:
        """A few models that the list named, to choose from."""
        return next((rung["detail"].get("offers", []) for rung in self.rungs if rung["name"] == "list"), [])

    @property
    def failed_rung(self) -> dict[str, Any] | None:
        """The first rung that was bad."""
        return next((rung for rung in self.rungs if rung["verdict"] == BAD), None)


def find_check(session: Session, user: User, check_id: int) -> Check:
    """Load a check: one's own, or of a shared provider."""
    found = session.scalar(
        select(Check)
        .outerjoin(Provider, Provider.id == Check.provider_id)
        .where(Check.id == check_id, or_(Check.user_id == user.id, Provider.is_shared))
    )
    if found is None:
        raise NotFoundError
    return found


def last_model(session: Session, provider_id: int) -> str | None:
    """Return the model that somebody chose for the provider's last test, if one was chosen."""
    chosen = select(Check.model).where(Check.provider_id == provider_id, Check.model.is_not(None))
    return session.scalar(chosen.order_by(Check.id.desc()).limit(1))


def latest_checks(session: Session, provider_ids: list[int]) -> dict[int, Check]:
    """Return the newest check of each provider by the way that chats took."""
    mine = select(func.max(Check.id)).where(Check.provider_id.in_(provider_ids), Check.is_usual)
    newest = mine.group_by(Check.provider_id)
    return {row.provider_id or 0: row for row in session.scalars(select(Check).where(Check.id.in_(newest)))}


def latest_verdict() -> ScalarSelect[int]:
    """Select the id of a provider's newest such check that came to a verdict, within a query of providers."""
    newest = select(func.max(Check.id)).where(Check.provider_id == Provider.id, Check.is_usual)
    newest = newest.where(Check.status.in_(VERDICTS))
    return newest.correlate(Provider).scalar_subquery()
