"""What goes into a model and what comes out, by whatever name an entry tells it."""

from typing import Any, NamedTuple

from webapp.upstream.shapes import as_dict, as_list, as_text

INPUT_NAMES = ("input_modalities", "supported_input_modalities", "inputModalities")
OUTPUT_NAMES = ("output_modalities", "supported_output_modalities", "outputModalities")


class Modalities(NamedTuple):
    """Words in lower case; `is_whole`: what `inputs` lacks cannot go in (a text with commas may be less than all)."""

    inputs: list[str]
    outputs: list[str]
    is_whole: bool


def read_modalities(row: dict[str, Any]) -> Modalities:
    """Read an entry; lists are empty where nothing is told."""
    architecture = as_dict(row.get("architecture"))
    named = as_dict(row.get("modalities"))
    given = _first(row, architecture, INPUT_NAMES) or named.get("input")
    made = _first(row, architecture, OUTPUT_NAMES) or named.get("output")
    if not given and not made:
        before, arrow, after = as_text(architecture.get("modality")).partition("->")  # OpenRouter, "text+image->text"
        given, made = (before.split("+"), after.split("+")) if arrow else (None, None)
    inputs = _words(given)
    return Modalities(inputs, _words(made), isinstance(given, list) and bool(inputs))


def _first(row: dict[str, Any], architecture: dict[str, Any], names: tuple[str, ...]) -> object:
    return next((value for place in (row, architecture) for name in names if (value := place.get(name))), None)


def _words(value: object) -> list[str]:
    words = value.split(",") if isinstance(value, str) else as_list(value)
    return [word.strip().lower() for word in words if isinstance(word, str) and word.strip()]
