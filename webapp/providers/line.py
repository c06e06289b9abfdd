"""One provider's line: who calls it, and who waits until they may. By person, in the order of their turns."""

import math
import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Self

from webapp.core import clock
from webapp.core.runtime import runtime
from webapp.providers.limits import Rate
from webapp.upstream.brake import Brake
from webapp.upstream.failures import UpstreamError

OWN_LIMIT: Final = "own_limit"  # the code of a refusal that is ours, not the provider's
COME_BACK_SECONDS: Final = 5.0  # when nobody can know when a place comes free

Told = Callable[[int], None]  # the place in line, 1 for the next one; 0 when the turn has come


class Turn:
    """The right to one call, for as long as the block, or until `leave`; leaving twice counts once."""

    def __init__(self, line: "Line | None" = None) -> None:
        self._line = line

    def leave(self) -> None:
        """The call is over: the next one may begin. From any thread."""
        if self._line:
            self._line.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class Waiter:
    """One who asks for a turn. The line's lock guards it, except `place`: what the caller was told last."""

    def __init__(self, lock: threading.Lock, who: Hashable, told: Told | None) -> None:
        self.who, self.told, self.place = who, told, 0
        self.changed = threading.Condition(lock)
        self.turn: Turn | None = None

    def tell(self, place: int) -> None:
        if self.told and place != self.place:
            self.place = place
            self.told(place)

    def wake(self) -> None:
        with self.changed:
            self.changed.notify()


class Line:
    """Public methods may be called from any thread; the others hold the lock."""

    def __init__(self, rate: Rate, window_seconds: float) -> None:
        self.lock = threading.Lock()
        self._rate, self._window_seconds = rate, window_seconds
        self._running: set[Turn] = set()
        self._begun: deque[float] = deque()
        self._waiting: dict[Hashable, deque[Waiter]] = {}

    def change(self, rate: Rate) -> None:
        """Go on by another limit."""
        if rate != self._rate:
            with self.lock:
                self._rate = rate
                self._serve()

    def enter(self, waiter: Waiter, most_of_one: int, most: int) -> None:
        """Join the line at its end, or have the turn at once. Raises UpstreamError when it is full."""
        with self.lock:
            own = self._waiting.get(waiter.who, ())
            if self._waiting and (len(own) >= most_of_one or sum(map(len, self._waiting.values())) >= most):
                raise self._refusal("Too many calls wait already: those to this provider are limited here.")
            self._waiting.setdefault(waiter.who, deque()).append(waiter)
            self._serve()

    def wait(self, waiter: Waiter, brake: Brake, seconds: float) -> Turn:
        """Return the turn when it has come. Raises Stopped and UpstreamError; then nothing is left of the waiter."""
        until, closing = clock.monotonic() + seconds, runtime().background.is_closing
        is_mine = False
        try:
            if not waiter.turn:
                brake.hold(waiter.wake)
            while not waiter.turn:
                with self.lock:
                    place = self._place(waiter)
                    if place == waiter.place and not waiter.turn:
                        self._check(brake, closing, until)
                        waiter.changed.wait(min(until - clock.monotonic(), self._due_in(waiter)))
                        if self._is_next(waiter):
                            self._serve()
                waiter.tell(place)
            self._check(brake, closing, math.inf)  # a place may have come free because everything ends
            waiter.tell(0)
            is_mine = True
            return waiter.turn
        finally:
            brake.release()
            if not is_mine:
                self._quit(waiter)

    def leave(self, turn: Turn) -> None:
        """A call is over."""
        with self.lock:
            if turn in self._running:
                self._running.remove(turn)
                self._serve()

    def wake(self) -> None:
        """Let everybody in line look whether they still may wait."""
        with self.lock:
            for waiter in self._in_line():
                waiter.changed.notify()

    def _check(self, brake: Brake, closing: threading.Event, until: float) -> None:
        brake.check()
        if closing.is_set():
            raise UpstreamError("overloaded", "This server is closing. Ask again.", retryable=True, code=OWN_LIMIT)
        if clock.monotonic() >= until:
            raise self._refusal("No place came free in time: calls to this provider are limited here.")

    def _refusal(self, text: str) -> UpstreamError:
        """Without a recovery step of the provider: nothing was sent to it."""
        seconds = self._opens_in()
        return UpstreamError(
            "rate_limit",
            text,
            code=OWN_LIMIT,
            retryable=True,
            retry_after_seconds=COME_BACK_SECONDS if math.isinf(seconds) else max(1.0, seconds),
        )

    def _quit(self, waiter: Waiter) -> None:
        """Somebody does not wait any more, or not even wants the turn that has just come."""
        with self.lock:
            if waiter.turn:
                self._running.discard(waiter.turn)
            else:
                own = self._waiting[waiter.who]
                own.remove(waiter)
                if not own:
                    del self._waiting[waiter.who]
            self._serve()

    def _serve(self) -> None:
        """Give turns to those at the front for as long as there are any."""
        while self._waiting and self._opens_in() == 0:
            who, own = next(iter(self._waiting.items()))
            waiter = own.popleft()
            del self._waiting[who]
            if own:
                self._waiting[who] = own  # behind everybody else
            waiter.turn = Turn(self)
            self._running.add(waiter.turn)
            if self._rate.requests_per_minute:
                self._begun.append(clock.monotonic())
            waiter.changed.notify()
        for waiter in self._in_line():
            if waiter.told or self._is_next(waiter):  # the next one sleeps only until the minute lets it go
                waiter.changed.notify()

    def _opens_in(self) -> float:
        """Return the seconds until the next call may begin: infinite when a place must come free first."""
        most, places = self._rate.requests_per_minute, self._rate.concurrent
        if places and len(self._running) >= places:
            return math.inf
        since = clock.monotonic() - self._window_seconds
        while self._begun and self._begun[0] <= since:
            self._begun.popleft()
        return self._begun[-most] - since if most and len(self._begun) >= most else 0.0

    def _due_in(self, waiter: Waiter) -> float:
        return self._opens_in() if self._is_next(waiter) else math.inf

    def _is_next(self, waiter: Waiter) -> bool:
        return bool(self._waiting) and next(iter(self._waiting.values()))[0] is waiter

    def _in_line(self) -> list[Waiter]:
        return [waiter for own in self._waiting.values() for waiter in own]

    def _place(self, waiter: Waiter) -> int:
        """Count the rounds: how many have their turn before this one if nobody else comes. 0: nobody wants to know."""
        own = self._waiting.get(waiter.who, ())
        if not waiter.told or waiter not in own:
            return 0
        rounds, place, is_before = own.index(waiter), 1, True
        for who, others in self._waiting.items():
            is_before = is_before and who != waiter.who
            place += rounds if who == waiter.who else min(len(others), rounds + is_before)
        return place
