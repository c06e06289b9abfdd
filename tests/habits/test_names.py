"""Modules are named after what they hold; views say what they do to which noun."""

import ast
import re

from tests.habits.tree import DOORS, is_one_of, name_of, parse, python_files

MEANINGLESS = re.compile(r"(utils?|helpers?|services?|managers?|base|common|misc|models)\.py")
ROUTE_DECORATORS = ("route", "get", "post", "put", "patch", "delete")
VIEW = re.compile(r"(list|show|new|create|edit|update|delete)_[a-z0-9_]+")
# Views whose name is given by somebody else: (file, function) -> reason.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def test_no_module_has_a_meaningless_name() -> None:
    # "models.py" would hold tables elsewhere; here a model is always an LLM model and a table lives with its noun.
    assert [name_of(path) for path in python_files("webapp", "tests") if MEANINGLESS.fullmatch(path.name)] == []


def test_views_are_named_verb_and_noun() -> None:
    views = {
        (name_of(path), node.name)
        for path in python_files("webapp")
        if is_one_of(path, DOORS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef) and any(_is_route(decorator) for decorator in node.decorator_list)
    }
    assert views
    assert sorted(view for view in views if not VIEW.fullmatch(view[1])) == sorted(EXCEPTIONS)


def _is_route(decorator: ast.expr) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Attribute) and call.attr in ROUTE_DECORATORS
