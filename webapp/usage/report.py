"""What calls of one model took, for its page."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.models.model import Model
from webapp.usage.event import INTERRUPTED, OK, STOPPED, UsageEvent

DAYS: Final = 30
NO_FAILURES: Final = (OK, STOPPED, INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of the last 30 days. `cost_nano_usd` is of the `priced` calls: of the others nobody knows it."""

    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    priced: int
    median_first_token_ms: float | None


def model_report(session: Session, model: Model, user_id: int | None) -> Report:
    """Add up the calls of one user, or of everybody."""
    which = [*_which(model), *([UsageEvent.user_id == user_id] if user_id else [])]
    calls, failed, received, said, cost, priced, timed = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((UsageEvent.outcome.in_(NO_FAILURES), 0), else_=1)), 0),
            func.coalesce(func.sum(UsageEvent.input_tokens), 0),
            func.coalesce(func.sum(UsageEvent.output_tokens), 0),
            func.coalesce(func.sum(UsageEvent.cost_nano_usd), 0),
            func.count(UsageEvent.cost_nano_usd),
            func.count(UsageEvent.first_token_ms),
        ).where(*which)
    ).one()
    return Report(calls, failed, received, said, int(cost), priced, _median(session, which, timed))


def median_first_token_ms(session: Session, model: Model) -> float | None:
    """Return how long the answers of a model took to begin, over everybody's calls."""
    which = _which(model)
    return _median(session, which, session.scalar(select(func.count(UsageEvent.first_token_ms)).where(*which)) or 0)


def _which(model: Model) -> list[ColumnElement[bool]]:
    since = clock.now() - timedelta(days=DAYS)
    is_its = [UsageEvent.provider_id == model.provider_id, UsageEvent.model_id == model.model_id]
    return [*is_its, UsageEvent.at >= since]


def _median(session: Session, which: list[ColumnElement[bool]], timed: int) -> float | None:
    first_tokens = select(UsageEvent.first_token_ms).where(*which, UsageEvent.first_token_ms.is_not(None))
    return session.scalar(first_tokens.order_by(UsageEvent.first_token_ms).offset(timed // 2).limit(1))
