"""What an entry says that its model can do: yes, no or nothing. A dataset is consulted elsewhere, later."""

from collections.abc import Iterable
from typing import Any, Final

from webapp.upstream.listing.modalities import Modalities
from webapp.upstream.listing.sizes import live_providers
from webapp.upstream.messages import CAPABILITIES
from webapp.upstream.shapes import as_dict, as_list

FLAGS: Final = {
    "vision": ("vision", "supports_vision", "supportsVision", "supports_image_input", "image_input", "supports_images"),
    "tools": (
        "function_calling", "supports_function_calling", "supportsFunctionCalling", "supports_tools", "tools",
        "tool_calls", "tool_call", "tool_use", "trained_for_tool_use",
    ),
    "reasoning": ("reasoning", "supports_reasoning", "supportsReasoning", "thinking"),
    "structured_output": (
        "structured_outputs", "structured_output", "supports_structured_output", "supports_structured_outputs",
        "supports_response_schema", "supportsResponseSchema",
    ),
    "audio_input": ("audio_input", "supports_audio_input", "supportsAudioInput"),
}  # fmt: skip
FLAG_NAMES: Final = {name: capability for capability, names in FLAGS.items() for name in names}
WORDS: Final = FLAG_NAMES | {
    "image": "vision",
    "tool_calling": "tools",
    "function": "tools",
    "functions": "tools",
    "include_reasoning": "reasoning",
    "reasoning_effort": "reasoning",
    "audio": "audio_input",
}
OLLAMA_WORDS: Final = frozenset({"completion", "embedding", "insert"})  # such a list is whole: what it lacks is missing
TEXTS: Final = {"true": True, "false": False}
GITHUB_WORDS: Final = frozenset({"streaming", "agents", "tool-calling"})

Capabilities = dict[str, bool | None]


def read_capabilities(row: dict[str, Any], places: list[dict[str, Any]], modalities: Modalities) -> Capabilities:
    """Explicit flags win; a whole positive list makes absent words false; anything less leaves them unknown."""
    found: Capabilities = dict.fromkeys(CAPABILITIES)
    _read_lists(found, row)
    _read_modalities(found, modalities)
    _read_type(found, row)
    _read_flags(found, places)
    _read_supports(found, row)
    _read_providers(found, live_providers(row))
    return found


def _read_flags(found: Capabilities, places: list[dict[str, Any]]) -> None:
    told: dict[str, bool] = {}
    for place in places:
        for name in FLAG_NAMES.keys() & place.keys():
            value = place[name]
            if isinstance(value, dict) and value:  # Anthropic: {"supported": …}; LM Studio: {"allowed_options": …}
                value = value.get("supported", True)
            elif isinstance(value, str):
                value = TEXTS.get(value.lower())
            if isinstance(value, bool):
                capability = FLAG_NAMES[name]
                told[capability] = told.get(capability, False) or value  # Cerebras says it under two names
    found.update(told)


def _read_supports(found: Capabilities, row: dict[str, Any]) -> None:
    """Read GitHub Copilot: what `supports` of a chat model does not name is missing."""
    capabilities = as_dict(row.get("capabilities"))
    if capabilities.get("type") == "chat" and as_dict(capabilities.get("supports")):
        for capability in ("vision", "tools"):
            found[capability] = found[capability] or False


def _read_lists(found: Capabilities, row: dict[str, Any]) -> None:
    _read_words(found, row.get("supported_parameters"), closes=("tools", "reasoning", "structured_output"))
    _read_words(found, row.get("supported_features"), closes=("tools", "reasoning", "structured_output"))
    features = row.get("features")
    known = as_list(features)
    closes = ("tools", "reasoning") if "json_mode" in known else ("tools", "reasoning", "structured_output")
    _read_words(found, features, closes)
    capabilities = row.get("capabilities")
    words = {word for word in as_list(capabilities) if isinstance(word, str)}
    if "multimodal" in words:  # llama.cpp's imitation of Ollama says nothing else
        found["vision"] = True
    elif words & OLLAMA_WORDS:
        _read_words(found, capabilities, closes=("vision", "tools", "reasoning", "audio_input"))
    else:
        _read_words(found, capabilities, closes=("tools", "reasoning") if words & GITHUB_WORDS else ())


def _read_words(found: Capabilities, value: object, closes: Iterable[str]) -> None:
    """Read a list of words, or one text with commas: of such a text the absent words stay unknown."""
    words = _words(value)
    if not words:
        return
    if isinstance(value, list):
        for capability in closes:
            found[capability] = found[capability] or False
    for word in words:
        if capability := WORDS.get(word.strip().lower().replace("-", "_"), ""):
            found[capability] = True


def _read_modalities(found: Capabilities, modalities: Modalities) -> None:
    for capability, names in (("vision", {"image", "images", "vision"}), ("audio_input", {"audio"})):
        if names.intersection(modalities.inputs):
            found[capability] = True
        elif modalities.is_whole:
            found[capability] = False


def _read_type(found: Capabilities, row: dict[str, Any]) -> None:
    """LM Studio: vlm sees, llm does not."""
    kind = row.get("type")
    if kind in ("vlm", "llm") and found["vision"] is None:
        found["vision"] = kind == "vlm"


def _read_providers(found: Capabilities, providers: list[dict[str, Any]]) -> None:
    for capability, name in (("tools", "supports_tools"), ("structured_output", "supports_structured_output")):
        told = [value for provider in providers if isinstance(value := provider.get(name), bool)]
        if told and found[capability] is None:
            found[capability] = any(told)


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [word for word in value.split(",") if word.strip()]
    return [word for word in as_list(value) if isinstance(word, str) and word]
