"""The tokens of the open streams: whether they still hold is looked up for all of them at once, by a job."""

import logging
import threading
from collections import Counter

from sqlalchemy.exc import SQLAlchemyError

from webapp.accounts.api_token import live_tokens
from webapp.core.background import Background
from webapp.core.errors import BusyError

CHECK_SECONDS = 5.0

log = logging.getLogger(__name__)


class Admitted:
    """Who streams at the moment. No caller ever waits for the database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: Counter[int] = Counter()
        self._revoked: frozenset[int] = frozenset()
        self._is_watched = False

    def enter(self, token_id: int, background: Background) -> None:
        """A stream begins."""
        with self._lock:
            self._streams[token_id] += 1
            is_first, self._is_watched = not self._is_watched, True
        if is_first:
            try:
                background.start(self._watch, background)
            except BusyError:
                self._is_watched = False  # the next stream tries again

    def leave(self, token_id: int) -> None:
        """A stream has ended."""
        with self._lock:
            self._streams[token_id] -= 1
            if not self._streams[token_id]:
                del self._streams[token_id]

    def is_revoked(self, token_id: int) -> bool:
        """Whether the token was found not to hold any more."""
        return token_id in self._revoked

    def _watch(self, background: Background) -> None:
        while not background.is_closing.wait(CHECK_SECONDS):
            with self._lock:
                tokens = set(self._streams)
                self._is_watched = bool(tokens)
            if not tokens:
                return
            try:
                self._revoked = frozenset(tokens - live_tokens(tokens))
            except SQLAlchemyError:
                log.warning("Tokens could not be looked up; streams go on")


admitted = Admitted()  # of this process's streams; it has a lock of its own
