"""An npm package in a folder of its own: installed once, kept for later runs, installed again when it is broken."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

from tests.real.environments import CACHE
from tests.real.processes import lack

INSTALL_SECONDS = 120


def node_package(name: str, version: str) -> Path:
    """Return the folder whose `node_modules` holds the package. Skips the test without Node, npm or a registry."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            lack(f"{program} is not installed")
    folder = CACHE / f"{name}-npm-{version}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_whole(folder, name, version):
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, f"{name}@{version}")
            (folder / "whole").touch()
    return folder


def _is_whole(folder: Path, name: str, version: str) -> bool:
    """An installation that was interrupted shows."""
    try:
        found = json.loads((folder / "node_modules" / name / "package.json").read_bytes())
    except (OSError, ValueError):
        return False
    return (folder / "whole").exists() and found.get("version") == version


def _install(folder: Path, wanted: str) -> None:
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}')
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error"]
    try:
        result = subprocess.run(
            ["npm", "install", *quiet, wanted], cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        lack(f"{wanted} could not be installed in {INSTALL_SECONDS} s")
    if result.returncode:
        lack(f"{wanted} could not be installed: {result.stderr.strip()[-300:]}")
