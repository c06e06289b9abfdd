"""A rule that sends questions elsewhere; the admins' rules hold for everybody, in their order."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Text, delete, func, select
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import NotFoundError
from webapp.models.model import Model
from webapp.providers.provider import UNDO_TIME
from webapp.routing.alias import is_offered


class RuleRecord(Record):
    """One rule: patterns of what is asked, and where it goes. An empty pattern matches everything."""

    __tablename__ = "routing_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str] = mapped_column(Text, default="")
    capability: Mapped[str] = mapped_column(Text, default="")
    project: Mapped[str] = mapped_column(Text, default="")
    to_pk: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    to_name: Mapped[str] = mapped_column(Text, default="")  # stays when the model is gone
    route: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    to: Mapped[Model | None] = relationship()

    @property
    def is_dangling(self) -> bool:
        """Whether it names a target that cannot be asked now: it sends nothing there until it can."""
        return bool(self.to_name) and (self.to is None or not is_offered(self.to))


@dataclass(frozen=True, slots=True)
class RuleInput:
    """What somebody wants a rule to be; everything in it was checked."""

    name: str
    provider: str
    model: str
    capability: str
    to: Model | None
    to_name: str  # also of one that is gone
    route: str
    is_enabled: bool


def rule_records(session: Session) -> list[RuleRecord]:
    """Return all rules in their order, with their targets."""
    return list(
        session.scalars(
            select(RuleRecord)
            .options(joinedload(RuleRecord.to).joinedload(Model.provider))
            .where(RuleRecord.deleted_at.is_(None))
            .order_by(RuleRecord.position, RuleRecord.id)
        )
    )


def find_rule(session: Session, rule_id: int) -> RuleRecord:
    """Load a rule; raise NotFoundError when there is none of this number."""
    found = session.get(RuleRecord, rule_id)
    if found is None or found.deleted_at is not None:
        raise NotFoundError
    return found


def add_rule(session: Session, wanted: RuleInput) -> RuleRecord:
    """Store a new rule after all others."""
    last = session.scalar(select(func.max(RuleRecord.position)))
    rule = RuleRecord(position=0 if last is None else last + 1)
    change_rule(rule, wanted)
    session.add(rule)
    session.flush()
    return rule


def change_rule(rule: RuleRecord, wanted: RuleInput) -> None:
    """Change a rule; its place stays."""
    rule.name, rule.is_enabled = wanted.name, wanted.is_enabled
    rule.provider, rule.model, rule.capability = wanted.provider, wanted.model, wanted.capability
    rule.to, rule.to_name = wanted.to, wanted.to_name
    rule.route = wanted.route


def move_rule(session: Session, rule: RuleRecord, place: int) -> None:
    """Put a rule at a place among all, counted from 0."""
    rows = [row for row in rule_records(session) if row is not rule]
    rows.insert(max(0, place), rule)
    for position, row in enumerate(rows):
        row.position = position


def restore_rule(session: Session, rule_id: int) -> RuleRecord:
    """Undo a deletion, until the monitor has removed it; raise NotFoundError otherwise."""
    found = session.get(RuleRecord, rule_id)
    if found is None or found.deleted_at is None:
        raise NotFoundError
    found.deleted_at = None
    return found


def prune_rules(session: Session) -> None:
    """Remove what was deleted for good."""
    session.execute(delete(RuleRecord).where(RuleRecord.deleted_at < clock.now() - UNDO_TIME))
