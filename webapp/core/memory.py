"""Remembers what was read from the database, until anything in it changes: for what every call of a program needs."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.orm import Session

from webapp.core import clock

SECONDS = 1.0  # what other processes change counts after that at the latest
MOST = 4096

Value = TypeVar("Value")


class Memory:
    """Values by key, for a second. A commit of this process empties it at once, whatever was written."""

    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[float, Any]] = {}
        self._readers: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._commits = 0

    def get(self, key: Hashable, read: Callable[[], Value], *, waits: bool = True) -> Value:
        """Return the value for this key, read anew when needed, by one caller while the others wait for it.

        It is shared: nobody may change it. Who holds a connection does not wait, for the one who reads may need one:
        pages read for themselves, with the connection that they have.
        """
        found = self._values.get(key)
        if found is None or found[0] <= clock.monotonic():
            if not waits:
                return self._read(key, read)
            with self._lock:
                reader = self._readers.setdefault(key, threading.Lock())
            with reader:
                return self._read(key, read)
        value: Value = found[1]
        return value

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._commits += 1
            self._values.clear()

    def _read(self, key: Hashable, read: Callable[[], Value]) -> Value:
        now = clock.monotonic()
        found = self._values.get(key)
        if found and found[0] > now:  # by the one before
            value: Value = found[1]
            return value
        commits = self._commits
        value = read()
        with self._lock:
            self._readers.pop(key, None)
            if commits == self._commits:  # else it may be older than what was written meanwhile
                if len(self._values) >= MOST:
                    self._values.clear()
                self._values[key] = (now + SECONDS, value)
        return value


memory = Memory()  # one for the process, like its connections to the database; it has a lock of its own


@event.listens_for(Session, "after_commit")
def _forget(_session: Session) -> None:
    memory.forget()
