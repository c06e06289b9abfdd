"""Checks by real calls what a model can do: the buttons of its page and the JSON API both come here."""

from collections.abc import Callable, Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import writing
from webapp.core.errors import BusyError
from webapp.core.runtime import runtime
from webapp.models.capability_check import NO, YES, CapabilityCheck, latest_checks_of
from webapp.models.model import Model
from webapp.models.parameters import applied, layers_of
from webapp.providers.check import RUNNING, STOPPED
from webapp.providers.checks import SHOWN, add_tests, refuse_too_many
from webapp.providers.failure import failure_record
from webapp.upstream.capability import Asked, Finding, check
from webapp.upstream.target import Target

# Set once at start by the wiring: `webapp.usage` stands to our right and must not be imported here.
record_asked: Callable[[int, Asked], None] | None = None  # what a call of a check cost


def start_checks(session: Session, user: User, model: Model, target: Target, wanted: Iterable[str]) -> None:
    """Write the rows down, and check one after the other in the background.

    What is checked at this moment already is not checked twice. Raises BusyError and TooOftenError.
    """
    ids = begin_checks(session, user, model, wanted)
    if not ids:
        return
    try:
        runtime().background.start(run_checks, ids, target)
    except BusyError:
        for row in session.scalars(select(CapabilityCheck).where(CapabilityCheck.id.in_(ids))):
            row.status = STOPPED
        session.commit()
        raise


def begin_checks(session: Session, user: User, model: Model, wanted: Iterable[str]) -> list[int]:
    """Write the rows of checks that `run_checks` is about to run, committed; return their keys. Raises TooOftenError.

    Each counts as one test of this user.
    """
    running = {name for name, row in latest_checks_of(session, model.id).items() if row.is_running}
    rows = [
        CapabilityCheck(model_pk=model.id, user_id=user.id, capability=name) for name in wanted if name not in running
    ]
    add_tests(session, rows, lambda: refuse_too_many(session, user.id))
    return [row.id for row in rows]


def run_checks(ids: Iterable[int], target: Target) -> None:
    """Run these checks one after the other; each is written as it begins and as it ends."""
    left = list(ids)
    closing = runtime().background.is_closing
    try:
        while left and not closing.is_set():
            _run(left[0], target)
            left.pop(0)
    finally:
        with writing() as session:
            for row in session.scalars(select(CapabilityCheck).where(CapabilityCheck.id.in_(left))):
                row.status = STOPPED


def _run(check_id: int, target: Target) -> None:
    with writing() as session:
        row = session.get(CapabilityCheck, check_id)
        if row is None:  # deleted with its model
            return
        row.status = RUNNING
        model = session.get_one(Model, row.model_pk)
        model_id, capability, layers = model.model_id, row.capability, layers_of(model)
    finding = check(target, model_id, capability, lambda question: applied(question, layers))
    if record_asked:
        for asked in finding.asked:
            record_asked(check_id, asked)
    _store(check_id, finding, target)


def _store(check_id: int, finding: Finding, target: Target) -> None:
    last = finding.asked[-1]
    exchange = {"request": last.exchange.request[:SHOWN], "response": last.exchange.response[:SHOWN]}
    with writing() as session:
        row = session.get(CapabilityCheck, check_id)
        if row is None:
            return
        row.status, row.finished_at = finding.verdict, clock.now()
        row.detail = {"reason": finding.reason, "latency_ms": sum(asked.latency_ms for asked in finding.asked)}
        row.detail |= {"exchange": exchange} if exchange["request"] and not last.error else {}
        row.failure = failure_record(last.error, target) if last.error else None
        if finding.verdict in (YES, NO):
            locked = select(Model).options(undefer(Model.facts)).where(Model.id == row.model_pk)
            model = session.scalars(locked.with_for_update(of=Model)).one()
            model.prove(row.capability, finding.verdict == YES)
