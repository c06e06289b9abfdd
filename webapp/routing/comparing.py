"""Asks one question direct and through a gateway at the same time, by the path of all calls, and notes both sides."""

import importlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.database import claim, reading, writing
from webapp.core.errors import BusyError
from webapp.core.runtime import runtime
from webapp.models.model import Model
from webapp.models.parameters import INSTEAD, Layer, applied, layers_of
from webapp.providers.check import RUNNING, STOPPED
from webapp.providers.checks import add_tests, refuse_too_many
from webapp.providers.failure import failure_record
from webapp.routing.asking import Asked, Asker, ask_in_turn
from webapp.routing.comparison import Comparison
from webapp.routing.dispatch import Trail
from webapp.routing.terms import DIRECT, EMBEDDED, Alias, Place, Question
from webapp.routing.world import subject_of
from webapp.upstream import AnswerStream, begin, stream
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest, Piece, Reply
from webapp.upstream.repair import FIELDS
from webapp.upstream.target import Target
from webapp.usage.event import INCOMPLETE, OK
from webapp.usage.event import STOPPED as CALL_STOPPED

SECONDS: Final = 120.0  # for both
WRITE_EVERY_SECONDS: Final = 0.3
TURN_SECONDS: Final = 20.0  # that a limited provider may let it wait
MOST_TEXT: Final = 20_000  # characters of an answer that are kept
OURS: Final = frozenset({"model", "messages", "system", "stream", "stream_options"})  # no parameters
GOOD, FAILED, DONE = "good", "failed", "done"


@dataclass(slots=True)
class Side:
    """What one way brought. `sent`: parameters as they went out; `dropped`: those that were asked for and did not.

    `called` is the model's name there, `changes` are words of upstream/repair.py, times count from the request on.
    """

    route: str
    status: str = RUNNING  # then good, failed or stopped
    called: str = ""
    attempts: int = 0
    first_ms: float | None = None
    ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano_usd: int | None = None
    text: str = ""
    finish_reason: str | None = None
    sent: dict[str, Any] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    failure: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    subject: Alias | Place
    messages: tuple[ChatMessage, ...]
    layers: Mapping[str, Layer]
    asker: Asker
    route: str


@dataclass(slots=True)
class _Begun:
    asked: Asked
    answer: AnswerStream
    pieces: Iterator[Piece]
    at: float


def begin_comparison(
    session: Session, user: User, model: Model, route: str, prompt: str, parameters: Layer
) -> Comparison:
    """Write the row of one that `run_comparison` is about to run, committed. Raises TooOftenError: it is a test."""
    row = Comparison(user_id=user.id, model_pk=model.id, route=route, prompt=prompt, parameters=dict(parameters))
    row.sides = [asdict(Side(DIRECT)), asdict(Side(route))]
    add_tests(session, [row], lambda: refuse_too_many(session, user.id))
    return row


def start_comparison(session: Session, row: Comparison) -> None:
    """Run it in the background; raise BusyError when there is no place."""
    try:
        runtime().background.start(run_comparison, row.id)
    except BusyError:
        row.status = STOPPED
        session.commit()
        raise


def run_comparison(comparison_id: int) -> None:
    """Ask both ways at once; what comes is written as it comes. It ends when the row says that it was stopped."""
    wanted = _load(comparison_id)
    if wanted is None:
        return
    background = runtime().background
    sides = [Side(DIRECT), Side(wanted.route)]
    brakes = [Brake(time.monotonic() + SECONDS) for _ in sides]
    with ThreadPoolExecutor(len(sides), "comparison") as threads:
        ask = background.carried(_ask)
        both = zip(sides, brakes, strict=True)
        jobs: list[Future[None]] = [threads.submit(ask, side, wanted, brake) for side, brake in both]
        while wait(jobs, WRITE_EVERY_SECONDS).not_done:
            if not _write(comparison_id, sides) or background.is_closing.is_set():
                for brake in brakes:
                    brake.pull()
    for job in jobs:
        job.result()
    _end(comparison_id, sides, STOPPED if brakes[0].pulled.is_set() else DONE)


