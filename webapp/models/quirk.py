"""What a provider refuses for one model, remembered because somebody asked for it, and how that is undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import writing
from webapp.core.errors import ConflictError
from webapp.models.facts import OBSERVED
from webapp.models.model import Model
from webapp.providers.provider import Provider
from webapp.upstream.repair import is_word

MOST_QUIRKS = 20  # of one model
SHOWS = {"drop tools": {"tools": False}, "drop response_format": {"structured_output": False}}


@dataclass(frozen=True, slots=True)
class Quirk:
    """One word of upstream/repair.py that every request to this model is mended by."""

    word: str
    at: datetime
    by: str


def quirks_of(model: Model) -> list[Quirk]:
    """Return what is remembered of a model, the oldest first."""
    return [Quirk(word, datetime.fromisoformat(row["at"]), row["by"]) for word, row in model.quirks.items()]


def remember(user: User, model: Model, word: str) -> None:
    """From now on mend every request to this model; raise ConflictError for what is no such word, or one too many."""
    if not is_word(word):
        raise ConflictError
    with _changing(model) as known:
        if len(known) >= MOST_QUIRKS and word not in known:
            raise ConflictError
        known.setdefault(word, {"at": clock.now().isoformat(), "by": user.name})


def forget(model: Model, word: str) -> None:
    """Send requests to this model as they are again."""
    with _changing(model) as known:
        known.pop(word, None)


@contextmanager
def _changing(model: Model) -> Iterator[dict[str, dict[str, str]]]:
    """Give the rows of a model to be changed; what they say of the model itself follows them."""
    with writing() as session:
        locked = select(Provider).where(Provider.id == model.provider_id).with_for_update(of=Provider)
        provider = session.scalars(locked).one()
        known = dict(provider.quirks.get(model.model_id, {}))
        yield known
        others = {model_id: rows for model_id, rows in provider.quirks.items() if model_id != model.model_id}
        provider.quirks = others | ({model.model_id: known} if known else {})
        session.get_one(Model, model.id).learn({OBSERVED: _observed(known)})


def _observed(known: dict[str, Any]) -> dict[str, Any]:
    """What a refusal says of the model itself."""
    facts: dict[str, Any] = {}
    for word in known:
        facts |= SHOWS.get(word, {})
        if word.startswith(("cap max_tokens ", "cap max_completion_tokens ")):
            facts["max_output_tokens"] = int(word.split()[2])
    return facts
