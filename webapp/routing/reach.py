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
from webapp.routing.gateway import Gateway, litellm_word, offered_name
from webapp.routing.terms import DIRECT, EMBEDDED, Option
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
        target = replace(unlocked, dialect="openai", litellm=litellm_word(line.provider))
        return Reached(target, line.model_id, line)
    gateway: Gateway = memory.get(("gateway", option.route), lambda: _gateway(option.route))
    with reading() as session:
        target = gateway.target(session)
    vendor = line.provider.vendor
    name = offered_name(gateway.models, vendor.litellm, line.provider.slug, line.model_id)
    name = name or line.model_id
    quirks = {name: line.locked.quirks.get(line.model_id, ())}
    return Reached(replace(target, limits=line.locked.limits, quirks=quirks), name, line)


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


def _gateway(slug: str) -> Gateway:
    with reading() as session:
        return _find(session, slug)


def _find(session: Session, slug: str) -> Gateway:
    found = session.scalar(select(Gateway).where(Gateway.slug == slug, Gateway.deleted_at.is_(None)))
    if found is None or not found.is_enabled:
        raise NotFoundError
    return found
