"""A real `jackfield serve`, on a free port."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass
class Server:
    """A serving process. `output` grows while it runs."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path
    output: list[str]

    @property
    def setup_url(self) -> str:
        while not (found := re.search(r"\S+/setup\?token=\S+", "".join(self.output))):
            assert self.process.poll() is None, "".join(self.output)
            time.sleep(0.01)  # it is printed just after the address
        return found[0]

    def stop(self, number: int = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@contextlib.contextmanager
def serving() -> Iterator[Callable[..., Server]]:
    """What `serve` does, for as long as the block."""
    running: list[Server] = []

    def start(data_dir: Path, **environment: str) -> Server:
        port = environment.pop("JACKFIELD_PORT", "") or str(free_port())
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve"],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "JACKFIELD_DATA_DIR": str(data_dir), "JACKFIELD_PORT": port, **environment},
        )
        ready, output = threading.Event(), []
        threading.Thread(target=_read, args=(process, output, ready), daemon=True).start()
        server = Server(process, f"http://127.0.0.1:{port}", data_dir, output)
        running.append(server)
        assert ready.wait(30), "".join(output)
        return server

    try:
        yield start
    finally:
        for server in running:
            server.stop()
            assert server.process.stdout
            server.process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read(process: subprocess.Popen[str], output: list[str], ready: threading.Event) -> None:
    assert process.stdout
    with contextlib.suppress(ValueError):  # the test ended and closed the pipe
        for line in process.stdout:
            output.append(line)
            if "Jackfield is at" in line:
                ready.set()
