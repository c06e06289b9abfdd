"""How calls went by each route, from those that were made, and what a gateway adds, from comparisons."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.routing.comparison import Comparison
from webapp.routing.report import is_failure, percentile
from webapp.routing.terms import DIRECT
from webapp.usage.event import OK, UsageEvent

RECENT: Final = timedelta(days=7)
MOST_CALLS: Final = 5_000  # the latest
MOST_COMPARED: Final = 100

Times = tuple[float, float] | None  # p50 and p95, in milliseconds


@dataclass(slots=True)
class Figures:
    """Calls that went well or failed through no fault of the request; times are of those that went well."""

    calls: int = 0
    good: int = 0
    _firsts: list[float] = field(default_factory=list)
    _wholes: list[float] = field(default_factory=list)

    @property
    def first_ms(self) -> Times:
        """To the first token."""
        return _times(self._firsts)

    @property
    def whole_ms(self) -> Times:
        """To the end."""
        return _times(self._wholes)

    def add(self, outcome: str, first_ms: float | None, whole_ms: float | None) -> None:
        """Count a call."""
        self.calls += 1
        if outcome != OK:
            return
        self.good += 1
        if first_ms is not None:  # only streams tell it
            self._firsts.append(first_ms)
        if whole_ms is not None:
            self._wholes.append(whole_ms)


def figures_of(session: Session, provider_ids: Iterable[int]) -> dict[tuple[int, str], Figures]:
    """Return those of the last week by provider and route; `gateway`: all routes but direct, 0: all providers."""
    times = (UsageEvent.first_token_ms, UsageEvent.latency_ms)
    rows = session.execute(
        select(UsageEvent.provider_id, UsageEvent.route, UsageEvent.outcome, *times)
        .where(UsageEvent.kind != "embedding")
        .where(UsageEvent.provider_id.in_(list(provider_ids)), UsageEvent.at > clock.now() - RECENT)
        .order_by(UsageEvent.at.desc())
        .limit(MOST_CALLS)
    )
    found: dict[Any, Figures] = defaultdict(Figures)
    for provider_id, route, outcome, first_ms, whole_ms in rows:
        if outcome == OK or is_failure(outcome):
            for key in ((provider_id, route), (0, route), *([(provider_id, "gateway")] if route != DIRECT else [])):
                found[key].add(outcome, first_ms, whole_ms)
    return dict(found)


def added_delays(session: Session) -> dict[str, tuple[Times, int]]:
    """Return by route how much later first tokens came than direct, in how many comparisons (everybody's)."""
    wanted = select(Comparison).where(Comparison.created_at > clock.now() - RECENT).order_by(Comparison.id.desc())
    found: dict[str, list[float]] = defaultdict(list)
    for row in session.scalars(wanted.limit(MOST_COMPARED)):
        if row.added_ms is not None:
            found[row.route].append(row.added_ms)
    return {route: (_times(delays), len(delays)) for route, delays in found.items()}


def _times(values: list[float]) -> Times:
    return (median(values), percentile(sorted(values), 0.95)) if values else None
