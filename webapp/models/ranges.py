"""The values that servers take, as far as they are known: parameters.toml, by protocol and vendor."""

import functools
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from webapp.providers.provider import Provider
from webapp.upstream.dialects import DIALECTS


@dataclass(frozen=True, slots=True)
class Range:
    """What one parameter may be: a number within limits, one of the choices, a list of so many entries."""

    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    entries: int | None = None


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges by parameter; the protocol `lacks` words for some: they are left out of requests."""

    by_name: dict[str, Range]
    lacks: frozenset[str] = frozenset()


def ranges_of(provider: Provider | None = None) -> Ranges:
    """Return what this provider takes; without one, what some provider takes."""
    return _ranges(provider.dialect, provider.vendor_id) if provider else _ranges("", "")


@functools.cache
def _ranges(dialect: str, vendor: str) -> Ranges:
    data = _data()
    found = {name: _changed(Range(), limits) for name, limits in data["general"].items()}
    for special in (data["dialect"].get(dialect, {}), data["vendor"].get(vendor, {})):
        found |= {name: _changed(found[name], limits) for name, limits in special.items()}
    return Ranges(found, DIALECTS[dialect].LACKS if dialect in DIALECTS else frozenset())


@functools.cache
def _data() -> dict[str, Any]:
    with (Path(__file__).parent / "parameters.toml").open("rb") as file:
        return tomllib.load(file)


def _changed(known: Range, limits: dict[str, Any]) -> Range:
    changes: dict[str, Any] = {name: tuple(value) if name == "choices" else value for name, value in limits.items()}
    return replace(known, **changes)
