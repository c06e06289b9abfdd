"""Turns at a provider that is to be called only so often: places, a sliding minute, and a fair line for the others.

Everybody in line has one turn a round, so that one who asks for hundreds does not hold up the next. All of it counts
the calls of this process.
"""

import threading
from collections.abc import Hashable
from typing import Final

from webapp.core.runtime import runtime
from webapp.providers.limits import Rate
from webapp.providers.line import Line, Told, Turn, Waiter
from webapp.upstream.brake import Brake

CHAT_SECONDS: Final = 120.0  # the longest wait of somebody who sees their place in line
PROGRAM_SECONDS: Final = 60.0
MOST_IN_LINE: Final = 1_000  # for one provider
WINDOW_SECONDS: Final = 61.0  # a second more than a minute: some calls are longer under way than others
FREE: Final = Turn()  # where nothing is limited


class Turns:
    """The lines of all providers. Fit to be called from any thread."""

    def __init__(self, window_seconds: float = WINDOW_SECONDS, most_in_line: int = MOST_IN_LINE) -> None:
        self._window_seconds, self._most = window_seconds, most_in_line
        self._lines: dict[tuple[str, int], Line] = {}
        self._lock = threading.Lock()

    def take(
        self,
        provider_id: int,
        rate: Rate | None,
        who: Hashable,
        brake: Brake,
        *,
        patience_seconds: float,
        most_of_one: int = MOST_IN_LINE,
        told: Told | None = None,
    ) -> Turn:
        """Wait until a call may begin; `who` shares the turns of one person in line, who has at most `most_of_one`.

        `told` hears every change of the place in line, in the waiting thread. Raises Stopped, and UpstreamError with
        the code OWN_LIMIT when nothing came free in time or the line is full.
        """
        if rate is None and not self._lines:
            return FREE
        line = self._line(provider_id, rate)
        if line is None:
            return FREE
        waiter = Waiter(line.lock, who, told)
        line.enter(waiter, min(most_of_one, self._most), self._most)
        return line.wait(waiter, brake, patience_seconds)

    def change(self, provider_id: int, rate: Rate | None) -> None:
        """Let those who wait already know what holds from now on."""
        if self._lines:
            self._line(provider_id, rate)

    def wake(self) -> None:
        """Let everybody in line see that the process ends."""
        for line in list(self._lines.values()):
            line.wake()

    def _line(self, provider_id: int, rate: Rate | None) -> Line | None:
        key = runtime().boot_id, provider_id
        with self._lock:
            line = self._lines.get(key) if rate else self._lines.pop(key, None)
            if rate and line is None:
                line = self._lines[key] = Line(rate, self._window_seconds)
        if line:
            line.change(rate or Rate())
        return line if rate else None


turns = Turns()  # one for the process: its calls are what is counted. It has locks of its own
