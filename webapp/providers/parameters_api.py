"""Parameters, limits and route as programs see them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypedDict, cast

from flask_babel import gettext

from webapp.providers.limit_forms import checked_limits
from webapp.providers.limits import MOST_CONCURRENT, MOST_PER_MINUTE, rate_of
from webapp.providers.provider import Provider
from webapp.providers.turns import turns
from webapp.web.asked import InvalidInputError
from webapp.web.shapes import About

# Checks a layer by what the provider takes. Set by webapp/features.py: what a layer is, belongs to `webapp.models`.
check_layer: Callable[[Mapping[str, Any], Provider], dict[str, Any]] | None = None
# Tells whether a provider may be set to a route. Set there, too: gateways belong to `webapp.routing`.
is_route: Callable[[str], bool] = {"direct", "automatic"}.__contains__


class Parameters(TypedDict, total=False):
    """What calls carry beyond their messages; what is left out is not set."""

    temperature: float
    top_p: float
    max_tokens: int
    presence_penalty: float
    frequency_penalty: float
    stop: list[str]
    seed: int
    reasoning_effort: str
    extra_body: Annotated[dict[str, Any], About("Further fields of the request")]
    drop: Annotated[list[str], About("Parameters that are never sent")]


class Limits(TypedDict, total=False):
    """How long calls may wait, in seconds, and how many there may be; what is left out is not set."""

    connect_seconds: int
    first_byte_seconds: Annotated[int, About("Until the first token")]
    idle_seconds: Annotated[int, About("Silence within an answer")]
    total_seconds: int
    requests_per_minute: Annotated[int, About("Further calls wait in line", 1, MOST_PER_MINUTE)]
    concurrent: Annotated[int, About("Further calls wait in line", 1, MOST_CONCURRENT)]


def take_over(provider: Provider, fields: Mapping[str, Any]) -> None:
    """Set parameters, limits and route that were sent along. Raises InvalidInputError."""
    if "route" in fields:
        if not is_route(fields["route"]):
            raise InvalidInputError({"route": [gettext("There is no such gateway. Choose one of the list.")]})
        provider.route = fields["route"]
    if "parameters" in fields and check_layer:
        provider.parameters = check_layer(fields["parameters"], provider)
    if "limits" in fields:
        provider.limits = checked_limits(fields["limits"])
        turns.change(provider.id, rate_of(provider.limits))


def stored(provider: Provider) -> tuple[Parameters, Limits]:
    """Describe what is set for a provider."""
    return cast(Parameters, provider.parameters or {}), cast(Limits, provider.limits or {})
