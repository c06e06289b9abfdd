"""What outsiders can set, type or must install is named in the README."""

import ast
import re
import tomllib

import click

from tests.habits.tree import ROOT, parse
from webapp.cli import main

README = ROOT / "README.md"


def test_every_setting_is_in_the_readme() -> None:
    names = {
        node.value
        for node in ast.walk(parse(ROOT / "webapp/core/config.py"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"JACKFIELD_\w+", node.value)
    }
    assert names
    assert _missing(names) == []


def test_every_command_is_in_the_readme() -> None:
    scripts = {f"bin/{path.name}" for path in (ROOT / "bin").iterdir()}
    assert _missing(scripts | set(_commands(main))) == []


def test_every_dependency_is_in_the_readme() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[^A-Za-z0-9-]", requirement)[0] for requirement in [*project["dependencies"], *extras]}
    assert _missing(names) == []


def _commands(command: click.Command, path: str = "") -> list[str]:
    """Return what can be typed after `jackfield`."""
    if not isinstance(command, click.Group):
        return [path]
    return [text for name, inner in command.commands.items() for text in _commands(inner, f"{path} {name}".strip())]


def _missing(words: set[str]) -> list[str]:
    text = README.read_text(encoding="utf-8").lower()
    return sorted(word for word in words if not re.search(rf"(?<![\w-]){re.escape(word.lower())}(?![\w-])", text))
