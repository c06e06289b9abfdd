"""Turns a chosen option into a call: where it goes, with which key, under which name. Remembers all but the secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core.database import reading
from webapp.core.errors import NotFoundError
from webapp.core.memory import memory
from webapp.models.model import Model
from webapp.models.overlay import told_prices
from webapp.models.parameters import Layer, layers_of
from webapp.providers.provider import Provider
from webapp.routing.gateway import Gateway, gateways, litellm_word, offered_name
from webapp.routing.terms import DIRECT, EMBEDDED, Option
from webapp.routing.world import can_embed
from webapp.upstream.messages import ChatRequest
from webapp.upstream.target import Target


@dataclass(frozen=True, slots=True)
class Line:
    """A model at its provider, as every call of it needs it; shared between calls, so nobody may change it."""

    provider: Provider  # detached
    model_id: str
    locked: Target
    layers: Mapping[str, Layer]
    prices: Mapping[str, float]  # that go before those of the bundled data


@dataclass(frozen=True, slots=True)
class Reached:
    """Where an option's call goes, its key opened for this one call."""

    target: Target
    model_id: str  # as it is called there
    line: Line


def reach(option: Option) -> Reached:
    """Return where this option's call goes. Raises CryptoError, and NotFoundError when it is gone meanwhile."""
    line = line_of(option.place.model_pk)
    if option.route == DIRECT:
        return Reached(line.provider.unlocked(line.locked, option.key.id), line.model_id, line)
    if option.route == EMBEDDED:
        unlocked = line.provider.unlocked(line.locked, option.key.id)
        return Reached(_embedded(unlocked, line.provider), line.model_id, line)
    gateway, locked = memory.get(("gateway", option.route), lambda: _gateway(option.route))
    name = _name_there(gateway, line.provider, line.model_id)
    quirks = {name: line.locked.quirks.get(line.model_id, ())}
    return Reached(replace(gateway.unlocked(locked), limits=line.locked.limits, quirks=quirks), name, line)


def gateways_for(session: Session, provider: Provider) -> dict[str, str]:
    """Return the gateways that are on and could reach a provider: short name -> name."""
    return {
        row.slug: row.name for row in gateways(session, enabled=True) if row.kind != EMBEDDED or can_embed(provider)
    }


def through(session: Session, provider: Provider, slug: str) -> Target:
    """Return where a test of a provider goes through this gateway. Raises CryptoError and NotFoundError."""
    if slug == EMBEDDED:
        return _embedded(provider.target(session), provider)
    return replace(_find(session, slug).target(session), limits=provider.locked_target(session).limits)


def named_for(provider_id: int, slug: str, question: ChatRequest) -> ChatRequest:
    """Return a question with the name by which its model is called on this route."""
    if slug in (DIRECT, EMBEDDED):
        return question
    with reading() as session:
        provider = session.get(Provider, provider_id)
        model = _name_there(_find(session, slug), provider, question.model) if provider else question.model
    return replace(question, model=model)


def line_of(model_pk: int) -> Line:
    """Return what calls of a model need, without any secret."""
    return memory.get(("line", model_pk), lambda: _line(model_pk))


def _line(model_pk: int) -> Line:
    with reading() as session:
        model = session.get(Model, model_pk)
        if model is None or model.provider.deleted_at is not None:
            raise NotFoundError
        locked = model.provider.locked_target(session)
        return Line(model.provider, model.model_id, locked, layers_of(model), told_prices(model))


def _embedded(target: Target, provider: Provider) -> Target:
    return replace(target, dialect="openai", litellm=litellm_word(provider))


def _name_there(gateway: Gateway, provider: Provider, model_id: str) -> str:
    return offered_name(gateway.models, provider.vendor.litellm, provider.slug, model_id) or model_id


def _gateway(slug: str) -> tuple[Gateway, Target]:
    with reading() as session:
        found = _find(session, slug)
        return found, found.locked_target(session)


def _find(session: Session, slug: str) -> Gateway:
    found = session.scalar(select(Gateway).where(Gateway.slug == slug, Gateway.deleted_at.is_(None)))
    if found is None or not found.is_enabled:
        raise NotFoundError
    return found
