"""What goes into a model and what comes out, by whatever name an entry tells it."""

from typing import Any, Literal

from webapp.upstream.shapes import as_dict, as_list, as_text


def read_modalities(row: dict[str, Any], side: Literal["input", "output"]) -> tuple[list[str], bool]:
    """Return the words of one side, in lower case, and whether they are all (a text with commas may be less)."""
    architecture = as_dict(row.get("architecture"))
    for place in (row, architecture):
        names = (f"{side}_modalities", f"supported_{side}_modalities", f"{side}Modalities")
        values = [place.get(name) for name in names] + [as_dict(place.get("modalities")).get(side)]
        for value in values:
            words = value.split(",") if isinstance(value, str) else as_list(value)
            if found := [word.strip().lower() for word in words if isinstance(word, str) and word.strip()]:
                return found, isinstance(value, list)
    given, arrow, made = as_text(architecture.get("modality")).lower().partition("->")  # OpenRouter, "text+image->text"
    words = (given if side == "input" else made).split("+")
    return [word.strip() for word in words] if arrow else [], bool(arrow)
