"""How a provider is doing, for pages and programs: its state in a word, and figures of the calls that were made."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.models.model import Model
from webapp.providers.provider import Provider
from webapp.routing.condition import DEGRADED_SECONDS, FEWEST, Condition, Subject
from webapp.routing.failover import POLICIES
from webapp.routing.health import SLOW_MS, health
from webapp.routing.history import HealthChange
from webapp.routing.terms import AUTOMATIC, DIRECT, OUT, WORST_FIRST
from webapp.usage.event import UsageEvent

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
PIECES: Final = 48  # of the day's bar
MOST_CALLS: Final = 20_000  # the latest, that figures are taken from
SHOWN_CHANGES: Final = 8


@dataclass(frozen=True, slots=True)
class Doing:
    """A provider in a word: unknown, good, slow, unsteady, partly, resting, down. `out`: how much of it is out."""

    word: str
    since: datetime | None = None
    category: str = ""
    out: int = 0

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look."""
        return self.word == "down"


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of the last 24 hours. `pieces` are words of half hours, the oldest first; uptimes are parts of one."""

    doing: Doing
    pieces: tuple[str, ...]
    calls: int
    good: int
    latency_ms: tuple[float, float] | None  # p50, p95
    first_token_ms: float | None  # p50
    failed_at: datetime | None
    failed_with: str
    uptimes: tuple[float | None, float | None]  # of a day, of a week
    changes: list[tuple[HealthChange, str, bool]]  # the newest first, with whom it tells of, and whether they are back


def doing(provider: Provider) -> Doing:
    """Say how a provider is doing by the route that it is set to. On trial counts as out until a call ended well."""
    return doing_by(provider.id, provider.route)


def doing_by(provider_id: int, route: str) -> Doing:
    """Say how a provider is doing by a route; with automatic counts whatever works best."""
    known = health.of_provider(provider_id)
    states = {subject: health.state_of(subject, provider_id) for subject in known}
    best: dict[tuple[str, int], Subject] = {}
    for subject in sorted(states, key=lambda subject: WORST_FIRST.index(states[subject])):
        if route == AUTOMATIC or subject[2] in (route, ""):  # keys have no route
            best[subject[:2]] = subject
    own = best.pop(("provider", provider_id), None)
    out = sum(states[subject] in (*OUT, "trial") for subject in best.values())
    condition = known[own] if own else None
    if own and condition and states[own] in (*OUT, "trial"):
        word = "resting" if condition.is_resting else "down"
        return Doing(word, condition.since, condition.category, out)
    if out:
        return Doing("partly", out=out)
    if own and condition and states[own] == "degraded":
        return Doing("unsteady" if _failed_lately(condition) else "slow", condition.since, condition.category)
    if own and states[own] == "good":
        return Doing("good")
    return Doing("unsteady" if "degraded" in (states[subject] for subject in best.values()) else "unknown")


def provider_report(session: Session, provider: Provider) -> Report:
    """Gather the figures of one provider; from everybody's calls, for they say how it is, not who asked."""
    now = clock.now()
    calls = _calls(session, provider.id, now - DAY)
    changes = _changes(session, provider.id, now - WEEK)
    downs = down_times(changes, _routes(provider), provider.created_at, now)
    slow_ms = health.slow_ms.get(provider.id, SLOW_MS)
    counted = [row for row in calls if is_failure(row.outcome) or row.outcome == "ok"]
    failed = next((row for row in calls if is_failure(row.outcome)), None)
    latencies = sorted(row.latency_ms for row in calls if row.latency_ms and row.outcome == "ok")
    firsts = [row.first_token_ms for row in calls if row.first_token_ms is not None]
    is_known = bool(calls or changes)
    return Report(
        doing=doing(provider),
        pieces=pieces(counted, downs, now, slow_ms),
        calls=len(counted),
        good=sum(row.outcome == "ok" for row in counted),
        latency_ms=(median(latencies), percentile(latencies, 0.95)) if latencies else None,
        first_token_ms=median(firsts) if firsts else None,
        failed_at=failed.at if failed else None,
        failed_with=failed.outcome if failed else "",
        uptimes=(_uptime(downs, provider, now, DAY), _uptime(downs, provider, now, WEEK)) if is_known else (None, None),
        changes=_named(session, provider, changes)[-SHOWN_CHANGES:][::-1],
    )


def is_failure(outcome: str) -> bool:
    """Whether an outcome of a call speaks against who was asked: what the request did wrong does not."""
    return outcome in POLICIES and POLICIES[outcome].scope != "request"


