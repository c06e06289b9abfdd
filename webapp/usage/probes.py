"""Records the calls that tests make to a model: `webapp.providers.checks` tells of rungs, `webapp.models` of checks."""

from datetime import timedelta

from sqlalchemy import select

from webapp.core import clock
from webapp.core.database import reading
from webapp.models.capability_check import CapabilityCheck
from webapp.models.model import Model, id_hash
from webapp.models.overlay import told_prices
from webapp.providers.check import Check
from webapp.providers.provider import Provider
from webapp.upstream import Rung
from webapp.upstream.capability import Asked
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


def record_asked(check_id: int, asked: Asked) -> None:
    """Record a call by which it was checked what a model can do."""
    with reading() as session:
        check = session.get(CapabilityCheck, check_id)
        model = session.get(Model, check.model_pk) if check else None
        if check is None or model is None:
            return
        prices = told_prices(model)
        call = call_to(
            model.provider, model.model_id, user_id=check.user_id, source="check", kind="probe", prices=prices
        )
    call.at = clock.now() - timedelta(milliseconds=asked.latency_ms)
    outcome = asked.error.category if asked.error else OK
    call.end(outcome, asked.reply, latency_ms=asked.latency_ms, first_token_ms=asked.first_token_ms)
    record(call)


def _call(check_id: int, model_id: str | None) -> Call | None:
    with reading() as session:
        check = session.get(Check, check_id)
        if check is None:
            return None
        model_id = model_id or check.model or ""
        provider = session.get(Provider, check.provider_id) if check.provider_id else None
        if provider:
            model = session.scalar(select(Model).filter_by(provider_id=provider.id, id_hash=id_hash(model_id)))
            prices = told_prices(model) if model else {}
            call = call_to(provider, model_id, user_id=check.user_id, source="check", kind="probe", prices=prices)
            call.route = check.route
            return call
        return Call(None, "", check.name, model_id, check.user_id, source="check", kind="probe")
