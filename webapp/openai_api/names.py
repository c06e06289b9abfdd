"""Finds the model that a program names: `<provider slug>/<model id>`, or the id alone when only one provider has it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.database import reading
from webapp.core.memory import memory
from webapp.models.model import Model, id_hash, visible_models
from webapp.models.overlay import told_prices
from webapp.models.parameters import Layers, layers_of
from webapp.openai_api.preset_names import callable_presets, described_preset, find_called_preset, model_of
from webapp.openai_api.schema import RequestError
from webapp.providers.provider import Provider, visible_providers
from webapp.upstream.target import Target

LISTED_KINDS = ("chat", "embedding")


@dataclass(frozen=True, slots=True)
class Seat:
    """What a call of a model needs, without any key: remembered between calls and shared by them."""

    provider: Provider  # detached: for reading only
    model_id: str
    name: str
    locked: Target
    layers: Layers
    prices: dict[str, float]  # that go before those of the bundled data
    preset_id: int | None = None
    prompt: str = ""  # of the preset

    def target(self) -> Target:
        """Return where and how to call, the key opened for one call. Raises CryptoError."""
        return self.provider.unlocked(self.locked)


def find_seat(user: User, name: str) -> Seat:
    """Return who answers when this user names a model. Raises RequestError like `find_named_model`."""
    return memory.get(("seat", user.id, name), lambda: _read_seat(user, name))


def find_named_model(session: Session, user: User, name: str) -> Model:
    """Load the model that is meant. Raises RequestError: 404 for an unknown one, 400 for one of several."""
    slug, _, rest = name.partition("/")
    rows = session.scalars(visible_models(user).where(Model.id_hash.in_([id_hash(name), id_hash(rest)]))).all()
    whole = [row for row in rows if row.provider.slug == slug and row.model_id == rest]
    bare = [row for row in rows if row.model_id == name]
    found = [row for row in whole or bare if row.provider.is_usable]
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(sorted(f"'{qualified(row)}'" for row in found))
        raise RequestError(
            f"Several providers have the model '{name}'. Name one of them: {choices}.",
            param="model",
            code="model_ambiguous",
        )
    reason = "is at a provider that is switched off or has no key" if whole or bare else "does not exist"
    raise RequestError(
        f"The model '{name}' {reason}, or you do not have access to it.",
        param="model",
        code="model_not_found",
        status=404,
    )


def qualified(model: Model) -> str:
    """Return the name that always means this model."""
    return f"{model.provider.slug}/{model.model_id}"


def find_described(session: Session, user: User, name: str) -> dict[str, Any]:
    """Return the model or preset of this name as OpenAI lists it. Raises RequestError."""
    if preset := find_called_preset(session, user, name):
        return described_preset(preset)
    model = find_named_model(session, user, name)
    return _entry(model.provider.slug, model.model_id, model.first_seen_at)


def list_described(session: Session, user: User) -> list[dict[str, Any]]:
    """Return what this user may call, by provider, then the presets; columns only: there may be 10,000 models."""
    usable = {row.id: row.slug for row in session.scalars(visible_providers(user)) if row.is_usable}
    rows = session.execute(
        select(Model.provider_id, Model.model_id, Model.first_seen_at)
        .join(Provider)
        .where(Model.provider_id.in_(usable), Model.vanished_at.is_(None), Model.is_enabled)
        .where(Model.kind.in_(LISTED_KINDS))
        .order_by(Provider.slug, Model.position, Model.id)
    )
    models = [_entry(usable[provider_id], model_id, seen) for provider_id, model_id, seen in rows]
    return models + callable_presets(session, user)


def _read_seat(user: User, name: str) -> Seat:
    with reading() as session:
        preset = find_called_preset(session, user, name)
        model = model_of(session, user, preset) if preset else find_named_model(session, user, name)
        seat = Seat(
            model.provider,
            model.model_id,
            qualified(model),
            model.provider.locked_target(session),
            layers_of(model),
            told_prices(model),
        )
        if preset is None:
            return seat
        prompt = preset.prompt_for(user, model)
        return replace(seat, name=name, layers=layers_of(model, preset), preset_id=preset.id, prompt=prompt)


def _entry(slug: str, model_id: str, first_seen: datetime) -> dict[str, Any]:
    created = int(first_seen.astimezone(UTC).timestamp())
    return {"id": f"{slug}/{model_id}", "object": "model", "created": created, "owned_by": slug}
