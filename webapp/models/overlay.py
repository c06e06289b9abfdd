"""What people say of a model: laid over what its provider says, and kept through every refresh."""

from typing import Any, Final

from webapp.models.facts import ABILITIES, LABELS, LISTED, NAMES, PEOPLE, PRICES, SIZES, Fact, merged, with_one
from webapp.models.model import Model

FIELDS: Final = (*LABELS, *SIZES, *ABILITIES, *PRICES)
UNSAID: Final = {"display_name": None, "kind": "chat"}  # where no source names them


def override(row: Model, said: dict[str, Any]) -> None:
    """Keep what somebody said of these fields, and of single capabilities; None takes it back."""
    said = said | said.get("capabilities", {})
    overrides = dict(row.overrides or {})
    overrides |= overrides.pop("capabilities", {})  # as they were kept at first
    for name in FIELDS:
        if name in said and said[name] != overrides.get(name):
            overrides = with_one(overrides, name, said[name])
    row.overrides = overrides
    for name in LABELS:
        if name in said:
            setattr(row, name, UNSAID[name])
    row.settle()


def said_by_people(row: Model) -> dict[str, Any]:
    """Return what people say of a model now, by field."""
    overrides = row.overrides or {}
    return {name: value for name, value in {**overrides, **overrides.get("capabilities", {})}.items() if name in NAMES}


def inherited(row: Model) -> dict[str, Fact]:
    """Return what would count of a model if people said nothing."""
    return merged(row.facts or {}, {})


def told_prices(row: Model) -> dict[str, float]:
    """Return the prices that people set or the provider's list names; those of the bundled data are read there."""
    found = merged(row.facts or {}, row.overrides or {})
    return {name: found[name].value for name in PRICES if name in found and found[name].source in (PEOPLE, LISTED)}
