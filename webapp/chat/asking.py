"""Asks on behalf of a run; when an answer breaks off in the middle, goes on as the alias that was asked says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.chat.conversation import Conversation, preset_of
from webapp.chat.live import LiveAnswer
from webapp.chat.request import GO_ON, request_of
from webapp.chat.run import DONE, RUNNING, Run
from webapp.core.database import reading, writing
from webapp.core.runtime import runtime
from webapp.models.model import Model
from webapp.providers.turns import CHAT_SECONDS
from webapp.routing.asking import Asked, Asker, ask_in_turn
from webapp.routing.dispatch import Trail
from webapp.routing.failover import policy_of
from webapp.routing.reach import line_of
from webapp.routing.terms import Alias, Option, Question, Rule
from webapp.routing.world import rules, subject_of
from webapp.upstream import AnswerStream, begin, stream
from webapp.upstream.brake import Brake
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest, Piece, Reply, Usage
from webapp.upstream.target import Target
from webapp.usage.event import INCOMPLETE, INTERRUPTED, OK, STOPPED

MOST_SEAMS: Final = 3


@dataclass(slots=True)
class Told:
    """What came, over all that were asked; it grows while they are, so that nothing is lost whatever happens.

    `seams`: {"at": characters before it (0: begun anew), "from", "to": names, "category": why}.
    """

    reply: Reply = field(default_factory=Reply)
    trail: Trail = field(default_factory=Trail)
    seams: list[dict[str, Any]] = field(default_factory=list)
    asked: Asked | None = None  # who answered
    cost_nano_usd: int | None = None

    def take(self, reply: Reply, asked: Asked) -> None:
        """Join what one of them said to what is there."""
        before, self.reply, self.asked = self.reply, reply, asked
        reply.text, reply.reasoning = before.text + reply.text, before.reasoning + reply.reasoning
        reply.usage = _sum(before.usage, reply.usage)
        if asked.cost_nano_usd is not None:
            self.cost_nano_usd = (self.cost_nano_usd or 0) + asked.cost_nano_usd


@dataclass(frozen=True, slots=True)
class _Wanted:
    run_id: int
    question: Question
    rules: tuple[Rule, ...]
    asker: Asker

    def request(self, asked: Asked, so_far: str) -> ChatRequest:
        """Return what to send to one of them; `so_far` is what another one said before it broke off."""
        with reading() as session:
            run, model = session.get_one(Run, self.run_id), session.get_one(Model, asked.option.place.model_pk)
            request = replace(request_of(session, run, model), model=asked.reached.model_id)
        if not so_far:
            return request
        go_on = (ChatMessage("assistant", so_far), ChatMessage("user", GO_ON))
        return replace(request, messages=request.messages + go_on)


@dataclass(frozen=True, slots=True)
class _Begun:
    asked: Asked
    answer: AnswerStream
    pieces: Iterator[Piece]


def answer_for(run_id: int, live: LiveAnswer, told: Told) -> None:
    """Fill `live` and `told` with the answer of a run. Raises UpstreamError when nobody said a word, and Stopped."""
    brake = Brake()
    live.stop = brake.pull
    if live.is_stopped or runtime().background.is_closing.is_set():
        brake.pull()
    wanted = _load(run_id)
    told.trail.failed = partial(_keep, run_id, told)  # a server that dies in the middle leaves the trail
    _ask(wanted, wanted.question, live, told, brake)
    while rest := _who_goes_on(told, brake):
        alias, broken = rest, told.reply
        question = replace(wanted.question, subject=alias, last=None)
        if alias.after_first == "restart":
            told.reply = Reply(usage=broken.usage)
        try:
            _ask(replace(wanted, rules=()), question, live, told, brake, seam=broken)
        except UpstreamError:  # the trail tells of it; what came before is kept, with why it broke off
            told.reply = broken
            return


def _ask(
    wanted: _Wanted, question: Question, live: LiveAnswer, told: Told, brake: Brake, seam: Reply | None = None
) -> None:
    begun = ask_in_turn(
        question,
        wanted.rules,
        wanted.asker,
        brake,
        partial(_begin, wanted, told.reply.text, brake),
        trail=told.trail,
        pausing=partial(_paused, live),
        told=lambda name: partial(live.stand_in_line, name),
    )
    if seam and seam.error and told.asked:
        mark = {"at": len(told.reply.text), "from": told.asked.option.place.name, "to": begun.asked.option.place.name}
        told.seams.append(mark | {"category": seam.error.category})
        live.go_on_anew() if told.reply.text else live.begin_anew()
        _keep(wanted.run_id, told)
    closing = runtime().background.is_closing
    for piece in begun.pieces:
        begun.asked.note_first()
        live.add(piece.kind, piece.text)
        if closing.is_set():
            brake.pull()
    reply = begun.answer.reply
    begun.asked.end(_outcome(reply, brake), reply)
    if reply.error:
        told.trail.attempts[-1].outcome = reply.error.category
        _keep(wanted.run_id, told)
    told.take(reply, begun.asked)


@contextmanager
def _paused(live: LiveAnswer, option: Option, seconds: float) -> Iterator[None]:
    """Tell that a busy provider is waited for."""
    name = line_of(option.place.model_pk).provider.name
    live.stand_in_line(name, 0, seconds)
    yield
    live.stand_in_line(name, 0)


def _keep(run_id: int, told: Told) -> None:
    with writing() as session:
        known = {"attempts": told.trail.rows(), "seams": told.seams or None}
        session.execute(update(Run).where(Run.id == run_id, Run.status == RUNNING).values(known))


def _begin(wanted: _Wanted, so_far: str, brake: Brake, asked: Asked, target: Target, _is_last: bool) -> _Begun:
    answer = stream(target, wanted.request(asked, so_far), brake)
    return _Begun(asked, answer, begin(answer))


def _who_goes_on(told: Told, brake: Brake) -> Alias | None:
    """Return those behind the alias that may go on after an answer that broke off; None when nobody may.

    A tool that was called is never called again by somebody else.
    """
    reply, alias = told.reply, told.trail.alias
    if not reply.error or not alias or alias.after_first == "stop" or reply.tool_calls or brake.pulled.is_set():
        return None
    if policy_of(reply.error).then != "next" or len(told.seams) == MOST_SEAMS:
        return None
    asked = {attempt.model_pk for attempt in told.trail.attempts}
    rest = tuple(target for target in alias.targets if target[0].model_pk not in asked)
    return replace(alias, targets=rest) if rest else None


def _outcome(reply: Reply, brake: Brake) -> str:
    if reply.complete:
        return OK
    if brake.pulled.is_set():
        return INTERRUPTED if runtime().background.is_closing.is_set() else STOPPED
    return reply.error.category if reply.error and not reply.text else INCOMPLETE


def _load(run_id: int) -> _Wanted:
    known_rules = rules()
    with reading() as session:
        run = session.get_one(Run, run_id)
        model = session.get(Model, run.model_pk) if run.model_pk else None
        if model is None or model.provider.deleted_at is not None:
            raise UpstreamError("model_not_found", "The model or its provider was deleted here.")
        if not model.provider.is_enabled:
            raise UpstreamError("permission", "The provider is switched off here.")
        preset = preset_of(session.get_one(Conversation, run.conversation_id))
        route = preset.route if preset else ""
        question = Question(subject_of(session, model), route=route, last=_last(session, run))
        wait = session.get_one(User, run.owner_id).chat_wait_seconds
        asker = Asker(run.owner_id, "chat", turn_seconds=CHAT_SECONDS, retry_seconds=wait)
        return _Wanted(run_id, question, known_rules, asker)


def _last(session: Session, run: Run) -> tuple[int, str] | None:
    """Return who answered before in this conversation, when the same was asked."""
    earlier = select(Run.attempts).where(
        Run.conversation_id == run.conversation_id, Run.id < run.id, Run.status == DONE, Run.model_pk == run.model_pk
    )
    attempts = session.scalar(earlier.order_by(Run.id.desc()).limit(1))
    return (attempts[-1]["model_pk"], attempts[-1]["route"]) if attempts else None


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    if not one or not other:
        return one or other
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        (one.reasoning_tokens or 0) + (other.reasoning_tokens or 0) or None,
        (one.cached_tokens or 0) + (other.cached_tokens or 0) or None,
    )
