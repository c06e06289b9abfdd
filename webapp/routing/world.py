"""What choosing needs of the database: models as places, aliases, rules and gateways. Remembered for a second."""

from collections.abc import Iterable
from importlib.util import find_spec

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from webapp.core.database import reading
from webapp.core.memory import memory
from webapp.models.model import Model
from webapp.providers.provider import ALIAS, Provider
from webapp.routing.alias import AliasRecord, is_offered
from webapp.routing.gateway import Gateway, gateways, offered_name
from webapp.routing.rule import RuleRecord
from webapp.routing.terms import DIRECT, EMBEDDED, Alias, Key, Place, Rule
from webapp.upstream.target import AuthStyle

EMBEDDED_DIALECTS = ("openai", "anthropic")


def subject_of(session: Session, model: Model) -> Alias | Place:
    """Return what a model is to `choose`: itself at its provider, or an alias with those behind it."""
    return subjects_of(session, [model])[model.id]


def subjects_of(session: Session, models: Iterable[Model]) -> dict[int, Alias | Place]:
    """Return what models are to `choose`, by their ids, with few statements however many they are."""
    open_gateways = gateways(session, enabled=True)
    found: dict[int, Alias | Place] = {}
    names: dict[int, str] = {}
    for model in models:
        if model.provider.dialect == ALIAS:
            names[model.id] = model.model_id
        else:
            found[model.id] = _place(model, open_gateways)
    if names:
        records = session.scalars(select(AliasRecord).where(AliasRecord.model_pk.in_(names))).all()
        rows = _answering(session, {target["model"] for record in records for target in record.targets})
        places = {pk: _place(row, open_gateways) for pk, row in rows.items()}
        found |= {pk: Alias(name, ()) for pk, name in names.items()}
        found |= {record.model_pk: _alias(names[record.model_pk], record, places) for record in records}
    return found


def rules() -> tuple[Rule, ...]:
    """Remember what `read_rules` returns. Who holds a connection calls that: many may wait here for one that reads."""
    return memory.get("rules", _rules)


def read_rules(session: Session) -> tuple[Rule, ...]:
    """Return the rules that are switched on, in their order, ready to be matched."""
    rows = session.scalars(
        select(RuleRecord)
        .options(joinedload(RuleRecord.to).joinedload(Model.provider))
        .where(RuleRecord.is_enabled, RuleRecord.deleted_at.is_(None))
        .order_by(RuleRecord.position, RuleRecord.id)
    ).all()
    targets = {row.to.id: row.to for row in rows if row.to and is_offered(row.to)}
    subjects = subjects_of(session, targets.values())
    return tuple(
        Rule(
            row.name,
            row.provider or "*",
            row.model or "*",
            row.capability,
            row.project,
            subjects.get(row.to_pk or 0),
            row.route,
        )
        for row in rows
    )


def has_sdk() -> bool:
    """Tell, without importing it, whether the embedded gateway's package is there."""
    return find_spec("litellm") is not None


def can_embed(provider: Provider) -> bool:
    """Tell whether the gateway in this process can reach a provider."""
    return provider.dialect in EMBEDDED_DIALECTS and has_sdk()


def _rules() -> tuple[Rule, ...]:
    with reading() as session:
        return read_rules(session)


def _answering(session: Session, pks: set[int]) -> dict[int, Model]:
    wanted = select(Model).options(joinedload(Model.provider)).where(Model.id.in_(pks))
    return {row.id: row for row in session.scalars(wanted) if is_offered(row)}


def _alias(name: str, record: AliasRecord, places: dict[int, Place]) -> Alias:
    """Leave out whom nobody may ask now; the name tells whether a number still means the same model."""
    targets = tuple(
        (places[target["model"]], target.get("weight", 1))
        for target in record.targets
        if target["model"] in places and target.get("name") in (None, places[target["model"]].name)
    )
    return Alias(name, targets, record.strategy, record.is_sticky, record.after_first)  # type: ignore[arg-type]


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
            can_embed(provider)
            if gateway.kind == EMBEDDED
            else offered_name(gateway.models, provider.vendor.litellm, provider.slug, model_id)
        )
    ]


def _keys(provider: Provider) -> tuple[Key, ...]:
    """Return the keys that may be used; one without a number when none is stored: the environment's, or none needed."""
    if not provider.credentials or provider.auth_style == AuthStyle.NONE:
        return (Key(),)
    return tuple(Key(row.id, row.weight) for row in provider.credentials if row.is_usable)
