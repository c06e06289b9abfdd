"""Every fault of the far end becomes one UpstreamError; nothing else leaves this package."""

from dataclasses import dataclass, field

from webapp.core.errors import JackfieldError


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
    `message` is the provider's own text, redacted and at most 300 characters.
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

    def __str__(self) -> str:
        return f"{self.category}: {self.message}" if self.message else self.category


CATEGORIES = frozenset(
    """auth_missing auth_invalid permission billing quota_window rate_limit overloaded model_loading model_not_loaded
    model_not_found models_unavailable wrong_path context_length bad_param feature_unsupported tool_call_failed
    content_filter payload_too_large bad_request blocked bad_response server_error timeout stream_cut network_refused
    network_dns network_timeout network_tls network_cors blocked_address too_large""".split()
)
