"""Probes that cost money: asks for one token, of who is on trial or silent where no free probe can tell.

A user's own call comes first, then the free probes of probing.py. Without a budget (probe_budget.py) nobody is asked.
"""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import reading
from webapp.core.errors import BusyError
from webapp.core.runtime import runtime
from webapp.models.model import Model
from webapp.models.overlay import told_prices
from webapp.models.parameters import applied
from webapp.providers.line import OWN_LIMIT
from webapp.providers.provider import ALIAS, Provider
from webapp.routing.asking import HANG_SECONDS, Asked, Asker, ask_decided
from webapp.routing.condition import Subject
from webapp.routing.dispatch import Trail, call_of
from webapp.routing.health import REACH, Health, health
from webapp.routing.probe_budget import book, read_budget, reserve
from webapp.routing.probing import LOOK_SECONDS, is_probed, take_lease
from webapp.routing.terms import AUTOMATIC, DIRECT, EMBEDDED, OUT, Decision, Key, Option, Place
from webapp.routing.world import subject_of
from webapp.upstream.brake import Brake
from webapp.upstream.calls import ask
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest, Usage
from webapp.upstream.target import Target
from webapp.usage.event import OK, UsageEvent, call_to

GRACE_SECONDS: Final = 30.0  # after a rest, for somebody's own call to be the one that tries
PAUSE_SECONDS: Final = 300.0  # between two of these probes of one provider
QUIET: Final = timedelta(hours=1)  # without any call, before one without a list is asked
MOST_USED: Final = Usage(256, 16)  # tokens that are set aside; what was used is booked
MODELS_LOOKED_AT, WISHES_LOOKED_AT = 5, 20
QUESTION: Final = ChatMessage("user", "Hi")
BACKGROUND: Final = Asker(None, "background", "probe", turn_seconds=1.0)


@dataclass(frozen=True, slots=True)
class Wish:
    """A probe that would tell something, and what it can cost."""

    option: Option
    most_nano_usd: int


class PaidProber:
    """Asks one at a time. A process has one, which its monitor asks every second; one process of several probes."""

    def __init__(self, about: Health = health) -> None:
        self._health = about
        self._next = _soon()
        self._not_before: dict[int, float] = {}  # by provider
        self._free = threading.Semaphore()

    def probe_next(self) -> Option | None:
        """Begin with the next probe that is due and can be paid, in the background; return whom it asks."""
        if clock.monotonic() < self._next or not self._free.acquire(blocking=False):
            return None
        self._next = _soon()
        option = None
        try:
            option = self._begin()
        finally:
            if option is None:
                self._free.release()
        return option

    def _begin(self) -> Option | None:
        with reading() as session:
            left = read_budget(session).left_nano_usd
            found = (wish for wish in self._wishes(session) if wish.most_nano_usd <= left)
            wishes = list(islice(found, WISHES_LOOKED_AT)) if left else []
        if not wishes or not take_lease(runtime().boot_id):
            return None
        wish = next((wish for wish in wishes if self._health.may_ask(call_of(wish.option))), None)
        day = reserve(wish.most_nano_usd) if wish else None
        if wish is None or day is None:
            return None
        self._not_before[wish.option.place.provider_id] = clock.monotonic() + PAUSE_SECONDS
        try:
            runtime().background.start(self._ask_paid, wish, day)
        except BusyError:
            book(day, wish.most_nano_usd, 0)
            return None
        return wish.option

    def _ask_paid(self, wish: Wish, day: str) -> None:
        spent = wish.most_nano_usd
        try:
            spent = _asked(wish)
        finally:
            self._free.release()
            book(day, wish.most_nano_usd, spent)

    def _wishes(self, session: Session) -> Iterator[Wish]:
        for provider in _probed(session):
            if clock.monotonic() < self._not_before.get(provider.id, 0.0):
                continue
            doubts = self._doubts(provider)
            if not provider.has_list and not doubts and _is_quiet(session, provider):
                doubts = [("provider", provider.id, DIRECT if provider.route == AUTOMATIC else provider.route)]
            for subject in doubts:
                if wish := self._wish(session, provider, subject):
                    yield wish

    def _doubts(self, provider: Provider) -> list[Subject]:
        """Return who is on trial and was not tried, without those that a free probe tells of."""
        now, found = clock.monotonic(), []
        for subject, condition in self._health.of_provider(provider.id).items():
            is_free = subject == ("provider", provider.id, DIRECT) and condition.category in REACH
            if condition.opened and now >= condition.until + GRACE_SECONDS and not (is_free and is_probed(provider)):
                found.append(subject)
        return found

    def _wish(self, session: Session, provider: Provider, subject: Subject) -> Wish | None:
        """Choose whom to ask about a subject: itself, or the default model, else the cheapest. None: no price known."""
        kind, number, route = subject
        wanted = select(Model).where(
            Model.provider_id == provider.id, Model.is_enabled, Model.vanished_at.is_(None), Model.kind == "chat"
        )
        if kind == "model":
            wanted = wanted.where(Model.id == number)
        by_price = (Model.model_id != (provider.default_model or ""), Model.input_price + Model.output_price, Model.id)
        priced = wanted.where(Model.input_price.is_not(None), Model.output_price.is_not(None)).order_by(*by_price)
        for model in session.scalars(priced.limit(MODELS_LOOKED_AT)):
            place, cost = subject_of(session, model), _cost(model)
            if cost is None or not isinstance(place, Place):
                continue
            way = route or (DIRECT if place.route == AUTOMATIC else place.route)
            key = self._key(place, number if kind == "key" else None) if way in (DIRECT, EMBEDDED) else Key()
            if way not in place.routes or key is None:
                continue
            if kind == "model" or self._health.state_of(("model", model.id, way), provider.id) not in OUT:
                return Wish(Option(place, way, key, "unknown"), cost)
        return None

    def _key(self, place: Place, key_id: int | None) -> Key | None:
        keys = [key for key in place.keys if key_id in (None, key.id)]
        return min(keys, key=lambda key: key.id is not None and self._health.key_state(key.id) in OUT, default=None)


