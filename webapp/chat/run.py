"""A run: one model writing one answer. The answer belongs to the run, not to the request that asked for it."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Select, Text, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from webapp.accounts.user import User
from webapp.chat.conversation import Conversation, preset_of, title_from
from webapp.chat.message import Message
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import ConflictError, NotFoundError
from webapp.core.runtime import runtime
from webapp.models.mark import note_use
from webapp.models.model import Model
from webapp.models.preset import count_uses

RUNNING, DONE, STOPPED, FAILED, INCOMPLETE, INTERRUPTED = (
    "running",
    "done",
    "stopped",
    "failed",  # nothing came
    "incomplete",  # cut by the far end; the text is kept
    "interrupted",  # the server ended; the text is kept
)
LEASE = timedelta(seconds=30)  # a running row whose lease is over belongs to a process that died, not to a busy one


class Run(Record):
    """State and figures of one answer. Names are copied, so that the story stays true when a provider is renamed."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "ix_runs_one_running",
            "conversation_id",
            unique=True,
            # The migration says the same for PostgreSQL; said here, it would load that dialect at every start: 5 MB.
            sqlite_where=text("status = 'running'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    continues_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"))
    status: Mapped[str] = mapped_column(Text, default=RUNNING)
    boot_id: Mapped[str] = mapped_column(Text)
    lease_until: Mapped[datetime] = mapped_column(UtcTime)
    model_pk: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    model_id: Mapped[str] = mapped_column(Text)
    model_name: Mapped[str] = mapped_column(Text)
    provider_name: Mapped[str] = mapped_column(Text)
    preset_name: Mapped[str | None] = mapped_column(Text)
    route: Mapped[str] = mapped_column(Text, default="direct")
    started_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    first_token_ms: Mapped[float | None]
    duration_ms: Mapped[float | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    cost_nano_usd: Mapped[int | None] = mapped_column(BigInteger)
    finish_reason: Mapped[str | None] = mapped_column(Text)
    repair: Mapped[list[str] | None] = mapped_column(JSON)  # how a refused request was changed, in words of upstream
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    attempts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)  # routing/dispatch.py
    seams: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)  # where others went on (asking.py)
    message: Mapped[Message] = relationship(foreign_keys=[message_id])
    model: Mapped[Model | None] = relationship()

    @property
    def is_running(self) -> bool:
        """Whether more text may come."""
        return self.status == RUNNING

    @property
    def repaired(self) -> list[str]:
        """The parameters that the provider refused by name and that were left out or changed."""
        return sorted({word.split()[1] for word in self.repair or []})

    @property
    def can_continue(self) -> bool:
        """Whether there is a text that ended before its end."""
        is_cut = self.status in (STOPPED, INCOMPLETE, INTERRUPTED) or self.finish_reason == "length"
        return is_cut and not self.is_running and bool(self.message.text)


def ask(
    session: Session, conversation: Conversation, model: Model, question: str, send_key: str, then: Model | None = None
) -> tuple[Run, bool]:
    """Add a question and the run that answers it, committed; a repeated `send_key` returns the first call's run.

    The conversation goes on with this model, or with `then`. The second value tells whether the run is new and must
    be started. Raise ConflictError while another answer of this conversation is being written.
    """
    if earlier := _run_of_send_key(session, conversation.id, send_key):
        return earlier, False
    message = Message(conversation_id=conversation.id, role="user", text=question, send_key=send_key)
    if not conversation.title:
        conversation.title = title_from(question)
    session.add(message)
    try:
        session.flush()
        return _begin(session, conversation, model, message.id, then), True
    except IntegrityError:
        session.rollback()
        if earlier := _run_of_send_key(session, conversation.id, send_key):
            return earlier, False
        raise ConflictError from None


def answer_again(
    session: Session,
    conversation: Conversation,
    model: Model,
    run: Run,
    then: Model | None = None,
    *,
    go_on: bool = False,
) -> Run:
    """Answer the same question once more, from the start or where an answer was cut; raise ConflictError when busy."""
    continues_id = run.message_id if go_on else None
    try:
        return _begin(session, conversation, model, run.question_id, then, continues_id=continues_id)
    except IntegrityError:
        session.rollback()
        raise ConflictError from None


def visible_runs(user: User) -> Select[Run]:
    """Select the runs of one's own conversations."""
    return (
        select(Run)
        .join(Conversation, Conversation.id == Run.conversation_id)
        .options(joinedload(Run.message))
        .where(Conversation.owner_id == user.id, Conversation.deleted_at.is_(None))
    )


def find_run(session: Session, user: User, run_id: int) -> Run:
    """Load a run through its conversation's owner; raise NotFoundError for anybody else's."""
    found = session.scalar(visible_runs(user).where(Run.id == run_id))
    if found is None:
        raise NotFoundError
    return found


def runs_of(session: Session, conversation_id: str) -> dict[int, Run]:
    """Return the runs of a conversation by the id of their answer."""
    rows = session.scalars(select(Run).options(joinedload(Run.message)).where(Run.conversation_id == conversation_id))
    return {row.message_id: row for row in rows}


def renew_leases(session: Session, live_ids: list[int]) -> None:
    """Say that these runs are still being written, and mark those of which nobody says so as interrupted."""
    now = clock.now()
    session.execute(update(Run).where(Run.status == RUNNING, Run.id.in_(live_ids)).values(lease_until=now + LEASE))
    session.execute(update(Run).where(Run.status == RUNNING, Run.lease_until < now).values(status=INTERRUPTED))


def _begin(
    session: Session, conversation: Conversation, model: Model, question_id: int, then: Model | None, **more: Any
) -> Run:
    answer = Message(conversation_id=conversation.id, role="assistant")
    session.add(answer)
    session.flush()
    preset = preset_of(conversation)
    if preset:
        count_uses(session, {preset.id: 1})
    run = Run(
        conversation_id=conversation.id,
        owner_id=conversation.owner_id,
        message_id=answer.id,
        question_id=question_id,
        boot_id=runtime().boot_id,
        lease_until=clock.now() + LEASE,
        model_pk=model.id,
        model_id=model.model_id,
        model_name=model.name,
        provider_name=model.provider.name,
        preset_name=preset.name if preset else None,
        **more,
    )
    conversation.model_pk, conversation.updated_at = (then or model).id, clock.now()
    session.add(run)
    note_use(session, conversation.owner_id, model.id)
    session.commit()
    return run


def _run_of_send_key(session: Session, conversation_id: str, send_key: str) -> Run | None:
    return session.scalar(
        select(Run)
        .join(Message, Message.id == Run.question_id)
        .where(Message.conversation_id == conversation_id, Message.send_key == send_key)
        .order_by(Run.id)
        .limit(1)
    )
