"""Free probes: reads the list of a provider that is out or was quiet for long, so that no user's call has to try it."""

import random
from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import claim, reading, writing
from webapp.core.errors import BusyError
from webapp.core.runtime import runtime
from webapp.models import discovery
from webapp.providers.check import Check
from webapp.providers.provider import ALIAS, Provider
from webapp.providers.schedule import COOL_DOWN, is_readable, may_be_read
from webapp.routing.health import REACH, Call, Health, health
from webapp.routing.terms import DIRECT
from webapp.settings.setting import Setting
from webapp.upstream import Rung
from webapp.upstream.failures import UpstreamError

LOOK_SECONDS: Final = (4.0, 6.0)  # between two looks, drawn anew each time
IDLE: Final = timedelta(minutes=10)  # of silence until it is asked
LEASE: Final = "probing"  # the setting that says which process probes: until when, and who
LEASE_TIME: Final = timedelta(seconds=30)


class Prober:
    """Asks one provider at a time. A process has one, which its monitor asks every second."""

    def __init__(self, about: Health = health) -> None:
        self._health = about
        self._began = clock.monotonic()
        self._next = self._began + random.uniform(*LOOK_SECONDS)  # noqa: S311

    def probe_next(self) -> int | None:
        """Begin with the next provider that is due, in the background; return its id."""
        if clock.monotonic() < self._next:
            return None
        self._next = clock.monotonic() + random.uniform(*LOOK_SECONDS)  # noqa: S311
        with reading() as session:
            due = next((row for row in _probed(session) if self.is_due(row)), None)
            if due is None or not take_lease(runtime().boot_id):
                return None
            try:
                if not discovery.start_refresh(session, due):
                    return None
            except BusyError:
                return None
        self._health.may_ask(Call(due.id, 0))  # it is being tried: calls go elsewhere meanwhile
        return due.id

    def is_due(self, provider: Provider) -> bool:
        """Whether its rest after failing to be reached is over, or nobody heard of it for long."""
        condition = self._health.of_provider(provider.id).get(("provider", provider.id, DIRECT))
        if condition and condition.opened:
            return condition.category in REACH and clock.monotonic() >= condition.until
        heard = condition.heard_at if condition else None
        is_quiet = clock.monotonic() - max(heard or 0.0, self._began) >= IDLE.total_seconds()
        blocked = provider.refresh_blocked_until
        return is_quiet and (blocked is None or clock.now() - (blocked - COOL_DOWN) >= IDLE)


def is_probed(provider: Provider) -> bool:
    """Tell whether a list is read in the background to see whether its provider is there."""
    return provider.refresh_hours > 0 and (provider.care or {}).get("probes", True) and is_readable(provider)


def take_lease(boot_id: str) -> bool:
    """Tell whether this process is the one that probes; it stays the one for as long as it goes on asking."""
    now = clock.now()
    value = f"{(now + LEASE_TIME).isoformat()} {boot_id}"
    is_free = or_(Setting.value < now.isoformat(), Setting.value.endswith(f" {boot_id}"))
    with writing() as session:
        if claim(session, update(Setting).where(Setting.name == LEASE, is_free).values(value=value)):
            return True
        if session.get(Setting, LEASE):
            return False
    try:
        with writing() as session:
            session.add(Setting(name=LEASE, value=value))
    except IntegrityError:  # another process came first
        return False
    return True


def note_list(provider_id: int, error: UpstreamError | None) -> None:
    """Learn from a list of models that was read, or could not be: whether the provider can be reached."""
    if error is None:
        health.note_reached(provider_id)
    elif error.category in REACH:
        health.note_failure(Call(provider_id, 0), error)


def note_rung(check_id: int, rung: Rung) -> None:
    """Learn from a connection test whether a provider is there: a model answered, or nobody could be reached.

    Of other failures, which may be due to what was tested, it tells its reader and nobody else.
    """
    is_away = rung.error is not None and rung.error.category in REACH
    if not is_away and (rung.name, rung.verdict) != ("answer", "good"):
        return
    with reading() as session:
        check = session.get(Check, check_id)
    if check is None or check.provider_id is None:
        return
    if rung.error:
        health.note_failure(Call(check.provider_id, 0, check.route), rung.error)
        return
    health.reset(("provider", check.provider_id, check.route))
    if check.route == DIRECT:
        health.note_reached(check.provider_id)


def _probed(session: Session) -> list[Provider]:
    """Return the providers that may be asked in the background, the one that was asked longest ago first."""
    blocked = Provider.refresh_blocked_until
    found = session.scalars(
        select(Provider)
        .where(Provider.is_enabled, Provider.deleted_at.is_(None), Provider.dialect.not_in(("demo", ALIAS)))
        .where(Provider.refresh_hours > 0, may_be_read())
        .order_by(blocked.is_not(None), blocked, Provider.id)
    )
    return [row for row in found if is_probed(row)]
