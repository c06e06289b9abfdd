"""Gets a question answered: chooses, asks in turn, keeps the books of every attempt. The chat and `/v1` come here."""

import random
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from webapp.core import clock
from webapp.core.errors import NotFoundError
from webapp.providers.limits import rate_of
from webapp.providers.line import OWN_LIMIT, Told, Turn
from webapp.providers.turns import FREE, turns
from webapp.routing.choose import choose
from webapp.routing.dispatch import Pausing, Trail, call_of, dispatch
from webapp.routing.dispatch import Turn as Try
from webapp.routing.health import health
from webapp.routing.keybook import keybook, used_key
from webapp.routing.reach import Reached, reach
from webapp.routing.terms import Decision, Option, Question, Rule
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.failures import UpstreamError, failure
from webapp.upstream.messages import Reply
from webapp.upstream.target import Target
from webapp.usage.event import OK, STOPPED, Kind, Source, call_to
from webapp.usage.recorder import record

# The recovery steps when nobody can be asked: all keys are out, the route leads nowhere, an alias is empty.
NO_KEY_LEFT: Final = "enable_key"
NO_WAY: Final = "change_route"
NO_TARGET: Final = "add_target"
HANG_SECONDS: Final = 20.0  # of silence before the first word, while others are left to be asked
SHORT_WAIT_SECONDS: Final = 1.0  # for a turn at a provider of ours that is limited, while others are left

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, for usage and for the line at a limited provider. `retry_seconds`: a wait that a provider may name."""

    user_id: int | None  # None: nobody, it is the background
    source: Source
    kind: Kind = "chat"
    token_id: int | None = None
    preset_id: int | None = None
    turn_seconds: float = 60.0
    most_of_one: int = 1_000
    retry_seconds: float = 0.0

    @property
    def who(self) -> Hashable:
        """Who shares a place in line: a person's programs are not before their chats."""
        return self.source, self.user_id


class Asked:
    """One attempt under way: its turn at the provider, its clock, its row of usage, what it says of health.

    `end` may be called from any thread and counts once.
    """

    def __init__(self, option: Option, reached: Reached, asker: Asker, number: int) -> None:
        self.option, self.reached = option, reached
        provider = reached.line.provider
        self.provider_name = provider.name
        self._call = call_to(
            provider,
            reached.line.model_id,
            user_id=asker.user_id,
            source=asker.source,
            kind=asker.kind,
            token_id=asker.token_id,
            prices=reached.line.prices,
        )
        self._call.preset_id, self._call.route, self._call.attempts = asker.preset_id, option.route, number
        self._began = clock.monotonic()
        self.first_ms: float | None = None
        self._is_over = False
        self._turn: Turn = FREE
        self._key = used_key(provider, option.key.id)

    @property
    def cost_nano_usd(self) -> int | None:
        """What it cost, as soon as it has ended."""
        return self._call.cost_nano_usd

    def begin(self, turn: Turn) -> None:
        """The provider may be asked: the clock begins."""
        self._turn, self._began = turn, clock.monotonic()

    def note_first(self) -> None:
        """Something came."""
        if self.first_ms is None:
            self.first_ms = (clock.monotonic() - self._began) * 1000
            self._note_good()

    def end(self, outcome: str, reply: Reply | None = None) -> None:
        """Record how it ended: a word of usage/event.py, or the category of a failure."""
        self.free_provider()
        if self._is_over:
            return
        self._is_over = True
        if outcome == OK and self.first_ms is None:
            self._note_good()
        elif self.first_ms is not None and reply and reply.error:
            health.note_failure(call_of(self.option), reply.error)
            self.note_refusal(reply.error)
        latency_ms = (clock.monotonic() - self._began) * 1000
        self._call.end(outcome, reply, latency_ms=latency_ms, first_token_ms=self.first_ms)
        record(self._call)

    def note_refusal(self, error: UpstreamError) -> None:
        """The key that it went with was there; what its failure says of health is noted by whom it is told."""
        if self._key and error.code != OWN_LIMIT:
            keybook.note_failure(self._key, error)

    def _note_good(self) -> None:
        health.note_good(call_of(self.option), self.first_ms)
        if self._key:
            keybook.note_good(self._key)

    def free_provider(self) -> None:
        """The provider has said all: the next call may begin."""
        self._turn.leave()


