"""What a conversation needs of the model that answers next."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.chat.conversation import find_conversation, preset_of
from webapp.chat.message import Message
from webapp.models.preview import CONTEXT, Need

CHARACTERS = 4  # of one token, about


def conversation_needs(session: Session, user: User, conversation_id: str) -> list[Need]:
    """Return what the next model must take in, estimated; raise NotFoundError for somebody else's conversation."""
    conversation = find_conversation(session, user, conversation_id)
    written = (
        session.scalar(select(func.sum(func.length(Message.text))).filter_by(conversation_id=conversation.id)) or 0
    )
    preset = preset_of(conversation)
    prompt = len(preset.system_prompt) if preset else 0
    return [Need(CONTEXT, (written + prompt) // CHARACTERS)]
