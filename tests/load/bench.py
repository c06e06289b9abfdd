"""Measures the app on one core against a scripted upstream on another; the figures to quote are those against direct.

`bin/bench [--quick]` prints tables, and JSON as its last line.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from tests.conftest import PASSWORD
from tests.load.browser import Browser, Watched
from tests.load.served import Served, serving
from tests.load.stage import PEOPLE, set_stage
from tests.load.upstream import FIRST_TOKEN_SECONDS, answer_to, model_name, running_upstream
from webapp import create_app
from webapp.core.config import Settings

WARM_UP = (20, 1000)  # tokens, tokens a second
# Streams at once, (tokens, tokens a second), starts a second. The last start comes before the first end.
LOADS = [(1, (40, 20), 1), (100, (160, 20), 20), (200, (280, 20), 20)]
QUICK_LOADS = [(1, (40, 20), 1), (100, (160, 20), 20)]
ASSETS = r'(?:src|href)="(/static/[^"#]+)'


@dataclass(frozen=True)
class Streams:
    """One load: what direct calls and watched chat answers took to their first text (ms less the upstream's wait)."""

    streams: int
    direct_p50: float
    direct_p99: float
    chat_p50: float
    chat_p99: float
    complete: float
    ratio_to_direct: float  # whole seconds of the median answer
    cpu_ms_per_1000_tokens: float
    peak_mb: float


@dataclass(frozen=True)
class Timing:
    """One answer: seconds to the first text and to the end, and whether every byte is there."""

    first: float
    whole: float
    is_exact: bool


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer streams and starts")
    is_quick = parser.parse_args().quick
    app_core, load_core = _cores()
    with tempfile.TemporaryDirectory() as folder, running_upstream(*load_core) as base_url:
        starts = [_start(Path(folder) / "start", app_core) for _ in range(3 if is_quick else 6)]
        loads = QUICK_LOADS if is_quick else LOADS
        settings = Settings(data_dir=Path(folder) / "load")
        models = set_stage(create_app(settings), base_url, [WARM_UP, *(speed for _, speed, _ in loads)])
        with serving(settings.data_dir, *app_core) as served:
            results = asyncio.run(_measure(served, base_url, models, loads))
    results |= {"start": _summary(starts), "machine": _machine(bool(app_core))}
    _print(results)


def _start(folder: Path, app_core: list[str]) -> dict[str, float]:
    with serving(folder, *app_core) as served:
        time.sleep(1)  # the monitor's first round is over
        return {"seconds": served.start_seconds, "cpu_seconds": served.start_cpu, "idle_mb": served.megabytes()}


async def _measure(
    served: Served, base_url: str, models: dict[tuple[int, int], int], loads: list[tuple[int, tuple[int, int], int]]
) -> dict[str, object]:
    people = [Browser(served.port) for _ in PEOPLE]
    for name, person in zip(PEOPLE, people, strict=True):
        await person.sign_in(name, PASSWORD)
    page = await _page_load(people[0])
    streams = []
    for count, speed, a_second in loads:
        rounds = 10 if count == 1 else 1
        talks = [await _conversation(people[number % len(people)], models[WARM_UP]) for number in range(count)]

        def ask(number: int, speed: tuple[int, int] = speed, talks: list[str] = talks) -> Awaitable[Timing]:
            mine = number % len(talks)
            return _chat(people[mine % len(people)], talks[mine], models[speed], f"{speed} {number}", speed[0])

        def call(number: int, speed: tuple[int, int] = speed) -> Awaitable[Timing]:
            return _direct(base_url, speed, f"{speed} {number}")

        direct = [timing for _ in range(rounds) for timing in await _spread(call, count, a_second)]
        cpu = served.cpu_seconds()
        chat = [timing for number in range(rounds) for timing in await _spread(ask, count, a_second, number)]
        cpu = served.cpu_seconds() - cpu
        streams.append(_compared(count, direct, chat, cpu / (count * rounds * speed[0]), served.megabytes("VmHWM")))
    return {"page": page, "streams": [asdict(row) for row in streams]}


async def _spread(one: Callable[[int], Awaitable[Timing]], count: int, a_second: int, first: int = 0) -> list[Timing]:
    async def later(number: int) -> Timing:
        await asyncio.sleep(number / a_second)
        return await one(first + number)

    return list(await asyncio.gather(*map(later, range(count))))


async def _conversation(person: Browser, model: int) -> str:
    """Begin one, wait for the end of its first answer, and return its address."""
    asked = await person.post("/chat", text="Hello", model=model, send_key=os.urandom(8).hex())
    page = await person.get(asked.location)
    if found := re.search(r"/chat/runs/(\d+)/events", page.text):
        await person.watch(Watched(int(found[1])))
    return asked.location


async def _chat(person: Browser, talk: str, model: int, question: str, tokens: int) -> Timing:
    began = time.perf_counter()
    fields = {"text": question, "model": model, "send_key": os.urandom(8).hex()}
    asked = await person.post(f"{talk}/messages", htmx=True, **fields)
    watched = await person.watch(Watched(int(asked.found(r"/chat/runs/(\d+)/events"))))
    ended = time.perf_counter()
    is_exact = watched.final_prose()[1] == answer_to(question, tokens)
    return Timing((watched.first_text_at or ended) - began, ended - began, is_exact)


async def _direct(base_url: str, speed: tuple[int, int], question: str) -> Timing:
    body = json.dumps(
        {"model": model_name(*speed), "stream": True, "messages": [{"role": "user", "content": question}]}
    )
    began, first, text = time.perf_counter(), 0.0, ""
    upstream = Browser(urlsplit(base_url).port or 0)
    async for event in upstream.events("/v1/chat/completions", body):
        choices = [] if event == "data: [DONE]" else json.loads(event[6:])["choices"]
        text += "".join(choice["delta"].get("content", "") for choice in choices)
        first = first or time.perf_counter()
    return Timing(first - began, time.perf_counter() - began, text == answer_to(question, speed[0]))


def _compared(count: int, direct: list[Timing], chat: list[Timing], cpu_per_token: float, peak: float) -> Streams:
    def first_ms(timings: list[Timing]) -> tuple[float, float]:
        cuts = quantiles([timing.first for timing in timings], n=100, method="inclusive")
        return ((cuts[49] - FIRST_TOKEN_SECONDS) * 1000, (cuts[98] - FIRST_TOKEN_SECONDS) * 1000)

    def whole(timings: list[Timing]) -> float:
        return sorted(timing.whole for timing in timings)[len(timings) // 2]

    exact = sum(timing.is_exact for timing in chat) / len(chat)
    ratio = whole(chat) / whole(direct)
    return Streams(count, *first_ms(direct), *first_ms(chat), exact, ratio, cpu_per_token * 1_000_000, peak)


async def _page_load(person: Browser) -> dict[str, float]:
    """What a browser fetches for a first visit to the chat page: bytes of the bodies as they travel."""
    page = await person.get("/")
    paths = ["/", *sorted(set(re.findall(ASSETS, page.text)))]
    sizes = {path: await person.size(path) for path in paths}
    return {"requests": len(sizes), "kb": sum(sizes.values()) / 1000, "html_kb": sizes["/"] / 1000}


def _summary(starts: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    later = [{key: start[key] for key in start} for start in starts[1:]]
    return {
        "first": starts[0],
        "repeated": {key: sorted(row[key] for row in later)[len(later) // 2] for key in later[0]},
    }


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


def _print(results: dict[str, object]) -> None:
    for title in ("machine", "start", "page"):
        print(f"\n{title}")
        for name, value in dict(results[title]).items():  # type: ignore[call-overload]
            print(f"  {name:10}", _written(value))
    print("\nstreams: ms to the first text beyond the upstream's own wait, direct and chat")
    for row in results["streams"]:  # type: ignore[attr-defined]
        print(" ", _written(row))
    print(json.dumps(results))


def _written(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}={_written(part)}" for name, part in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
