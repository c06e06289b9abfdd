"""A text that must not be seen: every key between the database and the wire is one."""

import threading
import weakref
from typing import NoReturn

_live: "weakref.WeakSet[Secret]" = weakref.WeakSet()  # so that the log filter knows what must not appear
_live_lock = threading.Lock()  # a set that grows while it is listed raises


class Secret:
    """Wraps a secret text so that printing, formatting, logging, comparing or pickling never shows it."""

    __slots__ = ("__weakref__", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        with _live_lock:
            _live.add(self)

    def reveal(self) -> str:
        """Return the text. Called where it is sent or sealed, and nowhere else."""
        return self._text

    def mask(self) -> str:
        """Return the last four characters when the secret is long enough (20) for them to give nothing away."""
        return f"…{self._text[-4:]}" if len(self._text) >= 20 else "…"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


def live_secrets() -> set[str]:
    """Return the texts of the secrets that this process holds at the moment, each once however often it is used."""
    with _live_lock:
        return {secret.reveal() for secret in _live}
