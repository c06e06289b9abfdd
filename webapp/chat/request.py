"""What a run asks its model: the preset's prompt, the conversation so far, and the parameters of all layers."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.chat.conversation import Conversation, preset_of
from webapp.chat.message import Message
from webapp.chat.run import DONE, Run
from webapp.models.model import Model
from webapp.models.parameters import applied, layers_of
from webapp.upstream.messages import ChatMessage, ChatRequest

GO_ON = "Continue exactly where you stopped. Do not repeat anything and do not comment on this."


def request_of(session: Session, run: Run, model: Model) -> ChatRequest:
    """Return the request of a run."""
    conversation = session.get_one(Conversation, run.conversation_id)
    preset = preset_of(conversation)
    turns = _history(session, run)
    if preset and preset.system_prompt:
        turns.insert(0, ChatMessage("system", preset.prompt_for(session.get_one(User, run.owner_id), model)))
    request = ChatRequest(model=model.model_id, messages=tuple(turns))
    return applied(request, layers_of(model, preset, conversation.parameters))


def _history(session: Session, run: Run) -> list[ChatMessage]:
    """What the model is told: earlier questions, each with its last whole answer (else its last text), then this."""
    rows = session.execute(
        select(Message, Run.question_id, Run.continues_id, Run.status)
        .outerjoin(Run, Run.message_id == Message.id)
        .where(
            Message.conversation_id == run.conversation_id, Message.id <= max(run.question_id, run.continues_id or 0)
        )
        .order_by(Message.id)
    ).all()
    whole: dict[int, str] = {}  # a continuation together with what it continues
    for message, _, continues_id, _ in rows:
        whole[message.id] = whole.get(continues_id or 0, "") + message.text
    told = [row for row in rows if row.question_id and row.Message.text]
    told.sort(key=lambda row: row.status == DONE)  # stable: within each kind the later one wins
    answers = {row.question_id: whole[row.Message.id] for row in told}
    turns = []
    for message, question_id, _, _ in rows:
        if question_id is None and message.id <= run.question_id:
            turns.append(ChatMessage("user", message.text))
            if message.id != run.question_id and message.id in answers:
                turns.append(ChatMessage("assistant", answers[message.id]))
    if run.continues_id:
        turns += [ChatMessage("assistant", whole[run.continues_id]), ChatMessage("user", GO_ON)]
    return turns
