"""Measures the app on one core against a scripted upstream on another; the figures to quote are those against direct.

`bin/bench [--quick | --full]` prints each figure as `direct -> ours`, and JSON as its last line.
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
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.load.chatting import ask_chats, begin_talks, first_visit, sign_in
from tests.load.deciding import measure_deciding
from tests.load.figures import Figures, compared, lag_figures, lags_of, show, stream_figures, whole_figures, written
from tests.load.picking import measure_picker
from tests.load.program import Door, Speed, ask_streams, ask_wholes, bad_company
from tests.load.served import Served, serving
from tests.load.stage import Stage, set_stage
from tests.load.upstream import running_upstream
from webapp import create_app
from webapp.core.config import Settings

WHOLE = (20, 1000)  # tokens, tokens a second
WHOLE_SECONDS = 3.0
FEW_TOKENS = 1000  # processor time is told in steps of 10 ms: too coarse for fewer


@dataclass(frozen=True)
class Streams:
    """So many at once; the last start comes before the first end. One alone is asked for ten times in a row."""

    count: int
    speed: Speed
    a_second: float

    @property
    def rounds(self) -> int:
        return 10 if self.count == 1 else 1

    @property
    def tokens(self) -> int:
        return self.count * self.rounds * self.speed[0]


ONE, HUNDRED = Streams(1, (20, 100), 1), Streams(100, (80, 20), 250)


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
class Scene:
    """A serving app, the upstream itself, and the app as programs see it."""

    served: Served
    stage: Stage
    direct: Door

    @property
    def ours(self) -> Door:
        return Door(self.served.port, self.stage.token, "paced")


def main() -> int:
    """Run everything and print it; return 1 if an answer was not complete."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer streams and starts")
    parser.add_argument("--full", action="store_true", help="also 2,000 streams")
    wanted = parser.parse_args()
    plan = QUICK if wanted.quick else FULL if wanted.full else Plan()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    app_core, load_core = _cores()
    machine = _machine(bool(app_core))
    results: dict[str, object] = {"machine": machine}
    print(f"{written(machine)}\n\nOf each pair: direct -> ours, what was added, the ratio.", flush=True)
    with tempfile.TemporaryDirectory() as folder, running_upstream(*load_core) as base_url:
        results["start"] = _starts(Path(folder) / "start", plan.starts, app_core)
        results["picker"] = measure_picker(Path(folder) / "picker", app_core)
        results["deciding"] = measure_deciding(Path(folder) / "deciding")
        settings = Settings(data_dir=Path(folder) / "load")
        speeds = {WHOLE, *(load.speed for load in (*plan.streams, *plan.chats))}
        stage = set_stage(create_app(settings), base_url, sorted(speeds))
        direct = Door(urlsplit(base_url).port or 0)
        for measure in (_measure_programs, _measure_people):
            with serving(settings.data_dir, *app_core) as served:
                results |= asyncio.run(measure(Scene(served, stage, direct), plan))
    print(json.dumps(results))
    complete = [row["complete"] for row in results.values() if isinstance(row, dict) and "complete" in row]
    return 0 if all(pair["before"] == pair["after"] == 1 for pair in complete) else 1


def _starts(folder: Path, count: int, app_core: list[str]) -> dict[str, Figures]:
    """Start so many times; the first makes the database."""
    rows = []
    for _ in range(count):
        with serving(folder, *app_core) as served:
            time.sleep(1)  # the monitor's first round is over
            cpu, idle = served.start_cpu, served.megabytes()
            rows.append({"seconds": served.start_seconds, "cpu_seconds": cpu, "idle_mb": idle})
    later = {key: sorted(row[key] for row in rows[1:])[(count - 1) // 2] for key in rows[0]}
    print(f"\nfirst start  {written(rows[0])}\nlater starts  {written(later)}", flush=True)
    return {"first": rows[0], "later": later}


async def _measure_programs(scene: Scene, plan: Plan) -> dict[str, object]:
    """Measure /v1, and once more what some of the loads get beside bad providers."""
    direct, ours = scene.direct, scene.ours
    for door in (direct, ours):
        await ask_streams(door, WHOLE, 20)
        await ask_wholes(door, WHOLE, 4, 0.5)
    results: dict[str, object] = {}
    for load in plan.streams:
        name = f"v1, streams at once: {load.count}"
        before, after = _streams(scene, direct, load), _streams(scene, ours, load)
        results[name] = await _measure(scene, name, before, after, load.tokens)
    for workers in plan.workers:
        name = f"v1, requests at once: {workers}"
        before, after = _wholes(direct, workers), _wholes(ours, workers)
        results[name] = await _measure(scene, name, before, after)
    return results | await _measure_beside(scene)


async def _measure_beside(scene: Scene) -> dict[str, object]:
    """Measure what streams and requests get beside two providers that do not work, against the same without."""

    async def measured() -> list[Figures]:
        return [await _streams(scene, scene.ours, HUNDRED), await _wholes(scene.ours, 16)]

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
        direct = _streams(scene, scene.direct, load)
        results[name] = await _measure(scene, name, direct, chats(), load.tokens)
    return results


async def _measure(
    scene: Scene, name: str, direct: Awaitable[Figures], ours: Awaitable[Figures], tokens: int = 0
) -> dict[str, object]:
    """Measure direct calls, then ours and what they cost; print it."""
    before = await direct
    cpu = scene.served.cpu_seconds()
    after = await ours
    cpu_ms = (scene.served.cpu_seconds() - cpu) * 1000
    costs = {"most_mb": scene.served.megabytes("VmHWM")}
    if tokens >= FEW_TOKENS:
        costs["cpu_ms_per_1000_tokens"] = cpu_ms / tokens * 1000
    elif not tokens:
        costs["cpu_ms_per_request"] = cpu_ms / max(1, after["requests_a_second"] * WHOLE_SECONDS)
    row = compared(before, after)
    show(name, costs, row)
    return {**costs, **row}


async def _streams(scene: Scene, door: Door, load: Streams) -> Figures:
    rounds, lags = [], list[float]()
    for _ in range(load.rounds):
        rounds.append(await ask_streams(door, load.speed, load.count, load.a_second))
        lags += lags_of(rounds[-1], await scene.direct.sent())
    return stream_figures(rounds, load.speed[0]) | lag_figures(lags)


async def _wholes(door: Door, workers: int) -> Figures:
    return whole_figures(await ask_wholes(door, WHOLE, workers, WHOLE_SECONDS))


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
