"""Finds the model that a program names: `<provider slug>/<model id>`, or the id alone when only one provider has it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.database import reading
from webapp.core.memory import memory
from webapp.models.model import Model
from webapp.models.names import meant, named, qualified
from webapp.models.parameters import Layer, Layers
from webapp.openai_api.preset_names import callable_presets, described_preset, find_called_preset, model_of
from webapp.openai_api.schema import RequestError
from webapp.providers.provider import ALIAS, Provider, open_to
from webapp.routing.reach import Line
from webapp.routing.terms import Alias, Place, Rule
from webapp.routing.world import rules, subject_of

LISTED_KINDS = ("chat", "embedding")
# The words of Provider.key_fault.
KEY_FAULTS = {
    None: "that has no key",
    "refused": "whose key was refused too often and is switched off",
    "expired": "whose keys have all expired",
    "disabled": "whose keys are all switched off",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """What a name means to a user, without any key: remembered between calls and shared by them."""

    subject: Alias | Place
    name: str
    rules: tuple[Rule, ...]
    preset_id: int | None = None
    prompt: str = ""  # of the preset
    preset: Layer = field(default_factory=dict)  # its parameters
    route: str = ""  # that it insists on

    def layers(self, line: Line) -> Layers:
        """Return the parameters of a call of one of its models."""
        return {**line.layers, "preset": self.preset}


def find_seat(user: User, name: str) -> Seat:
    """Return who answers when this user names a model. Raises RequestError like `find_named_model`."""
    return memory.get(("seat", user.id, name), lambda: _read_seat(user, name))


def find_named_model(session: Session, user: User, name: str) -> Model:
    """Load the model that is meant. Raises RequestError: 404 for an unknown one, 400 for one of several."""
    rows = named(session, user, name)
    found = meant([row for row in rows if row.provider.is_usable])
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(sorted(f"'{qualified(row)}'" for row in found))
        raise RequestError(
            f"Several providers have the model '{name}'. Name one of them: {choices}.",
            param="model",
            code="model_ambiguous",
        )
    keyless = next((row.provider for row in rows if row.provider.is_enabled), None)
    if keyless:
        told = f"No usable key: the model '{name}' is at a provider {KEY_FAULTS[keyless.key_fault]}."
        raise RequestError(told, param="model", code="no_usable_key", status=404)
    told = "is at a provider that is switched off" if rows else "does not exist, or you do not have access to it"
    raise RequestError(f"The model '{name}' {told}.", param="model", code="model_not_found", status=404)


def find_described(session: Session, user: User, name: str) -> dict[str, Any]:
    """Return the model or preset of this name as OpenAI lists it. Raises RequestError."""
    if preset := find_called_preset(session, user, name):
        return described_preset(preset)
    model = find_named_model(session, user, name)
    return _entry(qualified(model), model.provider.slug, model.first_seen_at)


def list_described(session: Session, user: User) -> list[dict[str, Any]]:
    """Return what this user may call, by provider, then the presets; columns only: there may be 10,000 models."""
    usable = {row.id: row.slug for row in session.scalars(open_to(user)) if row.is_usable}
    rows = session.execute(
        select(Model.provider_id, Model.model_id, Model.first_seen_at)
        .join(Provider)
        .where(Model.provider_id.in_(usable), Model.vanished_at.is_(None), Model.is_enabled)
        .where(Model.kind.in_(LISTED_KINDS))
        .order_by(Provider.slug, Model.position, Model.id)
    )
    models = [_entry(_name(usable[number], model_id), usable[number], seen) for number, model_id, seen in rows]
    return models + callable_presets(session, user)


def _read_seat(user: User, name: str) -> Seat:
    known_rules = rules()
    with reading() as session:
        preset = find_called_preset(session, user, name)
        model = model_of(session, user, preset) if preset else find_named_model(session, user, name)
        seat = Seat(subject_of(session, model), qualified(model), known_rules)
        if preset is None:
            return seat
        prompt = preset.prompt_for(user, model)
        seat = replace(seat, preset=preset.parameters, preset_id=preset.id, prompt=prompt, route=preset.route)
        return replace(seat, name=name)


def _name(slug: str, model_id: str) -> str:
    return model_id if slug == ALIAS else f"{slug}/{model_id}"


def _entry(name: str, slug: str, first_seen: datetime) -> dict[str, Any]:
    created = int(first_seen.astimezone(UTC).timestamp())
    return {"id": name, "object": "model", "created": created, "owned_by": slug}
