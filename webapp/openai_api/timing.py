"""One call of a program while it runs: its clock, and at the end its row of usage."""

from webapp.core import clock
from webapp.openai_api.names import Seat
from webapp.providers.line import Turn
from webapp.providers.turns import FREE
from webapp.upstream.messages import Reply
from webapp.usage.event import Kind, call_to
from webapp.usage.recorder import record


class TimedCall:
    """Made when the call begins; `end` may be called from any thread and counts once."""

    def __init__(self, seat: Seat, kind: Kind, user_id: int, token_id: int) -> None:
        self.provider_name, self.token_id = seat.provider.name, token_id
        self._call = call_to(
            seat.provider,
            seat.model_id,
            user_id=user_id,
            token_id=token_id,
            source="api",
            kind=kind,
            prices=seat.prices,
        )
        self._call.preset_id = seat.preset_id
        self._began = clock.monotonic()
        self._first_ms: float | None = None
        self._is_over = False
        self._turn = FREE

    def begin(self, turn: Turn) -> None:
        """The provider may be asked: the clock begins."""
        self._turn, self._began = turn, clock.monotonic()

    def note_first(self) -> None:
        """Something came."""
        if self._first_ms is None:
            self._first_ms = self._passed_ms()

    def end(self, outcome: str, reply: Reply | None = None) -> None:
        """Record how it ended: a word of usage/event.py, or the category of a failure."""
        self.free_provider()
        if self._is_over:
            return
        self._is_over = True
        self._call.end(outcome, reply, latency_ms=self._passed_ms(), first_token_ms=self._first_ms)
        record(self._call)

    def free_provider(self) -> None:
        """The provider has said all: the next call may begin."""
        self._turn.leave()

    def _passed_ms(self) -> float:
        return (clock.monotonic() - self._began) * 1000
