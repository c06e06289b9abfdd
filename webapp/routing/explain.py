"""Why this route: what `choose` decides for a question, every step of it, and how everybody in its order is doing."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.routing.choose import choose
from webapp.routing.dispatch import call_of
from webapp.routing.history import HealthState
from webapp.routing.terms import Conditions, Decision, Option, Question, Rule

THROWS = 500  # of the dice, to tell chances


@dataclass(frozen=True, slots=True)
class Line:
    """One option in its order. `chance`: percents to be asked first, where that is drawn; `category`: why it is out."""

    option: Option
    chance: int | None
    category: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision, the likeliest one where dice are thrown."""

    decision: Decision
    lines: list[Line]
    by_chance: bool


def explain(session: Session, question: Question, rules: tuple[Rule, ...], now: Conditions) -> Explained:
    """Decide as for a real question, and tell why."""
    decision = choose(question, rules, now, 0)
    by_chance = decision.alias is not None and decision.alias.strategy == "weighted" and bool(decision.options)
    firsts = Counter[int]()
    if by_chance:
        thrown = [choose(question, rules, now, dice) for dice in range(THROWS)]
        firsts.update(one.options[0].place.model_pk for one in thrown)
        likeliest = firsts.most_common(1)[0][0]
        decision = next(one for one in thrown if one.options[0].place.model_pk == likeliest)
    categories = _categories(session, decision.options)
    told: set[int] = set()
    lines = []
    for option in decision.options:
        pk = option.place.model_pk
        chance = round(100 * firsts[pk] / THROWS) if by_chance and pk not in told else None
        told.add(pk)
        lines.append(Line(option, chance, categories.get(option, "")))
    return Explained(decision, lines, by_chance)


def _categories(session: Session, options: Iterable[Option]) -> dict[Option, str]:
    """Return what went wrong last with those that are not well."""
    ids = {subject[1] for option in options for subject in call_of(option).subjects}
    rows = session.scalars(select(HealthState).where(HealthState.subject_id.in_(ids), HealthState.category != ""))
    known = {(row.kind, row.subject_id, row.route): row.category for row in rows}
    found = {}
    for option in options:
        said = [known[subject] for subject in call_of(option).subjects if subject in known]
        if said and option.state not in ("good", "unknown"):
            found[option] = said[0]
    return found
