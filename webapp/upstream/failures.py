"""Every fault of the far end becomes one UpstreamError; nothing else leaves this package."""

from dataclasses import dataclass, field
from typing import Any, Final

from webapp.core.errors import JackfieldError

# What usually follows from a category: retryable, key_ok, action (a machine word, see the page's recovery steps).
OUTCOMES: Final[dict[str, tuple[bool, bool | None, str]]] = {
    "auth_missing": (False, None, "edit_key"),
    "auth_invalid": (False, False, "edit_key"),
    "permission": (False, True, "pick_model"),
    "billing": (False, True, "open_billing"),
    "quota_window": (False, True, "wait_until"),
    "rate_limit": (True, True, "retry"),
    "overloaded": (True, True, "retry"),
    "model_loading": (True, None, "wait_loading"),
    "model_not_loaded": (False, None, "load_model"),
    "model_not_found": (False, True, "pick_model"),
    "models_unavailable": (False, None, "probe_chat"),
    "wrong_path": (False, None, "fix_base_url"),
    "context_length": (False, True, "trim_or_switch_model"),
    "bad_param": (True, True, "repair_param"),
    "feature_unsupported": (True, True, "repair_param"),
    "tool_call_failed": (True, True, "retry"),
    "content_filter": (False, True, "edit_message"),
    "payload_too_large": (False, None, "shrink_attachments"),
    "bad_request": (False, None, "show_details"),
    "blocked": (False, None, "change_network_or_provider"),
    "bad_response": (True, None, "retry"),
    "server_error": (True, None, "retry"),
    "timeout": (True, None, "retry"),
    "stream_cut": (True, None, "continue_answer"),
    "network_refused": (False, None, "check_network"),
    "network_dns": (False, None, "fix_base_url"),
    "network_timeout": (True, None, "check_network"),
    "network_tls": (False, None, "tls_settings"),
    "network_cors": (False, None, "use_server_proxy"),
    "blocked_address": (False, None, "allow_host"),
    "too_large": (False, None, "show_details"),
}
CATEGORIES: Final = frozenset(OUTCOMES)


@dataclass(slots=True)
class Exchange:
    """The raw request and answer of a failed (or tested) call, secrets removed, cut to a readable size."""

    request: str = ""
    response: str = ""


@dataclass(eq=False)
class UpstreamError(JackfieldError):
    """What went wrong, in words that the page, the log and our API share.

    `category` is a word of CATEGORIES. `key_ok`: True, the key was accepted; False, refused; None, not known.
    `retry_after_seconds` is what the provider asked for. `action` is the machine word of the recovery step.
    `message` is the provider's own text, redacted and at most 300 characters. `details` holds what is known beyond
    that: limit_tokens, used_tokens, param, repair, siblings, suggest, reset_at, link, location.
    """

    category: str
    message: str = ""
    status: int | None = None
    code: str = ""
    retryable: bool = False
    key_ok: bool | None = None
    retry_after_seconds: float | None = None
    action: str | None = None
    exchange: Exchange = field(default_factory=Exchange)
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.category}: {self.message}" if self.message else self.category


def failure(category: str, message: str = "", **changes: Any) -> UpstreamError:
    """Return an error with what usually follows from its category; `changes` are fields that differ."""
    retryable, key_ok, action = OUTCOMES[category]
    usual: dict[str, Any] = {"retryable": retryable, "key_ok": key_ok, "action": action}
    return UpstreamError(category, message, **(usual | changes))
