"""A gateway: LiteLLM, as a server somewhere or embedded in this process, that reaches providers in our place."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, Select, Text, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import BusyError, NotFoundError
from webapp.core.runtime import runtime
from webapp.core.secret import Secret
from webapp.models.preset import Preset
from webapp.providers.adding import free_slug
from webapp.providers.private_address import is_open
from webapp.providers.provider import UNDO_TIME, Provider
from webapp.routing.terms import AUTOMATIC, DIRECT, EMBEDDED
from webapp.upstream.addresses import host_port, origin
from webapp.upstream.target import Target

REMOTE: Final = "remote"  # the other kind is EMBEDDED
OTHERWISE: Final = frozenset({"gemini"})  # LiteLLM's own way to them is not by the address that we know
WORDS: Final = (DIRECT, AUTOMATIC, EMBEDDED)  # that stand where a gateway's name stands
MOST_WEIGHT: Final = 100
MOST_AT_ONCE: Final = 50  # that are added under the same name


class Gateway(Record):
    """One gateway. `slug` is its name among routes; the embedded one has no address and no key of its own."""

    __tablename__ = "gateways"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text, default=REMOTE)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    base_url: Mapped[str] = mapped_column(Text, default="")
    sealed_key: Mapped[str | None] = mapped_column(Text)
    key_hint: Mapped[str] = mapped_column(Text, default="")
    is_enabled: Mapped[bool] = mapped_column(default=True)
    weight: Mapped[int] = mapped_column(default=1)
    models: Mapped[list[str]] = mapped_column(JSON, default=list)  # the names that it offers
    version: Mapped[str] = mapped_column(Text, default="")
    checked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    latency_ms: Mapped[float | None]
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)

    @property
    def host(self) -> str:
        """What to show of the address in small print."""
        return re.sub(r"^https?://", "", self.base_url).partition("/")[0]

    def seal(self, key: Secret | None) -> None:
        """Keep its key for its address; the record must have its id."""
        self.sealed_key = runtime().key_ring.seal(key, self._context) if key else None
        self.key_hint = key.mask() if key else ""

    def target(self, session: Session) -> Target:
        """Return where and how to call it; raise CryptoError when its key does not open."""
        return self.unlocked(self.locked_target(session))

    def locked_target(self, session: Session) -> Target:
        """Return where and how to call it, without the key: what may be remembered."""
        return Target(
            dialect="openai",
            base_url=self.base_url,
            allow_private=is_open(session, *host_port(self.base_url)),
            vendor="litellm",
            in_container=runtime().settings.in_container,
        )

    def unlocked(self, target: Target) -> Target:
        """Return this target with the key opened, for one call; raise CryptoError when it does not open."""
        key = runtime().key_ring.open(self.sealed_key, self._context) if self.sealed_key else None
        return replace(target, api_key=key)

    @property
    def _context(self) -> str:
        return f"gateway {self.id}|{origin(self.base_url)}"


def gateways(session: Session, *, enabled: bool = False) -> list[Gateway]:
    """Return all gateways, the heaviest first; only those that are switched on if that is asked."""
    wanted = _existing().order_by(Gateway.weight.desc(), Gateway.id)
    return list(session.scalars(wanted.where(Gateway.is_enabled) if enabled else wanted))


def add_gateway(session: Session, user: User, wanted: Mapping[str, Any], key: Secret | None) -> Gateway:
    """Store a new gateway (`name`, `base_url`, `weight`) under a short name of its own."""
    for _ in range(MOST_AT_ONCE):
        stem = wanted["name"] if wanted["name"].casefold() not in WORDS else f"{wanted['name']} gateway"
        gateway = Gateway(slug=free_slug(session, stem, Gateway.slug, "gateway"), made_by_id=user.id, **wanted)
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(gateway)
            session.flush()
            gateway.seal(key)
            return gateway
    raise BusyError


def change_gateway(gateway: Gateway, wanted: Mapping[str, Any], key: Secret | None) -> None:
    """Change a gateway; another origin drops the key, and what was known of what is there."""
    is_elsewhere = origin(gateway.base_url) != origin(wanted["base_url"])
    for name, value in wanted.items():
        setattr(gateway, name, value)
    if key or is_elsewhere:
        gateway.seal(key)
        gateway.checked_at = gateway.failure = gateway.latency_ms = None
    if is_elsewhere:
        gateway.models, gateway.version = [], ""


def embedded_gateway(session: Session) -> Gateway | None:
    """Return the one in this process, if anybody has switched it on before."""
    return session.scalar(_existing().where(Gateway.kind == EMBEDDED))


def switch_embedded(session: Session, user: User) -> Gateway:
    """Switch the one in this process on or off; the first time makes it."""
    gateway = embedded_gateway(session)
    if gateway is None:
        gateway = Gateway(kind=EMBEDDED, slug=EMBEDDED, name="LiteLLM", made_by_id=user.id, is_enabled=False)
        session.add(gateway)
    gateway.is_enabled = not gateway.is_enabled
    return gateway


def delete_gateway(session: Session, gateway: Gateway) -> list[int]:
    """Mark as deleted, for 30 seconds; return the providers that went through it, which go direct from now on."""
    gateway.deleted_at = clock.now()
    users = list(session.scalars(select(Provider.id).where(Provider.route == gateway.slug)))
    session.execute(update(Provider).where(Provider.route == gateway.slug).values(route=DIRECT))
    return users


def restore_gateway(session: Session, gateway_id: int, provider_ids: Iterable[int]) -> Gateway:
    """Undo a deletion; those of these providers that still go direct go through it again."""
    found = session.get(Gateway, gateway_id)
    if found is None or found.deleted_at is None:
        raise NotFoundError
    found.deleted_at = None
    again = (Provider.id.in_(list(provider_ids)), Provider.route == DIRECT)
    session.execute(update(Provider).where(*again).values(route=found.slug))
    return found


def prune_gateways(session: Session) -> None:
    """Remove what was deleted and cannot be brought back any more; presets that insisted on it do so no longer."""
    gone = session.scalars(select(Gateway.slug).where(Gateway.deleted_at < clock.now() - UNDO_TIME)).all()
    if gone:
        session.execute(update(Preset).where(Preset.route.in_(gone)).values(route=""))
        session.execute(delete(Gateway).where(Gateway.slug.in_(gone)))


def routes(session: Session) -> dict[str, str]:
    """Return what a provider may be set to: words and gateways' short names, each with a name for people or empty."""
    return {DIRECT: "", AUTOMATIC: ""} | {gateway.slug: gateway.name for gateway in gateways(session)}


