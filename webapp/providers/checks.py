"""Runs connection tests: the button and the JSON API both come here, on the path the chat takes."""

import functools
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import reading, writing
from webapp.core.errors import BusyError, TooOftenError
from webapp.core.runtime import runtime
from webapp.providers.check import BAD, GOOD, RUNNING, STOPPED, UNKNOWN, WAITING, Check, last_model
from webapp.providers.failure import failure_record
from webapp.providers.provider import Provider
from webapp.providers.ways import DIRECT, usual_way
from webapp.upstream import Rung, probe
from webapp.upstream.messages import ChatRequest, ModelList
from webapp.upstream.target import Target

RUNGS = ("resolve", "connect", "tls", "authenticate", "list", "answer", "stream")
SHOWN = 3_000  # characters of the raw exchange of a good rung
RUNS_PER_USER = 4  # at once
STARTS_PER_USER = 10  # in a minute: a test tells who answers at an address
MINUTE = timedelta(minutes=1)

# Set once at start by the wiring: `webapp.models` stands to our right and must not be imported here.
keep_models: Callable[[int, ModelList], None] | None = None
record_rung: Callable[[int, Rung], None] | None = None  # of `webapp.usage`: what a test cost
as_called: Callable[[int, str, ChatRequest], ChatRequest] | None = None  # by this way, with all its parameters
counted_too: tuple[type[Any], ...] = ()  # other rows of tests: each has user_id, status and created_at

_stops: dict[int, threading.Event] = {}  # of the checks that this process runs
_stops_lock = threading.Lock()


def start_check(
    session: Session,
    user: User,
    target: Target,
    *,
    name: str,
    provider: Provider | None,
    model: str | None,
    way: str = DIRECT,
) -> Check:
    """Write the row down and climb in the background; raise BusyError or TooOftenError when too many run."""
    check = begin_check(session, user, name=name, provider=provider, model=model, way=way)
    with _stops_lock:
        _stops[check.id] = threading.Event()  # so that it can be stopped before it begins
    try:
        runtime().background.start(run_check, check.id, target, check.model)
    except BusyError:
        with _stops_lock:
            del _stops[check.id]
        check.status = STOPPED
        session.commit()
        raise
    return check


def begin_check(
    session: Session, user: User, *, name: str, provider: Provider | None, model: str | None, way: str = DIRECT
) -> Check:
    """Write the row of a test that `run_check` is about to run, committed; raise TooOftenError.

    Without a model the provider's default is asked, else the one that somebody chose for its last test.
    """
    if provider and not model:
        model = provider.default_model or last_model(session, provider.id)
    check = Check(
        provider_id=provider.id if provider else None,
        user_id=user.id,
        name=name,
        model=model,
        route=way,
        is_usual=provider is None or way == usual_way(session, provider),
        rungs=all_waiting(),
    )
    add_tests(session, [check], lambda: refuse_too_many(session, user.id))
    return check


def run_check(check_id: int, target: Target, model: str | None) -> None:
    """Climb the ladder; every rung is written as it begins and as it ends."""
    with _stops_lock:
        stop = _stops.setdefault(check_id, threading.Event())
    rungs = {rung["name"]: rung for rung in all_waiting()}
    finished = False
    try:
        for rung in probe(target, model, stop, _asked_by(check_id)):
            was_running = rungs[rung.name]["verdict"] == RUNNING
            rungs[rung.name] = _record(rung, target)
            _write(check_id, list(rungs.values()))
            if was_running and record_rung:
                record_rung(check_id, rung)
            if rung.models:
                _keep(check_id, rung.models)
        finished = True
    finally:
        with _stops_lock:
            _stops.pop(check_id, None)
        status = STOPPED if stop.is_set() or not finished else _verdict(list(rungs.values()))
        _write(check_id, list(rungs.values()), status)


