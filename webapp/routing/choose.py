"""Chooses who is asked, in which order. Pure: the same world, question and dice give the same decision.

The chat, `/v1` and the page that explains a decision all call `choose`; nothing else orders targets.
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import translate
from typing import Any, Final, Literal, Protocol

DIRECT: Final = "direct"
AUTOMATIC: Final = "automatic"
MOST_OPTIONS: Final = 8  # that are tried for one answer

State = Literal["unknown", "good", "degraded", "trial", "resting", "down"]
OUT: Final = frozenset({"resting", "down"})  # tried last, when nothing else is left
WORST_FIRST: Final[tuple[State, ...]] = ("down", "resting", "trial", "degraded", "good", "unknown")
Strategy = Literal["ordered", "weighted", "cheapest", "fastest"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a provider; `id` is None where none is needed or the environment holds it."""

    id: int | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A model at a provider, as far as choosing goes. `routes`: direct or names of gateways that serve it."""

    provider_id: int
    provider: str
    model_pk: int
    model_id: str
    capabilities: Mapping[str, bool | None] = field(default_factory=dict, hash=False)
    context_length: int | None = None
    price: float | None = None  # input and output for a million tokens, US dollars
    route: str = DIRECT  # what its provider is set to: direct, automatic or a gateway
    routes: tuple[str, ...] = (DIRECT,)
    keys: tuple[Key, ...] = (Key(),)

    @property
    def name(self) -> str:
        """The name that always means it."""
        return f"{self.provider}/{self.model_id}"


@dataclass(frozen=True, slots=True)
class Alias:
    """One public name, served by several places with weights."""

    name: str
    targets: tuple[tuple[Place, int], ...]
    strategy: Strategy = "ordered"
    is_sticky: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """If everything that it names matches, it sends the question to `to`, by `route`, or both. Patterns: * and ?."""

    name: str
    provider: str = "*"
    model: str = "*"
    capability: str = ""
    project: str = ""
    to: Alias | Place | None = None
    route: str = ""
    _provider: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _model: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_provider", re.compile(translate(self.provider.casefold())))
        object.__setattr__(self, "_model", re.compile(translate(self.model.casefold())))

    def matches(self, question: "Question", provider: str, model: str) -> bool:
        """Tell whether it speaks of this question; an alias has no provider, only its name."""
        return (
            (not self.capability or self.capability in question.needs)
            and (not self.project or self.project == question.project)
            and self._model.match(model) is not None
            and self._provider.match(provider) is not None
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `needs` are capabilities, `route` is what the caller or a preset insists on."""

    subject: Alias | Place
    needs: frozenset[str] = frozenset()
    project: str = ""
    route: str = ""
    last: tuple[int, str] | None = None  # model_pk and route of the answer before, in the same conversation
    input_tokens: int = 0


class Conditions(Protocol):
    """How things stand, from real traffic (health.py)."""

    def state(self, provider_id: int, model_pk: int, route: str) -> State:
        """Return the worse of the provider's and the model's state on this route."""

    def key_state(self, key_id: int) -> State:
        """Return the state of a key."""

    def first_token_ms(self, model_pk: int, route: str) -> float | None:
        """Return how long its answers took to begin of late; None when nobody asked it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to get the answer."""

    place: Place
    route: str
    key: Key
    state: State


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was considered, for the page that explains: a word and its values."""

    word: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is asked, in this order, and why."""

    options: tuple[Option, ...]
    steps: tuple[Step, ...]
    alias: Alias | None


def choose(question: Question, rules: Iterable[Rule], now: Conditions, dice: int) -> Decision:
    """Return every way to get the answer, the best first. What is out stays in the list, at its end."""
    steps: list[Step] = []
    question = _ruled(question, rules, steps)
    lot = random.Random(dice)  # noqa: S311 - spreads load, hides nothing
    subject = question.subject
    alias, ordered = (None, [subject]) if isinstance(subject, Place) else (subject, _ordered(subject, now, lot, steps))
    places = _fitting(ordered, question, steps)
    options = [option for place in places for option in _ways(place, question.route, now, lot, steps)]
    options.sort(key=lambda option: option.state in OUT)  # stable
    if any(option.state in OUT for option in options):
        out = sorted({option.place.name for option in options if option.state in OUT})
        steps.append(Step("out", {"names": out, "all": all(option.state in OUT for option in options)}))
    if question.last and (alias is None or alias.is_sticky):
        options = _sticky(options, question.last, steps)
    return Decision(tuple(options[:MOST_OPTIONS]), tuple(steps), alias)