def _asked(wish: Wish) -> int:
    """Ask, as a call of the background; return what that cost, or can have cost where nobody told."""
    brake = Brake()

    def perform(asked: Asked, target: Target, _is_last: bool) -> Asked:
        patience = min(HANG_SECONDS, target.limits.first_byte_seconds)
        limits = replace(target.limits, first_byte_seconds=patience, total_seconds=2 * HANG_SECONDS)
        question = ChatRequest(asked.reached.model_id, (QUESTION,), max_tokens=1)
        reply, _ = ask(replace(target, limits=limits), applied(question, asked.reached.line.layers), brake)
        asked.end(OK, reply)
        return asked

    try:
        asked = ask_decided(Decision((wish.option,), (), None), BACKGROUND, brake, perform, trail=Trail())
    except UpstreamError as error:
        return 0 if _was_free(error) else wish.most_nano_usd
    return wish.most_nano_usd if asked.cost_nano_usd is None else asked.cost_nano_usd


def _was_free(error: UpstreamError) -> bool:
    """Tell whether nothing was processed: it was refused, or never came to the provider."""
    is_refused = error.status is not None and error.status >= 400
    return is_refused or error.category in (*REACH, "auth_missing") or error.code == OWN_LIMIT


def _probed(session: Session) -> list[Provider]:
    """Return the providers that money may be spent on: a budget is everybody's, so a private one must ask for it."""
    found = session.scalars(
        select(Provider)
        .where(Provider.is_enabled, Provider.deleted_at.is_(None), Provider.dialect.not_in(("demo", ALIAS)))
        .order_by(Provider.id)
    )
    return [row for row in found if row.is_usable and may_cost(row)]


def may_cost(provider: Provider) -> bool:
    """Tell whether checks of a provider in the background may cost money, if there is a budget."""
    return bool((provider.care or {}).get("paid_probes", provider.is_shared))


def _is_quiet(session: Session, provider: Provider) -> bool:
    """Tell whether nobody called it for long, in any process."""
    since = clock.now() - QUIET
    called = exists().where(UsageEvent.provider_id == provider.id, UsageEvent.at > since)
    return provider.created_at < since and not session.scalar(select(called))


def _cost(model: Model) -> int | None:
    call = call_to(
        model.provider, model.model_id, user_id=None, source="background", kind="probe", prices=told_prices(model)
    )
    call.count(MOST_USED)
    return call.cost_nano_usd


def _soon() -> float:
    return clock.monotonic() + random.uniform(*LOOK_SECONDS)  # noqa: S311 - spreads load, hides nothing
