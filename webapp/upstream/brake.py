"""How a call is ended from outside: the brake, and the two exceptions that travel inside this package."""

import math
import threading
import time
from collections.abc import Callable


class Fault(Exception):
    """What went wrong on the way, as a word of CATEGORIES and a sentence; `action` if not the usual one.

    `request` is what had been sent, as readable text. Never leaves the package.
    """

    request = ""

    def __init__(self, category: str, text: str, action: str | None = None) -> None:
        super().__init__(text)
        self.category, self.action = category, action


class Stopped(Exception):
    """Somebody pulled the brake. Never leaves the package."""


class Brake:
    """Ends a call from any thread, in any phase. `deadline` (monotonic seconds) ends it without a hand."""

    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        self.pulled = threading.Event()
        self._lock = threading.Lock()
        self._cut: Callable[[], None] | None = None

    def pull(self) -> None:
        """Stop the call now, and any later step of it."""
        with self._lock:
            self.pulled.set()
            if self._cut:
                self._cut()

    def hold(self, cut: Callable[[], None]) -> None:
        """Say how the present step is cut short. Raises Stopped when it is too late to begin."""
        with self._lock:
            if self.pulled.is_set():
                raise Stopped
            self._cut = cut

    def check(self) -> None:
        """Raise Stopped when the brake was pulled."""
        if self.pulled.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Do nothing for so long. Raises Stopped as soon as the brake is pulled."""
        if self.pulled.wait(seconds):
            raise Stopped

    def release(self) -> None:
        """The step is over: its socket may belong to another call from now on."""
        with self._lock:
            self._cut = None

    def left(self, seconds: float) -> float:
        """How long a step may take that would like to have `seconds`. Raises Fault when nothing is left."""
        left = min(seconds, self.deadline - time.monotonic())
        if left <= 0:
            raise Fault("timeout", "The time for the whole call is over.")
        return left
