"""What is known of a model, and from whom: several sources, each with its date, merged into what counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from webapp.core import clock
from webapp.upstream.messages import CAPABILITIES

# What people say; what was seen in calls: a refusal, a check by a real call; then what others tell of it.
PEOPLE, OBSERVED, PROBED = "people", "observed", "probed"
LISTED, CATALOGUE, GUESS = "provider", "catalogue", "guess"
STRONGEST_FIRST: Final = (PEOPLE, OBSERVED, PROBED, LISTED, CATALOGUE, GUESS)
LABELS: Final = ("display_name", "kind")
SIZES: Final = ("context_length", "max_output_tokens")
ABILITIES: Final = (*CAPABILITIES, "streaming")
PRICES: Final = ("input_price", "output_price", "cached_price")  # US dollars for a million tokens
NAMES: Final = (*LABELS, *SIZES, *ABILITIES, *PRICES)
TAKEN: Final = "parameters"  # names that a request may hold; told by lists alone, so there is nothing to merge
RANKS: Final = {PEOPLE: 0, GUESS: 2}  # of a context length; the others are compared
AT: Final = "at"

# Source -> {"at": ISO moment, name of NAMES or TAKEN: value}. What a source does not know, it does not name. People
# and checks speak of one thing at a time: their "at" is {name: ISO moment}.
Facts = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known. `other` is what a weaker source said instead."""

    value: Any
    source: str
    at: datetime | None
    other: "Fact | None" = None


def with_source(facts: Facts, source: str, known: Mapping[str, Any]) -> Facts:
    """Return the facts with what one source says now; the date stays while nothing changes."""
    told = {name: known[name] for name in (*NAMES, TAKEN) if known.get(name) is not None}
    before = facts.get(source, {})
    if told == {name: value for name, value in before.items() if name != AT}:
        return facts
    rest = {name: layer for name, layer in facts.items() if name != source}
    return rest | ({source: {AT: clock.now().isoformat(), **told}} if told else {})


def with_one(layer: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return a layer of people or checks with one thing said now, under its own date; None takes it back."""
    dates = {known: at for known, at in layer.get(AT, {}).items() if known != name}
    rest = {known: said for known, said in layer.items() if known not in (name, AT)}
    if value is not None:
        rest, dates = rest | {name: value}, dates | {name: clock.now().isoformat()}
    return rest | ({AT: dates} if dates else {})


def merged(facts: Facts, overrides: Mapping[str, Any]) -> dict[str, Fact]:
    """Return what counts: the strongest source wins, but of two context lengths the smaller, unless it is a guess.

    `overrides` is what people said (overlay.py); it wins over all others.
    """
    facts = facts | {PEOPLE: {**overrides, **overrides.get("capabilities", {})}}
    found: dict[str, Fact] = {}
    for name in NAMES:
        said = [
            Fact(layer[name], source, _date(layer, name))
            for source in STRONGEST_FIRST
            if name in (layer := facts.get(source, {}))
        ]
        if name == "context_length":
            said.sort(key=lambda fact: (RANKS.get(fact.source, 1), fact.value))  # stable: equals keep their order
        if said:
            first = said[0]
            other = next((fact for fact in said[1:] if fact.value != first.value), None)
            found[name] = Fact(first.value, first.source, first.at, other)
    return found


def _date(layer: Mapping[str, Any], name: str) -> datetime | None:
    at = layer.get(AT)
    text = at.get(name) if isinstance(at, dict) else at
    return datetime.fromisoformat(text) if text else None