def _load(comparison_id: int) -> _Wanted | None:
    with reading() as session:
        row = session.get(Comparison, comparison_id)
        if row is None:
            return None
        return _Wanted(
            subject_of(session, row.model),
            (ChatMessage("user", row.prompt),),
            layers_of(row.model, conversation=row.parameters),
            Asker(row.user_id, "check", "probe", turn_seconds=TURN_SECONDS),
            row.route,
        )


def _ask(side: Side, wanted: _Wanted, brake: Brake) -> None:
    if side.route == EMBEDDED:
        importlib.import_module("webapp.upstream.embedded")  # takes seconds once: no part of an answer
    trail = Trail()
    tries: list[tuple[Target, float]] = []

    def perform(asked: Asked, target: Target, _is_last: bool) -> _Begun:
        question = ChatRequest(asked.reached.line.model_id, wanted.messages)
        request = replace(applied(question, wanted.layers), model=asked.reached.model_id)
        side.called, side.attempts, at = request.model, len(trail.attempts), time.monotonic()
        tries.append((target, at))
        answer = stream(target, request, brake)
        try:
            begun = _Begun(asked, answer, begin(answer), at)
        finally:
            _note_fields(side, request, answer)
        side.first_ms = _since(at)
        asked.note_first()
        return begun

    try:
        begun = ask_in_turn(Question(wanted.subject, route=side.route), (), wanted.asker, brake, perform, trail=trail)
    except UpstreamError as error:
        side.failure, side.status = failure_record(error, tries[-1][0] if tries else None), FAILED
        side.ms = _since(tries[-1][1]) if tries else None
    except Stopped:
        side.status = STOPPED
    else:
        _read(side, begun, brake)


def _note_fields(side: Side, request: ChatRequest, answer: AnswerStream) -> None:
    """Compare what was asked for with what went out, under whatever name."""
    own = {name: getattr(request, name) for name in FIELDS} | request.extra
    sent = answer.fields()
    side.sent = {name: value for name, value in sent.items() if name not in OURS}
    if sent:
        asked = [name for name, value in own.items() if value is not None and name not in OURS]
        side.dropped = [name for name in asked if not sent.keys() & {name, *INSTEAD.get(name, ())}]


def _read(side: Side, begun: _Begun, brake: Brake) -> None:
    for piece in begun.pieces:
        if piece.kind in ("text", "refusal"):
            side.text = (side.text + piece.text)[:MOST_TEXT]
    reply = begun.answer.reply
    begun.asked.end(_outcome(reply, brake), reply)
    side.ms = _since(begun.at)
    if reply.usage:
        side.input_tokens, side.output_tokens = reply.usage.input_tokens, reply.usage.output_tokens
        side.reasoning_tokens = reply.usage.reasoning_tokens
    side.cost_nano_usd = begun.asked.cost_nano_usd
    side.finish_reason, side.changes = reply.finish_reason, list(reply.details.get("repair", ()))
    if reply.error:
        side.failure = failure_record(reply.error)
    side.status = GOOD if reply.complete else STOPPED if brake.pulled.is_set() else FAILED


def _outcome(reply: Reply, brake: Brake) -> str:
    if reply.complete:
        return OK
    if brake.pulled.is_set():
        return CALL_STOPPED
    return reply.error.category if reply.error and not reply.text else INCOMPLETE


def _since(moment: float) -> float:
    return (time.monotonic() - moment) * 1000


def _write(comparison_id: int, sides: list[Side]) -> bool:
    """Keep what there is; tell whether anybody still waits for more."""
    running = (Comparison.id == comparison_id, Comparison.status == RUNNING)
    with writing() as session:
        return claim(session, update(Comparison).where(*running).values(sides=[asdict(side) for side in sides]))


def _end(comparison_id: int, sides: list[Side], status: str) -> None:
    with writing() as session:
        values = {"sides": [asdict(side) for side in sides], "status": status}
        session.execute(update(Comparison).where(Comparison.id == comparison_id).values(values))
