"""What each kind of failure means for the next attempt, and for whom it counts. README holds the same table."""

from dataclasses import dataclass
from typing import Final, Literal

from webapp.upstream.failures import UpstreamError

Scope = Literal["request", "key", "model", "provider"]
Then = Literal["stop", "larger", "next"]  # give up; only models with more context; whoever comes next


@dataclass(frozen=True, slots=True)
class Policy:
    """`scope`: who is to blame. `after`: so many in a row put them out. `rest_seconds`: for how long at first.

    `waits`: the same target may be asked again after the wait that it named, because it did not begin to answer.
    `by_key`: another key of the same provider may be let in.
    """

    scope: Scope
    then: Then = "next"
    after: int = 3
    rest_seconds: float = 15.0
    waits: bool = False
    by_key: bool = False


NOTHING: Final = Policy("request", "stop")
POLICIES: Final[dict[str, Policy]] = {
    "auth_missing": Policy("key", after=1, rest_seconds=60),
    "auth_invalid": Policy("key", after=3, rest_seconds=60),
    "permission": Policy("model", after=3, rest_seconds=300, by_key=True),
    "billing": Policy("key", after=1, rest_seconds=1800),
    "quota_window": Policy("key", after=1, rest_seconds=900),
    "rate_limit": Policy("key", after=1, rest_seconds=20, waits=True),
    "overloaded": Policy("model", after=2, rest_seconds=15, waits=True),
    "model_loading": Policy("model", after=1, rest_seconds=10, waits=True),
    "model_not_loaded": Policy("model", after=1, rest_seconds=300),
    "model_not_found": Policy("model", after=1, rest_seconds=600),
    "wrong_path": Policy("provider", after=2, rest_seconds=300),
    "context_length": Policy("request", "larger"),
    "feature_unsupported": Policy("request"),
    "tool_call_failed": Policy("request"),
    "blocked": Policy("provider", after=2, rest_seconds=300),
    "bad_response": Policy("model"),
    "server_error": Policy("model"),
    "timeout": Policy("model", after=2, rest_seconds=30),
    "stream_cut": Policy("model"),
    "network_refused": Policy("provider", after=1),
    "network_dns": Policy("provider", after=2),
    "network_timeout": Policy("provider", after=2),
    "network_tls": Policy("provider", after=1, rest_seconds=300),
    "blocked_address": Policy("provider", after=1, rest_seconds=300),
    # The request itself is at fault, or what it is about: nobody else is asked the same.
    **dict.fromkeys(
        ("bad_param", "content_filter", "payload_too_large", "bad_request", "too_large", "network_cors"), NOTHING
    ),
    "models_unavailable": NOTHING,  # speaks of a list, never of an answer
}
LONGEST_REST: Final = 600.0  # that failures in a row may add up to; what a provider asks for counts as it is
LONGEST_TOLD_REST: Final = 86_400.0


def policy_of(error: UpstreamError) -> Policy:
    """Return what follows from a failure."""
    return POLICIES[error.category]


def rest_seconds(error: UpstreamError, times: int) -> float:
    """Return how long whoever is to blame is left alone: as they asked, else doubled with each time."""
    if error.retry_after_seconds is not None:
        return min(error.retry_after_seconds, LONGEST_TOLD_REST)
    first = policy_of(error).rest_seconds
    return min(first * 2.0 ** max(0, times - 1), max(first, LONGEST_REST))
