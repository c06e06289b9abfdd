"""Imports point one way down one list, and what is dangerous or heavy has one home."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from tests.habits.tree import DOORS, ROOT, is_one_of, name_of, parse, python_files

# Each layer may import those before it, its own folder and itself; folders of one layer do not import each other.
LAYERS = (
    ("core",),
    ("upstream",),
    ("settings",),
    ("accounts",),
    ("providers",),
    ("models",),
    ("usage",),
    ("routing",),
    ("chat", "openai_api"),
    ("transfer",),
)
# The files that wire the features together. `__init__` is the package itself.
TOP = ("monitor", "features", "factory", "serving", "cli", "__main__", "__init__")
WEB_MAY_BE_IMPORTED_BY = ("webapp/web/*", "webapp/openai_api/*", *DOORS, "webapp/factory.py", "webapp/features.py")

# Who may import what from outside (patterns of modules -> patterns of files).
HOMES = {
    ("flask", "flask.*", "flask_*"): (
        *DOORS,
        "webapp/web/*",
        "webapp/openai_api/*",
        "webapp/accounts/session.py",
        "webapp/core/background.py",
        "webapp/core/database.py",
        "webapp/core/runtime.py",
        "webapp/core/upgrade.py",
        "webapp/__init__.py",
        "webapp/cli.py",
        "webapp/factory.py",
        "webapp/features.py",
    ),
    ("httpx*", "httpcore*", "requests", "urllib3*", "urllib.request", "aiohttp", "http.client", "ssl", "socket"): (
        "webapp/upstream/*",
    ),
    ("openai*", "anthropic*", "litellm*"): ("webapp/upstream/*",),
    ("cryptography*",): ("webapp/core/crypto.py",),
    ("gunicorn*",): ("webapp/serving.py", "webapp/cli.py"),
}
# Named exceptions to HOMES: (file, module) -> reason.
EXCEPTIONS = {
    ("webapp/web/security.py", "socket"): "gethostname(): this machine's own name is a trusted host",
    ("webapp/serving.py", "socket"): "tells whether the address to listen at is free",
}


def test_imports_only_go_down_the_list() -> None:
    rank = {folder: layer for layer, folders in enumerate(LAYERS) for folder in folders}
    breaches = []
    for path, module in _imports():
        if not module.startswith("webapp"):
            continue
        here, target = _part(path), _part_of_module(module)
        if here in TOP or here == target or target == "core":
            continue
        allowed = (
            is_one_of(path, WEB_MAY_BE_IMPORTED_BY)
            if target == "web"
            else here in rank and target in rank and rank[target] < rank[here]
        )
        if not allowed:
            breaches.append(f"{name_of(path)} imports {module}")
    assert breaches == []


def test_every_folder_has_its_place_in_the_list() -> None:
    known = {folder for layer in LAYERS for folder in layer} | {"web"}
    assert {_part(path) for path in python_files("webapp")} - set(TOP) <= known


def test_frameworks_and_clients_stay_in_their_home() -> None:
    breaches = set()
    for path, module in _imports():
        for modules, homes in HOMES.items():
            is_meant = any(fnmatch(module, pattern) for pattern in modules)
            if is_meant and not is_one_of(path, homes):
                breaches.add((name_of(path), module))
    assert sorted(breaches) == sorted(EXCEPTIONS)


def _imports() -> Iterator[tuple[Path, str]]:
    """Yield (file, absolute module) for every import, wherever in the file it stands."""
    for path in python_files("webapp"):
        package = path.relative_to(ROOT).parent.parts
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = package[: len(package) - node.level + 1] if node.level else ()
                module = ".".join((*start, *filter(None, [node.module])))
                # `from webapp import providers` and `from http import client` name a module last, too.
                is_package = module in ("webapp", "http", "urllib")
                yield from ((path, f"{module}.{alias.name}" if is_package else module) for alias in node.names)


def _part(path: Path) -> str:
    parts = path.relative_to(ROOT / "webapp").parts
    return parts[0] if len(parts) > 1 else path.stem


def _part_of_module(module: str) -> str:
    part = module.partition(".")[2].partition(".")[0]
    return part if (ROOT / "webapp" / part).exists() or part in TOP else "__init__"
