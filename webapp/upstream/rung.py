"""One step of the connection test, and what follows from it for the key and for the rest of the test."""

from dataclasses import dataclass, field
from typing import Any, Literal

from webapp.upstream.failures import Exchange, UpstreamError
from webapp.upstream.messages import ModelList

RungName = Literal["resolve", "connect", "tls", "authenticate", "list", "answer", "stream"]
Verdict = Literal["running", "good", "bad", "unknown", "skipped"]

# What fails for one of these fails in the same way when it is asked again.
HOPELESS = frozenset(
    {"auth_missing", "auth_invalid", "permission", "billing", "quota_window", "rate_limit", "model_not_found"}
    | {"blocked", "blocked_address", "network_refused", "network_dns", "network_timeout", "network_tls"}
)


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the test. It is yielded `running`, then with its verdict; `authenticate` may be judged once more.

    `detail` holds figures by name: addresses, address, tls_version, certificate_expires, models, offers (ids to choose
    from), model, input_tokens, output_tokens, finish_reason, first_token_ms; `reason` says why a rung was skipped:
    not_needed, earlier_rung, stopped, no_list, no_model; or, of `authenticate`, what the verdict rests on:
    control_refused, public_list, control_failed, no_list, no_key, judged_by_list, judged_by_answer.
    """

    name: RungName
    verdict: Verdict
    latency_ms: float | None = None
    error: UpstreamError | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    exchange: Exchange | None = None
    models: ModelList | None = field(default=None, repr=False)


def reason_to_end(rung: Rung) -> str:
    """Return why the rest of the test is skipped after this rung; empty when it goes on."""
    if rung.verdict == "skipped":
        reason = str(rung.detail["reason"])
        return reason if reason in ("stopped", "no_model") else ""
    is_last_word = rung.name != "answer" or (rung.error is not None and rung.error.category in HOPELESS)
    return "earlier_rung" if rung.verdict == "bad" and is_last_word else ""


def verdict_on_key(rung: Rung) -> Verdict | None:
    """Return what this call says about the key; None when it says nothing."""
    if rung.verdict == "good":
        return "good"
    if rung.error is None:
        return None
    if rung.error.key_ok is False or rung.error.category == "auth_missing":
        return "bad"
    return "good" if rung.error.key_ok else None
