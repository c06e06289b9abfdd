"""The project's own files, as the habit tests read them."""

import ast
from collections.abc import Iterable
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The files of a feature that know HTTP; a large one is split by noun (check_routes.py).
DOORS = tuple(f"webapp/*/{prefix}{door}.py" for prefix in ("", "*_") for door in ("forms", "routes", "api"))


def python_files(*folders: str) -> list[Path]:
    """Return every Python file below the given folders of the checkout."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def templates() -> list[Path]:
    """Return every template."""
    return sorted((ROOT / "templates").rglob("*.html"))


def name_of(path: Path) -> str:
    """Return the path as the tables of the tests write it: relative to the checkout, with slashes."""
    return path.relative_to(ROOT).as_posix()


def is_one_of(path: Path, patterns: Iterable[str]) -> bool:
    """Whether a file is meant by one of the patterns of such a table."""
    return any(fnmatch(name_of(path), pattern) for pattern in patterns)


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
