"""What is known of one subject, a provider, model or key on a route, and what is told of its changes."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from webapp.core import clock
from webapp.routing.terms import OUT, State

RECENT: Final = 50  # calls that a speed is taken from
FEWEST: Final = 5  # calls that make a percentile
DEGRADED_SECONDS: Final = 300.0  # that a single failure is remembered

Subject = tuple[Literal["provider", "model", "key"], int, str]  # kind, id, route (empty for a key)


@dataclass(slots=True)
class Condition:
    """One subject. `streak` counts failures in a row, `opened` rests in a row. Floats are of the monotonic clock."""

    provider_id: int = 0
    since: datetime | None = None  # it is in this state; trials that failed do not count
    changed_at: datetime | None = None
    streak: int = 0
    opened: int = 0
    is_resting: bool = False  # out because it asked for it, not because it failed
    until: float = 0.0  # out before this
    category: str = ""
    failed_at: float | None = None
    good_at: float | None = None
    first_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    @property
    def heard_at(self) -> float | None:
        """When it last said anything."""
        return max((at for at in (self.good_at, self.failed_at) if at is not None), default=None)

    def state(self, now: float, slow_ms: float) -> State:
        """Return how it is doing. When a rest is over it is on trial until the first call ended."""
        if self.opened:
            if now < self.until:
                return "resting" if self.is_resting else "down"
            return "trial"
        if self.streak or (self.failed_at is not None and now - self.failed_at < DEGRADED_SECONDS):
            return "degraded"
        if len(self.first_ms) >= FEWEST and sorted(self.first_ms)[int(len(self.first_ms) * 0.95)] > slow_ms:
            return "degraded"
        return "unknown" if self.good_at is None else "good"


@dataclass(frozen=True, slots=True)
class Change:
    """A state that became another one, or a rest that began anew; `until` is its end."""

    provider_id: int
    subject: Subject
    was: State
    state: State
    category: str
    streak: int
    opened: int
    until: datetime | None
    since: datetime
    at: datetime

    @property
    def is_news(self) -> bool:
        """Whether history should tell of it: a trial that failed is none."""
        return not (self.was == "trial" and self.state in OUT)


def changed(subject: Subject, was: State, state: State, condition: Condition) -> Change:
    """Note in a condition that its state became another one, and return what to tell of it."""
    at = clock.now()
    if condition.since is None or not (was == "trial" and state in OUT):
        condition.since = at
    condition.changed_at = at
    return Change(
        provider_id=condition.provider_id,
        subject=subject,
        was=was,
        state=state,
        category=condition.category,
        streak=condition.streak,
        opened=condition.opened,
        until=at + timedelta(seconds=condition.until - clock.monotonic()) if condition.opened else None,
        since=condition.since,
        at=at,
    )
