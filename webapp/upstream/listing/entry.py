"""Reads one entry of a model list."""

import re
from typing import Any, Final

from webapp.upstream.classify.rules import LOCAL_VENDORS
from webapp.upstream.listing.capabilities import read_capabilities
from webapp.upstream.listing.envelope import entry_id
from webapp.upstream.listing.kinds import read_kind
from webapp.upstream.listing.modalities import read_modalities
from webapp.upstream.listing.sizes import read_context, read_output_limit
from webapp.upstream.messages import ModelInfo
from webapp.upstream.shapes import as_dict, as_list, as_text

NAME_KEYS: Final = ("display_name", "displayName", "title", "name", "model_name")
HOSTED_NAMES: Final = re.compile(r"(?:gpt-|o\d\b|chatgpt|claude|gemini|grok|text-embedding-|dall-e|whisper-1)", re.I)
LOCAL_OWNERS: Final = frozenset({"llamacpp", "vllm", "sglang", "library", "localai"})
DOLLARS: Final = re.compile(r"0(?:\.\d{1,20})?|\d(?:\.\d{1,20})?[eE]-\d{1,2}")
PARAMETER: Final = re.compile(r"\w{1,64}", re.ASCII)
MOST_PARAMETERS: Final = 64
READY: Final = frozenset(
    {"succeeded", "loaded", "unloaded", "not-loaded", "loading", "sleeping", "active", "ready", "live"}
)


def read_entry(row: object, vendor: str) -> ModelInfo | None:
    """Return the model, or None if the entry has no id. Nothing of the raw entry (icons, descriptions) is kept."""
    if isinstance(row, str):
        row = {"id": row}
    if not isinstance(row, dict) or (model_id := entry_id(row)) is None:
        return None
    places = _places(row)
    modalities = read_modalities(row)
    context = read_context(row, places)
    info = ModelInfo(
        id=model_id,
        kind=read_kind(row, _base_model(row) or model_id, modalities),
        context_length=context.length,
        max_output_tokens=read_output_limit(row, places),
        capabilities=read_capabilities(row, places, modalities),
        display_name=_display_name(row),
    )
    details = {
        "context_kind": context.kind,
        "trained_context": context.trained if context.kind == "runtime" else None,
        "outputs": modalities.outputs if modalities.outputs not in ([], ["text"]) else None,
        **_state(row),
        **_nature(row, model_id, vendor),
        "price": _price(as_dict(row.get("pricing"))),
        "parameters": _parameters(places),
    }
    info.details = {name: value for name, value in details.items() if value is not None and value != ""}
    if info.details.get("wildcard"):
        info.details["available"] = False
    return info


def _display_name(row: dict[str, Any]) -> str | None:
    places = (row, as_dict(row.get("model_spec")))
    return next((name[:300] for place in places for key in NAME_KEYS if (name := as_text(place.get(key)))), None)