def percentile(ordered: Sequence[float], part: float) -> float:
    """Return the value that this part of them does not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def down_times(
    changes: Iterable[HealthChange], routes: Collection[str], start: datetime, now: datetime
) -> list[tuple[datetime, datetime]]:
    """Return when the provider itself was down by all these routes, as changes tell; before its first each was up."""
    found: list[tuple[datetime, datetime]] = []
    began: datetime | None = None
    states = dict.fromkeys(routes, "unknown")
    for change in changes:
        if change.kind != "provider" or change.route not in states:
            continue
        states[change.route] = change.state
        if all(state == "down" for state in states.values()):
            began = began or max(change.at, start)
        elif began:
            found.append((began, change.at))
            began = None
    return [*found, (began, now)] if began else found


def pieces(
    calls: Iterable[Any], downs: list[tuple[datetime, datetime]], now: datetime, slow_ms: float
) -> tuple[str, ...]:
    """Return a word for each half hour: none (nothing is known), good, slow, down. Calls have at, outcome and times."""
    length = DAY / PIECES
    ends = [now - DAY + length * (number + 1) for number in range(PIECES)]
    held: defaultdict[int, list[Any]] = defaultdict(list)
    for call in calls:
        held[min(bisect_right(ends, call.at), PIECES - 1)].append(call)
    return tuple(_piece(held[number], downs, end - length, end, slow_ms) for number, end in enumerate(ends))


def _routes(provider: Provider) -> set[str]:
    """Return the routes of which one has to work: with automatic all that were asked."""
    if provider.route != AUTOMATIC:
        return {provider.route}
    return {route for kind, _, route in health.of_provider(provider.id) if kind == "provider"} | {DIRECT}


def _failed_lately(condition: Condition) -> bool:
    failed_at = condition.failed_at
    return bool(condition.streak) or (failed_at is not None and clock.monotonic() - failed_at < DEGRADED_SECONDS)


def _calls(session: Session, provider_id: int, since: datetime) -> Sequence[Any]:
    columns = (UsageEvent.at, UsageEvent.outcome, UsageEvent.latency_ms, UsageEvent.first_token_ms)
    wanted = select(*columns).where(UsageEvent.provider_id == provider_id, UsageEvent.at >= since)
    return session.execute(wanted.order_by(UsageEvent.at.desc()).limit(MOST_CALLS)).all()


def _changes(session: Session, provider_id: int, since: datetime) -> Sequence[HealthChange]:
    wanted = select(HealthChange).where(HealthChange.provider_id == provider_id, HealthChange.at >= since)
    newest = session.scalars(wanted.order_by(HealthChange.at.desc(), HealthChange.id.desc()).limit(MOST_CALLS)).all()
    return newest[::-1]


def _piece(
    calls: list[Any], downs: list[tuple[datetime, datetime]], start: datetime, end: datetime, slow_ms: float
) -> str:
    if any(began < end and ended > start for began, ended in downs):
        return "down"
    if not calls:
        return "none"
    failed = sum(call.outcome != "ok" for call in calls)
    if failed == len(calls):
        return "down"
    firsts = sorted(call.first_token_ms for call in calls if call.first_token_ms is not None)
    is_slow = len(firsts) >= FEWEST and percentile(firsts, 0.95) > slow_ms
    return "slow" if failed or is_slow else "good"


def _uptime(
    downs: list[tuple[datetime, datetime]], provider: Provider, now: datetime, window: timedelta
) -> float | None:
    start = max(now - window, provider.created_at)
    if now <= start:
        return None
    down = sum((ended - max(began, start) for began, ended in downs if ended > start), timedelta())
    return 1 - down / (now - start)


def _named(
    session: Session, provider: Provider, changes: Sequence[HealthChange]
) -> list[tuple[HealthChange, str, bool]]:
    told = {row.subject_id for row in changes if row.kind == "model"}
    models = session.execute(select(Model.id, Model.model_id).where(Model.id.in_(told)))
    names = {row.id: row.model_id for row in models}
    keys = {row.id: row.label or row.hint for row in provider.credentials}
    of_kind: dict[str, Mapping[int, str]] = {"model": names, "key": keys}
    were: dict[tuple[str, int, str], str] = {}
    found = []
    for row in changes:
        subject = (row.kind, row.subject_id, row.route)
        is_back = were.get(subject) in OUT and row.state not in OUT
        found.append((row, of_kind.get(row.kind, {}).get(row.subject_id, ""), is_back))
        were[subject] = row.state
    return found
