"""A provider: one address that serves models, and how to call it."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, Select, Text, or_, select
from sqlalchemy.orm import Mapped, Session, foreign, mapped_column, relationship

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import ConflictError, CryptoError, ForbiddenError, NotFoundError
from webapp.core.runtime import runtime
from webapp.core.secret import Secret
from webapp.providers.credential import Credential, have_trouble
from webapp.providers.limits import times_of
from webapp.providers.private_address import is_open
from webapp.providers.vendors import Vendor, vendor
from webapp.upstream.addresses import host_port, origin
from webapp.upstream.target import AuthStyle, Target

# What the user asked to remember: model id -> word of upstream/repair.py -> when (ISO) and who.
Quirks = dict[str, dict[str, dict[str, str]]]

ALIAS = "alias"  # the dialect of the one that stands for routing/alias.py: a choice among models, no provider
UNDO_TIME = timedelta(seconds=30)
LONGEST_REFRESH = timedelta(seconds=90)  # an older "started" belongs to a process that died


class Provider(Record):
    """One provider. Shared ones serve everybody here, others only their owner; built-ins have no owner."""

    __tablename__ = "providers"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    is_shared: Mapped[bool] = mapped_column(default=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    vendor_id: Mapped[str] = mapped_column(Text)
    dialect: Mapped[str] = mapped_column(Text)
    base_url: Mapped[str] = mapped_column(Text, default="")
    auth_style: Mapped[str] = mapped_column(Text, default="bearer")
    auth_name: Mapped[str] = mapped_column(Text, default="")
    default_model: Mapped[str | None] = mapped_column(Text)
    headers: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    is_builtin: Mapped[bool] = mapped_column(default=False)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    models_count: Mapped[int] = mapped_column(default=0)  # kept by `webapp.models`, so that the list need not count
    refreshed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    refresh_started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    refresh_failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    refresh_failures: Mapped[int] = mapped_column(default=0, server_default="0")  # in a row
    refresh_due_at: Mapped[datetime | None] = mapped_column(UtcTime)  # empty: as soon as it can answer
    refresh_blocked_until: Mapped[datetime | None] = mapped_column(UtcTime)  # no list call before, whoever asks
    refresh_hours: Mapped[int] = mapped_column(default=6, server_default="6")  # how long a list counts as fresh
    list_etag: Mapped[str | None] = mapped_column(Text)  # or the date of its last change (upstream/listing/unchanged)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")  # models/parameters.py
    limits: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")  # providers/limits.py
    quirks: Mapped[Quirks] = mapped_column(JSON, default=dict, server_default="{}")  # changed by models/quirk.py
    route: Mapped[str] = mapped_column(Text, default="direct", server_default="direct")  # routing/choose.py
    care: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")  # routing/care.py
    credentials: Mapped[list[Credential]] = relationship(
        primaryjoin=lambda: (Provider.id == foreign(Credential.provider_id)) & Credential.deleted_at.is_(None),
        lazy="selectin",
        passive_deletes=True,
        order_by=Credential.id,
        cascade="all, delete-orphan",
    )

    @property
    def credential(self) -> Credential | None:
        """The key that stands for all: the first that works as far as is known, else the first that may be used."""
        usable = [row for row in self.credentials if row.is_usable]
        if len(usable) > 1:
            usable.sort(key=lambda row: not row.may_open(origin(self.base_url)))
        return next(iter(usable or self.credentials), None)

    @property
    def vendor(self) -> Vendor:
        """The template it was made from."""
        return vendor(self.vendor_id)

    @property
    def host(self) -> str:
        """What to show of the address in small print."""
        return re.sub(r"^https?://", "", self.base_url).partition("/")[0]

    @property
    def environment_key(self) -> Secret | None:
        """The key of the vendor's environment variable; only at the vendor's own address, never over a saved one.

        It is the operator's: what admins share uses it, a member's own provider does not.
        """
        template = self.vendor
        if self.credential or not self.is_shared or not template.env or self.base_url != template.base_url:
            return None
        return runtime().settings.environment_keys.get(template.env)

    @property
    def needs_key(self) -> bool:
        """Whether calls cannot work because no key is at hand, or none that may be used."""
        if self.auth_style == AuthStyle.NONE or any(row.is_usable for row in self.credentials):
            return False
        return not self.environment_key

    @property
    def is_key_unreadable(self) -> bool:
        """Whether the stored key cannot open: its master key is gone, or it was saved for another address."""
        return self.credential is not None and not self.credential.may_open(origin(self.base_url))

    @property
    def key_fault(self) -> Literal["refused", "expired", "disabled"] | None:
        """Why none of its stored keys may be used, although there are some."""
        if not self.needs_key or not self.credentials:
            return None
        if any(row.disabled_because for row in self.credentials):
            return "refused"
        return "expired" if any(row.is_expired for row in self.credentials) else "disabled"

    @property
    def has_key_trouble(self) -> bool:
        """Whether somebody should look after its keys."""
        return have_trouble(self.auth_style, self.base_url, self.credentials)

    @property
    def is_usable(self) -> bool:
        """Whether a chat may be sent to it."""
        return self.is_enabled and not self.needs_key

    @property
    def has_list(self) -> bool:
        """Whether it can be asked for its models."""
        return self.dialect != "demo" and self.vendor.list_at(self.base_url) is not None

    @property
    def is_refreshing(self) -> bool:
        """Whether its list of models is being read."""
        started = self.refresh_started_at
        return started is not None and clock.now() - started < LONGEST_REFRESH

    @property
    def is_list_old(self) -> bool:
        """Whether its list could not be read lately; what is shown of it is from before."""
        if self.refreshed_at is None:
            return False
        longest = timedelta(hours=2 * self.refresh_hours or 24 * 7)
        return self.refresh_failure is not None or clock.now() - self.refreshed_at > longest

    @property
    def target_quirks(self) -> dict[str, tuple[str, ...]]:
        """How every request to a model is mended before it goes, by model id."""
        return {model_id: tuple(words) for model_id, words in self.quirks.items()}

    def may_change(self, user: User) -> bool:
        """Owners change what is theirs; admins change what is shared."""
        return user.id == self.owner_id or (user.is_admin and self.is_shared)

    def key(self, credential_id: int | None = None) -> Secret | None:
        """Open a key for one call, the one that stands for all if none is named; raise CryptoError if it cannot."""
        chosen = self.credential
        if credential_id is not None:
            chosen = next((row for row in self.credentials if row.id == credential_id), None)
            if chosen is None:
                raise CryptoError("This key was deleted.")
        return chosen.open(self.owner_id, origin(self.base_url)) if chosen else self.environment_key

    def target(self, session: Session) -> Target:
        """Return where and how to call, with the key opened; raise CryptoError when it does not open."""
        return self.unlocked(self.locked_target(session))

    def locked_target(self, session: Session) -> Target:
        """Return where and how to call, without key and secret headers: what may be remembered."""
        return Target(
            dialect=self.dialect,
            base_url=self.base_url,
            auth_style=AuthStyle(self.auth_style),
            auth_name=self.auth_name,
            allow_private=bool(self.base_url) and is_open(session, *host_port(self.base_url)),
            vendor=self.vendor_id,
            list_path=self.vendor.list_at(self.base_url),
            in_container=runtime().settings.in_container,
            limits=times_of(self.limits or {}),
            quirks=self.target_quirks,
        )

    def unlocked(self, target: Target, credential_id: int | None = None) -> Target:
        """Return this target with key and headers opened, for one call; raise CryptoError when they do not open."""
        headers = tuple((header["name"], self.open_header(header)) for header in self.headers or [])
        return replace(target, api_key=self.key(credential_id), headers=headers)

    def seal_header(self, name: str, value: str) -> dict[str, str]:
        """Return a header as it is stored: its value sealed like a key."""
        sealed = runtime().key_ring.seal(Secret(value), self._header_context(name))
        return {"name": name, "sealed": sealed}

    def open_header(self, header: dict[str, str]) -> str:
        """Return the value of a stored header; raise CryptoError when it was saved for another address."""
        return runtime().key_ring.open(header["sealed"], self._header_context(header["name"])).reveal()

    def _header_context(self, name: str) -> str:
        return f"owner {self.owner_id}|provider {self.id}|header {name.lower()}|{origin(self.base_url)}"


def visible_providers(user: User) -> Select[Provider]:
    """Select what this user may see and use."""
    return open_to(user).where(Provider.dialect != ALIAS)


def open_to(user: User) -> Select[Provider]:
    """Select whose models this user may choose: what they see, and the one that stands for aliases."""
    return select(Provider).where(Provider.deleted_at.is_(None), or_(Provider.is_shared, Provider.owner_id == user.id))


def find_provider(session: Session, user: User, provider_id: int) -> Provider:
    """Load a provider through its owner; raise NotFoundError for anybody else's."""
    found = session.scalar(visible_providers(user).where(Provider.id == provider_id))
    if found is None:
        raise NotFoundError
    return found


def find_own_provider(session: Session, user: User, provider_id: int) -> Provider:
    """Load a provider that this user may change; raise ForbiddenError when they may only use it."""
    found = find_provider(session, user, provider_id)
    if not found.may_change(user):
        raise ForbiddenError
    return found


def delete_provider(provider: Provider) -> None:
    """Mark as deleted; it can be brought back for 30 seconds, then the monitor removes it. Built-ins stay."""
    if provider.is_builtin:
        raise ConflictError
    provider.deleted_at = clock.now()


def restore_provider(session: Session, user: User, provider_id: int) -> Provider:
    """Undo a deletion, while it can be undone."""
    found = session.get(Provider, provider_id)
    if found is None or found.deleted_at is None or not found.may_change(user):
        raise NotFoundError
    found.deleted_at = None
    return found
