"""What a refresh changed in a provider's list: new, changed and vanished models."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, delete, select
from sqlalchemy.orm import Mapped, Session, contains_eager, mapped_column, relationship

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.models.facts import NAMES
from webapp.models.model import Model, id_hash
from webapp.providers.provider import Provider, visible_providers

KEPT: Final = timedelta(days=90)
NAMED: Final = 50  # of each kind, in `details`
LONGEST_ID: Final = 300  # characters of an id there
SHOWN, SHOWN_OF_ALL = 10, 50  # refreshes on a provider's page and on the page of all


class Drift(Record):
    """One refresh that found another list than the one before.

    `details` names the first of each kind: {"new": [id], "vanished": [id], "changed": [{"id", "what": {field:
    [old, new]}}]}. A field is one of NAMES, as the provider says it.
    """

    __tablename__ = "drifts"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    new_count: Mapped[int] = mapped_column(default=0)
    changed_count: Mapped[int] = mapped_column(default=0)
    vanished_count: Mapped[int] = mapped_column(default=0)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    provider: Mapped[Provider] = relationship()


@dataclass(slots=True)
class Changes:
    """What a list changes, gathered while it is stored."""

    new: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)

    def compare(self, model_id: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Note in what one model differs; what is not known is left out of both."""
        names = [name for name in NAMES if before.get(name) != after.get(name)]
        if names:
            what = {name: [before.get(name), after.get(name)] for name in names}
            self.changed.append({"id": model_id[:LONGEST_ID], "what": what})

    def record(self, session: Session, provider_id: int) -> None:
        """Write them down, if there are any."""
        if not (self.new or self.vanished or self.changed):
            return
        details: dict[str, Any] = {"changed": self.changed[:NAMED]}
        for name, ids in (("new", self.new), ("vanished", self.vanished)):
            details[name] = [model_id[:LONGEST_ID] for model_id in ids[:NAMED]]
        counts = {f"{name}_count": len(getattr(self, name)) for name in ("new", "changed", "vanished")}
        session.add(Drift(provider_id=provider_id, details=details, **counts))


def drifts_of(session: Session, provider_id: int) -> list[Drift]:
    """Return a provider's newest changes."""
    newest = select(Drift).where(Drift.provider_id == provider_id).order_by(Drift.id.desc())
    return list(session.scalars(newest.limit(SHOWN)))


def all_drifts(session: Session, user: User) -> list[Drift]:
    """Return the newest changes of all providers that this user may see, with their providers."""
    visible = visible_providers(user).with_only_columns(Provider.id)
    newest = select(Drift).join(Drift.provider).options(contains_eager(Drift.provider)).where(Provider.id.in_(visible))
    return list(session.scalars(newest.order_by(Drift.id.desc()).limit(SHOWN_OF_ALL)))


def named_models(session: Session, drifts: Iterable[Drift]) -> dict[tuple[int, str], int]:
    """Return where the pages of the named models are: (provider, id) -> key of the model."""
    named = {
        (drift.provider_id, id_hash(model_id)): (drift.provider_id, model_id)
        for drift in drifts
        for model_id in _named(drift)
    }
    rows = session.execute(
        select(Model.id, Model.provider_id, Model.id_hash).where(
            Model.provider_id.in_({provider_id for provider_id, _ in named}),
            Model.id_hash.in_({key for _, key in named}),
        )
    )
    return {named[provider_id, key]: model_pk for model_pk, provider_id, key in rows if (provider_id, key) in named}


def prune_drifts(session: Session) -> None:
    """Delete what is too old."""
    session.execute(delete(Drift).where(Drift.created_at < clock.now() - KEPT))


def _named(drift: Drift) -> list[str]:
    details = drift.details
    return [*details["new"], *details["vanished"], *(one["id"] for one in details["changed"])]