def _places(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every object of the entry that may hold sizes or flags, the outermost first."""
    places = [row]
    if isinstance(inner := row.get("capabilities"), dict):
        places += [inner, as_dict(inner.get("limits")), as_dict(inner.get("supports"))]
    for name in ("limits", "limit"):
        if isinstance(inner := row.get(name), dict):
            places.append({"context_length": inner.get("context"), "max_output_tokens": inner.get("output")} | inner)
    places += [inner for name in ("model_info", "metadata") if isinstance(inner := row.get(name), dict)]
    if isinstance(inner := row.get("model_spec"), dict):  # Venice
        places += [inner, as_dict(inner.get("capabilities"))]
    if isinstance(inner := row.get("info"), dict):  # Open WebUI
        places.append(as_dict(as_dict(inner.get("meta")).get("capabilities")))
    if isinstance(inner := row.get("top_provider"), dict):  # OpenRouter
        places.append(inner)
    if isinstance(properties := row.get("properties"), list):  # Cloudflare: [{property_id, value}], values are text
        pairs = [(item.get("property_id"), item.get("value")) for item in properties if isinstance(item, dict)]
        places.append({name: value for name, value in pairs if isinstance(name, str)})
    return places


def _state(row: dict[str, Any]) -> dict[str, Any]:
    """Tell whether it can be called now, and the load state of local servers."""
    status = row.get("status")
    state = as_text(row.get("state"))
    available: bool | None = None
    if isinstance(active := row.get("active"), bool):
        available = active
    if isinstance(status, int):  # Novita: 1 is served, 4 is retired
        available = status == 1
    elif isinstance(status, str):  # Azure
        available = None if status.lower() in READY else False
    elif isinstance(status, dict):  # llama.cpp router
        state = "failed" if status.get("failed") is True else as_text(status.get("value"))
        available = None if state in READY else False
    if isinstance(instances := row.get("loaded_instances"), list):
        state = "loaded" if instances else "not-loaded"
    elif "size_vram" in row:
        state = "loaded"
    providers = [item for item in as_list(row.get("providers")) if isinstance(item, dict) and "status" in item]
    if providers and all(provider["status"] != "live" for provider in providers):
        available = False
    if as_dict(row.get("policy")).get("state") == "disabled" or as_dict(row.get("model_spec")).get("offline") is True:
        available = False
    return {"available": available, "state": state}


def _nature(row: dict[str, Any], model_id: str, vendor: str) -> dict[str, Any]:
    """Tell what stands behind the id: an alias, a router, another model, another host."""
    price = as_dict(row.get("pricing")).get("prompt")
    is_local = vendor in LOCAL_VENDORS or row.get("owned_by") in LOCAL_OWNERS
    return {
        "deployment": True if "litellm_params" in row else None,
        "alias": True if model_id.startswith("~") else None,
        "router": True if row.get("arena") is True or price in ("-1", -1) else None,
        "wildcard": True if "*" in model_id else None,
        "base_model": _base_model(row),
        "architecture": _architecture(row),
        "parent": as_text(row.get("parent")),
        "remote": True if row.get("remote_host") else None,
        "identity": "unknown" if is_local and HOSTED_NAMES.match(model_id) else None,
        "preview": True if row.get("preview") is True else None,
        "deprecated": True if _is_deprecated(row) else None,
    }


def _base_model(row: dict[str, Any]) -> str:
    """Return the model behind a name that the user chose (Azure deployment, Open WebUI preset)."""
    if row.get("object") == "deployment":
        return as_text(row.get("model"))
    return as_text(as_dict(row.get("info")).get("base_model_id"))


def _architecture(row: dict[str, Any]) -> str:
    """Return the family of a local model as its server names it."""
    places = (row, as_dict(row.get("details")), as_dict(row.get("model_info")))
    names = ("arch", "architecture", "family", "general.architecture")
    return next((text for place in places for name in names if (text := as_text(place.get(name)))), "")


def _price(pricing: dict[str, Any]) -> dict[str, float] | None:
    """Return US dollars for a million tokens where the list is known to say dollars for one, as text (OpenRouter)."""
    texts = {"input_price": as_text(pricing.get("prompt")), "output_price": as_text(pricing.get("completion"))}
    if not all(DOLLARS.fullmatch(text) for text in texts.values()):
        return None
    return {name: round(float(text) * 1_000_000, 6) for name, text in texts.items()}


def _parameters(places: list[dict[str, Any]]) -> list[str] | None:
    """Return the names of what a request may hold, as the list tells them (OpenRouter, LiteLLM)."""
    keys = ("supported_parameters", "supported_openai_params")
    names = next((names for place in places for key in keys if (names := as_list(place.get(key)))), [])
    fit = [name for name in names if isinstance(name, str) and PARAMETER.fullmatch(name)]
    return list(dict.fromkeys(fit))[:MOST_PARAMETERS] or None


def _is_deprecated(row: dict[str, Any]) -> bool:
    if row.get("deprecated") is True or row.get("is_deprecated") is True:
        return True
    dates = (row.get("expiration_date"), row.get("shutdown_date"), row.get("deprecation"))
    return any(isinstance(date, str | int) and date for date in dates)
