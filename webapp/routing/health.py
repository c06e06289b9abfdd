"""How providers, models and keys are doing, from the calls that were made anyway: one state each, with its circuit.

It lives in this process, for every call asks it; `states.py` keeps it in the database and brings in what others saw.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

from webapp.core import clock
from webapp.routing.condition import Change, Condition, Subject, changed
from webapp.routing.failover import policy_of, rest_seconds
from webapp.routing.terms import DIRECT, State, worst
from webapp.upstream.failures import UpstreamError

SLOW_MS: Final = 8_000.0  # to the first token, at the 95th percentile; a provider may say otherwise
TRIAL_SECONDS: Final = 20.0  # that the one trial of a circuit half open may take

# Failures to reach an address at all: only of these does a list that could be read, or not, say anything.
REACH: Final = frozenset({"network_refused", "network_dns", "network_timeout", "network_tls", "blocked_address"})


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
        self._conditions: dict[Subject, Condition] = {}
        self._lock = threading.Lock()
        self.slow_ms: dict[int, float] = {}  # provider -> its own threshold
        self.told: Callable[[Change], None] | None = None

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
        with self._changing(call.provider_id, call.subjects) as conditions:
            for condition in conditions:
                condition.streak = condition.opened = 0
                condition.category, condition.good_at = "", clock.monotonic()
                condition.is_resting = False
                if first_token_ms is not None:
                    condition.first_ms.append(first_token_ms)

    def note_reached(self, provider_id: int) -> None:
        """It gave its list of models: it is there. Of answers, keys and rests that it asked for this says nothing."""
        with self._changing(provider_id, [("provider", provider_id, DIRECT)]) as (condition,):
            condition.good_at = clock.monotonic()
            if condition.category in REACH:
                condition.streak = condition.opened = 0
                condition.category = ""

    def note_failure(self, call: Call, error: UpstreamError) -> int:
        """A call failed: count it for who is to blame. Return how often in a row it happened to them."""
        policy = policy_of(error)
        if policy.scope == "request":
            return 0
        blamed = [subject for subject in call.subjects if subject[0] == policy.scope]
        if policy.scope == "key" and not blamed:
            blamed = [("provider", call.provider_id, call.route)]  # the environment's key, or none at all
        streak = 0
        with self._changing(call.provider_id, blamed) as conditions:
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
        known = self._conditions.get(subject)
        with self._changing(known.provider_id if known else 0, [subject]) as conditions:
            for condition in conditions:
                condition.streak = condition.opened = 0
                condition.failed_at, condition.category = None, ""

    def adopt(self, seen: Change) -> None:
        """Take over what another process saw, unless this one saw something later."""
        with self._lock:
            known = self._conditions.setdefault(seen.subject, Condition())
            if known.changed_at and known.changed_at >= seen.at:
                return
            now, age = clock.monotonic(), (clock.now() - seen.at).total_seconds()
            known.provider_id, known.since, known.changed_at = seen.provider_id, seen.since, seen.at
            known.streak, known.opened, known.category = seen.streak, seen.opened, seen.category
            known.is_resting = seen.state == "resting"
            known.until = now + (seen.until - clock.now()).total_seconds() if seen.until else 0.0
            if seen.state == "good":
                known.good_at, known.failed_at = now - age, None
            elif seen.state != "unknown":
                known.failed_at = now - age

    def of_provider(self, provider_id: int) -> dict[Subject, Condition]:
        """Return copies of the conditions of a provider, its models and its keys."""
        with self._lock:
            mine = [pair for pair in self._conditions.items() if pair[1].provider_id == provider_id]
            return {subject: copy.copy(condition) for subject, condition in mine}

    def set_slow(self, provider_id: int, slow_ms: float | None) -> None:
        """Say from when on a provider counts as slow; None: as usual."""
        self.slow_ms = {**self.slow_ms, provider_id: slow_ms or SLOW_MS}

    def keep_only(self, provider_ids: set[int]) -> None:
        """Forget everybody who belongs to another provider."""
        with self._lock:
            kept = [pair for pair in self._conditions.items() if pair[1].provider_id in provider_ids]
            self._conditions = dict(kept)

    @contextmanager
    def _changing(self, provider_id: int, subjects: list[Subject]) -> Iterator[list[Condition]]:
        """Give conditions to be changed, and tell of every state that became another one."""
        with self._lock:
            before = [self.state_of(subject, provider_id) for subject in subjects]
            conditions = [self._conditions.setdefault(subject, Condition()) for subject in subjects]
            yield conditions
            changes = []
            for subject, was, condition in zip(subjects, before, conditions, strict=True):
                condition.provider_id = provider_id
                if (state := self.state_of(subject, provider_id)) != was:
                    changes.append(changed(subject, was, state, condition))
        for change in changes:
            if self.told:
                self.told(change)


health = Health()  # of this process's calls; it has a lock of its own
