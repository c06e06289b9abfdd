"""What is set for the calls to one provider: the words of `Provider.limits`, where only what was set is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MOST_PER_MINUTE: Final = 100_000
MOST_CONCURRENT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls may begin within a minute, and how many may run at once; None: any number."""

    requests_per_minute: int | None = None
    concurrent: int | None = None


def rate_of(limits: Mapping[str, Any]) -> Rate | None:
    """Return what limits how often a provider is called, if anything does."""
    requests_per_minute, concurrent = limits.get("requests_per_minute"), limits.get("concurrent")
    return Rate(requests_per_minute, concurrent) if requests_per_minute or concurrent else None
