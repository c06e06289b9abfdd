"""A model of a provider, as it is known here."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, Select, Text, UniqueConstraint, func, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, contains_eager, mapped_column, relationship, undefer

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import ConflictError, NotFoundError
from webapp.core.words import findable
from webapp.models.catalogue import address_of, look_up
from webapp.models.facts import ABILITIES, LABELS, PROBED, SIZES, Facts, merged, with_one, with_source
from webapp.providers.provider import Provider, open_to

SEED, DISCOVERED, TYPED = "seed", "provider", "user"


class Model(Record):
    """One model id at one provider. Ids are opaque; `id_hash` keeps them unique at any length."""

    __tablename__ = "models"
    __table_args__ = (
        UniqueConstraint("provider_id", "id_hash"),
        # What the picker counts, and the order in which it shows.
        Index("ix_models_offered", "provider_id", "kind", "is_enabled", "vanished_at", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"))
    model_id: Mapped[str] = mapped_column(Text)
    id_hash: Mapped[str] = mapped_column(Text)
    display_name: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text, default="chat")
    context_length: Mapped[int | None]
    max_output_tokens: Mapped[int | None]
    capabilities: Mapped[dict[str, bool | None]] = mapped_column(JSON, default=dict)
    input_price: Mapped[float | None]  # US dollars for a million tokens
    output_price: Mapped[float | None]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")  # parameters.py
    source: Mapped[str] = mapped_column(Text, default=DISCOVERED)
    search_text: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(default=0)
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    # What people said of it (overlay.py).
    overrides: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    vanished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    # Sizes and capabilities follow it. Pages that list models do not load it.
    facts: Mapped[Facts] = mapped_column(JSON, default=dict, server_default="{}", deferred=True)
    provider: Mapped[Provider] = relationship()

    @property
    def name(self) -> str:
        """What to call it on a page."""
        return self.display_name or self.model_id

    @property
    def quirks(self) -> dict[str, dict[str, str]]:
        """How every request to it is mended: word -> when and who."""
        return self.provider.quirks.get(self.model_id, {})

    def learn(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over what each of these sources says now, and bring sizes and capabilities in line."""
        facts = self.facts or {}
        for source, known in told.items():
            facts = with_source(facts, source, known)
        if facts is not self.facts:
            self.facts = facts
        self.settle()

    def prove(self, capability: str, can: bool) -> None:
        """Take over what a real call showed; it is kept until the next one shows something else."""
        facts = self.facts or {}
        self.facts = facts | {PROBED: with_one(facts.get(PROBED, {}), capability, can)}
        self.settle()

    def settle(self) -> None:
        """Let name, sizes, prices and capabilities be what all sources together say, people before all others."""
        values = {name: fact.value for name, fact in merged(self.facts or {}, self.overrides or {}).items()}
        for name in LABELS:
            if name in values:
                setattr(self, name, values[name])
        self.search_text = findable(self.display_name, self.model_id)
        self.context_length, self.max_output_tokens = (values.get(name) for name in SIZES)
        self.input_price, self.output_price = values.get("input_price"), values.get("output_price")
        capabilities = {name: values.get(name) for name in ABILITIES}
        if capabilities != self.capabilities:
            self.capabilities = capabilities


def id_hash(model_id: str) -> str:
    """Return what stands for an id in unique constraints."""
    return hashlib.sha256(model_id.encode("utf-8", "surrogatepass")).hexdigest()


def visible_models(user: User) -> Select[Model]:
    """Select the models that are switched on, of the providers that this user may use, with their providers."""
    providers = open_to(user).with_only_columns(Provider.id)
    return (
        select(Model)
        .join(Model.provider)
        .options(contains_eager(Model.provider))
        .where(Provider.id.in_(providers), Model.vanished_at.is_(None), Model.is_enabled)
    )


def find_model(session: Session, user: User, model_pk: int) -> Model:
    """Load a model that this user may use; raise NotFoundError otherwise."""
    found = session.scalar(visible_models(user).where(Model.id == model_pk))
    if found is None:
        raise NotFoundError
    return found


def find_known_model(session: Session, user: User, model_pk: int) -> Model:
    """Load a model that this user may see, also one that vanished or is switched off; raise NotFoundError otherwise."""
    providers = open_to(user).with_only_columns(Provider.id)
    found = session.scalar(select(Model).where(Model.id == model_pk, Model.provider_id.in_(providers)))
    if found is None:
        raise NotFoundError
    return found


def find_model_of(session: Session, provider: Provider, model_id: str) -> Model:
    """Load a provider's model by its id, also when it is switched off; raise NotFoundError otherwise."""
    found = session.scalar(
        select(Model).filter_by(provider_id=provider.id, id_hash=id_hash(model_id), vanished_at=None)
    )
    if found is None:
        raise NotFoundError
    return found


def add_model(session: Session, provider: Provider, model_id: str) -> Model:
    """Add a model by its id, or bring it back when the list lost it; raise ConflictError when it is listed."""
    known = session.scalar(select(Model).filter_by(provider_id=provider.id, id_hash=id_hash(model_id)))
    if known and known.vanished_at is None:
        raise ConflictError
    if known is None:
        known = Model(provider_id=provider.id, model_id=model_id, id_hash=id_hash(model_id))
        address = address_of(session, provider)
        known.learn(dict(look_up({model_id: not address.is_local}, address).values()))
        try:
            with session.begin_nested():
                session.add(known)
        except IntegrityError:  # somebody added it at the same moment
            raise ConflictError from None
    known.source, known.vanished_at = TYPED, None
    count_models(session, provider)
    return known


def delete_model(session: Session, model: Model) -> None:
    """Remove a model that was typed by hand; raise ConflictError for one of the list."""
    if model.source != TYPED:
        raise ConflictError
    provider = model.provider
    if provider.default_model == model.model_id:
        provider.default_model = None
    session.delete(model)
    count_models(session, provider)


def count_models(session: Session, provider: Provider) -> None:
    """Bring the provider's count up to date; to be called after any change of its models."""
    session.flush()
    provider.models_count = (
        session.scalar(
            select(func.count()).select_from(Model).where(Model.provider_id == provider.id, Model.vanished_at.is_(None))
        )
        or 0
    )


def models_of(session: Session, provider_id: int, most: int | None = None) -> list[Model]:
    """Return a provider's models, in the order of its list; only the first ones if `most` is given."""
    return list(
        session.scalars(
            select(Model)
            .where(Model.provider_id == provider_id, Model.vanished_at.is_(None))
            .order_by(Model.position, Model.search_text)
            .limit(most)
        )
    )


def load_facts(session: Session, *which: ColumnElement[bool]) -> dict[int, Model]:
    """Load models with their facts, by key; lists that do not show facts leave them out."""
    return {row.id: row for row in session.scalars(select(Model).where(*which).options(undefer(Model.facts)))}
