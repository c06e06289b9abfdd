"""How an UpstreamError is kept in a row (a rung, a refresh, a run), for the page to explain later."""

from typing import Any

from webapp.upstream.failures import UpstreamError

SHOWN_EXCHANGE = 8_000  # characters of the raw request and answer that are kept


def failure_record(error: UpstreamError) -> dict[str, Any]:
    """Return the error as JSON values; everything in it is redacted already."""
    return {
        "category": error.category,
        "message": error.message,
        "status": error.status,
        "code": error.code,
        "retryable": error.retryable,
        "retry_after": error.retry_after_seconds,
        "action": error.action,
        "request": error.exchange.request[:SHOWN_EXCHANGE],
        "response": error.exchange.response[:SHOWN_EXCHANGE],
    }


def own_failure(category: str, message: str = "") -> dict[str, Any]:
    """Return a failure that happened on our side, before anything was sent."""
    return failure_record(UpstreamError(category, message))
