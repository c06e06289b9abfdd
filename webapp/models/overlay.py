"""What people say of a model: laid over what its provider says, and kept through every refresh."""

from typing import Any

from webapp.models.model import Model, searchable

FIELDS = ("display_name", "kind", "context_length", "max_output_tokens", "input_price", "output_price")
LABELS = ("display_name", "kind")  # of these, what the provider said is known again after its next refresh


def override(row: Model, said: dict[str, Any]) -> None:
    """Keep what somebody said of these fields, and of single capabilities; None takes it back."""
    overrides = dict(row.overrides or {})
    capabilities = overrides.pop("capabilities", {}) | said.get("capabilities", {})
    overrides |= {name: said[name] for name in FIELDS if name in said}
    overrides["capabilities"] = {name: value for name, value in capabilities.items() if value is not None}
    row.overrides = {name: value for name, value in overrides.items() if value not in (None, {})}
    if "display_name" in said:
        row.display_name = said["display_name"]
    lay_over(row)
    row.settle()


def lay_over(row: Model) -> None:
    """Put the name and kind that people gave over those that were just read."""
    for name in LABELS:
        if name in (row.overrides or {}):
            setattr(row, name, row.overrides[name])
    row.search_text = searchable(row.display_name, row.model_id)
