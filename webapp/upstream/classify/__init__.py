"""Turns whatever a provider answered instead of an answer into one UpstreamError.

The order of the steps is that of errors_contract in tests/upstream/corpus/index.json: the body before the status.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from webapp.core.redact import redact
from webapp.upstream.classify.body import ErrorBody, is_error, read_error_body
from webapp.upstream.classify.network import error_from_transport
from webapp.upstream.classify.parameters import refused_parameter
from webapp.upstream.classify.rules import CONTEXT_NUMBERS, LOCAL_VENDORS, RULES
from webapp.upstream.classify.vendors import (
    CODES,
    KEY_UNSURE_ON_401,
    LIST_FAULTS,
    SIBLINGS,
    WRONG_HOST_IS_BLOCKED,
    vendor_of,
)
from webapp.upstream.classify.waiting import reset_moment, wait_seconds
from webapp.upstream.failures import OUTCOMES, UpstreamError, failure
from webapp.upstream.shapes import as_count
from webapp.upstream.target import Target

__all__ = ["RequestKind", "error_from", "error_from_transport", "is_error"]

RequestKind = Literal["chat", "list"]
Outcome = tuple[str, dict[str, Any]]

FIREWALL_WORDS = (
    "just a moment", "attention required", "you have been blocked", "captcha", "access denied", "request blocked",
    "are you a robot", "are you human", "checking your browser", "web application firewall", "ddos", "incapsula",
)  # fmt: skip
TIMEOUT_STATUSES = frozenset({408, 504, 522, 523, 524})
BY_STATUS: dict[int, Outcome] = {
    403: ("permission", {"action": "show_details"}),
    424: ("server_error", {}),
    431: ("bad_request", {"action": "edit_key"}),  # the key is the one header that can be that long
    434: ("permission", {}),  # Z.ai
    435: ("payload_too_large", {}),  # Z.ai
    501: ("feature_unsupported", {"retryable": False, "action": "show_details"}),
    529: ("overloaded", {"key_ok": None}),  # Anthropic
    **{status: ("timeout", {}) for status in TIMEOUT_STATUSES},
}
WAITING = frozenset({"rate_limit", "quota_window", "overloaded", "model_loading", "server_error", "timeout"})
SHORT_WAITS = frozenset({"rate_limit", "overloaded", "server_error"})
LOADING_SECONDS = 2.0  # how soon to ask again when a local server names no time
LONG_WAIT_SECONDS = 600.0  # beyond it nothing is retried by itself, and a "rate limit" is a window of the plan


def error_from(
    status: int, headers: Mapping[str, str], body: object, target: Target, kind: RequestKind = "chat"
) -> UpstreamError:
    """Classify an answer that is an error. `body` is bytes, text or parsed JSON, also a frame of a stream (status 200).

    Never raises. `message` is the provider's text, redacted, at most 300 characters.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    read = read_error_body(body)
    told = 200 if 200 <= status < 300 else status
    category, changes = _category(told, headers, read, vendor_of(target), kind)
    known = {name: changes.pop(name) for name in ("retryable", "key_ok", "action") if name in changes}
    if siblings := changes.get("siblings"):
        changes["siblings"] = [address for address in siblings if address != target.base_url]
        if not changes["siblings"]:
            known["action"] = OUTCOMES[category][2]
    message = _readable(read.message or (f"HTTP {status}" if status != 200 else ""))
    error = failure(category, message, status=status, code=redact(read.code)[:100], details=changes, **known)
    if category in WAITING:
        _add_waiting(error, headers, read)
    _add_details(error, headers, read)
    return error


def _category(status: int, headers: Mapping[str, str], body: ErrorBody, vendor: str, kind: RequestKind) -> Outcome:
    statuses, action = LIST_FAULTS.get(vendor, (frozenset(), ""))
    if kind == "list" and status in statuses:
        return "models_unavailable", {"action": action}
    if body.is_html or "cf-mitigated" in headers:
        return _page(status, headers, body, vendor)
    if 300 <= status < 400:
        return "wrong_path", {}
    if found := CODES.get(vendor, {}).get(body.code):
        return _with_siblings(found[0], dict(found[1]), vendor)
    told = _told_status(status, body)
    for rule in RULES:
        if (
            (not rule.statuses or told in rule.statuses)
            and (not rule.vendors or vendor in rule.vendors)
            and rule.pattern.search(body.text)
        ):
            return _adjusted(rule.category, dict(rule.changes), status, vendor)
    if told in (400, 422) and (refused := refused_parameter(body)):
        return "bad_param", refused
    return _by_status(status, told, body)


