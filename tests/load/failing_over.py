"""What an alias adds, and how long the first text takes when its first target does not answer.

Every alias has a first target of its own, so that each question of the first round meets the failure anew. After some
rounds all first targets rest, and nothing more is lost.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.load.figures import Figures, compared, show, stream_figures
from tests.load.heard import Judged
from tests.load.measuring import WHOLE, Scene, wholes
from tests.load.program import Door, ask_streams
from tests.load.served import serving
from tests.load.stage import add_model, add_provider, filling, set_stage
from tests.load.upstream import model_name
from webapp.accounts.user import Role, User
from webapp.core.config import Settings
from webapp.core.database import writing
from webapp.models.model import Model
from webapp.providers.private_address import open_address
from webapp.providers.provider import Provider
from webapp.routing.alias import AliasInput, add_alias
from webapp.upstream.addresses import host_port

ANSWERS = "answers"
SPEED = (20, 100)
TOLD = ("first_ms_p50", "first_ms_p99")
QUICK = "quick"  # an alias that always answers
ALIASES, A_SECOND = 20, 20  # of each kind; asked so many a second
ROUNDS = 4  # after three failures everybody rests
LIMIT_SECONDS = 1  # for the connection, and for the first byte; unset they are 5 s and, with others left, 20 s


def measure_failing_over(folder: Path, base_url: str, app_core: list[str]) -> dict[str, object]:
    """Measure each kind of failure; print it."""
    root = base_url.removesuffix("/v1")
    with _refusing() as refusing, _blackhole() as blackhole:
        addresses = {
            ANSWERS: base_url,
            "refuses": f"http://127.0.0.1:{refusing}/v1",
            "cannot be connected": f"http://127.0.0.1:{blackhole}/v1",
            "answers 503": f"{root}/busy/v1",
            "hangs": f"{root}/hanging/v1",
        }
        with filling(Settings(data_dir=folder)) as app:
            stage = set_stage(app, base_url, sorted({SPEED, WHOLE}))
            with writing() as session:
                _add_alias(session, QUICK, stage.models[WHOLE])
                for kind, address in addresses.items():
                    _add_aliases(session, kind, address, stage.models[SPEED])
        with serving(folder, *app_core) as served:
            scene = Scene(served, stage, Door(urlsplit(base_url).port or 0))
            return asyncio.run(_measure(scene, [kind for kind in addresses if kind != ANSWERS]))


async def _measure(scene: Scene, kinds: list[str]) -> dict[str, object]:
    by_alias = replace(scene.ours, alias=QUICK)
    await scene.warm_up(scene.direct, scene.ours, by_alias)
    name = "v1, by a model's name -> by an alias"
    results: dict[str, object] = {name: await scene.measure(name, await wholes(scene.ours, 1), wholes(by_alias, 1))}
    print("\nAn alias whose first target answers -> one whose first target does not", flush=True)
    before = await _figures(scene, ANSWERS)
    for kind in kinds:
        name = f"v1, the first target {kind}"
        results[name] = pairs = compared(before, await _figures(scene, kind))
        show(name, {}, pairs)
    return results


async def _figures(scene: Scene, kind: str) -> Figures:
    """Figures of the first time, and of when the first targets rest."""
    rounds = [await _round(scene, kind) for _ in range(ROUNDS)]
    first, *_, resting = (stream_figures([answers], SPEED[0]) for answers in rounds)
    later = {f"resting_{name}": resting[name] for name in TOLD}
    return {"complete": first["complete"] * resting["complete"], **{name: first[name] for name in TOLD}, **later}


async def _round(scene: Scene, kind: str) -> list[Judged]:
    """Ask each alias of a kind once."""

    async def one(number: int) -> Judged:
        await asyncio.sleep(number / A_SECOND)
        return (await ask_streams(replace(scene.ours, alias=_name(kind, number)), SPEED, 1))[0]

    return list(await asyncio.gather(*map(one, range(ALIASES))))


def _add_aliases(session: Session, kind: str, address: str, answering: int) -> None:
    """Add the aliases of a kind, each with a provider at this address before the model that answers."""
    admin = session.scalars(select(User).where(User.role == Role.ADMIN)).one()
    open_address(session, *host_port(address), admin.id)
    for number in range(ALIASES):
        provider = session.get_one(Provider, add_provider(session, admin, _name(kind, number), address))
        provider.refresh_hours = 0  # nobody but the questions asks there
        provider.limits = {"connect_seconds": LIMIT_SECONDS, "first_byte_seconds": LIMIT_SECONDS}
        _add_alias(session, _name(kind, number), add_model(session, provider.id, model_name(*SPEED)).id, answering)


def _add_alias(session: Session, name: str, *targets: int) -> None:
    models = tuple((session.get_one(Model, key), 1) for key in targets)
    add_alias(session, AliasInput(name, "ordered", models, "stop", False))


def _name(kind: str, number: int) -> str:
    return f"{kind.replace(' ', '-')}-{number}"


@contextlib.contextmanager
def _refusing() -> Iterator[int]:
    """A port of ours at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def _blackhole() -> Iterator[int]:
    """A port at which no connection is made: as many wait as may, and nobody takes them in."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while _is_let_in(stack.enter_context(socket.socket()), listener.getsockname()):
            pass
        yield listener.getsockname()[1]


def _is_let_in(caller: socket.socket, address: tuple[str, int]) -> bool:
    caller.settimeout(0.3)
    try:
        caller.connect(address)
    except TimeoutError:
        return False
    return True
