"""Files, functions and templates stay small enough for one head."""

import ast

from tests.habits.tree import ROOT, name_of, parse, python_files, templates

FILE_LINES, FUNCTION_LINES, TEMPLATE_LINES = 250, 50, 120
# File, or file::function -> (its own limit, reason). A smaller limit than the usual one is allowed, too.
LIMITS: dict[str, tuple[int, str]] = {
    "webapp/__init__.py": (80, "wires only"),
    "migrations/versions/0001_first.py": (320, "the first schema, as Alembic writes it"),
    "migrations/versions/0001_first.py::upgrade": (260, "the first schema, as Alembic writes it"),
    "tests/real/test_postgresql.py": (275, "one cluster and one server for all of its tests"),
    "static/js/app.js": (120, "the browser keeps no state"),
}


def test_no_file_function_or_template_is_over_its_budget() -> None:
    sizes = _sizes()
    over = {name: lines for name, (lines, budget) in sizes.items() if lines > LIMITS.get(name, (budget,))[0]}
    assert over == {}


def test_no_exception_outlives_its_need() -> None:
    sizes = _sizes()
    needless = [name for name, (limit, _) in LIMITS.items() if limit > sizes[name][1] >= sizes[name][0]]
    assert needless == []


def _sizes() -> dict[str, tuple[int, int]]:
    """Return name -> (lines, usual budget)."""
    sizes = {}
    for path in python_files("webapp", "tests", "migrations"):
        sizes[name_of(path)] = (_lines(path.read_text(encoding="utf-8")), FILE_LINES)
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                sizes[f"{name_of(path)}::{node.name}"] = (lines, FUNCTION_LINES)
    for path in [*templates(), ROOT / "static/js/app.js"]:
        sizes[name_of(path)] = (_lines(path.read_text(encoding="utf-8")), TEMPLATE_LINES)
    return sizes


def _lines(text: str) -> int:
    return len(text.splitlines())
