"""How long a start takes and what the server then holds: without the gateway extra, and with it, unused."""

import sys
import time
from pathlib import Path

import pytest

from tests.load.figures import Figures, written
from tests.load.served import serving
from tests.real.environments import gateway_python


def measure_starts(folder: Path, count: int, app_core: list[str]) -> dict[str, Figures]:
    """Start so many times in each environment, the first start makes the database; print it."""
    pythons = {"plain": sys.executable}
    try:
        pythons["with the gateway extra, unused"] = str(gateway_python())
    except pytest.skip.Exception as reason:
        print(f"\nstart with the gateway extra: {reason}")
    rows: dict[str, list[Figures]] = {name: [] for name in pythons}
    for _ in range(count):  # in turn: what else the machine does meets them alike
        for name, python in pythons.items():
            rows[name].append(_start(folder / name, app_core, python))
    results = {"first": rows["plain"][0]} | {f"later, {name}": _middle(found[1:]) for name, found in rows.items()}
    for name, row in results.items():
        print(f"\nstart, {name}  {written(row)}", flush=True)
    return results


def _start(folder: Path, app_core: list[str], python: str) -> Figures:
    with serving(folder, *app_core, python=python) as served:
        time.sleep(1)  # the monitor's first round is over
        return {"seconds": served.start_seconds, "cpu_seconds": served.start_cpu, "idle_mb": served.megabytes()}


def _middle(rows: list[Figures]) -> Figures:
    return {key: sorted(row[key] for row in rows)[len(rows) // 2] for key in rows[0]}