def _page(status: int, headers: Mapping[str, str], body: ErrorBody, vendor: str) -> Outcome:
    """Judge an HTML page: it is never the API that speaks."""
    if "cf-mitigated" in headers or any(word in body.text for word in FIREWALL_WORDS):
        return "blocked", {"action": "fix_base_url"} if vendor in WRONG_HOST_IS_BLOCKED else {}
    if status in TIMEOUT_STATUSES:
        return "timeout", {"action": "enable_streaming"}
    fixed = {401: "auth_invalid", 402: "billing", 413: "payload_too_large", 429: "rate_limit"}
    return fixed.get(status, "server_error" if status >= 500 else "wrong_path"), {}


def _told_status(status: int, body: ErrorBody) -> int:
    """Take the status inside the body when HTTP says 200 (OpenRouter, streams)."""
    if status == 200 and re.fullmatch(r"[45]\d\d", body.code):
        return int(body.code)
    return status


def _adjusted(category: str, changes: dict[str, Any], status: int, vendor: str) -> Outcome:
    if category == "overloaded" and (vendor in LOCAL_VENDORS or status >= 500):
        changes.setdefault("key_ok", None)
    elif category == "auth_invalid":
        if vendor in KEY_UNSURE_ON_401:
            changes.setdefault("key_ok", None)
        return _with_siblings(category, changes, vendor)
    return category, changes


def _with_siblings(category: str, changes: dict[str, Any], vendor: str) -> Outcome:
    if siblings := SIBLINGS.get((vendor, category)):
        changes.setdefault("action", "try_sibling_endpoint")
        changes["siblings"] = list(siblings)
        if category == "auth_invalid":
            changes.setdefault("key_ok", None)
    return category, changes


def _by_status(status: int, told: int, body: ErrorBody) -> Outcome:
    if told in (404, 405):
        return "wrong_path", {}
    if found := BY_STATUS.get(told):
        return found[0], dict(found[1])
    if status == 200 and not body.is_json:
        return "bad_response", {}
    if status == 200 or told >= 500:
        return "server_error", {"key_ok": True} if status == 200 and told != status else {}
    return "bad_request", {}


def _add_waiting(error: UpstreamError, headers: Mapping[str, str], body: ErrorBody) -> None:
    error.retry_after_seconds = wait_seconds(headers, body)
    if error.category == "model_loading" and error.retry_after_seconds is None:
        error.retry_after_seconds = LOADING_SECONDS
    if error.category in SHORT_WAITS and (error.retry_after_seconds or 0) > LONG_WAIT_SECONDS:
        error.retryable, error.action = False, "wait_until"
        if error.category == "rate_limit":
            error.category = "quota_window"
    if moment := reset_moment(body):
        error.details["reset_at"] = moment


def _add_details(error: UpstreamError, headers: Mapping[str, str], body: ErrorBody) -> None:
    if error.category == "context_length":
        error.details |= _token_counts(body)
    if error.action == "open_link":
        error.details["link"] = body.fields.get("signin_url")
    if location := headers.get("location"):
        error.details["location"] = location
        if error.category == "wrong_path" and location.startswith("https://"):
            error.details["suggest"] = "https"


def _token_counts(body: ErrorBody) -> dict[str, int]:
    """Read how many tokens were sent and how many fit."""
    counts = {
        "used_tokens": as_count(body.fields.get("n_prompt_tokens")),
        "limit_tokens": as_count(body.fields.get("n_ctx")),
    }
    if not any(counts.values()):
        for pattern in CONTEXT_NUMBERS:
            if found := pattern.search(body.text):
                counts = {f"{name}_tokens": int(text.replace(",", "")) for name, text in found.groupdict().items()}
                break
    return {name: count for name, count in counts.items() if count}


def _readable(text: str) -> str:
    text = " ".join(redact(text).split())
    return text if len(text) <= 300 else text[:299] + "…"
