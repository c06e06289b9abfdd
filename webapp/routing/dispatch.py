"""Asks one after the other until somebody answers: the one loop of retry and failover, before the first token."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeVar

from webapp.core import clock
from webapp.core.errors import CryptoError
from webapp.providers.line import OWN_LIMIT
from webapp.routing.failover import policy_of
from webapp.routing.health import Call, Health
from webapp.routing.terms import Alias, Decision, Option
from webapp.upstream.brake import Brake
from webapp.upstream.failures import UpstreamError

MOST_WAITS: Final = 2  # for one target, when it names a wait
REFUSED_TO_BEGIN: Final = frozenset({429, 503, 529})
SAID: Final = 200  # characters of a failure's own words that are kept

Answer = TypeVar("Answer")
Pausing = Callable[[Option, float], AbstractContextManager[object]]  # whom a wait is for, and its seconds


@dataclass(slots=True)
class Attempt:
    """One try, for the trail. `outcome` is ok or the category of the failure; a wait before it is in `waited_ms`."""

    provider: str
    provider_id: int
    model: str
    model_pk: int
    route: str
    key_id: int | None
    outcome: str = "ok"
    status: int | None = None
    said: str = ""
    ms: float = 0.0
    waited_ms: float = 0.0


@dataclass(slots=True)
class Trail:
    """Who was asked for one answer, in order; the last one answered, if anybody did."""

    attempts: list[Attempt] = field(default_factory=list)
    alias: Alias | None = None  # that was asked, by name or by a rule
    failed: Callable[[], None] = lambda: None  # hears of every attempt that failed, as soon as it did

    def rows(self) -> list[dict[str, Any]]:
        """Return it as JSON."""
        return [asdict(attempt) for attempt in self.attempts]


@dataclass(frozen=True, slots=True)
class Turn:
    """What an attempt may know of its place in the row."""

    option: Option
    is_last: bool  # nobody else is left: no reason to give up early


def dispatch(
    decision: Decision,
    attempt: Callable[[Turn], Answer],
    health: Health,
    trail: Trail,
    brake: Brake,
    patience_seconds: float = 0.0,
    pausing: Pausing = lambda option, seconds: nullcontext(),
) -> Answer:
    """Return what the first working attempt returns; who answered is the trail's last.

    An attempt raises UpstreamError as long as nothing was answered, and notes itself what comes later. A POST is sent
    again to the same target only when that refused to begin (429, 503, 529) and named a wait within the patience;
    with others left in the row, they are asked instead. `pausing` surrounds such a wait. Raises the last
    UpstreamError, and Stopped.
    """
    trail.alias = decision.alias
    queue = list(decision.options)
    waits: dict[Option, int] = {}
    refused: UpstreamError | None = None
    while queue:
        option = _next(queue, health)
        waited_ms = 0.0
        if refused and waits.get(option):
            seconds = refused.retry_after_seconds or 0.0
            with pausing(option, seconds):
                brake.wait(seconds)
            waited_ms = seconds * 1000
        began = clock.monotonic()
        tried = _begun(option, waited_ms)
        trail.attempts.append(tried)
        try:
            answer = attempt(Turn(option, is_last=not queue))
        except UpstreamError as error:
            refused = error
        except CryptoError as error:
            refused = UpstreamError("auth_missing", str(error))
        else:
            tried.ms = (clock.monotonic() - began) * 1000
            return answer
        tried.ms = (clock.monotonic() - began) * 1000
        tried.outcome, tried.status, tried.said = refused.category, refused.status, refused.message[:SAID]
        if refused.code != OWN_LIMIT:  # it was never asked
            health.note_failure(call_of(option), refused)
        trail.failed()
        queue = [other for other in queue if _is_worth(other, option, refused)]
        if not queue and _may_wait(refused, patience_seconds) and waits.get(option, 0) < MOST_WAITS:
            waits[option] = waits.get(option, 0) + 1
            queue.append(option)
    raise refused or UpstreamError("model_not_found", "Nobody is left to be asked.")


def call_of(option: Option) -> Call:
    """Return whose health an option's outcome tells of."""
    return Call(option.place.provider_id, option.place.model_pk, option.route, option.key.id)


def _next(queue: list[Option], health: Health) -> Option:
    """Take the first that may be asked; who is being tried out by somebody else waits at the end."""
    for place, option in enumerate(queue):
        if option.state != "trial" or health.may_ask(call_of(option)):
            return queue.pop(place)
    return queue.pop(0)


def _is_worth(other: Option, failed: Option, error: UpstreamError) -> bool:
    """Tell whether asking this one makes sense after that failure."""
    policy = policy_of(error)
    if policy.then == "stop":
        return False
    if policy.then == "larger":
        least = failed.place.context_length or 0
        return (other.place.context_length or 0) > least
    same_provider = other.place.provider_id == failed.place.provider_id and other.route == failed.route
    match policy.scope:
        case "provider":
            return not same_provider
        case "model" | "request":
            same_model = same_provider and other.place.model_pk == failed.place.model_pk
            return not same_model or (policy.by_key and other.key != failed.key)
        case "key":
            return not (same_provider and other.key == failed.key)
    return True


def _may_wait(error: UpstreamError, patience_seconds: float) -> bool:
    """It must not have begun: a status says so, or that it waited in vain in our own line."""
    seconds = error.retry_after_seconds
    has_not_begun = error.status in REFUSED_TO_BEGIN or error.code == OWN_LIMIT
    return has_not_begun and policy_of(error).waits and seconds is not None and seconds <= patience_seconds


def _begun(option: Option, waited_ms: float) -> Attempt:
    place = option.place
    return Attempt(
        place.provider,
        place.provider_id,
        place.model_id,
        place.model_pk,
        option.route,
        option.key.id,
        waited_ms=waited_ms,
    )
