"""Turns at a provider: both limits hold exactly, everybody has one turn a round, whoever leaves leaves nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from flask import Flask

from webapp.core.runtime import runtime
from webapp.providers.limits import Rate, rate_of
from webapp.providers.line import OWN_LIMIT, Turn
from webapp.providers.turns import FREE, Turns
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.failures import UpstreamError

PROVIDER = 7
ONE = Rate(concurrent=1)
SECONDS = 10.0


@dataclass
class Caller:
    """Somebody who asks for a turn in a thread of their own."""

    brake: Brake = field(default_factory=Brake)
    places: list[int] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)
    turn: Turn | None = None
    error: Exception | None = None

    def hear(self, place: int) -> None:
        with self.heard:
            self.places.append(place)
            self.heard.notify_all()

    def is_at(self, place: int) -> bool:
        with self.heard:
            return self.heard.wait_for(lambda: self.places[-1:] == [place], SECONDS)


Ask = Callable[..., Caller]


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def ask(app: Flask, turns: Turns) -> Iterator[Ask]:
    """Asks for a turn in a thread and returns when the caller has it, or has heard their place in line."""
    callers: list[tuple[Caller, threading.Thread]] = []

    def ask(who: str = "owner", rate: Rate = ONE, *, at: int = 0, **more: float) -> Caller:
        caller = Caller()

        def wait() -> None:
            with app.app_context():
                more.setdefault("patience_seconds", SECONDS)
                try:
                    caller.turn = turns.take(PROVIDER, rate, who, caller.brake, told=caller.hear, **more)  # type: ignore[arg-type]
                except (Stopped, UpstreamError) as error:
                    caller.error = error
                caller.ended.set()

        thread = threading.Thread(target=wait)
        thread.start()
        callers.append((caller, thread))
        assert caller.is_at(at) if at else caller.ended.wait(SECONDS)
        return caller

    yield ask
    for caller, thread in callers:
        caller.brake.pull()
        thread.join(SECONDS)


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def take(turns: Turns, rate: Rate | None, who: str = "owner", seconds: float = SECONDS) -> Turn:
    return turns.take(PROVIDER, rate, who, Brake(), patience_seconds=seconds)


def test_without_a_limit_nobody_waits_and_nothing_is_kept(turns: Turns) -> None:
    assert rate_of({}) is None
    assert all(take(turns, None) is FREE for _ in range(3))
    FREE.leave()


def test_everybody_has_one_turn_a_round(ask: Ask) -> None:
    first = ask()
    program = [ask("program", at=place) for place in range(1, 6)]
    chat = ask("chat", at=2)
    guest = [ask("guest", at=3), ask("guest", at=5)]
    assert program[-1].is_at(8)  # one before each of theirs that has its turn earlier
    order: list[Caller] = []
    holder = first
    waiting = [*program, chat, *guest]
    while waiting:
        assert holder.turn
        holder.turn.leave()
        assert _wait_for(lambda: any(caller.ended.is_set() for caller in waiting))
        [holder] = [caller for caller in waiting if caller.ended.is_set()]
        waiting.remove(holder)
        order.append(holder)
    assert order == [program[0], chat, guest[0], program[1], guest[1], *program[2:]]


def test_the_place_in_line_is_told_whenever_it_changes(ask: Ask) -> None:
    first, second = ask(), ask("a", at=1)
    third, fourth = ask("b", at=2), ask("c", at=3)
    second.brake.pull()
    assert fourth.is_at(2)
    assert third.is_at(1)
    assert first.turn
    first.turn.leave()
    assert third.is_at(0)
    assert fourth.is_at(1)
    assert fourth.places == [3, 2, 1]


def test_who_stops_waiting_leaves_at_once_and_nothing_behind(ask: Ask, turns: Turns, context: None) -> None:
    first, second = ask(), ask(at=1)
    second.brake.pull()
    assert second.ended.wait(0.5)
    assert isinstance(second.error, Stopped)
    assert first.turn
    first.turn.leave()
    take(turns, ONE, seconds=0).leave()


def test_a_turn_that_is_left_twice_counts_once(ask: Ask) -> None:
    turn = ask().turn
    assert turn
    turn.leave()
    ask()
    turn.leave()
    assert ask(at=1).turn is None


def test_a_turn_that_comes_after_stop_goes_to_the_next(ask: Ask, turns: Turns, context: None) -> None:
    for _ in range(30):  # both at the same moment, in either order
        first, second = ask(), ask(at=1)
        assert first.turn
        stop = threading.Thread(target=second.brake.pull)
        stop.start()
        first.turn.leave()
        stop.join()
        assert second.ended.wait(SECONDS)
        if second.turn:
            second.turn.leave()
        take(turns, ONE, seconds=0).leave()


def test_who_waits_too_long_is_told_when_to_come_back(ask: Ask) -> None:
    ask()
    error = ask(patience_seconds=0.05).error
    assert isinstance(error, UpstreamError)
    assert (error.category, error.code, error.retryable, error.retry_after_seconds) == (
        "rate_limit",
        OWN_LIMIT,
        True,
        5,
    )


def test_a_full_line_refuses_at_once(ask: Ask, turns: Turns) -> None:
    ask()
    ask("program", at=1)
    assert isinstance(ask("program", most_of_one=1).error, UpstreamError)
    assert ask("chat", at=2, most_of_one=1).error is None  # others may still join
    turns._most = 2
    assert isinstance(ask("guest").error, UpstreamError)


def test_who_waits_for_the_minute_is_told_when_it_is_over(ask: Ask) -> None:
    rate = Rate(requests_per_minute=1)
    turn = ask(rate=rate).turn
    assert turn
    turn.leave()  # its place is free, its beginning still counts
    error = ask(rate=rate, patience_seconds=0).error
    assert isinstance(error, UpstreamError)
    assert 55 < (error.retry_after_seconds or 0) <= 61


def test_a_higher_limit_lets_those_in_line_go_at_once(ask: Ask, turns: Turns, context: None) -> None:
    ask()
    second, third = ask(at=1), ask(at=2)
    turns.change(PROVIDER, Rate(concurrent=2))
    assert second.is_at(0)
    assert third.is_at(1)
    turns.change(PROVIDER, None)
    assert third.is_at(0)
    assert take(turns, None) is FREE


def test_the_line_goes_home_when_the_process_ends(app: Flask, ask: Ask, turns: Turns, context: None) -> None:
    ask()
    second = ask(at=1)
    runtime().background.is_closing.set()
    turns.wake()
    assert second.ended.wait(0.5)
    assert isinstance(second.error, UpstreamError)
    assert second.error.category == "overloaded"


@pytest.mark.parametrize(
    "rate", [Rate(concurrent=7), Rate(requests_per_minute=100), Rate(100, 5)], ids=["places", "minute", "both"]
)
def test_both_limits_hold_exactly_for_200_callers(app: Flask, rate: Rate) -> None:
    turns, lock = Turns(window_seconds=1.0), threading.Lock()
    begun: list[float] = []
    running = most = 0

    def call(number: int) -> None:
        nonlocal running, most
        with app.app_context(), take(turns, rate, f"person {number % 9}", 60):
            with lock:
                begun.append(time.monotonic())
                running += 1
                most = max(most, running)
            time.sleep(0.01)  # the call itself
            with lock:
                running -= 1

    with ThreadPoolExecutor(200) as pool:
        list(pool.map(call, range(200)))
    assert len(begun) == 200
    if rate.concurrent:
        assert most == rate.concurrent  # not one less: the line does not idle
    if rate.requests_per_minute:
        begun.sort()
        gaps = [later - earlier for earlier, later in zip(begun, begun[rate.requests_per_minute :], strict=False)]
        assert min(gaps) > 0.5  # a thread may be late to note when it began


def _wait_for(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < until:
        threading.Event().wait(0.005)
    return condition()