Perform = Callable[[Asked, Target, bool], Answer]


def ask_in_turn(
    question: Question,
    rules: tuple[Rule, ...],
    asker: Asker,
    brake: Brake,
    perform: Perform[Answer],
    *,
    trail: Trail,
    begun: Callable[[Asked], AbstractContextManager[object]] = lambda asked: nullcontext(),
    pausing: Pausing = lambda option, seconds: nullcontext(),
    told: Callable[[str], Told] | None = None,
) -> Answer:
    """Return what `perform(asked, target, is_last)` returns for the first option that answers.

    It asks the target and raises UpstreamError as long as nothing came; whoever gets its result ends `asked`.
    `begun` surrounds each attempt, `pausing` a wait that a busy one asked for, `told` (of a provider's name) hears
    places in line. Raises the last UpstreamError, and Stopped.
    """
    decision = choose(question, rules, health, random.getrandbits(32))
    if not decision.options:
        raise _nobody(question, decision)
    return ask_decided(decision, asker, brake, perform, trail=trail, begun=begun, pausing=pausing, told=told)


def ask_decided(
    decision: Decision,
    asker: Asker,
    brake: Brake,
    perform: Perform[Answer],
    *,
    trail: Trail,
    begun: Callable[[Asked], AbstractContextManager[object]] = lambda asked: nullcontext(),
    pausing: Pausing = lambda option, seconds: nullcontext(),
    told: Callable[[str], Told] | None = None,
) -> Answer:
    """Do the same where it is decided already who is asked."""

    def attempt(turn: Try) -> Answer:
        try:
            reached = reach(turn.option)
        except NotFoundError:
            raise failure("model_not_found", "It was deleted here.") from None
        asked = Asked(turn.option, reached, asker, len(trail.attempts))
        with ExitStack() as failing:
            failing.callback(asked.free_provider)
            try:
                with begun(asked):
                    asked.begin(_turn(asked, asker, brake, turn.is_last, told))
                    answer = perform(asked, _target(reached.target, turn.is_last), turn.is_last)
            except UpstreamError as error:
                asked.note_refusal(error)
                asked.end(error.category)
                raise
            except Stopped:
                asked.end(STOPPED)
                raise
            failing.pop_all()
        return answer

    return dispatch(decision, attempt, health, trail, brake, asker.retry_seconds, pausing)


def _nobody(question: Question, decision: Decision) -> UpstreamError:
    """Say why nobody can be asked."""
    keyless = [step.values["name"] for step in decision.steps if step.word == "no_key"]
    if keyless:
        told = f"No usable key for {', '.join(keyless)}: each is switched off or has expired."
        return failure("auth_missing", told, action=NO_KEY_LEFT)
    cut_off = [step.values for step in decision.steps if step.word == "no_such_route"]
    if cut_off:
        names = ", ".join(values["name"] for values in cut_off)
        told = f"No way leads to {names} by the route {cut_off[0]['route']}."
        return failure("model_not_found", told, action=NO_WAY)
    told = f"Nothing stands behind {question.subject.name} that can be asked."
    return failure("model_not_found", told, action=NO_TARGET)


def _turn(asked: Asked, asker: Asker, brake: Brake, is_last: bool, told: Callable[[str], Told] | None) -> Turn:
    """Wait until the provider may be asked."""
    provider = asked.reached.line.provider
    return turns.take(
        provider.id,
        rate_of(provider.limits),
        asker.who,
        brake,
        patience_seconds=asker.turn_seconds if is_last else SHORT_WAIT_SECONDS,
        most_of_one=asker.most_of_one,
        told=told(provider.name) if told else None,
    )


def _target(target: Target, is_last: bool) -> Target:
    """Be less patient with silence while others are left."""
    if is_last or target.limits.first_byte_seconds <= HANG_SECONDS:
        return target
    return replace(target, limits=replace(target.limits, first_byte_seconds=HANG_SECONDS))
