"""What calls say of the keys they went with: used, refused. Kept in this process until the monitor writes it down."""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import reading, writing
from webapp.core.errors import BusyError, CryptoError
from webapp.core.runtime import runtime
from webapp.providers.credential import Credential
from webapp.providers.failure import failure_record
from webapp.providers.provider import Provider
from webapp.providers.schedule import is_readable
from webapp.routing.failover import policy_of
from webapp.routing.health import health
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.calls import read_models
from webapp.upstream.failures import UpstreamError

REFUSED: Final = "auth_invalid"
REFUSALS: Final = (REFUSED, "permission")  # 401 and 403; the latter may be about one model and say nothing of the key
TIMES: Final = 3  # in a row, before a key counts as refused; nothing else disables one
CONFIRM_SECONDS: Final = 20.0  # that the list may take
CONFIRM_EVERY_SECONDS: Final = 600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UsedKey:
    """A stored key as a call found it: one that was typed anew since has another `saved_at`."""

    id: int
    saved_at: datetime


def used_key(provider: Provider, key_id: int | None) -> UsedKey | None:
    """Return the stored key of this number; None when the environment holds it, or none is needed."""
    return next((UsedKey(row.id, row.saved_at) for row in provider.credentials if row.id == key_id), None)


def seconds_to_rest(provider_id: int, key_id: int) -> float:
    """Return how long a key is left alone still; 0 when calls may go with it."""
    condition = health.of_provider(provider_id).get(("key", key_id, ""))
    return max(0.0, condition.until - clock.monotonic()) if condition and condition.opened else 0.0


def forget_faults(key_id: int) -> None:
    """A key was mended: what was said of it before counts no more."""
    keybook.forget(key_id)
    health.reset(("key", key_id, ""))


@dataclass(slots=True)
class Note:
    """What is not yet written of a key."""

    used_at: datetime
    failure: dict[str, Any] | None = None
    is_refused: bool = False
    is_doubtful: bool = False  # refused in words that may be about a model


class KeyBook:
    """Notes by key. Its methods may be called from any thread, take microseconds, and wait for no database."""

    def __init__(self) -> None:
        self._notes: dict[UsedKey, Note] = {}
        self._refusals: dict[UsedKey, list[str]] = {}  # in a row
        self._confirmed_at: dict[UsedKey, float] = {}
        self._lock = threading.Lock()

    def note_good(self, key: UsedKey) -> None:
        """A call was answered."""
        with self._lock:
            self._refusals.pop(key, None)
            self._note(key).is_refused = False

    def note_failure(self, key: UsedKey, error: UpstreamError) -> None:
        """A call failed. Only refusals of the key that follow each other count against it."""
        record = failure_record(error) | {"request": "", "response": "", "at": clock.now().isoformat()}
        with self._lock:
            note = self._note(key)
            if policy_of(error).scope == "key" or error.category in REFUSALS:
                note.failure = record
            if error.category not in REFUSALS:
                self._refusals.pop(key, None)
                return
            refusals = self._refusals.setdefault(key, [])
            refusals.append(error.category)
            if len(refusals) >= TIMES:
                del self._refusals[key]
                note.is_refused = set(refusals) == {REFUSED}
                note.is_doubtful = not note.is_refused

    def forget(self, key_id: int) -> None:
        """Drop what is not yet written of a key."""
        with self._lock:
            for notes in (self._notes, self._refusals, self._confirmed_at):
                for key in [key for key in notes if key.id == key_id]:
                    del notes[key]

    def write(self) -> None:
        """Write all notes in one transaction. What a busy database does not take waits for the next time."""
        with self._lock:
            notes, self._notes = self._notes, {}
        if not notes:
            return
        try:
            with writing() as session:
                for key, note in notes.items():
                    _write(session, key, note)
        except (OperationalError, NoConnectionError):
            with self._lock:
                for key, older in notes.items():
                    newer = self._notes.setdefault(key, older)
                    newer.failure = newer.failure or older.failure
                    newer.is_refused |= older.is_refused
                    newer.is_doubtful |= older.is_doubtful
            log.warning("What was learned of keys waits: the database is busy", extra={"keys": len(notes)})
            return
        for key in [key for key, note in notes.items() if note.is_doubtful and self._may_confirm(key)]:
            with contextlib.suppress(BusyError):  # then three more refusals ask again
                runtime().background.start(confirm_refusal, key)

    def _may_confirm(self, key: UsedKey) -> bool:
        now = clock.monotonic()
        with self._lock:
            if now - self._confirmed_at.get(key, -CONFIRM_EVERY_SECONDS) < CONFIRM_EVERY_SECONDS:
                return False
            self._confirmed_at[key] = now
        return True

    def _note(self, key: UsedKey) -> Note:
        note = self._notes.setdefault(key, Note(clock.now()))
        note.used_at = clock.now()
        return note


def _write(session: Session, key: UsedKey, note: Note) -> None:
    """Change the row of a key that is still the same; of several processes the last call counts."""
    same = (Credential.id == key.id, Credential.saved_at == key.saved_at)
    session.execute(update(Credential).where(*same).values(last_used_at=note.used_at))
    if note.failure:
        session.execute(update(Credential).where(*same).values(last_failure=note.failure))
    if note.is_refused:
        _disable(session, key)


def _disable(session: Session, key: UsedKey) -> None:
    same = (Credential.id == key.id, Credential.saved_at == key.saved_at)
    refused = update(Credential).where(*same, Credential.is_enabled)
    session.execute(refused.values(is_enabled=False, disabled_because=REFUSED))


def confirm_refusal(key: UsedKey) -> None:
    """Ask for the list of models, which nobody pays for, with a key that may be refused: only if it is, it goes."""
    with reading() as session:
        provider = session.scalar(select(Provider).join(Provider.credentials).where(Credential.id == key.id))
        if provider is None or used_key(provider, key.id) != key:
            return
        if not (provider.refresh_hours and is_readable(provider)):  # a list that is read by hand only is left alone
            return
        try:
            target = provider.unlocked(provider.locked_target(session), key.id)
        except CryptoError:
            return
    try:
        read_models(target, Brake(time.monotonic() + CONFIRM_SECONDS), pages=1)
    except UpstreamError as error:
        if error.category in REFUSALS:
            with writing() as session:
                _disable(session, key)
    except Stopped:
        log.info("Whether a key is refused could not be told in time", extra={"provider": provider.slug})


keybook = KeyBook()  # of this process's calls; it has a lock of its own
