"""By which way a test asks a provider. `webapp.routing` knows the gateways, stands to our right and fills this in."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy.orm import Session

from webapp.core.errors import NotFoundError
from webapp.providers.provider import Provider
from webapp.upstream.target import Target

DIRECT: Final = "direct"

# Set once at start by the wiring.
gateways_for: Callable[[Session, Provider], Mapping[str, str]] | None = None  # short names and names
through: Callable[[Session, Provider, str], Target] | None = None


def other_ways(session: Session, provider: Provider) -> Mapping[str, str]:
    """Return the gateways that are on and could reach a provider: their names by their short names."""
    return gateways_for(session, provider) if gateways_for and provider.dialect != "demo" else {}


def usual_way(session: Session, provider: Provider) -> str:
    """Return the way that chats take, as far as it is settled: automatic begins direct."""
    return provider.route if provider.route in other_ways(session, provider) else DIRECT


def target_by(session: Session, provider: Provider, way: str) -> Target:
    """Return where a test by this way calls. Raises CryptoError, and NotFoundError for a way that is none."""
    if way == DIRECT:
        return provider.target(session)
    if through is None or way not in other_ways(session, provider):
        raise NotFoundError
    return through(session, provider, way)
