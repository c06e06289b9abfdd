"""Programs of PyPI in environments of their own: made once, kept for later runs, made again when they are broken."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.real.processes import lack
from tests.serving import ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jackfield-tests"
INSTALL_SECONDS = 300


def environment(requirement: str, module: str) -> Path:
    """Return the environment that holds a requirement (`name[extra]==1.0`) and so this module, whole.

    Parallel tests wait for the one that makes it. Without a package index the test is skipped.
    """
    folder = CACHE / re.sub(r"\[.*\]", "", requirement).replace("==", "-")
    return _made(folder, module, [requirement])


def gateway_python() -> Path:
    """Return the interpreter that `bin/serve --with-gateway` would make; pytest is there, too."""
    return locked_environment("runtime", "gateway", "pytest", "pytest-timeout") / "bin/python"


def locked_environment(*groups: str) -> Path:
    """Return the environment of these lock files of ours; other words are packages that only the test needs."""
    locks = [ROOT / f"requirements/{group}.lock" for group in groups]
    digest = sha256(b"".join(lock.read_bytes() for lock in locks if lock.exists())).hexdigest()[:12]
    needs = [["--require-hashes", "-r", str(lock)] for lock in locks if lock.exists()]
    needs += [[group] for group, lock in zip(groups, locks, strict=True) if not lock.exists()]
    return _made(CACHE / f"{'-'.join(groups)}-{digest}", "flask", *needs)


def _made(folder: Path, module: str, *needs: list[str]) -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_whole(folder, module):
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, *needs)
            (folder / "whole").touch()
    return folder


def _is_whole(folder: Path, module: str) -> bool:
    """A Python that was replaced, or a set-up that was interrupted, shows."""
    if not (folder / "whole").exists():
        return False
    look = [str(folder / "bin/python"), "-c", f"import importlib.util as i; exit(not i.find_spec({module!r}))"]
    try:
        return subprocess.run(look, capture_output=True).returncode == 0
    except OSError:
        return False


def _make(folder: Path, *needs: list[str]) -> None:
    if shutil.which("uv"):
        commands = [["uv", "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)]]
        install = ["uv", "pip", "install", "--quiet", "--python", str(folder / "bin/python")]
    else:
        commands = [[sys.executable, "-m", "venv", str(folder)]]
        install = [str(folder / "bin/python"), "-m", "pip", "install", "-qq", "--no-input"]
    for command in commands + [install + need for need in needs]:
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            lack(f"{folder.name} could not be installed in {INSTALL_SECONDS} s")
        if result.returncode:
            lack(f"{folder.name} could not be installed: {result.stderr.strip()[-300:]}")
