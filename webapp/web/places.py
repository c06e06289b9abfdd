"""Admits long streams up to a number, so that pages always find a thread."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.core.errors import BusyError


class Place:
    """One admitted stream; leaving twice counts once."""

    def __init__(self, places: "_Places", of: str) -> None:
        self._places: _Places | None = places
        self._of = of

    def leave(self) -> None:
        """Give the place back."""
        places, self._places = self._places, None
        if places:
            places.release(self._of)


class _Places:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        self._taken_of: Counter[str] = Counter()

    def take(self, most: int, of: str) -> bool:
        with self._lock:
            if self._taken >= most or (of and self._taken_of[of] >= most // 2):
                return False
            self._taken += 1
            self._taken_of[of] += 1
            return True

    def release(self, of: str) -> None:
        with self._lock:
            self._taken -= 1
            self._taken_of[of] -= 1
            if not self._taken_of[of]:
                del self._taken_of[of]


_streams = _Places()  # of this process: threads are what is scarce


def stream_place(most: int, of: str = "") -> Place | None:
    """Take a place among at most `most`; None when all are taken, or half of them by the same provider (`of`)."""
    return Place(_streams, of) if _streams.take(most, of) else None


@contextmanager
def waiting(most: int, of: str = "") -> Iterator[None]:
    """Hold one of these places during a wait for a provider; raise BusyError when there is none."""
    place = stream_place(most, of)
    if place is None:
        raise BusyError
    try:
        yield
    finally:
        place.leave()
