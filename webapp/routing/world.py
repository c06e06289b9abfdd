"""What choosing needs of the database: models as places, aliases, rules and gateways. Remembered for a second."""

from collections.abc import Iterable
from importlib.util import find_spec

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.memory import memory
from webapp.models.model import Model
from webapp.providers.provider import ALIAS, Provider
from webapp.routing.alias import AliasRecord
from webapp.routing.gateway import Gateway, gateways, offered_name
from webapp.routing.rule import RuleRecord
from webapp.routing.terms import DIRECT, EMBEDDED, Alias, Key, Place, Rule

EMBEDDED_DIALECTS = ("openai", "anthropic")


def subject_of(session: Session, model: Model) -> Alias | Place:
    """Return what a model is to `choose`: itself at its provider, or an alias with those behind it."""
    open_gateways = gateways(session, enabled=True)
    if model.provider.dialect != ALIAS:
        return _place(model, open_gateways)
    record = session.get(AliasRecord, model.id)
    if record is None:
        return Alias(model.model_id, ())
    return _alias(session, record, open_gateways)


def rules(session: Session) -> tuple[Rule, ...]:
    """Return the rules that are switched on, in their order, ready to be matched."""
    return memory.get("rules", lambda: _rules(session))


def has_sdk() -> bool:
    """Tell, without importing it, whether the embedded gateway's package is there."""
    return find_spec("litellm") is not None


def _rules(session: Session) -> tuple[Rule, ...]:
    rows = session.scalars(
        select(RuleRecord).where(RuleRecord.is_enabled).order_by(RuleRecord.position, RuleRecord.id)
    ).all()
    return tuple(
        Rule(
            row.name,
            row.provider or "*",
            row.model or "*",
            row.capability,
            row.project,
            subject_of(session, row.to) if row.to and _is_there(row.to) else None,
            row.route,
        )
        for row in rows
    )


def _alias(session: Session, record: AliasRecord, open_gateways: list[Gateway]) -> Alias:
    wanted = {target["model"]: target.get("weight", 1) for target in record.targets}
    rows = {row.id: row for row in session.scalars(select(Model).where(Model.id.in_(wanted)))}
    targets = tuple(
        (_place(rows[pk], open_gateways), weight)
        for pk, weight in wanted.items()
        if pk in rows and _is_there(rows[pk]) and rows[pk].provider.dialect != ALIAS
    )
    return Alias(
        record.model.model_id,
        targets,
        record.strategy,  # type: ignore[arg-type]
        record.is_sticky,
        record.after_first,  # type: ignore[arg-type]
    )


def _is_there(model: Model) -> bool:
    provider = model.provider
    return model.vanished_at is None and model.is_enabled and provider.deleted_at is None and provider.is_enabled


def _place(model: Model, open_gateways: list[Gateway]) -> Place:
    provider = model.provider
    prices = (model.input_price, model.output_price)
    return Place(
        provider_id=provider.id,
        provider=provider.slug,
        model_pk=model.id,
        model_id=model.model_id,
        capabilities=model.capabilities or {},
        context_length=model.context_length,
        price=None if None in prices else sum(price or 0.0 for price in prices),
        route=provider.route,
        routes=(DIRECT, *_serving(provider, model.model_id, open_gateways)),
        keys=_keys(provider),
    )


def _serving(provider: Provider, model_id: str, open_gateways: Iterable[Gateway]) -> list[str]:
    """Return the gateways that can serve a model; the demo needs none."""
    return [
        gateway.slug
        for gateway in open_gateways
        if (
            provider.dialect in EMBEDDED_DIALECTS and has_sdk()
            if gateway.kind == EMBEDDED
            else offered_name(gateway.models, provider.vendor.litellm, provider.slug, model_id)
        )
    ]


def _keys(provider: Provider) -> tuple[Key, ...]:
    """Return the keys that may be used; one without a number when none is stored: the environment's, or none needed."""
    now = clock.now()
    stored = [row for row in provider.credentials if row.is_enabled and not (row.expires_at and row.expires_at <= now)]
    return tuple(Key(row.id, row.weight) for row in stored) or (Key(),)
