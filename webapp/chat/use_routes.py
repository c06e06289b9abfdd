"""Where a model is used in conversations, as a section of its page."""

from flask import Blueprint, Response, g
from sqlalchemy import func, select

from webapp.chat.conversation import Conversation
from webapp.core.database import db
from webapp.models.model import find_known_model
from webapp.web.render import fragment, page, wants_fragment

uses = Blueprint("uses", __name__)

SHOWN = 5


@uses.get("/chat/models/<int:model_pk>")
def list_model_conversations(model_pk: int) -> Response:
    """One's own conversations that would go on with this model, the newest of them by name."""
    model = find_known_model(db.session, g.user, model_pk)
    mine = (
        Conversation.owner_id == g.user.id,
        Conversation.model_pk == model.id,
        Conversation.deleted_at.is_(None),
    )
    count = db.session.scalar(select(func.count()).select_from(Conversation).where(*mine))
    newest = db.session.scalars(select(Conversation).where(*mine).order_by(Conversation.updated_at.desc()).limit(SHOWN))
    draw, name = (fragment, "chat/_model_uses.html") if wants_fragment() else (page, "chat/model_uses.html")
    return draw(name, model=model, count=count, conversations=newest.all())
