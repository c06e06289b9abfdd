"""Jobs that outlive a request: a bounded number of threads that carry the app context."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from webapp.core import clock
from webapp.core.errors import BusyError

log = logging.getLogger(__name__)


class Background:
    """Starts jobs in daemon threads, at most `places` at once, and knows when the process is closing."""

    def __init__(self, app: Flask, places: int) -> None:
        self.places = places
        self.is_closing = threading.Event()
        self._app = app
        self._free = threading.BoundedSemaphore(places)
        self._running: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def start(self, job: Callable[..., None], *arguments: Any) -> None:
        """Run `job(*arguments)` in a thread of its own; raise BusyError when all places are taken."""
        if self.is_closing.is_set() or not self._free.acquire(blocking=False):
            raise BusyError(f"All {self.places} places for background work are taken.")
        threading.Thread(target=self._run, args=(job, arguments), name=job.__name__, daemon=True).start()

    def carried(self, job: Callable[..., None]) -> Callable[..., None]:
        """Return the job with the app context around it, for a thread that somebody waits for."""

        def run(*arguments: Any) -> None:
            with self._app.app_context():
                job(*arguments)

        return run

    def close(self, seconds: float) -> None:
        """Tell the jobs that the process ends and wait for them, `seconds` at most in all."""
        self.is_closing.set()
        deadline = clock.monotonic() + seconds
        with self._lock:
            running = list(self._running)
        for thread in running:
            thread.join(max(0.0, deadline - clock.monotonic()))

    def _run(self, job: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        with self._lock:
            self._running.add(threading.current_thread())
        try:
            with self._app.app_context():
                job(*arguments)
        except Exception:
            log.exception("A background job failed", extra={"job": job.__name__})
        finally:
            with self._lock:
                self._running.discard(threading.current_thread())
            self._free.release()
