"""Follows one answer for one reader: the whole so far, then what is new, then the end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from webapp.chat.live import News, Place, live_answer
from webapp.chat.run import Run
from webapp.core import clock
from webapp.core.database import reading
from webapp.core.runtime import runtime

HEARTBEAT_SECONDS = 15.0
POLL_SECONDS = 0.5  # for an answer that another process writes


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing to tell the reader: `sync` everything so far, `more`, `over`, or a `heartbeat`."""

    kind: str
    news: News | None = None


def follow(run_id: int, may_go_on: Callable[[], bool]) -> Iterator[Frame]:
    """Yield frames until the answer is over, the server closes, or `may_go_on` (asked at each heartbeat) says no."""
    closing = runtime().background.is_closing
    place, kind = Place(), "sync"
    beat_at = clock.monotonic() + HEARTBEAT_SECONDS
    while not closing.is_set():
        live = live_answer(run_id)
        if live is None:
            if not _is_running(run_id):
                yield Frame("over")
                return
            closing.wait(POLL_SECONDS)
        elif news := live.wait_for_news(place, min(HEARTBEAT_SECONDS, 1.0)):
            yield Frame("sync" if news.is_whole else kind, news)
            kind = "more"
        if clock.monotonic() >= beat_at:  # also while much is said: the session may have ended
            if not may_go_on():
                return
            yield Frame("heartbeat")
            beat_at = clock.monotonic() + HEARTBEAT_SECONDS


def _is_running(run_id: int) -> bool:
    with reading() as session:
        run = session.get(Run, run_id)
        return run is not None and run.is_running
