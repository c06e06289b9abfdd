"""How long picker and page of all models take with 10,000 of them: over HTTP, as a browser asks, one at a time."""

import asyncio
import random
import time
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from tests.conftest import PASSWORD
from tests.load.browser import Browser
from tests.load.figures import Figures, written
from tests.load.served import serving
from tests.load.stage import PEOPLE, add_people, add_provider, filling
from tests.real.postgresql import postgresql
from webapp.accounts.user import User
from webapp.core.config import Settings
from webapp.core.database import reading, writing
from webapp.models.listed import store_list
from webapp.models.mark import note_use, set_favourite
from webapp.models.model import Model
from webapp.upstream.messages import CAPABILITIES, ModelInfo, ModelList

Asked = dict[str, str | int | list[str]]

# As in life: one that has nearly all that there is, several with a few hundred, many with a few.
PROVIDERS = {"Chợ Mô Hình": 6000, "workshop": 2000, "云端": 800, **{f"Provider {place}": 150 for place in range(8)}}
SPICE = ("", "", "", "-preview", "-通义", "-tiếng-việt", "-über", ":free")
FAMILIES = ("nova", "orion", "mistfall", "kestrel", "lotus", "quill", "raven", "terra")
PICKED: tuple[Asked, ...] = (
    {},
    {"q": "nova"},
    {"q": "n"},
    {"q": "nova1234"},
    {"q": "tiếng việt"},
    {"q": "通义 lotus"},
    {"q": "preview quill vendor07"},
    {"q": "cho mo hinh raven 12"},
    {"q": "nothing like it"},
    {"must": ["tools"]},
    {"must": ["tools", "vision", "cheap"]},
    {"must": ["healthy"]},
    {"q": "orion", "must": ["reasoning", "local"]},
    {"offset": 50},
    {"offset": 5000},
    {"q": "vendor", "offset": 9000},
)
LISTED: tuple[Asked, ...] = (
    {},
    {"q": "nova"},
    {"q": "tiếng việt"},
    {"q": "preview quill vendor07"},
    {"only": ["tools", "vision"]},
    {"only": ["favourite"]},
    {"q": "orion", "only": ["reasoning"], "sort": "-context"},
    {"sort": "input"},
    {"sort": "provider", "offset": 5040},
    {"show": "hidden"},
)
PAGES = {"picker": ("/models/picker", PICKED), "page of models": ("/models", LISTED)}
ROUNDS = 25
PLACE = "http://127.0.0.1:9/v1"  # nobody is asked


def measure_picker(folder: Path, app_core: list[str]) -> dict[str, Figures]:
    """Measure with SQLite, and with PostgreSQL where it is installed; print both."""
    results = _measured(folder / "sqlite", "", app_core)
    try:
        pytest.importorskip("psycopg")
        with postgresql() as cluster:
            results |= _measured(folder / "postgresql", cluster.new_database("picker"), app_core)
    except pytest.skip.Exception as reason:
        print(f"\npicker with PostgreSQL: {reason}")
    return results


def _measured(folder: Path, database_url: str, app_core: list[str]) -> dict[str, Figures]:
    with filling(Settings(data_dir=folder, database_url=database_url)):
        _fill()
    with serving(folder, *app_core, database_url=database_url) as served:
        found = asyncio.run(_ask_all(served.port))
    database = "PostgreSQL" if database_url else "SQLite"
    results = {f"{page}, 10,000 models, {database}": figures for page, figures in found.items()}
    for name, figures in results.items():
        print(f"\n{name}  {written(figures)}", flush=True)
    return results


def _fill() -> None:
    draw = random.Random(20261120)
    with writing() as session:
        admin = add_people(session)
        places = {add_provider(session, admin, name, PLACE): count for name, count in PROVIDERS.items()}
    for provider_id, count in places.items():
        store_list(provider_id, ModelList(models=[_model(number, draw) for number in range(count)]))
    with reading() as session:
        users, keys = session.scalars(select(User.id)).all(), session.scalars(select(Model.id)).all()
    with writing() as session:
        for place, key in enumerate(draw.sample(keys, 60)):
            for user_id in users:
                note_use(session, user_id, key)
                set_favourite(session, user_id, key, place < 20)


def _model(number: int, draw: random.Random) -> ModelInfo:
    name = f"vendor{number % 40:02d}/{FAMILIES[number % 8]}-{number:04d}{draw.choice(SPICE)}"
    return ModelInfo(
        id=name,
        display_name=name.partition("/")[2].replace("-", " ").title() if number % 2 else None,
        kind="embedding" if number % 25 == 0 else "chat",
        context_length=draw.choice((8192, 131072, 1048576)),
        max_output_tokens=8192,
        capabilities={capability: draw.choice((True, False, None)) for capability in CAPABILITIES},
        details={"price": {"input_price": draw.choice((0.0, 0.25, 3.0)), "output_price": 15.0}},
    )


async def _ask_all(port: int) -> dict[str, Figures]:
    person = Browser(port)
    await person.sign_in(PEOPLE[0], PASSWORD)
    return {page: await _ask(person, path, asked) for page, (path, asked) in PAGES.items()}


async def _ask(person: Browser, path: str, questions: tuple[Asked, ...]) -> Figures:
    taken: list[list[float]] = [[] for _ in questions]
    for round_ in range(ROUNDS + 1):
        for asked, seconds in zip(questions, taken, strict=True):
            began = time.perf_counter()
            answer = await person.get(f"{path}?{urlencode(asked, doseq=True)}", htmx=True)
            assert answer.status == 200, answer
            seconds += [time.perf_counter() - began] if round_ else []  # the first warms up
    cuts = quantiles(chain(*taken), n=100, method="inclusive")
    slowest = max(map(median, taken))  # of the questions, each by itself
    return {"p50_ms": cuts[49] * 1000, "p95_ms": cuts[94] * 1000, "slowest_question_p50_ms": slowest * 1000}
