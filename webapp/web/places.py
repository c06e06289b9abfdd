"""Admits long streams up to a number, so that pages always find a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.core.errors import BusyError


class Place:
    """One admitted stream; leaving twice counts once."""

    def __init__(self, places: "_Places") -> None:
        self._places: _Places | None = places

    def leave(self) -> None:
        """Give the place back."""
        places, self._places = self._places, None
        if places:
            places.release()


class _Places:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def take(self, most: int) -> bool:
        with self._lock:
            if self._taken >= most:
                return False
            self._taken += 1
            return True

    def release(self) -> None:
        with self._lock:
            self._taken -= 1


_streams = _Places()  # of this process: threads are what is scarce


def stream_place(most: int) -> Place | None:
    """Take a place among at most `most`; None when all are taken."""
    return Place(_streams) if _streams.take(most) else None


@contextmanager
def waiting(most: int) -> Iterator[None]:
    """Hold one of these places during a wait for a provider; raise BusyError when all are taken."""
    place = stream_place(most)
    if place is None:
        raise BusyError
    try:
        yield
    finally:
        place.leave()
