"""One model beside the picker's list: where else it is, and what it lacks of what a conversation needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.words import compact, searchable
from webapp.models.catalogue import base_name
from webapp.models.facts import LISTED, TAKEN, merged
from webapp.models.mark import Mark
from webapp.models.model import Model, find_known_model
from webapp.models.parameters import INSTEAD, PARAMETERS
from webapp.models.ranges import ranges_of
from webapp.models.standing import Standing, standings_of

CONTEXT = "context_length"
MOST_OTHERS = 5


@dataclass(frozen=True, slots=True)
class Need:
    """What a conversation needs of its next model: tokens of context, or a capability (then `amount` is nothing)."""

    name: str
    amount: int = 0

    def is_met(self, model: Model) -> bool:
        """Whether nothing that is known of the model speaks against it."""
        if self.name == CONTEXT:
            return model.context_length is None or self.amount <= model.context_length
        return (model.capabilities or {}).get(self.name) is not False


# Set once at start by the wiring: `webapp.chat` stands to our right and must not be imported here.
needs_of: Callable[[Session, User, str], list[Need]] | None = None
# Likewise, for `webapp.usage`: how long answers of a model take to begin, in ms.
first_token_of: Callable[[Session, Model], float | None] | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of one model. `others` are the same model at providers that can be used, the cheapest first."""

    model: Model
    standing: Standing
    is_favourite: bool
    facts: dict[str, Any]
    others: list[tuple[Standing, Model]]
    lacks: list[Need]
    takes: list[str]
    first_token_ms: float | None


def preview_model(session: Session, user: User, model_pk: int, conversation_id: str = "") -> Preview:
    """Return what is known of a model that this user may see; raise NotFoundError otherwise."""
    model = find_known_model(session, user, model_pk)
    session.refresh(model, ["facts"])
    standings = standings_of(session, user)
    mark = session.get(Mark, (user.id, model.id))
    needs = needs_of(session, user, conversation_id) if needs_of and conversation_id else []
    return Preview(
        model=model,
        standing=standings.get(model.provider_id) or Standing(model.provider, "disabled"),
        is_favourite=bool(mark and mark.is_favourite),
        facts={name: fact.value for name, fact in merged(model.facts or {}, model.overrides or {}).items()},
        others=_others(session, model, standings),
        lacks=[need for need in needs if not need.is_met(model)],
        takes=taken_by(model),
        first_token_ms=first_token_of(session, model) if first_token_of else None,
    )


def taken_by(model: Model) -> list[str]:
    """Return which of PARAMETERS the model takes: by its provider's list, else by a protocol that lacks some.

    What was refused is left out. Nothing is returned where nothing is known.
    """
    told, lacks = (model.facts or {}).get(LISTED, {}).get(TAKEN, ()), ranges_of(model.provider).lacks
    if told:
        names = [name for name in PARAMETERS if not {name, *INSTEAD.get(name, ())}.isdisjoint(told)]
    else:
        names = [name for name in PARAMETERS if name not in lacks] if lacks else []
        if not (model.capabilities or {}).get("reasoning") and "reasoning_effort" in names:
            names.remove("reasoning_effort")
    return [name for name in names if f"drop {name}" not in model.quirks]


def _others(session: Session, model: Model, standings: Mapping[int, Standing]) -> list[tuple[Standing, Model]]:
    name = base_name(model.model_id)
    usable = [key for key, row in standings.items() if row.is_usable and key != model.provider_id]
    alike = session.scalars(
        select(Model)
        .where(Model.provider_id.in_(usable), Model.is_enabled, Model.vanished_at.is_(None), Model.kind == model.kind)
        .where(Model.search_text.contains(compact(searchable(name)) or name, autoescape=True))
        .limit(200)
    )
    same = [row for row in alike if base_name(row.model_id) == name]
    same.sort(key=lambda row: (row.input_price is None, row.input_price or 0.0, row.id))
    at_each = {row.provider_id: row for row in reversed(same)}  # the cheapest of each provider
    found = sorted(at_each.values(), key=same.index)
    return [(standings[row.provider_id], row) for row in found[:MOST_OTHERS]]
