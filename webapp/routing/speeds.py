"""How fast providers answer by each route, from the calls that were made."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.routing.terms import DIRECT
from webapp.usage.event import OK, UsageEvent

RECENT: Final = timedelta(days=7)
MOST_CALLS: Final = 5_000

Speeds = dict[tuple[int, str], float]  # provider and route -> median time to the first token, in milliseconds


def speeds(session: Session, provider_ids: Iterable[int]) -> Speeds:
    """Return the medians of the last week; `gateway` stands for all routes but direct, 0 for all providers."""
    rows = session.execute(
        select(UsageEvent.provider_id, UsageEvent.route, UsageEvent.first_token_ms)
        .where(UsageEvent.provider_id.in_(list(provider_ids)), UsageEvent.at > clock.now() - RECENT)
        .where(UsageEvent.outcome == OK, UsageEvent.first_token_ms.is_not(None))
        .order_by(UsageEvent.at.desc())
        .limit(MOST_CALLS)
    )
    times: dict[Any, list[Any]] = defaultdict(list)
    for provider_id, route, first_ms in rows:
        for key in ((provider_id, route), (0, route), *([(provider_id, "gateway")] if route != DIRECT else [])):
            times[key].append(first_ms)
    return {key: median(found) for key, found in times.items()}
