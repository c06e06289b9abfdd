"""Idle connections, kept for the next call to the same origin."""

import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from webapp.upstream.connection import Link, Origin


@dataclass
class Pool:
    """Idle connections, the freshest first out."""

    max_idle: int = 128
    max_idle_seconds: float = 30.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _idle: dict[Origin, deque[Link]] = field(default_factory=dict)

    def take(self, origin: Origin) -> Link | None:
        """Return a connection that is still good, if there is one."""
        while True:
            with self._lock:
                links = self._idle.get(origin)
                link = links.pop() if links else None
            if link is None or _is_alive(link, self.max_idle_seconds):
                return link
            link.sock.close()

    def put(self, link: Link) -> None:
        """Keep a connection whose last answer was read to its end."""
        link.idle_since, link.is_reused = time.monotonic(), True
        with self._lock:
            self._idle.setdefault(link.origin, deque()).append(link)
            surplus = self._surplus()
        for old in surplus:
            old.sock.close()

    def close(self) -> None:
        """Drop every idle connection."""
        with self._lock:
            links = [link for kept in self._idle.values() for link in kept]
            self._idle.clear()
        for link in links:
            link.sock.close()

    def _surplus(self) -> list[Link]:
        oldest = time.monotonic() - self.max_idle_seconds
        out = []
        count = sum(map(len, self._idle.values()))
        for origin, links in list(self._idle.items()):
            while links and (links[0].idle_since < oldest or count > self.max_idle):
                out.append(links.popleft())
                count -= 1
            if not links:
                del self._idle[origin]
        return out


def _is_alive(link: Link, max_idle_seconds: float) -> bool:
    """An idle connection has nothing to say. End of file or stray bytes spoil it; TLS session tickets do not."""
    if time.monotonic() - link.idle_since > max_idle_seconds:
        return False
    link.sock.settimeout(0)
    try:
        link.sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False
