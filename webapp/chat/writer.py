"""Writes one answer: asks the provider, fills the live buffer, and stores the whole when it ends."""

import logging
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.chat.asking import Told, answer_for
from webapp.chat.elements import Labels
from webapp.chat.live import LiveAnswer, close_live, live_answer, live_answers, open_live
from webapp.chat.message import Message
from webapp.chat.run import DONE, FAILED, INCOMPLETE, INTERRUPTED, RUNNING, STOPPED, Run
from webapp.core import clock
from webapp.core.database import claim, writing
from webapp.core.errors import BusyError
from webapp.core.runtime import runtime
from webapp.providers.failure import failure_record, own_failure
from webapp.upstream.brake import Stopped
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import Reply

STORE_AGAIN_SECONDS = (0.5, 2.0, 8.0)

log = logging.getLogger(__name__)


def start_writing(session: Session, run: Run, labels: Labels) -> None:
    """Begin to write a new run's answer in the background."""
    run_id = run.id
    open_live(run_id, labels)
    try:
        runtime().background.start(write, run_id)
    except BusyError:
        session.commit()  # what writes takes a connection of its own
        _store(run_id, Reply(), FAILED, failure=own_failure("overloaded", "All places on this server are taken."))
        close_live(run_id)


def write(run_id: int) -> None:
    """The job: stream the answer to its end. Whatever happens, the row ends in a state that says so."""
    live = live_answer(run_id)
    if live is None:
        return
    told, status = Told(), FAILED
    failure: dict[str, Any] | None = own_failure("server_error")  # should this job itself break
    try:
        answer_for(run_id, live, told)
        status = _status(told.reply, live)
        failure = failure_record(told.reply.error) if told.reply.error and status in (FAILED, INCOMPLETE) else None
    except Stopped:
        status, failure = (STOPPED if live.is_stopped else INTERRUPTED), None
    except UpstreamError as error:
        status, failure = (STOPPED, None) if live.is_stopped else (FAILED, failure_record(error))
    finally:
        reply = told.reply
        # A reply that came to its end has the call's own secrets taken out, also those that came in pieces.
        reply.text, reply.reasoning = reply.text or live.text, reply.reasoning or live.thought
        try:
            _store(run_id, reply, status, failure, **_figures(told, live))
        finally:
            close_live(run_id)  # should even that fail, the lease runs out and the monitor ends the run


def save_live_texts(session: Session) -> None:
    """Checkpoint every live answer that grew, all in one transaction: the monitor calls it once a second."""
    for live in live_answers():
        if grown := live.unsaved():
            text, reasoning = grown
            # The row is locked and looked at first: the writer may have stored the whole answer meanwhile.
            running = select(Run.message_id).where(Run.id == live.run_id, Run.status == RUNNING).with_for_update()
            if message_id := session.scalar(running):
                session.execute(update(Message).where(Message.id == message_id).values(text=text, reasoning=reasoning))


def _figures(told: Told, live: LiveAnswer) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "duration_ms": (clock.monotonic() - live.began_at) * 1000,
        "first_token_ms": (live.first_piece_at - live.began_at) * 1000 if live.first_piece_at else None,
        "cost_nano_usd": told.cost_nano_usd,
        "attempts": told.trail.rows(),
        "seams": told.seams or None,
    }
    if told.asked:
        figures |= {"provider_name": told.asked.provider_name, "route": told.asked.option.route}
    return figures


def _status(reply: Reply, live: LiveAnswer) -> str:
    if live.is_stopped:
        return STOPPED
    if reply.complete:
        return DONE
    if runtime().background.is_closing.is_set():
        return INTERRUPTED
    return INCOMPLETE if live.text else FAILED


def _store(run_id: int, reply: Reply, status: str, failure: dict[str, Any] | None, **figures: Any) -> None:
    """Store the end of a run. A database that is locked, or a disk that is full, gets a few more chances."""
    for pause_seconds in STORE_AGAIN_SECONDS:
        try:
            return _store_once(run_id, reply, status, failure, **figures)
        except OperationalError:
            log.exception("An answer could not be stored", extra={"run": run_id})
            runtime().background.is_closing.wait(pause_seconds)
    return _store_once(run_id, reply, status, failure, **figures)


def _store_once(run_id: int, reply: Reply, status: str, failure: dict[str, Any] | None, **figures: Any) -> None:
    usage = reply.usage
    values = {
        "status": status,
        "failure": failure,
        "finish_reason": reply.finish_reason,
        "repair": reply.details.get("repair"),
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
        **figures,
    }
    with writing() as session:
        run = session.get(Run, run_id)
        if run is None:
            return
        won = claim(session, update(Run).where(Run.id == run_id, Run.status == RUNNING).values(**values))
        if won:
            session.execute(
                update(Message).where(Message.id == run.message_id).values(text=reply.text, reasoning=reply.reasoning)
            )
    log.info("answer ended", extra={"run": run_id, "status": status, "category": (failure or {}).get("category")})
