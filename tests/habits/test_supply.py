"""What comes from outside is exactly what was reviewed."""

import hashlib
import re
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.habits.tree import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
VENDORED = sorted((ROOT / "static/vendor").iterdir())
# A .pth file runs at every start of Python. These are known: the file -> who brings it and why.
STARTUP_FILES = {
    "_virtualenv.pth": "uv and virtualenv: keeps distutils from leaving the environment",
    "distutils-precedence.pth": "setuptools: its own copy of distutils, on Python 3.11",
}


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_files_are_those_whose_hashes_are_recorded(folder: Path) -> None:
    lines = [line.split(maxsplit=1) for line in (folder / "SHA256SUMS").read_text().splitlines()]
    recorded = {name: digest for digest, name in lines}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "SHA256SUMS"
    }
    assert found == recorded
    assert "LICENSE" in recorded


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_locked_package_is_pinned_and_hashed_and_no_registry_is_named(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry for entry in entries if not re.match(r"[a-z0-9.-]+(\[.*\])?==\S+", entry)] == []
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "--index" not in text


def test_the_extras_hold_the_pins_of_the_runtime() -> None:
    runtime = _pins(ROOT / "requirements/runtime.lock")
    for lock in LOCKS:
        pins = _pins(lock)
        assert {name: pins.get(name) for name in runtime} == runtime, lock.name


def test_every_dependency_and_extra_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"runtime": project["dependencies"], **project["optional-dependencies"]}
    assert {lock.stem for lock in LOCKS} == set(groups)
    for group, requirements in groups.items():
        names = {re.match(r"[A-Za-z0-9-]+", requirement)[0] for requirement in requirements}  # type: ignore[index]
        assert names - {"jackfield"} <= set(_pins(ROOT / f"requirements/{group}.lock"))


def test_no_installed_package_runs_code_at_every_start() -> None:
    installed = {path.name for path in Path(sysconfig.get_path("purelib")).glob("*.pth")}
    assert installed <= set(STARTUP_FILES)


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))
