"""How far the reading of all lists is: told from the providers' rows, so that every process knows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core import clock
from webapp.providers.provider import Provider, visible_providers
from webapp.providers.schedule import COOL_DOWN

LONGEST_WATCH = timedelta(minutes=10)  # whoever reads may have been stopped


@dataclass(frozen=True, slots=True)
class Progress:
    """The lists of these providers, which are read since a moment."""

    since: datetime
    rows: list[Provider]

    @property
    def keys(self) -> list[int]:
        """The providers' ids."""
        return [row.id for row in self.rows]

    @property
    def read(self) -> list[Provider]:
        """Those whose list was asked for meanwhile."""
        return [row for row in self.rows if not row.is_refreshing and self._was_asked(row)]

    @property
    def failed(self) -> list[Provider]:
        """Those whose list could not be read."""
        return [row for row in self.read if row.refresh_failure]

    @property
    def is_over(self) -> bool:
        """Whether nobody reads any more."""
        return len(self.read) == len(self.rows) or clock.now() - self.since > LONGEST_WATCH

    def _was_asked(self, row: Provider) -> bool:
        # Every answer, good or bad, holds back the next call for at least this long.
        return row.refresh_blocked_until is not None and row.refresh_blocked_until >= self.since + COOL_DOWN


def being_read(rows: Iterable[Provider]) -> Progress:
    """Return those of these providers whose lists are read now, whoever asked for it."""
    return Progress(clock.now(), [row for row in rows if row.is_refreshing])


def progress(session: Session, user: User, keys: Iterable[int], since: datetime) -> Progress:
    """Return how far it is with these providers."""
    wanted = set(keys)
    return Progress(since, [row for row in session.scalars(visible_providers(user)) if row.id in wanted])
