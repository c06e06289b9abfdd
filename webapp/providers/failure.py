"""How an UpstreamError is kept in a row (a rung, a refresh, a run), for the page to explain later."""

from typing import Any

from webapp.core.redact import redact
from webapp.providers.vendors import maker_of_key
from webapp.upstream.addresses import host_port, needs_confirmation, origin
from webapp.upstream.doctor import relatives
from webapp.upstream.failures import UpstreamError
from webapp.upstream.target import Target

SHOWN_EXCHANGE = 8_000  # characters of the raw request and answer that are kept
# What the page makes buttons and figures of; everything else of an error's details stays where it happened.
KEPT_DETAILS = ("siblings", "suggest", "reset_at", "link", "location", "param", "repair", "limit_tokens", "used_tokens")
LONGEST_DETAIL = 2_048


def failure_record(error: UpstreamError, target: Target | None = None) -> dict[str, Any]:
    """Return the error as JSON values; everything in it is redacted already.

    With the target of the call the details also say at which other addresses the key may work (`elsewhere`), and
    which vendor's keys begin like a refused one (`maker_of_key`).
    """
    return {
        "category": error.category,
        "message": error.message,
        "status": error.status,
        "code": error.code,
        "retryable": error.retryable,
        "retry_after": error.retry_after_seconds,
        "action": error.action,
        "details": _details(error.details) | (_ways_out(error, target) if target else {}),
        "request": error.exchange.request[:SHOWN_EXCHANGE],
        "response": error.exchange.response[:SHOWN_EXCHANGE],
    }


def own_failure(category: str, message: str = "") -> dict[str, Any]:
    """Return a failure that happened on our side, before anything was sent."""
    return failure_record(UpstreamError(category, message))


def _details(details: dict[str, Any]) -> dict[str, Any]:
    """Keep what pages use, as JSON; of links only those that a page may show."""
    kept = {name: details[name] for name in KEPT_DETAILS if details.get(name)}
    for name, value in kept.items():
        if isinstance(value, str):
            kept[name] = redact(value)[:LONGEST_DETAIL]
    if not str(kept.get("link", "https://")).startswith("https://"):
        del kept["link"]
    return kept


def _ways_out(error: UpstreamError, target: Target) -> dict[str, Any]:
    """Addresses that `relatives` knows and that this error speaks for; what a button needs of each."""
    found: dict[str, Any] = {}
    host = host_port(target.base_url)[0] if target.base_url else ""
    elsewhere = []
    for address in relatives(target.base_url, target.in_container) if target.base_url else ():
        is_same_host = host_port(address)[0] == host
        if _speaks_for(error, target.base_url, address, is_same_host):
            is_same_origin = origin(address) == origin(target.base_url)
            place = address.partition("://")[2].partition("/")[0]
            elsewhere.append(
                {
                    "base_url": address,
                    "place": address if is_same_host else place,
                    "gets_key": bool(target.api_key) and not is_same_origin,
                    "is_private": needs_confirmation(address),
                }
            )
    if elsewhere:
        found["elsewhere"] = elsewhere
    if error.category == "auth_invalid" and target.api_key:
        maker = maker_of_key(target.api_key.reveal(), target.vendor, target.base_url)
        found |= {"maker_of_key": maker} if maker else {}
    return found


def _speaks_for(error: UpstreamError, base_url: str, address: str, is_same_host: bool) -> bool:
    rest = base_url.partition("://")[2]
    if address.partition("://")[2] == rest:  # the other scheme
        is_plain_answer = error.category == "network_tls" and error.action == "fix_base_url"
        return is_plain_answer or error.details.get("suggest") == "https"
    if error.category == "blocked":
        return error.action == "fix_base_url"
    if address == error.details.get("suggest"):
        return True
    return address in error.details.get("siblings", ()) and not (error.category == "auth_invalid" and is_same_host)
