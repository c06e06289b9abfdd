"""Programs that nobody here wrote, run for a test."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx2
import pytest

LOOK_EVERY_SECONDS = 0.05


def lack(what: str) -> NoReturn:
    """Skip the test because something is not installed; where everything must be, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@contextlib.contextmanager
def running(
    command: list[str], log: Path, *, answers: str, seconds: float, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server inside the block, which begins when it answers at the address `answers`, whatever it says."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + seconds
        while not _answers(answers):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"silent for {seconds} s\n{log.read_text()}"
            time.sleep(LOOK_EVERY_SECONDS)  # a program of others sends no event when it is ready
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, verify=False, timeout=2).status_code < 500
    except httpx2.TransportError:
        return False
