"""How long it takes to decide who is asked, with 200 rules and 10,000 models: in process, nobody is asked.

What choosing needs of the database is remembered for a second (core/memory): reading it anew is a figure of its own.
"""

import random
import time
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import select

from tests.load.figures import Figures, written
from tests.load.stage import PEOPLE, add_people, add_provider, filling
from webapp.accounts.user import User
from webapp.core.config import Settings
from webapp.core.database import reading, writing
from webapp.core.memory import memory
from webapp.models.model import Model, id_hash
from webapp.openai_api.names import find_seat
from webapp.routing.alias import AliasInput, add_alias
from webapp.routing.choose import choose
from webapp.routing.health import Health
from webapp.routing.rule import RuleInput, add_rule
from webapp.routing.terms import Question

STRATEGIES = ("ordered", "weighted", "cheapest", "fastest")
PROVIDERS, MODELS, RULES = 20, 500, 200  # models of each provider
ROUNDS, READINGS = 20_000, 50
PLACE = "http://127.0.0.1:9/v1"  # nobody is asked
NEEDS = (frozenset[str](), frozenset({"tools"}), frozenset({"vision", "tools"}))


def measure_deciding(folder: Path) -> Figures:
    """Measure the look-up of a name and the choice, as each call of a program needs both; print it."""
    with filling(Settings(data_dir=folder)):
        figures = _decide(_fill())
    print(f"\ndeciding among 10,000 models by 200 rules  {written(figures)}", flush=True)
    return figures


def _decide(names: list[str]) -> Figures:
    draw, health = random.Random(20261120), Health()
    decided, worked, read = list[float](), list[float](), list[float]()
    with reading() as session:
        user = session.scalars(select(User).where(User.email == PEOPLE[0])).one()
    for dice in range(ROUNDS):
        name = draw.choice(names)
        if dice % (ROUNDS // READINGS) == 0:
            memory.forget()
            began = time.perf_counter()
            find_seat(user, name)
            read.append(time.perf_counter() - began)
        find_seat(user, name)
        began, began_work = time.perf_counter(), time.thread_time()
        seat = find_seat(user, name)
        decision = choose(Question(seat.subject, NEEDS[dice % 3], input_tokens=1000), seat.rules, health, dice)
        worked.append(time.thread_time() - began_work)
        decided.append(time.perf_counter() - began)
        assert decision.options
    cuts, work = (quantiles(taken, n=100, method="inclusive") for taken in (decided, worked))
    return {
        "p50_ms": cuts[49] * 1000,
        "p99_ms": cuts[98] * 1000,
        "p99_cpu_ms": work[98] * 1000,  # without the turns of other processes
        "read_anew_p50_ms": median(read) * 1000,
    }


def _fill() -> list[str]:
    """Return the names that are asked for: models that rules send elsewhere or not, and aliases of every strategy."""
    with writing() as session:
        admin = add_people(session)
        providers = [add_provider(session, admin, f"place{number}", PLACE) for number in range(PROVIDERS)]
        models = [_model(provider_id, number) for provider_id in providers for number in range(MODELS)]
        session.add_all(models)
        session.flush()
        for place, strategy in enumerate(STRATEGIES):
            targets = tuple((models[place + MODELS * number], 1 + number) for number in range(6))
            add_alias(session, AliasInput(f"alias-{strategy}", strategy, targets, "stop", True))
        for number in range(RULES):
            to = models[number * 7]
            wanted = RuleInput(f"Rule {number}", "place1*", f"*-{number:03d}?", "", to, "", "", True)
            add_rule(session, wanted)
    asked = [f"place{number % PROVIDERS}/model-{number:04d}" for number in range(0, MODELS, 5)]
    return asked + [f"alias-{strategy}" for strategy in STRATEGIES]


def _model(provider_id: int, number: int) -> Model:
    name = f"model-{number:04d}"
    can = {"tools": number % 3 > 0, "vision": number % 2 > 0}
    return Model(
        provider_id=provider_id,
        model_id=name,
        id_hash=id_hash(name),
        search_text=name,
        capabilities=can,
        input_price=0.1 * (number % 9),
        output_price=1.0,
    )
