"""Chooses who is asked, in which order. Pure: the same world, question and dice give the same decision.

The chat, `/v1` and the page that explains a decision all call `choose`; nothing else orders targets.
"""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from webapp.routing.terms import (
    AUTOMATIC,
    DIRECT,
    EMBEDDED,
    MOST_OPTIONS,
    OUT,
    Alias,
    Conditions,
    Decision,
    Key,
    Option,
    Place,
    Question,
    Rule,
    State,
    Step,
    worst,
)


def choose(question: Question, rules: Iterable[Rule], now: Conditions, dice: int) -> Decision:
    """Return every way to get the answer, the best first. What is out stays in the list, at its end."""
    steps: list[Step] = []
    if question.route:
        steps.append(Step("insisted", {"route": question.route}))
    question = _ruled(question, rules, steps)
    lot = random.Random(dice)  # noqa: S311 - spreads load, hides nothing
    subject = question.subject
    alias, ordered = (None, [subject]) if isinstance(subject, Place) else (subject, _ordered(subject, now, lot, steps))
    places = _fitting(ordered, question, steps)
    options = [option for place in places for option in _ways(_able(place, question), question, now, lot, steps)]
    options.sort(key=lambda option: option.state in OUT)  # stable
    if any(option.state in OUT for option in options):
        out = sorted({option.place.name for option in options if option.state in OUT})
        steps.append(Step("out", {"names": out, "all": all(option.state in OUT for option in options)}))
    if question.last and (alias is None or alias.is_sticky):
        options = _sticky(options, question.last, steps)
    return Decision(tuple(options[:MOST_OPTIONS]), tuple(steps), alias)


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


def _ways(place: Place, question: Question, now: Conditions, lot: random.Random, steps: list[Step]) -> list[Option]:
    routes = _routes(place, question, now, steps)
    keys = [key for key, _ in _drawn([(key, key.weight) for key in place.keys], lot)]
    keys.sort(key=lambda key: key.id is not None and now.key_state(key.id) in OUT)
    options = []
    if not keys and any(route in (DIRECT, EMBEDDED) for route in routes):
        steps.append(Step("no_key", {"name": place.name}))
    for route in routes:
        state = now.state(place.provider_id, place.model_pk, route)
        for key in keys if route in (DIRECT, EMBEDDED) else [Key()]:  # a proxy has its own
            key_state: State = now.key_state(key.id) if key.id is not None else "unknown"
            options.append(Option(place, route, key, worst(state, key_state)))
    return options


def _able(place: Place, question: Question) -> Place:
    """Take away the route that cannot carry this question."""
    if question.is_chat:
        return place
    return replace(place, routes=tuple(route for route in place.routes if route != EMBEDDED))


def _routes(place: Place, question: Question, now: Conditions, steps: list[Step]) -> list[str]:
    """Automatic begins direct and leaves it only while that is out and a gateway is not."""
    setting = question.route or place.route
    if setting == EMBEDDED and not question.is_chat:
        setting = DIRECT
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
