"""Asks a LiteLLM server whether it lives, what it offers, which version it is. Never `/health`: that calls models."""

import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import or_, select, update

from webapp.core import clock
from webapp.core.database import claim, reading, writing
from webapp.core.errors import BusyError, CryptoError
from webapp.core.runtime import runtime
from webapp.providers.failure import failure_record, own_failure
from webapp.routing.gateway import REMOTE, Gateway
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.calls import opened, read_models
from webapp.upstream.dialects import Call
from webapp.upstream.failures import UpstreamError, failure
from webapp.upstream.shapes import as_dict, as_text, loads
from webapp.upstream.target import Target

SECONDS: Final = 20.0  # for all of it
FRESH: Final = timedelta(hours=6)  # so long what was found counts
PAUSE: Final = timedelta(minutes=5)  # after a failure
LONGEST_VERSION: Final = 40


@dataclass(slots=True)
class Found:
    """What a gateway told; `failure` is a record of providers/failure.py."""

    models: list[str] = field(default_factory=list)
    version: str = ""
    latency_ms: float | None = None
    failure: dict[str, Any] | None = None


def look(target: Target) -> Found:
    """Ask a gateway; its list is the proof that the key is right."""
    brake, found = Brake(time.monotonic() + SECONDS), Found()
    root = target.base_url.removesuffix("/v1")
    try:
        began = time.monotonic()
        _get(target, f"{root}/health/liveliness", brake)
        found.latency_ms = (time.monotonic() - began) * 1000
        found.models = [model.id for model in read_models(target, brake)[0].models]
        told = _get(target, f"{root}/health/readiness", brake)
        found.version = as_text(told.get("litellm_version"))[:LONGEST_VERSION]
    except UpstreamError as error:
        if not (found.models and error.status):  # a version that is not told is no failure
            found.failure = failure_record(error, target)
    except Stopped:
        found.failure = failure_record(failure("timeout", f"No answer in {SECONDS:.3g} s."), target)
    return found


def check_gateway(gateway_id: int) -> None:
    """Look at a saved gateway and keep what was found; no connection is held meanwhile."""
    with reading() as session:
        gateway = session.get(Gateway, gateway_id)
        if gateway is None or gateway.kind != REMOTE:
            return
        try:
            target: Target | None = gateway.target(session)
        except CryptoError as error:
            target, found = None, Found(failure=own_failure("auth_missing", str(error)))
    if target:
        found = look(target)
    with writing() as session:
        row = session.get(Gateway, gateway_id)
        if row and (target is None or row.base_url == target.base_url):
            row.checked_at, row.latency_ms, row.failure = clock.now(), found.latency_ms, found.failure
            row.version = found.version or row.version
            if not found.failure:
                row.models = found.models


class DueGateways:
    """Looks again at gateways whose list is old, one at a time. A process has one, which its monitor asks."""

    def __init__(self) -> None:
        self._free = threading.Semaphore()

    def look_next(self) -> None:
        """Begin with one in the background, unless one is under way."""
        if not self._free.acquire(blocking=False):
            return
        due = self._take_due()
        if due is None:
            self._free.release()
            return
        try:
            runtime().background.start(self._look, due)
        except BusyError:
            self._free.release()

    def _look(self, gateway_id: int) -> None:
        try:
            check_gateway(gateway_id)
        finally:
            self._free.release()

    def _take_due(self) -> int | None:
        """Take a gateway that nobody else takes at the same moment."""
        now = clock.now()
        at = Gateway.checked_at
        is_due = or_(at.is_(None), at < now - FRESH, Gateway.failure.is_not(None) & (at < now - PAUSE))
        wanted = (Gateway.kind == REMOTE, Gateway.is_enabled, Gateway.deleted_at.is_(None), is_due)
        with reading() as session:
            due = session.scalar(select(Gateway.id).where(*wanted).order_by(at.is_not(None), at).limit(1))
        if due is None:
            return None
        with writing() as session:
            is_mine = claim(session, update(Gateway).where(Gateway.id == due, *wanted).values(checked_at=now))
        return due if is_mine else None


def _get(target: Target, url: str, brake: Brake) -> dict[str, Any]:
    sent = opened(target, Call("GET", url, headers={"Accept": "application/json"}), brake, SECONDS, 1_000_000, "list")
    body = sent.answer.read_all()
    sent.answer.close()
    try:
        return as_dict(loads(body))
    except ValueError:
        return {}
