"""Measures the app on one core against a scripted upstream on another; the figures to quote are those against direct.

`bin/bench [--quick | --full] [--only PART]` prints each figure as `direct -> ours`, and JSON as its last line.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.load.chatting import ask_chats, begin_talks, first_visit, sign_in
from tests.load.deciding import measure_deciding
from tests.load.failing_over import measure_failing_over
from tests.load.figures import Figures, compared, show, stream_figures, written
from tests.load.measuring import HUNDRED, ONE, WHOLE, Scene, Streams, wholes
from tests.load.picking import measure_picker
from tests.load.program import Door, bad_company
from tests.load.served import serving
from tests.load.stage import filling, set_stage
from tests.load.starting import measure_starts
from tests.load.through_gateways import measure_gateways
from tests.load.upstream import running_upstream
from webapp.core.config import Settings


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    starts: int = 6
    streams: tuple[Streams, ...] = (ONE, HUNDRED, Streams(500, (80, 20), 250), Streams(1000, (200, 20), 250))
    workers: tuple[int, ...] = (1, 16, 64)
    chats: tuple[Streams, ...] = (ONE, Streams(100, (160, 20), 20), Streams(200, (280, 20), 20))


QUICK = Plan(3, (ONE, HUNDRED), (1, 16), (ONE, Streams(100, (160, 20), 20)))
FULL = Plan(streams=(*Plan.streams, Streams(2000, (200, 20), 250)))


@dataclass(frozen=True)
class Ground:
    """Where a part is measured: a folder of its own, the upstream, the command that pins the app."""

    folder: Path
    base_url: str
    app_core: list[str]
    plan: Plan


PARTS: dict[str, Callable[[Ground], dict[str, object]]] = {
    "start": lambda ground: {"start": measure_starts(ground.folder, ground.plan.starts, ground.app_core)},
    "picker": lambda ground: {**measure_picker(ground.folder, ground.app_core)},
    "deciding": lambda ground: {"deciding": measure_deciding(ground.folder)},
    "programs": lambda ground: _measure_served(ground, _measure_programs),
    "failover": lambda ground: measure_failing_over(ground.folder, ground.base_url, ground.app_core),
    "gateways": lambda ground: measure_gateways(ground.folder, ground.base_url, ground.app_core),
    "people": lambda ground: _measure_served(ground, _measure_people),
}


def main() -> int:
    """Run everything and print it; return 1 if an answer was not complete."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer streams and starts")
    parser.add_argument("--full", action="store_true", help="also 2,000 streams")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be given several times")
    wanted = parser.parse_args()
    plan = QUICK if wanted.quick else FULL if wanted.full else Plan()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    app_core, load_core = _cores()
    machine = _machine(bool(app_core))
    results: dict[str, object] = {"machine": machine}
    print(f"{written(machine)}\n\nOf each pair: direct -> ours, what was added, the ratio.", flush=True)
    with tempfile.TemporaryDirectory() as folder, running_upstream(*load_core) as base_url:
        for part in wanted.only or PARTS:
            results |= PARTS[part](Ground(Path(folder) / part, base_url, app_core, plan))
    print(json.dumps(results))
    complete = [row["complete"] for row in results.values() if isinstance(row, dict) and "complete" in row]
    return 0 if all(pair["before"] == pair["after"] == 1 for pair in complete) else 1


def _measure_served(ground: Ground, measure: Callable[[Scene, Plan], Any]) -> dict[str, object]:
    speeds = {WHOLE, *(load.speed for load in (*ground.plan.streams, *ground.plan.chats))}
    with filling(Settings(data_dir=ground.folder)) as app:
        stage = set_stage(app, ground.base_url, sorted(speeds))
    direct = Door(urlsplit(ground.base_url).port or 0)
    with serving(ground.folder, *ground.app_core) as served:
        return asyncio.run(measure(Scene(served, stage, direct), ground.plan))


async def _measure_programs(scene: Scene, plan: Plan) -> dict[str, object]:
    """Measure /v1, and once more what some of the loads get beside bad providers."""
    direct, ours = scene.direct, scene.ours
    await scene.warm_up(direct, ours)
    results: dict[str, object] = {}
    for load in plan.streams:
        name = f"v1, streams at once: {load.count}"
        before = await scene.streams(direct, load)
        results[name] = await scene.measure(name, before, scene.streams(ours, load), load.tokens)
    for workers in plan.workers:
        name = f"v1, requests at once: {workers}"
        results[name] = await scene.measure(name, await wholes(direct, workers), wholes(ours, workers))
    return results | await _measure_beside(scene)


async def _measure_beside(scene: Scene) -> dict[str, object]:
    """Measure what streams and requests get beside two providers that do not work, against the same without."""

    async def measured() -> list[Figures]:
        return [await scene.streams(scene.ours, HUNDRED), await wholes(scene.ours, 16)]

    calm = await measured()
    async with bad_company(scene.ours, WHOLE) as company:
        beside = await measured()
    met = {"failed_with": dict(company.statuses), "hanging": company.hanging}
    print(f"\nCalm -> beside a provider that hangs and one that fails  {written(met)}")
    results: dict[str, object] = {"bad providers": met}
    for name, before, after in zip(("streams at once: 100", "requests at once: 16"), calm, beside, strict=True):
        results[f"v1 beside bad providers, {name}"] = pairs = compared(before, after)
        show(f"v1, {name}", {}, pairs)
    return results


async def _measure_people(scene: Scene, plan: Plan) -> dict[str, object]:
    """Measure chat answers, watched; tokens are those of answers that arrived whole."""
    people = await sign_in(scene.served.port)
    page = await first_visit(people[0])
    print(f"\nfirst visit  {written(page)}", flush=True)
    results: dict[str, object] = {"page": page}
    for load in plan.chats:
        talks = await begin_talks(people, scene.stage.models[WHOLE], load.count)
        model = scene.stage.models[load.speed]

        async def chats(load: Streams = load, talks: list[str] = talks, model: int = model) -> Figures:
            rounds = [await ask_chats(people, talks, model, load.speed, load.a_second) for _ in range(load.rounds)]
            return stream_figures(rounds, load.speed[0])

        name = f"chat, answers at once: {load.count}"
        direct = await scene.streams(scene.direct, load)
        results[name] = await scene.measure(name, direct, chats(), load.tokens)
    return results


def _machine(is_pinned: bool) -> dict[str, object]:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": cpu[1] if cpu else "",
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "pinned": is_pinned,
        "other_load": os.getloadavg()[0],
    }


def _cores() -> tuple[list[str], list[str]]:
    """Commands that keep the app on one core and the upstream on another; this process joins the upstream."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or not shutil.which("taskset"):
        return [], []
    os.sched_setaffinity(0, cores[1:])
    return ["taskset", "-c", str(cores[0])], ["taskset", "-c", str(cores[-1])]


if __name__ == "__main__":
    sys.exit(main())
