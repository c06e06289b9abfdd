"""What a chat goes by beyond its questions: a preset, parameters of its own, and the model that answers next."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.chat.conversation import Conversation, preset_of
from webapp.chat.model_choice import first_model
from webapp.chat.run import Run
from webapp.models.model import Model
from webapp.models.preset import Preset, unusable
from webapp.models.replacement import proposals

FOR_NOW = ("off", "needs_key")  # such a model can stay chosen: its answer tells how to mend it


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the model that is meant cannot answer (a word of models/preset.py), and what could."""

    name: str
    fault: str
    replacements: list[Model]


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """Kept with a conversation; a new chat carries it in its page. Without a model one must be chosen first."""

    preset: Preset | None
    parameters: dict[str, Any]
    model: Model | None
    trouble: Trouble | None = None


def settings_of(session: Session, user: User, conversation: Conversation) -> ChatSettings:
    """Return what a conversation goes by. Where its model is missing, no other one steps in."""
    preset, model = preset_of(conversation), conversation.model
    name = model.name if model else _last_name(session, conversation)
    if model is None and name is None:  # nothing was asked yet
        model = first_model(session, user)
        return ChatSettings(preset, conversation.parameters, model)
    return _checked(session, user, preset, conversation.parameters, model, name or "")


def settings_of_new(
    session: Session, user: User, preset: Preset | None, parameters: dict[str, Any], model: Model | None
) -> ChatSettings:
    """Return what a new chat goes by: the model that is asked for, else the preset's, else the one to begin with."""
    if model is None and preset and preset.model_name:
        name = preset.model.name if preset.model else preset.model_name
        return _checked(session, user, preset, parameters, preset.model, name)
    return ChatSettings(preset, parameters, model or first_model(session, user))


def _checked(
    session: Session, user: User, preset: Preset | None, parameters: dict[str, Any], model: Model | None, name: str
) -> ChatSettings:
    fault = unusable(model, user)
    if fault is None:
        return ChatSettings(preset, parameters, model)
    trouble = Trouble(name, fault, proposals(session, user, model) if model else [])
    return ChatSettings(preset, parameters, model if fault in FOR_NOW else None, trouble)


def _last_name(session: Session, conversation: Conversation) -> str | None:
    last = select(Run.model_name).where(Run.conversation_id == conversation.id).order_by(Run.id.desc()).limit(1)
    return session.scalar(last)