def find_gateway(session: Session, gateway_id: int) -> Gateway:
    """Load a gateway; raise NotFoundError when there is none of this number."""
    found = session.scalar(_existing().where(Gateway.id == gateway_id))
    if found is None:
        raise NotFoundError
    return found


def offered_name(offered: Mapping[str, str] | list[str], prefix: str, slug: str, model_id: str) -> str | None:
    """Return under which name a gateway that offers these serves a provider's model; None when it does not.

    A LiteLLM server names models as its operator likes: by the id, with LiteLLM's word for the provider before it, or
    with ours; `zai/*` stands for all of a provider.
    """
    names = frozenset(offered)
    for name in (f"{prefix}/{model_id}", f"{slug}/{model_id}", model_id):
        if name in names:
            return name
    wildcards = (f"{word}/*" for word in (prefix, slug) if word)
    return next((f"{wildcard[:-1]}{model_id}" for wildcard in wildcards if wildcard in names), None)


def litellm_word(provider: Provider) -> str:
    """Return what the embedded LiteLLM calls a provider: its own word for it, else that of its protocol."""
    word = provider.vendor.litellm
    return word if word and word not in OTHERWISE and provider.dialect == "openai" else provider.dialect


def _existing() -> Select[Gateway]:
    return select(Gateway).where(Gateway.deleted_at.is_(None))
