"""Records the calls that a connection test makes to a model: `webapp.providers.checks` tells of every rung."""

from datetime import timedelta

from webapp.core import clock
from webapp.core.database import reading
from webapp.providers.check import Check
from webapp.providers.provider import Provider
from webapp.upstream import Rung
from webapp.upstream.messages import Usage
from webapp.usage.event import OK, STOPPED, Call, call_to
from webapp.usage.recorder import record

RUNGS_THAT_ASK = ("answer", "stream")


def record_rung(check_id: int, rung: Rung) -> None:
    """Record a rung that is over, if it asked a model."""
    if rung.name not in RUNGS_THAT_ASK or rung.detail.get("reason") == "no_model":
        return
    call = _call(check_id, rung.detail.get("model"))
    if call is None:
        return
    outcome = rung.error.category if rung.error else STOPPED if rung.verdict == "skipped" else OK
    call.at = clock.now() - timedelta(milliseconds=rung.latency_ms or 0)
    call.end(outcome, latency_ms=rung.latency_ms, first_token_ms=rung.detail.get("first_token_ms"))
    if "input_tokens" in rung.detail:
        call.count(Usage(rung.detail["input_tokens"], rung.detail["output_tokens"]))
    record(call)


def _call(check_id: int, model_id: str | None) -> Call | None:
    with reading() as session:
        check = session.get(Check, check_id)
        if check is None:
            return None
        model_id = model_id or check.model or ""
        provider = session.get(Provider, check.provider_id) if check.provider_id else None
        if provider:
            return call_to(provider, model_id, user_id=check.user_id, source="check", kind="probe")
        return Call(None, "", check.name, model_id, check.user_id, source="check", kind="probe")
