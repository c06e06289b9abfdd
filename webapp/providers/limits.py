"""What is set for the calls to one provider: the words of `Provider.limits`, where only what was set is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from webapp.upstream.target import Limits

MOST_PER_MINUTE: Final = 100_000
MOST_CONCURRENT: Final = 10_000
# How long a call may wait, in whole seconds from and to: the words of upstream/target.py.
TIMES: Final = {
    "connect_seconds": (1, 120),
    "first_byte_seconds": (1, 3_600),
    "idle_seconds": (1, 3_600),
    "total_seconds": (5, 14_400),
}
USUAL: Final = Limits()


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls may begin within a minute, and how many may run at once; None: any number."""

    requests_per_minute: int | None = None
    concurrent: int | None = None


def rate_of(limits: Mapping[str, Any]) -> Rate | None:
    """Return what limits how often a provider is called, if anything does."""
    requests_per_minute, concurrent = limits.get("requests_per_minute"), limits.get("concurrent")
    return Rate(requests_per_minute, concurrent) if requests_per_minute or concurrent else None


def times_of(limits: Mapping[str, Any]) -> Limits:
    """Return the limits of one exchange. Signs of life alone are borne as long as silence is."""
    times: dict[str, Any] = {name: float(limits[name]) for name in TIMES if limits.get(name)}
    if not times:
        return USUAL
    patience = max(USUAL.progress_seconds, times.get("first_byte_seconds", 0), times.get("idle_seconds", 0))
    return replace(USUAL, progress_seconds=patience, **times)