def worst(*states: State) -> State:
    """Return the state that counts when several have their part in a call."""
    return min(states, key=WORST_FIRST.index)


def _ruled(question: Question, rules: Iterable[Rule], steps: list[Step]) -> Question:
    """Apply the first rule that names a target and the first that names a route."""
    subject = question.subject
    provider = subject.provider.casefold() if isinstance(subject, Place) else ""
    model = (subject.model_id if isinstance(subject, Place) else subject.name).casefold()
    is_sent = False
    for rule in rules:
        sends, routes = rule.to is not None and not is_sent, bool(rule.route) and not question.route
        if not (sends or routes) or not rule.matches(question, provider, model):
            continue
        if sends and rule.to is not None:
            is_sent = True
            question = replace(question, subject=rule.to)
            steps.append(Step("rule_target", {"rule": rule.name, "to": rule.to.name}))
        if routes:
            question = replace(question, route=rule.route)
            steps.append(Step("rule_route", {"rule": rule.name, "route": rule.route}))
        if is_sent and question.route:
            break
    return question


def _ordered(alias: Alias, now: Conditions, lot: random.Random, steps: list[Step]) -> list[Place]:
    places = [place for place, _ in alias.targets]
    steps.append(Step(alias.strategy, {"names": [place.name for place in places]}))
    match alias.strategy:
        case "weighted":
            return [place for place, _ in _drawn(alias.targets, lot)]
        case "cheapest":
            return sorted(places, key=lambda place: (place.price is None, place.price or 0))
        case "fastest":
            speeds = {place.model_pk: _fastest(place, now) for place in places}
            return sorted(places, key=lambda place: (speeds[place.model_pk] is None, speeds[place.model_pk] or 0))
    return places


def _fastest(place: Place, now: Conditions) -> float | None:
    known = [ms for route in place.routes if (ms := now.first_token_ms(place.model_pk, route)) is not None]
    return min(known, default=None)


def _drawn(targets: Iterable[tuple[Any, int]], lot: random.Random) -> list[tuple[Any, int]]:
    """Draw without putting back, each with its weight (Efraimidis and Spirakis); weight 0 comes last."""
    return sorted(targets, key=lambda target: -(lot.random() ** (1 / target[1])) if target[1] > 0 else 1)


def _fitting(places: list[Place], question: Question, steps: list[Step]) -> list[Place]:
    """Put last what is known to lack what the question needs; it may be known wrongly."""
    lacks = {place.model_pk: _lacks(place, question) for place in places}
    for place in places:
        if lacks[place.model_pk]:
            steps.append(Step("lacks", {"name": place.name, "what": lacks[place.model_pk]}))
    return sorted(places, key=lambda place: bool(lacks[place.model_pk]))


def _lacks(place: Place, question: Question) -> list[str]:
    lacking = sorted(need for need in question.needs if place.capabilities.get(need) is False)
    if place.context_length and question.input_tokens > place.context_length:
        lacking.append("context_length")
    return lacking


def _ways(place: Place, wanted: str, now: Conditions, lot: random.Random, steps: list[Step]) -> list[Option]:
    routes = _routes(place, wanted, now, steps)
    keys = [key for key, _ in _drawn([(key, key.weight) for key in place.keys], lot)]
    keys.sort(key=lambda key: key.id is not None and now.key_state(key.id) in OUT)
    options = []
    for route in routes:
        state = now.state(place.provider_id, place.model_pk, route)
        for key in keys if route == DIRECT or route == "embedded" else keys[:1]:
            key_state: State = now.key_state(key.id) if key.id is not None else "unknown"
            options.append(Option(place, route, key, worst(state, key_state)))
    return options


def _routes(place: Place, wanted: str, now: Conditions, steps: list[Step]) -> list[str]:
    """Automatic begins direct and leaves it only while that is out and a gateway is not."""
    setting = wanted or place.route
    if setting == AUTOMATIC:
        routes = sorted(place.routes, key=lambda route: now.state(place.provider_id, place.model_pk, route) in OUT)
        steps.append(Step("automatic", {"name": place.name, "route": routes[0]}))
        return routes
    if setting in place.routes:
        return [setting]
    steps.append(Step("no_such_route", {"name": place.name, "route": setting}))
    return []


def _sticky(options: list[Option], last: tuple[int, str], steps: list[Step]) -> list[Option]:
    """Stay with who answered before, as long as they can."""
    before = [option for option in options if (option.place.model_pk, option.route) == last and option.state not in OUT]
    if before and options[0] is not before[0]:
        steps.append(Step("sticky", {"name": before[0].place.name}))
    return before + [option for option in options if option not in before]
