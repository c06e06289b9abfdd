"""What a call carries beyond its messages, laid down in layers: provider, model, preset, conversation.

A layer is stored as a JSON object that holds only what was set: values by the names of PARAMETERS, `extra_body`
(further fields of the request, joined over the layers by name) and `drop` (names that are never sent).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import select

from webapp.core.database import reading
from webapp.models.model import Model, id_hash
from webapp.models.preset import Preset
from webapp.providers.provider import Provider
from webapp.upstream.classify.parameters import NEEDED
from webapp.upstream.messages import ChatRequest
from webapp.upstream.repair import FIELDS, WITHOUT_TOOLS

Layer = Mapping[str, Any]
Layers = Mapping[str, Layer]

LAYERS: Final = ("provider", "model", "preset", "conversation")  # a later one wins
BINDING: Final = frozenset({"provider", "model"})  # what these drop, a program cannot send either
PARAMETERS: Final = (
    "temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "stop", "seed", "reasoning_effort",
)  # fmt: skip
# Other names of the same thing, in programs' requests and in other protocols.
SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "max_tokens": ("max_completion_tokens",),
    "stop": ("stop_sequences",),
    "tools": WITHOUT_TOOLS,
}
# What a program may have set in place of ours.
INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {**SAME, "reasoning_effort": ("reasoning", "thinking", "output_config")}
# An address, a key or a header comes from the provider's record, never from a request: proxies behind us obey these.
MOVING: Final = frozenset(
    "base_url api_base api_key api_version api_type organization project headers extra_headers default_headers "
    "extra_query default_query extra_body custom_llm_provider model_list user_config azure_ad_token".split()
)
FIXED: Final = NEEDED | {"system"}  # a call cannot do without
RESERVED: Final = MOVING | FIXED | {"stream_options", "drop", *PARAMETERS, *SAME["max_tokens"], *SAME["stop"]}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a request, and the layer that decided on it; `earlier` is what it overruled, the latest first."""

    name: str
    value: Any
    layer: str
    is_dropped: bool = False
    earlier: tuple["Setting", ...] = ()

    @property
    def text(self) -> str:
        """The value as people read it: text and numbers plain, all else as JSON."""
        is_plain = isinstance(self.value, str | int | float) and not isinstance(self.value, bool)
        return str(self.value) if is_plain else json.dumps(self.value, ensure_ascii=False)


def layers_of(model: Model, preset: Preset | None = None, conversation: Layer | None = None) -> dict[str, Layer]:
    """Return the layers of a call of this model."""
    return {
        "provider": model.provider.parameters or {},
        "model": model.parameters or {},
        "preset": preset.parameters if preset else {},
        "conversation": conversation or {},
    }


def effective(layers: Layers) -> list[Setting]:
    """Return what the layers say together, in the order of PARAMETERS, then by name.

    A drop counts against its own and earlier layers: what a later one sets is sent again.
    """
    found: dict[str, Setting] = {}
    for layer in LAYERS:
        for name, value in _said(layers, layer).items():
            found[name] = _over(found.get(name), Setting(name, value, layer))
        for name in (layers.get(layer) or {}).get("drop", ()):
            found[name] = _over(found.get(name), Setting(name, None, layer, is_dropped=True))
    return sorted(found.values(), key=_place)


def sent(layers: Layers) -> dict[str, Any]:
    """Return the fields of a request that result."""
    return {setting.name: setting.value for setting in effective(layers) if not setting.is_dropped}


def applied(request: ChatRequest, layers: Layers) -> ChatRequest:
    """Return the request as the layers have it. What it holds already wins, but for what provider and model drop."""
    if not any(layers.values()):
        return request
    values, refused = _settled(layers)
    own = {name: getattr(request, name) for name in FIELDS} | request.extra
    changes: dict[str, Any] = {name: None for dropped in refused for name in (dropped, *SAME.get(dropped, ()))}
    for name, value in values.items():
        if all(own.get(other) is None for other in (name, *INSTEAD.get(name, ()))):
            changes[name] = value
    fields = {name: changes.pop(name) for name in FIELDS if name in changes}
    return replace(request, extra=request.extra | changes, **fields)


def applied_to_fields(fields: Mapping[str, Any], layers: Layers) -> dict[str, Any]:
    """Return the fields of a call that is no chat as provider and model have it: only `extra_body` and `drop` count."""
    bare = {name: {key: layers[name][key] for key in ("extra_body", "drop") if key in layers[name]} for name in BINDING}
    values, refused = _settled(bare)
    own = {name: value for name, value in fields.items() if name not in refused}
    return values | own


def as_called(provider_id: int, question: ChatRequest) -> ChatRequest:
    """Return a question of a connection test as a chat would send it."""
    with reading() as session:
        provider = session.get(Provider, provider_id)
        model = session.scalar(select(Model).filter_by(provider_id=provider_id, id_hash=id_hash(question.model)))
        layers = {"provider": provider.parameters if provider else {}, "model": model.parameters if model else {}}
    return applied(question, layers)


def _settled(layers: Layers) -> tuple[dict[str, Any], set[str]]:
    """What is sent, and what a program cannot send either: as `effective`, at a tenth of its cost."""
    values: dict[str, Any] = {}
    refused: set[str] = set()
    for layer in LAYERS:
        said = _said(layers, layer)
        values |= said
        refused -= said.keys()
        dropped = (layers.get(layer) or {}).get("drop", ())
        for name in dropped:
            values.pop(name, None)
        if layer in BINDING:
            refused.update(dropped)
    return values, refused


def _said(layers: Layers, layer: str) -> dict[str, Any]:
    said = layers.get(layer) or {}
    extra: Layer = said.get("extra_body", {})
    return {**{name: said[name] for name in said if name in PARAMETERS}, **extra}


def _over(earlier: Setting | None, later: Setting) -> Setting:
    if earlier is None:
        return later
    return replace(later, earlier=(replace(earlier, earlier=()), *earlier.earlier))


def _place(setting: Setting) -> tuple[int, str]:
    name = setting.name
    return PARAMETERS.index(name) if name in PARAMETERS else len(PARAMETERS), name
