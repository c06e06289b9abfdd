"""Providers as programs see them, and how what programs send becomes the form that checks it."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from webapp.accounts.user import User
from webapp.providers.check import Check
from webapp.providers.editing import ProviderInput
from webapp.providers.forms import LONGEST_NAME, MOST_HEADERS, ProviderForm, checked_input
from webapp.providers.key_forms import LONGEST_KEY
from webapp.providers.parameters_api import Limits, Parameters, stored
from webapp.providers.provider import Provider
from webapp.providers.vendors import Vendor, vendor, vendors
from webapp.upstream.addresses import MAX_LENGTH
from webapp.web.advice import advise
from webapp.web.asked import InvalidInputError
from webapp.web.shapes import About

# Our words for the fields of the form.
FIELDS = {"type": "vendor", "protocol": "dialect", "auth": "auth_style", "shared": "is_shared"}
NAMES = {theirs: ours for ours, theirs in FIELDS.items()}
FIXED = ("base_url", "protocol", "auth", "auth_name", "shared")  # of a built-in

Protocol = Literal["openai", "anthropic"]
Auth = Literal["bearer", "header", "query", "none"]
Route = Annotated[str, About("direct, automatic, or the slug of a gateway", 1, 60)]
Verdict = Literal["good", "bad", "unknown", "skipped"]
Name = Annotated[str, About(least=1, most=LONGEST_NAME)]
Type = Annotated[str, About("The template", choices=tuple(one.id for one in vendors().values() if not one.hidden))]
Hours = Annotated[Literal[0, 1, 3, 6, 12, 24, 168], About("How long its list of models counts as fresh; 0: by hand")]
Headers = Annotated[
    dict[str, str],
    About("Extra headers. Values are write-only: shown empty, and an empty one keeps the stored one", 0, MOST_HEADERS),
]


class ProviderShape(TypedDict):
    """One provider."""

    id: int
    slug: Annotated[str, About("Begins the names of its models in /v1")]
    name: str
    type: str
    protocol: str
    base_url: str
    route: Route
    auth: Auth
    auth_name: str
    headers: Headers
    has_api_key: bool
    api_key_masked: str | None
    is_builtin: bool
    enabled: bool
    shared: Annotated[bool, About("Everybody here may use it")]
    default_model: str | None
    models_count: int
    parameters: Parameters
    limits: Limits
    refresh_hours: Hours
    status: Annotated[
        Literal["untested", "waiting", "running", "good", "bad", "unknown", "stopped"],
        About("Of the last connection test"),
    ]


class _ProviderFields(TypedDict, total=False):
    base_url: Annotated[str, About("Any form: root, /v1, a whole endpoint. Another host drops the key", 0, MAX_LENGTH)]
    protocol: Protocol
    api_key: Annotated[str | None, About("Never shown again; null forgets the stored one", 0, LONGEST_KEY)]
    auth: Auth
    auth_name: Annotated[str, About("The header or parameter that carries the key", 0, 100)]
    headers: Headers
    route: Route
    shared: bool
    enabled: bool
    refresh_hours: Hours
    parameters: Annotated[Parameters, About("Every call begins with these; replaces what is stored")]
    limits: Annotated[Limits, About("Replaces what is stored")]
    allow_private: Annotated[bool, About("An admin's confirmation that this private address may be opened")]


class ProviderChanges(_ProviderFields):
    """What may be changed of a provider; what is left out stays."""

    name: NotRequired[Name]


class ProviderDraft(_ProviderFields):
    """A provider that need not be saved; what is left out comes from the template of its type."""

    type: Type
    name: NotRequired[Name]


class NewProvider(_ProviderFields):
    """A provider to be saved; what is left out comes from the template of its type."""

    type: Type
    name: Name


class Explanation(TypedDict):
    """What happened, in the words of the error categories and in ours, and what to do."""

    category: str
    message: str
    hint: str


class Step(TypedDict):
    """One rung of the connection test; those that are bad say why, and what to do."""

    name: str
    verdict: Verdict
    latency_ms: float | None
    category: NotRequired[str]
    message: NotRequired[str]
    hint: NotRequired[str]


class VerificationWanted(TypedDict, total=False):
    """How to test."""

    model: Annotated[str | None, About("The provider's default model if none is named", 1, 2_000)]
    route: Annotated[
        str | None, About("`direct` or a gateway's slug; the way that chats take if none is named", 1, 200)
    ]


class Verification(TypedDict):
    """What a connection test found."""

    success: bool
    route: str
    latency_ms: float
    error: str | None
    steps: list[Step]


def provider_shape(row: Provider, check: Check | None) -> ProviderShape:
    """Describe a provider with its last test."""
    parameters, limits = stored(row)
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "type": row.vendor_id,
        "protocol": row.dialect,
        "base_url": row.base_url,
        "route": row.route,
        "auth": row.auth_style,  # type: ignore[typeddict-item]
        "auth_name": row.auth_name,
        "headers": {header["name"]: "" for header in row.headers or []},
        "has_api_key": bool(row.credential or row.environment_key),
        "api_key_masked": row.credential.hint if row.credential else None,
        "is_builtin": row.is_builtin,
        "enabled": row.is_enabled,
        "shared": row.is_shared,
        "default_model": row.default_model,
        "models_count": row.models_count,
        "parameters": parameters,
        "limits": limits,
        "refresh_hours": row.refresh_hours,  # type: ignore[typeddict-item]
        "status": check.status if check else "untested",  # type: ignore[typeddict-item]
    }


def step_shape(rung: dict[str, Any], provider: str, host: str, is_admin: bool) -> Step:
    """Describe one rung."""
    verdict: Verdict = rung["verdict"] if rung["verdict"] in ("good", "bad", "unknown") else "skipped"
    step: Step = {"name": rung["name"], "verdict": verdict, "latency_ms": rung["latency_ms"]}
    return {**step, **explained(rung["failure"], provider, host, is_admin)} if rung["failure"] else step


def explained(failure: dict[str, Any], provider: str, host: str, is_admin: bool) -> Explanation:
    """Say what a failure record means."""
    advice = advise(failure, provider=provider, host=host, is_admin=is_admin)
    hint = " ".join([advice.cause, *advice.steps])
    return {"category": failure["category"], "message": advice.title, "hint": hint}


def wanted_provider(
    fields: ProviderChanges | ProviderDraft | NewProvider, user: User, provider: Provider | None = None
) -> ProviderInput:
    """Check what was sent, over what is stored or what the template says, by the form. Raises InvalidInputError."""
    if not str(fields.get("name", "named")).strip():  # a form may name it after its host; a program says what it wants
        raise InvalidInputError({"name": [gettext("Give it a name.")]})
    values = _stored(provider) if provider else _template(vendor(str(fields.get("type"))))
    values |= {FIELDS.get(name, name): value for name, value in fields.items()}
    for number, (name, value) in enumerate(values.pop("headers").items()):
        values[f"headers-{number}-name"], values[f"headers-{number}-value"] = name, value
    typed = {name: value for name, value in values.items() if value is not None}
    is_fixed = bool(provider and provider.is_builtin)
    form = ProviderForm(MultiDict(typed), is_address_fixed=is_fixed, meta={"csrf": False})
    wanted = checked_input(form, user, provider)
    if wanted is None:
        raise InvalidInputError({NAMES.get(name, name): list(_texts(found)) for name, found in form.errors.items()})
    return wanted


def _stored(row: Provider) -> dict[str, Any]:
    columns = ("name", "base_url", "dialect", "auth_style", "auth_name", "is_shared")
    headers = {header["name"]: "" for header in row.headers or []}
    return {column: getattr(row, column) for column in columns} | {"headers": headers}


def _template(template: Vendor) -> dict[str, Any]:
    auth = {"auth_style": template.auth, "auth_name": template.auth_name}
    columns = {"name": template.name, "base_url": template.base_url, "dialect": template.dialect, **auth}
    return columns | {"is_shared": True, "headers": {}}


def _texts(found: Any) -> list[str]:
    """The messages of a field, or of the rows of a list, in one list."""
    if isinstance(found, dict):
        found = list(found.values())
    return [text for one in found for text in _texts(one)] if isinstance(found, list | tuple) else [str(found)]
