"""Models as programs see them."""

from typing import Annotated, Literal, NotRequired, TypedDict, cast

from webapp.models.capability_check import CapabilityCheck
from webapp.models.facts import ABILITIES, LISTED, PRICES, merged
from webapp.models.forms import LONGEST_ID, LONGEST_NAME
from webapp.models.model import Model
from webapp.providers.parameters_api import Parameters
from webapp.providers.provider import Provider
from webapp.upstream.messages import ModelInfo
from webapp.web.shapes import About

MOST_TOKENS = 2**31 - 1  # what a column of every database can hold
MOST_DOLLARS = 1_000_000
MOST_IDS = 999_999_999

Kind = Literal["chat", "completion", "embedding", "rerank", "image", "audio", "moderation", "other"]
Capability = Literal["vision", "tools", "reasoning", "structured_output", "audio_input"]
ProviderId = Annotated[int, About(least=1, most=MOST_IDS)]
Id = Annotated[str, About("As the provider writes it", 1, LONGEST_ID)]
Dollars = Annotated[float | None, About("null takes back what was said", 0, MOST_DOLLARS)]
Tokens = Annotated[int | None, About("null takes back what was said", 1, MOST_TOKENS)]


class Capabilities(TypedDict):
    """What a model can do; null: not known."""

    vision: bool | None
    tools: bool | None
    reasoning: bool | None
    structured_output: bool | None
    audio_input: bool | None
    streaming: bool | None


class Price(TypedDict):
    """US dollars for a million tokens; null: not known."""

    input: float | None
    output: float | None
    cached: float | None


class ModelShape(TypedDict):
    """One model."""

    provider_id: int | None
    model_id: str
    display_name: str | None
    kind: str
    context_length: int | None
    max_output_tokens: int | None
    capabilities: Capabilities
    sources: Annotated[
        dict[str, str], About("Who says so, by field: people, observed, probed, provider, catalogue or guess")
    ]
    is_default: bool
    enabled: bool
    price: Price | None
    parameters: Parameters


class CapabilitiesSaid(TypedDict, total=False):
    """What somebody knows better; null takes it back."""

    vision: bool | None
    tools: bool | None
    reasoning: bool | None
    structured_output: bool | None
    audio_input: bool | None
    streaming: bool | None


class PriceSaid(TypedDict, total=False):
    """US dollars for a million tokens, 0 for free; null takes it back."""

    input: Dollars
    output: Dollars
    cached: Dollars


class ModelChanges(TypedDict, total=False):
    """What people say of a model; it is kept through every refresh. null takes it back."""

    display_name: Annotated[str | None, About(most=LONGEST_NAME)]
    kind: Kind
    context_length: Tokens
    max_output_tokens: Tokens
    capabilities: CapabilitiesSaid
    price: PriceSaid
    is_default: Annotated[bool, About("Tests and new chats begin with it")]
    enabled: Annotated[bool, About("Whether it can be chosen and called")]
    parameters: Annotated[Parameters, About("Every call begins with these; replaces what is stored")]


class NewModel(ModelChanges):
    """A model that the provider's list lacks."""

    model_id: Id


class TestWanted(TypedDict):
    """Which model to test."""

    provider_id: ProviderId
    model: Id


class CheckWanted(TestWanted):
    """What to check by a real call."""

    capability: Literal["vision", "tools", "structured_output", "streaming", "reasoning"]


class CheckShape(TypedDict):
    """What a check found. `no` only after a refusal by name or an answer that disproves it."""

    capability: str
    verdict: Literal["yes", "no", "unknown"]
    reason: Annotated[str, About("A word: saw_it, called_nothing, refused, failed, …")]
    checked_at: str
    error: Annotated[str | None, About("Category of the failure, if the call failed")]
    request: Annotated[str, About("Secrets removed")]
    response: str


class DiscoveryWanted(TypedDict):
    """A saved provider, whose list is read if it never was or if a refresh is asked for."""

    provider_id: ProviderId
    refresh: NotRequired[bool]


class Discovery(TypedDict):
    """A provider's models; after a failure those that were known before."""

    models: list[ModelShape]
    fetched_at: str | None
    cached: bool
    error: str | None
    category: NotRequired[str]
    hint: NotRequired[str]


def model_shape(row: Model, provider: Provider) -> ModelShape:
    """Describe a stored model."""
    facts = merged(row.facts or {}, row.overrides or {})
    return {
        "provider_id": provider.id,
        "model_id": row.model_id,
        "display_name": row.display_name,
        "kind": row.kind,
        "context_length": row.context_length,
        "max_output_tokens": row.max_output_tokens,
        "capabilities": _capabilities(row.capabilities or {}),
        "sources": {name: fact.source for name, fact in facts.items()},
        "is_default": row.model_id == provider.default_model,
        "enabled": row.is_enabled,
        "price": _price({name: facts[name].value for name in PRICES if name in facts}),
        "parameters": cast(Parameters, row.parameters or {}),
    }


def check_shape(row: CapabilityCheck) -> CheckShape:
    """Describe a check that is over."""
    shown = row.failure or row.detail.get("exchange", {})
    return {
        "capability": row.capability,
        "verdict": cast(Literal["yes", "no", "unknown"], row.verdict),
        "reason": row.detail.get("reason", "interrupted"),
        "checked_at": (row.finished_at or row.created_at).isoformat(),
        "error": row.failure["category"] if row.failure else None,
        "request": shown.get("request", ""),
        "response": shown.get("response", ""),
    }


def listed_shape(info: ModelInfo) -> ModelShape:
    """Describe a model of a provider that is not saved."""
    prices = info.details.get("price", {})
    sizes = {"context_length": info.context_length, "max_output_tokens": info.max_output_tokens}
    known = [name for name, value in {**sizes, **info.capabilities, **prices}.items() if value is not None]
    return {
        "provider_id": None,
        "model_id": info.id,
        "display_name": info.display_name,
        "kind": info.kind,
        "context_length": info.context_length,
        "max_output_tokens": info.max_output_tokens,
        "capabilities": _capabilities(info.capabilities),
        "sources": dict.fromkeys(known, LISTED),
        "is_default": False,
        "enabled": True,
        "price": _price(prices),
        "parameters": {},
    }


def _capabilities(known: dict[str, bool | None]) -> Capabilities:
    return cast(Capabilities, {name: known.get(name) for name in ABILITIES})


def _price(known: dict[str, float]) -> Price | None:
    return (
        {"input": known.get(PRICES[0]), "output": known.get(PRICES[1]), "cached": known.get(PRICES[2])}
        if known
        else None
    )
