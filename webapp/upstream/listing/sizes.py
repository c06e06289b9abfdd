"""Context length and output limit of a list entry."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from webapp.upstream.shapes import as_dict, as_list, as_text

LARGEST: Final = 100_000_000  # more is a filler value
TEXT_NUMBER: Final = re.compile(r"\s*(\d{1,12}(?:\.\d+)?(?:e\d)?)\s*([km]?)\s*(?:tokens)?\s*", re.I)
NUM_CTX: Final = re.compile(r"^\s*num_ctx\s+(\d+)", re.M)
CONTEXT_ARGUMENTS: Final = frozenset({"-c", "-ctx", "--ctx-size", "--ctx_size", "--max-model-len"})

CONTEXT_NAMES: Final = (
    "context_window", "contextWindow", "context_size", "max_context_length", "max_context_window_tokens",
    "contextLength", "ctx_len", "availableContextTokens", "max_context_tokens", "max_seq_len", "max_sequence_length",
    "max_total_tokens", "max_input_tokens", "inputTokenLimit", "max_prompt_tokens",
)  # fmt: skip
OUTPUT_NAMES: Final = (
    "max_completion_tokens", "max_output_tokens", "max_output_length", "max_output", "outputTokenLimit",
    "maxCompletionTokens", "maxOutputTokens",
)  # fmt: skip


@dataclass(slots=True)
class Context:
    """The length that counts, where it came from, and the trained length when a runtime value won."""

    length: int | None = None
    kind: Literal["runtime", "trained"] | None = None
    trained: int | None = None


def read_context(row: dict[str, Any], places: list[dict[str, Any]]) -> Context:
    """Take runtime over declared over trained. `places` are the objects that hold sizes."""
    trained = _trained(row)
    if runtime := _smallest(_runtime(row)):
        return Context(runtime, "runtime", trained)
    served = number(row.get("max_model_len"))
    declared = _smallest([row.get("context_length"), served])
    if declared is not None:
        return Context(declared, "runtime" if served and "context_length" not in row else None)
    if providers := live_providers(row):
        declared = _smallest(provider.get("context_length") for provider in providers)
    if declared is None:
        declared = _first(places, ("context_length", *CONTEXT_NAMES))
    if declared is not None and not _is_lm_studio(row):
        return Context(declared)
    return Context(trained, "trained" if trained else None)


def read_output_limit(row: dict[str, Any], places: list[dict[str, Any]]) -> int | None:
    """Return the output cap. Anthropic calls it max_tokens; elsewhere that word is ambiguous and is not read."""
    limit = _first(places, OUTPUT_NAMES)
    if limit is None and row.get("type") == "model" and "max_input_tokens" in row:
        return number(row.get("max_tokens"))
    return limit


def live_providers(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the providers behind the entry that serve it now (Hugging Face router)."""
    providers = [item for item in as_list(row.get("providers")) if isinstance(item, dict)]
    return [provider for provider in providers if provider.get("status") in (None, "live")]


def number(value: object) -> int | None:
    """Return a plausible count of tokens; "65536", "128k" and "131,072" are read, 0 and "N/A" are unknown."""
    if isinstance(value, str):
        found = TEXT_NUMBER.fullmatch(value.replace(",", "").replace("_", ""))
        if not found:
            return None
        value = float(found[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[found[2].lower()]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= LARGEST:
        return None
    return int(value)


def _runtime(row: dict[str, Any]) -> Iterator[object]:
    for instance in as_list(row.get("loaded_instances")):
        yield as_dict(as_dict(instance).get("config")).get("context_length")
    yield row.get("loaded_context_length")
    if found := NUM_CTX.search(as_text(row.get("parameters"))):
        yield found[1]
    yield as_dict(as_dict(row.get("info")).get("params")).get("num_ctx")
    yield as_dict(row.get("default_generation_settings")).get("n_ctx")
    yield as_dict(row.get("meta")).get("n_ctx")
    arguments = as_list(as_dict(row.get("status")).get("args"))
    for name, value in pairwise([*arguments, None]):
        name, equals, inline = as_text(name).partition("=")
        if name in CONTEXT_ARGUMENTS:
            yield inline if equals else value
    if "size_vram" in row:  # Ollama's /api/ps
        yield row.get("context_length")


def _trained(row: dict[str, Any]) -> int | None:
    if size := number(as_dict(row.get("meta")).get("n_ctx_train")):
        return size
    if _is_lm_studio(row):
        return number(row.get("max_context_length"))
    info = as_dict(row.get("model_info"))
    own = info.get(f"{info.get('general.architecture')}.context_length")
    return _smallest([own] if own else [size for name, size in info.items() if name.endswith(".context_length")])


def _is_lm_studio(row: dict[str, Any]) -> bool:
    return "max_context_length" in row and ("loaded_instances" in row or "state" in row)


def _smallest(values: Iterable[object]) -> int | None:
    return min((size for value in values if (size := number(value)) is not None), default=None)


def _first(places: list[dict[str, Any]], names: tuple[str, ...]) -> int | None:
    for place in places:
        for name in names:
            if name in place and (size := number(place[name])) is not None:
                return size
    return None
