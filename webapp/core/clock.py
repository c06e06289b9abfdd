"""The only place that reads the time."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current moment, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds on a clock that never goes back, for durations and deadlines."""
    return time.monotonic()