def stop_check(session: Session, check_id: int) -> None:
    """Ask a check to end; what it found so far stays. One that waits for its turn never begins."""
    waits = (Check.id == check_id, Check.status == WAITING)
    session.execute(update(Check).where(*waits).values(status=STOPPED, finished_at=clock.now()))
    session.commit()
    with _stops_lock:
        stop = _stops.get(check_id)
    if stop:
        stop.set()


def all_waiting() -> list[dict[str, Any]]:
    """Return the rungs of a test that has not begun."""
    return [
        {"name": name, "verdict": "waiting", "latency_ms": None, "detail": {}, "failure": None, "exchange": None}
        for name in RUNGS
    ]


def add_tests(session: Session, tests: Iterable[object], refuse: Callable[[], None]) -> None:
    """Write new tests, committed, unless `refuse` raises TooOftenError when it counts them among all."""
    session.add_all(tests)
    session.flush()  # from here on nobody else writes, so that what is counted is true
    try:
        refuse()
    except TooOftenError:
        session.rollback()
        raise
    session.commit()


def refuse_too_many(session: Session, user_id: int) -> None:
    """Count this user's tests of all kinds, the new ones among them; raise TooOftenError beyond what is allowed."""
    now = clock.now()
    # batch.py has rules of its own
    kinds: list[tuple[type[Any], dict[str, None]]] = [(Check, {"batch": None}), *((other, {}) for other in counted_too)]
    mine = [(kind, session.query(kind).filter_by(user_id=user_id, **which)) for kind, which in kinds]
    if sum(rows.filter_by(status=RUNNING).count() for _, rows in mine) > RUNS_PER_USER:
        raise TooOftenError(most=RUNS_PER_USER, seconds=2, are_running=True)
    recent = [
        moment
        for kind, rows in mine
        for (moment,) in rows.with_entities(kind.created_at).filter(kind.created_at > now - MINUTE)
    ]
    if len(recent) > STARTS_PER_USER:
        seconds = int((min(recent) + MINUTE - now).total_seconds()) + 1
        raise TooOftenError(most=STARTS_PER_USER, seconds=seconds, are_running=False)


def _asked_by(check_id: int) -> Callable[[ChatRequest], ChatRequest] | None:
    """How the questions of this test are asked: as those of a chat; None for what is not saved."""
    with reading() as session:
        check = session.get(Check, check_id)
    if check is None or check.provider_id is None or as_called is None:
        return None
    return functools.partial(as_called, check.provider_id, check.route)


def _record(rung: Rung, target: Target) -> dict[str, Any]:
    return {
        "name": rung.name,
        "verdict": rung.verdict,
        "latency_ms": rung.latency_ms,
        "detail": rung.detail,
        "failure": failure_record(rung.error, target) if rung.error else None,
        "exchange": _exchange(rung),
    }


def _exchange(rung: Rung) -> dict[str, str] | None:
    """Request and answer of a rung that did not fail; a failure carries its own."""
    if rung.error or not rung.exchange or not rung.exchange.request:
        return None
    return {"request": rung.exchange.request[:SHOWN], "response": rung.exchange.response[:SHOWN]}


def _verdict(rungs: list[dict[str, Any]]) -> str:
    verdicts = {rung["verdict"] for rung in rungs}
    if BAD in verdicts:
        return BAD
    by_name = {rung["name"]: rung["verdict"] for rung in rungs}
    return GOOD if by_name.get("stream") == GOOD else UNKNOWN


def _write(check_id: int, rungs: list[dict[str, Any]], status: str = RUNNING) -> None:
    with writing() as session:
        check = session.get(Check, check_id)
        if check is None:
            return
        check.rungs, check.status = [dict(rung) for rung in rungs], status
        if status != RUNNING:
            check.finished_at = clock.now()


def _keep(check_id: int, found: ModelList) -> None:
    """Store the models that a test found; not those of an address that is not saved, nor those of a gateway."""
    with reading() as session:
        wanted = select(Check.provider_id).where(Check.id == check_id, Check.route == DIRECT)
        provider_id = session.scalar(wanted)
    if provider_id and found.models and keep_models:
        keep_models(provider_id, found)
