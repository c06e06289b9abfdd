"""An alias: one public name, served by several models at several providers.

To everything else it is a model: a row of the hidden provider `alias`, so that chats, presets and programs choose it
like any other. This table holds what stands behind it. A deleted alias is a row that vanished; it can be brought back
for as long as the undo of a provider.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, ForeignKey, Select, Text, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, contains_eager, joinedload, mapped_column, relationship, undefer

from webapp.core import clock
from webapp.core.database import Record
from webapp.core.errors import ConflictError, NotFoundError
from webapp.models.facts import ABILITIES, LISTED, SIZES
from webapp.models.model import TYPED, Model, count_models, id_hash
from webapp.models.names import qualified
from webapp.providers.provider import ALIAS, UNDO_TIME, Provider

MOST_TARGETS, MOST_WEIGHT = 16, 1000


class AliasRecord(Record):
    """What stands behind a name. `targets`: [{"model": pk, "name": …, "weight": 1}, …] in order, of shared providers.

    The name tells a model from another one that has its number by now, and what it was when it is gone.
    """

    __tablename__ = "aliases"

    model_pk: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    strategy: Mapped[str] = mapped_column(Text, default="ordered")
    targets: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    after_first: Mapped[str] = mapped_column(Text, default="stop")  # when an answer breaks off in the middle
    is_sticky: Mapped[bool] = mapped_column(default=True)
    model: Mapped[Model] = relationship()

    @property
    def name(self) -> str:
        """What people and programs call it."""
        return self.model.model_id


@dataclass(frozen=True, slots=True)
class AliasInput:
    """What somebody wants an alias to be; everything in it was checked."""

    name: str
    strategy: str
    targets: tuple[tuple[Model, int], ...]
    after_first: str
    is_sticky: bool


@dataclass(frozen=True, slots=True)
class Target:
    """One of those behind an alias; `model` is None when it was deleted."""

    name: str
    weight: int
    model: Model | None

    @property
    def is_offered(self) -> bool:
        """Whether it takes part now."""
        return self.model is not None and is_offered(self.model)


def is_offered(model: Model) -> bool:
    """Tell whether everybody here may ask a model now."""
    provider = model.provider
    is_there = model.vanished_at is None and provider.deleted_at is None
    return is_there and model.is_enabled and provider.is_enabled and provider.is_shared


def aliases(session: Session) -> list[AliasRecord]:
    """Return all aliases by name."""
    return list(session.scalars(_existing().order_by(Model.search_text, Model.id)))


def find_alias(session: Session, model_pk: int) -> AliasRecord:
    """Load an alias; raise NotFoundError when there is none of this number."""
    found = session.scalar(_existing().where(AliasRecord.model_pk == model_pk))
    if found is None:
        raise NotFoundError
    return found


def add_alias(session: Session, wanted: AliasInput) -> AliasRecord:
    """Store a new alias; raise ConflictError when there is one of this name. One that was just deleted begins anew."""
    provider = session.scalars(select(Provider).where(Provider.dialect == ALIAS)).one()
    model = session.scalar(select(Model).filter_by(provider_id=provider.id, id_hash=id_hash(wanted.name)))
    if model and model.vanished_at is None:
        raise ConflictError
    if model is None:
        model = Model(provider_id=provider.id, model_id=wanted.name, id_hash=id_hash(wanted.name), source=TYPED)
        model.learn({})
        try:
            with session.begin_nested():
                session.add(model)
        except IntegrityError:  # somebody added it at the same moment
            raise ConflictError from None
    model.vanished_at = None
    record = session.get(AliasRecord, model.id) or AliasRecord(model=model)
    session.add(record)
    change_alias(session, record, wanted)
    count_models(session, provider)
    return record


def change_alias(session: Session, record: AliasRecord, wanted: AliasInput) -> None:
    """Change an alias; raise ConflictError when another one has the name."""
    model = record.model
    if model.model_id != wanted.name:
        deleted = Model.id_hash == id_hash(wanted.name), Model.vanished_at.is_not(None)
        session.execute(delete(Model).where(Model.provider_id == model.provider_id, *deleted))
        try:
            with session.begin_nested():
                model.model_id, model.id_hash = wanted.name, id_hash(wanted.name)
        except IntegrityError:
            raise ConflictError from None
    record.strategy, record.after_first, record.is_sticky = wanted.strategy, wanted.after_first, wanted.is_sticky
    record.targets = [{"model": row.id, "name": qualified(row), "weight": weight} for row, weight in wanted.targets]
    _settle(model, [row for row, _ in wanted.targets])


def delete_alias(session: Session, record: AliasRecord) -> None:
    """Take an alias away from everybody; it can be brought back."""
    record.model.vanished_at = clock.now()
    count_models(session, record.model.provider)


def restore_alias(session: Session, model_pk: int) -> AliasRecord:
    """Undo a deletion, until the monitor has removed it; raise NotFoundError otherwise."""
    found = session.get(AliasRecord, model_pk)
    if found is None or found.model.vanished_at is None:
        raise NotFoundError
    found.model.vanished_at = None
    count_models(session, found.model.provider)
    return found


def targets_of(session: Session, records: Iterable[AliasRecord]) -> dict[int, list[Target]]:
    """Return who stands behind aliases, in their order, by the number of the alias."""
    records = list(records)
    wanted = {target["model"] for record in records for target in record.targets}
    rows = session.scalars(select(Model).options(joinedload(Model.provider)).where(Model.id.in_(wanted)))
    by_name = {(row.id, qualified(row)): row for row in rows}
    return {
        record.model_pk: [
            Target(target["name"], target["weight"], by_name.get((target["model"], target["name"])))
            for target in record.targets
        ]
        for record in records
    }


def namesakes(session: Session, names: Iterable[str]) -> dict[str, list[str]]:
    """Return which models have the id that is an alias's name, by that name: programs get the alias instead."""
    found = session.scalars(
        select(Model)
        .join(Model.provider)
        .options(joinedload(Model.provider))
        .where(Model.id_hash.in_([id_hash(name) for name in names]), Model.vanished_at.is_(None))
        .where(Provider.dialect != ALIAS, Provider.is_shared, Provider.deleted_at.is_(None))
        .order_by(Provider.slug)
    )
    result: dict[str, list[str]] = {}
    for row in found:
        result.setdefault(row.model_id, []).append(qualified(row))
    return result


def settle_aliases(session: Session) -> None:
    """Let the models that stand for aliases say what their targets can do now; remove those deleted for good."""
    gone = Model.vanished_at < clock.now() - UNDO_TIME
    session.execute(delete(Model).where(Model.id.in_(select(AliasRecord.model_pk)), gone))
    records = aliases(session)
    targets = targets_of(session, records)
    for record in records:
        _settle(record.model, [row.model for row in targets[record.model_pk] if row.model and row.is_offered])


def _settle(model: Model, targets: Sequence[Model]) -> None:
    """Say that it can do what all can do, and cannot what one cannot; of sizes the smallest counts."""
    known: dict[str, Any] = {}
    for name in ABILITIES:
        said = [(row.capabilities or {}).get(name) for row in targets]
        known[name] = False if False in said else True if said and all(said) else None
    for name in SIZES:
        known[name] = min((size for row in targets if (size := getattr(row, name))), default=None)
    model.learn({LISTED: known})


def _existing() -> Select[AliasRecord]:
    return (
        select(AliasRecord)
        .join(AliasRecord.model)
        .join(Model.provider)
        .options(contains_eager(AliasRecord.model).options(contains_eager(Model.provider), undefer(Model.facts)))
        .where(Model.vanished_at.is_(None))
    )
