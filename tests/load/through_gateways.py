"""What a gateway adds to /v1: a remote one, the embedded LiteLLM, a real LiteLLM proxy; against direct calls each time.

The remote gateway is the scripted upstream itself, so that nothing but our own way through a gateway is measured.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from tests.load.figures import written
from tests.load.measuring import ONE, WHOLE, Scene, Streams, wholes
from tests.load.program import Door, ask_streams
from tests.load.served import serving
from tests.load.stage import filling, set_stage
from tests.load.upstream import model_name
from tests.real.environments import gateway_python
from tests.real.litellm_proxy import Proxy, litellm_proxy
from webapp.accounts.user import Role, User
from webapp.core import clock
from webapp.core.config import Settings
from webapp.core.database import writing
from webapp.core.secret import Secret
from webapp.providers.private_address import open_address
from webapp.routing.gateway import add_gateway, switch_embedded
from webapp.upstream.addresses import host_port

TWENTY = Streams(20, (80, 20), 250)  # more would measure how LiteLLM queues: it takes a millisecond for each token
SPEEDS = (ONE.speed, WHOLE, TWENTY.speed)
MODELS = [model_name(*speed) for speed in SPEEDS]
WORKERS = (1, 16)
T = TypeVar("T")


def measure_gateways(folder: Path, base_url: str, app_core: list[str]) -> dict[str, object]:
    """Measure all ways that can be had here; print it."""
    with ExitStack() as stack:
        python = _if_there(gateway_python)
        proxy = _if_there(lambda: stack.enter_context(_litellm_proxy(folder, base_url)))
        with filling(Settings(data_dir=folder)) as app:
            stage = set_stage(app, base_url, sorted(SPEEDS))
            _add_gateways(Proxy(base_url), *filter(None, [proxy]))
        with serving(folder, *app_core, python=str(python or sys.executable)) as served:
            scene = Scene(served, stage, Door(urlsplit(base_url).port or 0))
            doors = {"v1, no gateway": scene.ours, "v1, a remote gateway": replace(scene.ours, route="gateway-0")}
            if python:
                doors["v1, the embedded LiteLLM"] = replace(scene.ours, route="embedded")
            if proxy:
                doors["a LiteLLM proxy itself"] = Door(urlsplit(proxy.base_url).port or 0, proxy.key)
                doors["v1, a LiteLLM proxy as gateway"] = replace(scene.ours, route="gateway-1")
            return asyncio.run(_measure(scene, doors))


def _if_there(make: Callable[[], T]) -> T | None:
    try:
        return make()
    except pytest.skip.Exception as reason:
        print(f"\nNot measured: {reason}", flush=True)
        return None


def _litellm_proxy(folder: Path, base_url: str) -> AbstractContextManager[Proxy]:
    folder.mkdir(parents=True, exist_ok=True)
    return litellm_proxy(folder, dict.fromkeys(MODELS, ""), base_url)


def _add_gateways(*places: Proxy) -> None:
    with writing() as session:
        admin = session.scalars(select(User).where(User.role == Role.ADMIN)).one()
        for number, place in enumerate(places):
            open_address(session, *host_port(place.base_url), admin.id)
            wanted = {"name": f"Gateway {number}", "base_url": place.base_url, "weight": 1}
            gateway = add_gateway(session, admin, wanted, Secret(place.key))
            gateway.models, gateway.checked_at = MODELS, clock.now()
        switch_embedded(session, admin)


async def _measure(scene: Scene, doors: dict[str, Door]) -> dict[str, object]:
    results: dict[str, object] = {}
    for name, door in doors.items():
        idle_mb, began = scene.served.megabytes(), time.perf_counter()
        await ask_streams(door, WHOLE, 1)
        seconds = time.perf_counter() - began
        row = {"seconds": seconds, "mb_before": idle_mb, "mb_after": scene.served.megabytes()}
        results[f"{name}, first call"] = row
        print(f"\n{name}, first call  {written(row)}", flush=True)
    await scene.warm_up(scene.direct, *doors.values())
    for load in (ONE, TWENTY):
        before = await scene.streams(scene.direct, load)
        for way, door in doors.items():
            name = f"{way}, streams at once: {load.count}"
            results[name] = await scene.measure(name, before, scene.streams(door, load), load.tokens)
    for workers in WORKERS:
        before = await wholes(scene.direct, workers)
        for way, door in doors.items():
            name = f"{way}, requests at once: {workers}"
            results[name] = await scene.measure(name, before, wholes(door, workers))
    return results
