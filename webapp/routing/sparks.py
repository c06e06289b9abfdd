"""The lines on the list of providers: how long answers took to begin, over the day."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.runtime import runtime
from webapp.providers.provider import Provider
from webapp.routing.condition import FEWEST
from webapp.usage.event import UsageEvent

DAY: Final = timedelta(days=1)
MOST_CALLS: Final = 20_000  # the latest, of all providers together
SPARK_POINTS: Final = 24
SPARK_SIZE: Final = (96.0, 24.0)
SPARKS_KEPT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Spark:
    """How long answers took to begin, over the day: the path of a line, and the median."""

    path: str
    median_ms: float


def sparks(session: Session) -> Mapping[int, Spark]:
    """Return the line of every provider that was asked often enough today; one query, remembered for some seconds."""
    now, boot_id = clock.monotonic(), runtime().boot_id
    with _sparks_lock:
        whose, until, found = _sparks.get("all", ("", 0.0, {}))
        if whose == boot_id:
            if until > now:
                return found
            _sparks["all"] = (boot_id, now + SPARKS_KEPT_SECONDS, found)  # the others have the old ones meanwhile
    found = _read_sparks(session)  # without the lock: nobody waits for one who may need a connection
    with _sparks_lock:
        _sparks["all"] = (boot_id, now + SPARKS_KEPT_SECONDS, found)
    return found


_sparks: dict[str, tuple[str, float, dict[int, Spark]]] = {}
_sparks_lock = threading.Lock()


def _read_sparks(session: Session) -> dict[int, Spark]:
    now = clock.now()
    rows = session.execute(
        select(UsageEvent.provider_id, UsageEvent.at, UsageEvent.first_token_ms)
        .where(UsageEvent.provider_id.in_(select(Provider.id)), UsageEvent.at >= now - DAY)
        .where(UsageEvent.first_token_ms.is_not(None))
        .order_by(UsageEvent.at.desc())
        .limit(MOST_CALLS)
    )
    points: defaultdict[Any, defaultdict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for provider_id, at, first_ms in rows:
        points[provider_id][int((now - at) / (DAY / SPARK_POINTS))].append(first_ms)
    found = {}
    for provider_id, ages in points.items():
        every = [ms for own in ages.values() for ms in own]
        if len(every) >= FEWEST:
            newest_last = [median(ages[age]) for age in sorted(ages, reverse=True)]
            found[provider_id] = Spark(_path(newest_last), median(every))
    return found


def _path(values: list[float]) -> str:
    """Draw a line through the values; one alone is a level line."""
    width, height = SPARK_SIZE
    values = values * 2 if len(values) == 1 else values
    least, most = min(values), max(values)
    step, scale = width / (len(values) - 1), (height - 4) / ((most - least) or 1)
    drawn = [(step * place, height - 2 - (value - least) * scale) for place, value in enumerate(values)]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in drawn)
