"""A `jackfield serve` of its own to measure: when it answered, its memory, its processor time. Reads /proc: Linux."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.serving import ROOT, free_port

GIVE_UP_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Served:
    """A running server; seconds until its first 200, and the processor seconds that took."""

    pid: int
    port: int
    start_seconds: float = 0.0
    start_cpu: float = 0.0

    def processes(self) -> list[int]:
        """The master and its workers."""
        return [self.pid, *map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]

    def cpu_seconds(self) -> float:
        """Processor time of all processes, also of those that ended."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.processes()]
        ended = sum(map(int, fields[0][13:15]))
        return (sum(int(tick) for row in fields for tick in row[11:13]) + ended) / TICKS

    def megabytes(self, kind: str = "VmRSS") -> float:
        """Resident memory of all processes, shared pages counted in each; `VmHWM` for the most there was."""
        return sum(_kilobytes(pid, kind) for pid in self.processes()) / 1024


@contextmanager
def serving(folder: Path, *before: str, python: str = sys.executable, database_url: str = "") -> Iterator[Served]:
    """Run the server, by a command such as `taskset -c 0` if given; the caller's own settings do not reach it."""
    port = free_port()
    began = time.perf_counter()
    settings = {
        "JACKFIELD_DATA_DIR": str(folder),
        "JACKFIELD_PORT": str(port),
        "JACKFIELD_DATABASE_URL": database_url,
    }
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("JACKFIELD_", "PYTHON"))}
    process = subprocess.Popen(
        [*before, python, "-m", "webapp", "serve"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=outside | settings,
    )
    try:
        while not _answers(port):
            assert process.poll() is None, "the server ended"
            assert time.perf_counter() - began < GIVE_UP_SECONDS, "the server does not answer"
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        yield Served(process.pid, port, seconds, Served(process.pid, port).cpu_seconds())
    finally:
        process.terminate()
        process.wait(GIVE_UP_SECONDS)


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=GIVE_UP_SECONDS) as response:
            return bool(response.status == 200)
    except (URLError, ConnectionError):
        return False


def _kilobytes(pid: int, kind: str) -> int:
    found = re.search(rf"{kind}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0
