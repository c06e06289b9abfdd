"""Catching everything hides faults: it is allowed only where a fault must not end what runs around it."""

import ast
from collections import Counter

from tests.habits.tree import name_of, parse, python_files

# File -> how many times, and why.
ALLOWED = {
    "webapp/core/background.py": (1, "a job's outermost frame"),
    "webapp/core/plugins.py": (1, "a plugin call"),
    "webapp/monitor.py": (1, "the loop outlives a failing round"),
    "webapp/upstream/switchboard.py": (1, "one line of many that a thread carries"),
}
BROAD = ("Exception", "BaseException")


def test_everything_is_caught_only_where_that_is_allowed() -> None:
    found = Counter(
        name_of(path) for path in python_files("webapp") for node in ast.walk(parse(path)) if _is_broad(node)
    )
    assert {name: count for name, count in found.items() if count > ALLOWED.get(name, (0,))[0]} == {}


def _is_broad(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler):
        return node.type is None or _names_everything(node.type)
    if isinstance(node, ast.Call) and "suppress" in (getattr(node.func, "id", ""), getattr(node.func, "attr", "")):
        return any(_names_everything(argument) for argument in node.args)
    return False


def _names_everything(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id in BROAD for part in ast.walk(node))
