"""A LiteLLM proxy in an environment of its own: made once, kept for later runs, made again when it is broken."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, free_port
from tests.real.processes import lack, running

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jackfield-tests"
# The release that the gateway is locked to.
GATEWAY: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["gateway"][0]
INSTALL_SECONDS, START_SECONDS = 300, 60
KEY = "sk-right-0123456789"


@dataclass
class Proxy:
    """A running proxy; `key` is what it wants."""

    base_url: str
    key: str = KEY


@contextlib.contextmanager
def litellm_proxy(folder: Path, answers: dict[str, str]) -> Iterator[Proxy]:
    """Run a proxy inside the block that answers for each model with its text, without any network."""
    program = _environment() / "bin/litellm"
    config = folder / "litellm.yaml"
    config.write_text(json.dumps({"model_list": [_model(name, text) for name, text in answers.items()]}))  # YAML, too
    root = f"http://127.0.0.1:{free_port()}"
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", root.rpartition(":")[2]]
    with running(
        [*command, "--telemetry", "False"],
        folder / "litellm.log",
        answers=f"{root}/health/liveliness",
        seconds=START_SECONDS,
        LITELLM_MASTER_KEY=KEY,
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    ):
        yield Proxy(f"{root}/v1")


def _model(name: str, text: str) -> dict[str, Any]:
    return {
        "model_name": name,
        "litellm_params": {"model": f"openai/{name}", "api_key": "none", "mock_response": text},
    }


def _environment() -> Path:
    """Return the environment, whole; parallel tests wait for the one that makes it."""
    folder = CACHE / GATEWAY.replace("==", "-")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder)
            (folder / "whole").touch()
    return folder


def _is_whole(folder: Path) -> bool:
    """A Python that was replaced, or a set-up that was interrupted, shows."""
    if not (folder / "whole").exists():
        return False
    look = [str(folder / "bin/python"), "-c", "import importlib.util as i; exit(not i.find_spec('litellm.proxy'))"]
    try:
        return subprocess.run(look, capture_output=True).returncode == 0
    except OSError:
        return False


def _make(folder: Path) -> None:
    wanted = GATEWAY.replace("litellm", "litellm[proxy]")
    if shutil.which("uv"):
        commands = [
            ["uv", "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)],
            ["uv", "pip", "install", "--quiet", "--python", str(folder / "bin/python"), wanted],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin/python"), "-m", "pip", "install", "-qq", "--no-input", wanted],
        ]
    for command in commands:
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            lack(f"LiteLLM could not be installed in {INSTALL_SECONDS} s")
        if result.returncode:
            lack(f"LiteLLM could not be installed: {result.stderr.strip()[-300:]}")
