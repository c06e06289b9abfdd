"""Reads a provider's model list when it is due or somebody asks for it. Pages read the database only."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import claim, reading, writing
from webapp.core.errors import BusyError, CryptoError
from webapp.core.runtime import runtime
from webapp.models.listed import store_list
from webapp.providers.failure import failure_record, own_failure
from webapp.providers.provider import Provider
from webapp.providers.schedule import due_providers, is_readable, may_be_read, note_failure, note_success
from webapp.upstream import list_models
from webapp.upstream.failures import UpstreamError

READERS: Final = 4  # lists that are read at once, unless people ask for single ones
LOOK_EVERY_SECONDS = 0.15

# Of `webapp.routing`: whether a provider could be reached.
note_list: Callable[[int, UpstreamError | None], None] | None = None


class DueLists:
    """Reads the lists that are due, a few at once. A process has one, which its monitor asks every second."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(READERS)

    def read_next(self) -> None:
        """Begin with one list, in the background: not with all, so that a start is no stampede."""
        if not self._free.acquire(blocking=False):
            return
        is_begun = False
        try:
            with reading() as session, contextlib.suppress(BusyError):
                due = next(iter(due_providers(session)), None)
                if due and _take_turn(session, due):
                    _begin(session, due.id, self._read)
                    is_begun = True
        finally:
            if not is_begun:
                self._free.release()

    def _read(self, provider_id: int) -> None:
        try:
            refresh(provider_id)
        finally:
            self._free.release()


def start_refresh(session: Session, provider: Provider) -> bool:
    """Begin a refresh in the background; False when there is none to begin: no list, read at the moment or just now."""
    began = _take_turn(session, provider)
    if began:
        _begin(session, provider.id, refresh)
    return began


def refresh_all(session: Session, providers: Iterable[Provider]) -> list[Provider]:
    """Begin to read these lists, a few at once; return those that are read, without what was read just now."""
    begun = [row for row in providers if is_readable(row) and _take_turn(session, row)]
    waiting: SimpleQueue[tuple[int, datetime | None]] = SimpleQueue()
    for row in begun:
        waiting.put((row.id, row.refresh_started_at))
    for number in range(min(READERS, len(begun))):
        try:
            runtime().background.start(_refresh_each, waiting)
        except BusyError:
            if not number:
                _give_back(session, [row.id for row in begun])
                raise
            break
    return begun


def refresh_now(session: Session, provider: Provider) -> bool:
    """Read the list before this returns, or wait for whoever reads it already. Holds no connection meanwhile.

    False when nobody read it, because it has none or was read just now.
    """
    provider_id, is_closing = provider.id, runtime().background.is_closing
    began = _take_turn(session, provider)
    is_awaited = began or provider.is_refreshing
    session.close()
    if began:
        refresh(provider_id)
    while _is_refreshing(provider_id) and not is_closing.wait(LOOK_EVERY_SECONDS):
        pass
    return is_awaited


def refresh(provider_id: int) -> None:
    """Ask the provider for its models and store them; a failure is stored instead and the old list stays."""
    failure: dict[str, Any] | None = own_failure("server_error")  # should this job itself break
    is_unchanged, since = False, None
    try:
        with reading() as session:
            provider = session.get_one(Provider, provider_id)
            since = provider.refresh_started_at
            target, validator = provider.target(session), provider.list_etag
        found = list_models(target, validator)
        if found.error:
            raise found.error
        is_unchanged = found.is_unchanged
        if not is_unchanged:
            store_list(provider_id, found, since)
        failure = None
        _tell(provider_id, None)
    except UpstreamError as error:
        failure = failure_record(error)
        _tell(provider_id, error)
    except CryptoError as error:
        failure = own_failure("auth_missing", str(error))
    finally:
        _end(provider_id, since, failure, is_unchanged)


def _tell(provider_id: int, error: UpstreamError | None) -> None:
    if note_list:
        note_list(provider_id, error)


def _take_turn(session: Session, provider: Provider) -> bool:
    """Tell whether this caller may read the list, and keep all others out until it was read."""
    if not provider.has_list:
        return False
    mine = update(Provider).where(Provider.id == provider.id, may_be_read())
    began = claim(session, mine.values(refresh_started_at=clock.now()))
    session.commit()
    return began


def _begin(session: Session, provider_id: int, job: Callable[[int], None]) -> None:
    try:
        runtime().background.start(job, provider_id)
    except BusyError:
        _give_back(session, [provider_id])
        raise


def _give_back(session: Session, provider_ids: list[int]) -> None:
    session.execute(update(Provider).where(Provider.id.in_(provider_ids)).values(refresh_started_at=None))
    session.commit()


def _refresh_each(waiting: SimpleQueue[tuple[int, datetime | None]]) -> None:
    with contextlib.suppress(Empty):
        while not runtime().background.is_closing.is_set():
            provider_id, since = waiting.get_nowait()
            with writing() as session:
                # It may have waited so long that somebody else took the turn.
                mine = update(Provider).where(Provider.id == provider_id, Provider.refresh_started_at == since)
                began = claim(session, mine.values(refresh_started_at=clock.now()))
            if began:
                refresh(provider_id)


def _end(provider_id: int, since: datetime | None, failure: dict[str, Any] | None, is_unchanged: bool) -> None:
    with writing() as session:
        row = session.get(Provider, provider_id, with_for_update={"of": Provider, "key_share": True})
        if row is None or row.refresh_started_at != since:  # it changed meanwhile: this says nothing of how it is now
            return
        row.refresh_started_at = None
        if failure:
            note_failure(row, failure)
        elif is_unchanged:
            note_success(row)


def _is_refreshing(provider_id: int) -> bool:
    with reading() as session:
        row = session.get(Provider, provider_id)
        return row is not None and row.is_refreshing
