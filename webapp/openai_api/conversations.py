"""Who answered a program's conversation last, so that an alias does not let it wander. Nothing said in it is kept."""

import hashlib
import threading
from collections import OrderedDict
from typing import Any, Final

from webapp.core import clock
from webapp.routing.terms import Alias, Question

KEPT_SECONDS: Final = 1800.0
MOST: Final = 10_000

Answerer = tuple[int, str]  # model_pk and route


class Conversations:
    """The last answerer by conversation, for half an hour after each answer; the longest silent are forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[float, Answerer]] = OrderedDict()
        self._lock = threading.Lock()

    def last(self, key: bytes) -> Answerer | None:
        """Return who answered last; None when nobody did of late."""
        with self._lock:
            found = self._known.get(key)
        return found[1] if found and clock.monotonic() - found[0] < KEPT_SECONDS else None

    def note(self, key: bytes, answerer: Answerer) -> None:
        """Somebody answered."""
        with self._lock:
            self._known[key] = (clock.monotonic(), answerer)
            self._known.move_to_end(key)
            if len(self._known) > MOST:
                self._known.popitem(last=False)


conversations = Conversations()  # of this process's programs; it has a lock of its own


def conversation_key(question: Question, token_id: int, named: str, messages: list[dict[str, Any]]) -> bytes | None:
    """Return what stands for a conversation with an alias that stays with who answered; None for all others.

    It is what the program calls it, else how it begins: all up to the first words of its user.
    """
    subject = question.subject
    if not isinstance(subject, Alias) or not subject.is_sticky:
        return None
    first = next((place for place, said in enumerate(messages) if said.get("role") == "user"), len(messages))
    told = named or repr(messages[: first + 1])
    whole = "\0".join((str(token_id), subject.name, "named" if named else "begun", told))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()
