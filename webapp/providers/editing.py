"""Makes and changes providers from checked input: the forms, the JSON API and the command line come here."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.errors import ForbiddenError
from webapp.core.runtime import runtime
from webapp.core.secret import Secret
from webapp.providers import adding
from webapp.providers.adding import add_provider
from webapp.providers.keys import change_address
from webapp.providers.limits import times_of
from webapp.providers.private_address import is_open, open_address
from webapp.providers.provider import Provider
from webapp.providers.schedule import note_change
from webapp.providers.vendors import vendor
from webapp.upstream.addresses import host_port, origin
from webapp.upstream.target import AuthStyle, Target


@dataclass(frozen=True, slots=True)
class ProviderInput:
    """What somebody wants a provider to be; everything in it was checked. Empty header values keep the stored ones."""

    vendor_id: str
    name: str
    base_url: str
    dialect: str
    auth_style: str
    auth_name: str
    key: Secret | None
    headers: tuple[tuple[str, str], ...]
    is_shared: bool


def create_provider(session: Session, user: User, wanted: ProviderInput) -> Provider:
    """Add a provider; members' providers are their own."""
    template = vendor(wanted.vendor_id)
    provider = Provider(
        owner_id=user.id,
        name=wanted.name,
        vendor_id=template.id,
        dialect=wanted.dialect,
        default_model=next(iter(template.models), None),
    )
    add_provider(session, provider)
    update_provider(session, user, provider, wanted)
    if adding.seed_models:
        adding.seed_models(session, provider)
    return provider


def update_provider(session: Session, user: User, provider: Provider, wanted: ProviderInput) -> None:
    """Change a provider. A built-in keeps its address and its way of signing in."""
    before = _way_there(provider)
    provider.name = wanted.name
    if not provider.is_builtin:
        provider.dialect = wanted.dialect
        provider.auth_style, provider.auth_name = wanted.auth_style, wanted.auth_name
        provider.is_shared = wanted.is_shared and user.is_admin
    base_url = provider.base_url if provider.is_builtin else wanted.base_url
    change_address(session, provider, base_url, wanted.key)
    stored = {header["name"].lower(): header for header in provider.headers or []}
    provider.headers = [
        provider.seal_header(name, value) if value else stored[name.lower()]
        for name, value in wanted.headers
        if value or name.lower() in stored
    ]
    if wanted.key or _way_there(provider) != before:
        note_change(provider)


def draft_target(session: Session, wanted: ProviderInput, provider: Provider | None) -> Target:
    """Return where a test of unsaved input goes. A stored key is used only for the address it was saved for."""
    key, values = wanted.key, dict(wanted.headers)
    if provider and origin(provider.base_url) == origin(wanted.base_url):
        key = key or provider.key()
        stored = {header["name"].lower(): header for header in provider.headers or []}
        for name, value in wanted.headers:
            if not value and name.lower() in stored:
                values[name] = provider.open_header(stored[name.lower()])
    return Target(
        dialect=wanted.dialect,
        base_url=wanted.base_url,
        api_key=key if wanted.auth_style != AuthStyle.NONE else None,
        auth_style=AuthStyle(wanted.auth_style),
        auth_name=wanted.auth_name,
        headers=tuple((name, value) for name, value in values.items() if value),
        allow_private=bool(wanted.base_url) and is_open(session, *host_port(wanted.base_url)),
        vendor=wanted.vendor_id,
        list_path=vendor(wanted.vendor_id).list_at(wanted.base_url),
        in_container=runtime().settings.in_container,
        limits=times_of(provider.limits if provider else {}),
        quirks=provider.target_quirks if provider else {},
    )


def confirm_private(session: Session, user: User, host: str, port: int) -> None:
    """Open a private address, as its admin confirmed; members cannot."""
    if not user.is_admin:
        raise ForbiddenError
    open_address(session, host, port, user.id)


def _way_there(provider: Provider) -> tuple[object, ...]:
    return provider.dialect, provider.base_url, provider.auth_style, provider.auth_name, provider.headers
