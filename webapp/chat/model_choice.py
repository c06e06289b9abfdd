"""Which model a new chat begins with."""

from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.chat.conversation import Conversation
from webapp.models.model import Model, visible_models
from webapp.models.names import find_kept
from webapp.models.preset import unusable
from webapp.providers.provider import Provider


def first_model(session: Session, user: User) -> Model | None:
    """Return the one of this user's settings, else the one used last, else the first that can answer."""
    wanted = find_kept(session, user, user.first_model or "")
    if wanted and not unusable(wanted, user):
        return wanted
    return last_model(session, user) or starting_model(session, user)


def last_model(session: Session, user: User) -> Model | None:
    """Return the model that this user chose last, if it can still be used."""
    found = session.scalar(
        visible_models(user)
        .join(Conversation, Conversation.model_pk == Model.id)
        .where(Conversation.owner_id == user.id, Provider.is_enabled)
        .order_by(Conversation.updated_at.desc())
        .limit(1)
    )
    return found if found and found.provider.is_usable else None


def starting_model(session: Session, user: User) -> Model | None:
    """Return the default model of the first provider that can answer; the demo only when nothing else can."""
    candidates = session.scalars(
        visible_models(user)
        .where(Provider.is_enabled, Model.kind == "chat", Model.model_id == Provider.default_model)
        .order_by(Provider.dialect == "demo", Provider.id)
    ).all()
    usable = [model for model in candidates if model.provider.is_usable]
    return next(iter(usable), None) or session.scalar(
        visible_models(user)
        .where(Provider.is_enabled, Model.kind == "chat")
        .order_by(Provider.dialect == "demo", Provider.id, Model.position)
        .limit(1)
    )
