"""What a failure of a provider is to a program: status, code and headers by which OpenAI's SDKs know what to raise."""

import math
from dataclasses import dataclass
from typing import Any

from flask import Response

from webapp.upstream.failures import UpstreamError
from webapp.web.errors import openai_error, openai_error_body

# Category -> status, and code where OpenAI has a word of its own; the category is the code of the others.
OUTCOMES: dict[str, tuple[int, str | None]] = {
    "auth_missing": (401, None),
    "auth_invalid": (401, None),
    "permission": (403, None),
    "billing": (429, "insufficient_quota"),
    "quota_window": (429, "insufficient_quota"),
    "rate_limit": (429, "rate_limit_exceeded"),
    "overloaded": (503, None),
    "model_loading": (503, None),
    "model_not_loaded": (503, None),
    "model_not_found": (404, "model_not_found"),
    "wrong_path": (404, None),
    "context_length": (400, "context_length_exceeded"),
    "bad_param": (400, "unsupported_parameter"),
    "feature_unsupported": (400, None),
    "tool_call_failed": (400, None),
    "content_filter": (400, "content_filter"),
    "payload_too_large": (413, None),
    "bad_request": (400, None),
    "timeout": (504, None),
    "network_timeout": (504, None),
}
KEPT_STATUSES = frozenset({409, 422})  # of a bad request: OpenAI's SDKs have exceptions of their own for them
ELSE = (502, None)  # somebody behind us is broken or cannot be reached


@dataclass(frozen=True, slots=True)
class Told:
    """A failure in the words of our API."""

    status: int
    message: str
    code: str
    param: str | None

    @property
    def body(self) -> dict[str, Any]:
        """The body of an error answer, or of an error event."""
        return openai_error_body(self.status, self.message, self.code, self.param)


def told(error: UpstreamError, provider: str) -> Told:
    """Put a provider's failure into words; `provider`: who was asked, if anybody was."""
    status, code = OUTCOMES.get(error.category, ELSE)
    if error.category in ("bad_request", "bad_param") and error.status in KEPT_STATUSES:
        status = error.status
    param = error.details.get("param")
    message = error.message or error.category.replace("_", " ")
    message = f"{provider}: {message}" if provider else message
    return Told(status, message, code or error.category, param if isinstance(param, str) else None)


def failure_response(error: UpstreamError, provider: str) -> Response:
    """Answer with the failure. SDKs ask again by themselves only where that can help."""
    words = told(error, provider)
    response = openai_error(words.status, words.message, words.code, words.param)
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after_seconds))
    if not error.retryable:
        response.headers["x-should-retry"] = "false"
    return response
