"""Presets as programs name them: `preset/<slug>` means its model, its system prompt and its parameters."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.models.model import Model
from webapp.models.names import qualified
from webapp.models.preset import Preset, presets_of, visible_presets
from webapp.models.replacement import proposals
from webapp.openai_api.schema import RequestError
from webapp.providers.adding import PRESETS

# The words of models/preset.py.
FAULTS = {
    "gone": "was deleted",
    "closed": "is at a provider that is not shared with you",
    "off": "is at a provider that is switched off",
    "vanished": "is not listed by its provider any more",
    "hidden": "is hidden here",
    "needs_key": "is at a provider that has no usable key",
}


def find_called_preset(session: Session, user: User, name: str) -> Preset | None:
    """Load the preset that a program names, or None when the name is that of a model."""
    area, _, slug = name.partition("/")
    return session.scalar(visible_presets(user).where(Preset.slug == slug)) if area == PRESETS else None


def model_of(session: Session, user: User, preset: Preset) -> Model:
    """Return who answers for a preset. Raises RequestError: never does another model step in."""
    if not preset.model_name:
        raise RequestError(
            f"The preset '{preset.slug}' names no model, so it cannot be called. Choose one for it.",
            param="model",
            code="preset_without_model",
        )
    fault = preset.fault(user)
    if fault or preset.model is None:
        rows = proposals(session, user, preset.model) if preset.model else []
        others = ", ".join(f"'{qualified(row)}'" for row in rows)
        advice = f" It could be given one of these: {others}." if others else ""
        raise RequestError(
            f"The model '{preset.model_name}' of the preset '{preset.slug}' {FAULTS[fault or 'gone']}.{advice}",
            param="model",
            code="model_not_found",
            status=404,
        )
    return preset.model


def described_preset(preset: Preset) -> dict[str, Any]:
    """Return a preset as OpenAI lists a model."""
    return {
        "id": preset.handle,
        "object": "model",
        "created": int(preset.created_at.timestamp()),
        "owned_by": PRESETS,
    }


def callable_presets(session: Session, user: User) -> list[dict[str, Any]]:
    """Return the presets that this user may call now."""
    rows = presets_of(session, user)
    return [described_preset(row) for row in rows if row.model_name and not row.fault(user)]
