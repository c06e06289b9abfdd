"""How providers, models and keys are doing, from the calls that were made anyway: one state each, with its circuit.

It lives in this process, for every call asks it; `states.py` keeps it in the database and brings in what others saw.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal

from webapp.core import clock
from webapp.routing.failover import policy_of, rest_seconds
from webapp.routing.terms import DIRECT, State, worst
from webapp.upstream.failures import UpstreamError

RECENT: Final = 50  # calls that a speed is taken from
SLOW_MS: Final = 8_000.0  # to the first token, at the 95th percentile; a provider may say otherwise
FEWEST: Final = 5  # calls that make a percentile
TRIAL_SECONDS: Final = 20.0  # that the one trial of a circuit half open may take
DEGRADED_SECONDS: Final = 300.0  # that a single failure is remembered

Subject = tuple[Literal["provider", "model", "key"], int, str]  # kind, id, route (empty for a key)


@dataclass(slots=True)
class Condition:
    """One subject. Moments are of the monotonic clock; `streak` counts failures in a row, `opened` rests in a row."""

    streak: int = 0
    opened: int = 0
    is_resting: bool = False  # out because it asked for it, not because it failed
    until: float = 0.0  # out before this
    category: str = ""
    failed_at: float | None = None
    good_at: float | None = None
    first_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

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
class Call:
    """Who was asked, as far as their health goes."""

    provider_id: int
    model_pk: int
    route: str = DIRECT
    key_id: int | None = None

    @property
    def subjects(self) -> list[Subject]:
        """Everybody whose health this call tells of."""
        keys: list[Subject] = [("key", self.key_id, "")] if self.key_id is not None else []
        return [("provider", self.provider_id, self.route), ("model", self.model_pk, self.route), *keys]


class Health:
    """The conditions of everything that was asked of late. `choose.Conditions` is a part of it."""

    def __init__(self) -> None:
        self._conditions: dict[Hashable, Condition] = {}
        self._lock = threading.Lock()
        self.slow_ms: dict[int, float] = {}  # provider -> its own threshold
        self.told: Callable[[Subject, State, State, str], None] | None = None  # of every change: from, to, category

    def state(self, provider_id: int, model_pk: int, route: str) -> State:
        """Return the worse of the provider's and the model's state on this route."""
        return worst(
            self.state_of(("provider", provider_id, route), provider_id),
            self.state_of(("model", model_pk, route), provider_id),
        )

    def key_state(self, key_id: int) -> State:
        """Return the state of a key."""
        return self.state_of(("key", key_id, ""))

    def state_of(self, subject: Subject, provider_id: int = 0) -> State:
        """Return the state of one subject."""
        condition = self._conditions.get(subject)
        return condition.state(clock.monotonic(), self.slow_ms.get(provider_id, SLOW_MS)) if condition else "unknown"

    def first_token_ms(self, model_pk: int, route: str) -> float | None:
        """Return how long answers took to begin of late (median)."""
        condition = self._conditions.get(("model", model_pk, route))
        with self._lock:
            recent = list(condition.first_ms) if condition else []
        return median(recent) if recent else None

    def may_ask(self, call: Call) -> bool:
        """Tell whether nobody else tries out a subject of this call that is on trial; who hears yes is who tries."""
        now = clock.monotonic()
        with self._lock:
            found = [self._conditions.get(subject) for subject in call.subjects]
            opened = [condition for condition in found if condition and condition.opened]
            if any(now < condition.until for condition in opened):
                return False
            for condition in opened:
                condition.until = now + TRIAL_SECONDS  # others see it as out meanwhile
        return True

    def note_good(self, call: Call, first_token_ms: float | None) -> None:
        """An answer came: everybody in it works."""
        with self._changing(call.subjects) as conditions:
            for condition in conditions:
                condition.streak = condition.opened = 0
                condition.category, condition.good_at = "", clock.monotonic()
                condition.is_resting = False
                if first_token_ms is not None:
                    condition.first_ms.append(first_token_ms)

    def note_failure(self, call: Call, error: UpstreamError) -> int:
        """A call failed: count it for who is to blame. Return how often in a row it happened to them."""
        policy = policy_of(error)
        if policy.scope == "request":
            return 0
        blamed = [subject for subject in call.subjects if subject[0] == policy.scope]
        if policy.scope == "key" and not blamed:
            blamed = [("provider", call.provider_id, call.route)]  # the environment's key, or none at all
        streak = 0
        with self._changing(blamed) as conditions:
            now = clock.monotonic()
            for condition in conditions:
                condition.streak = streak = condition.streak + 1
                condition.category, condition.failed_at = error.category, now
                if streak >= policy.after or condition.opened:
                    condition.opened += 1
                    condition.is_resting = error.retry_after_seconds is not None or policy.scope == "key"
                    condition.until = now + rest_seconds(error, condition.opened)
        return streak

    def forget(self) -> None:
        """Know nothing, as a process that starts."""
        with self._lock:
            self._conditions.clear()

    def reset(self, subject: Subject) -> None:
        """Forget that it failed: somebody mended it."""
        with self._changing([subject]) as conditions:
            for condition in conditions:
                condition.streak = condition.opened = 0
                condition.failed_at, condition.category = None, ""

    @contextmanager
    def _changing(self, subjects: list[Subject]) -> Iterator[list[Condition]]:
        """Give conditions to be changed, and tell of every state that became another one."""
        with self._lock:
            before = [self.state_of(subject) for subject in subjects]
            conditions = [self._conditions.setdefault(subject, Condition()) for subject in subjects]
            yield conditions
            after = [self.state_of(subject) for subject in subjects]
        for subject, was, now, condition in zip(subjects, before, after, conditions, strict=True):
            if was != now and self.told:
                self.told(subject, was, now, condition.category)


health = Health()  # of this process's calls; it has a lock of its own
