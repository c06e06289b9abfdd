"""The stored key of a provider: sealed for its record, its owner and the origin it was saved for; never read back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, Text, false, text, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.crypto import KeyRing
from webapp.core.database import Record, UtcTime
from webapp.core.errors import ConfigError, CryptoError
from webapp.core.runtime import runtime
from webapp.core.secret import Secret
from webapp.settings.setting import read_setting, write_setting
from webapp.upstream.addresses import origin
from webapp.upstream.target import AuthStyle

SOON = timedelta(days=7)  # before its end a key is warned of
CHECK_SETTING, CHECK_VALUE = "key_check", Secret("jackfield")


class Credential(Record):
    """One of a provider's keys. `hint` is what may be shown of it; `weight` says how often it comes first."""

    __tablename__ = "credentials"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"), index=True)
    origin: Mapped[str] = mapped_column(Text)
    sealed: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    label: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    weight: Mapped[int] = mapped_column(default=1, server_default="1")
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    disabled_because: Mapped[str | None] = mapped_column(Text)  # the category of what was refused, when we did it
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    is_replaced: Mapped[bool] = mapped_column(default=False, server_default=false())  # its end was meant
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)

    @property
    def is_usable(self) -> bool:
        """Whether calls may go with it."""
        return self.is_enabled and not self.is_expired

    @property
    def is_expired(self) -> bool:
        """Whether its end has come."""
        return self.expires_at is not None and self.expires_at <= clock.now()

    @property
    def failed_at(self) -> datetime | None:
        """When a call with it last failed on its account."""
        return datetime.fromisoformat(self.last_failure["at"]) if self.last_failure else None

    @property
    def is_ending(self) -> bool:
        """Whether it works, but not for long."""
        return self.is_usable and self.expires_at is not None and self.expires_at <= clock.now() + SOON

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should do something: it was refused, or its end came or is near and was not meant."""
        is_over = self.is_enabled and self.is_expired
        return self.disabled_because is not None or ((is_over or self.is_ending) and not self.is_replaced)

    def may_open(self, origin: str) -> bool:
        """Tell, without opening it, whether the key is there for calls to `origin`."""
        return self.origin == origin and runtime().key_ring.has_key_of(self.sealed)

    def open(self, owner_id: int | None, origin: str) -> Secret:
        """Return the key for calls to `origin`; raise CryptoError when it was saved for another owner or origin."""
        return runtime().key_ring.open(self.sealed, self._context(owner_id, origin))

    def seal(self, key: Secret, owner_id: int | None, origin: str) -> None:
        """Keep a key for one owner and origin; the record must have its id."""
        self.origin, self.hint, self.saved_at = origin, key.mask(), clock.now()
        self.sealed = runtime().key_ring.seal(key, self._context(owner_id, origin))

    def _context(self, owner_id: int | None, origin: str) -> str:
        return f"owner {owner_id}|provider {self.provider_id}|credential {self.id}|{origin}"


def have_trouble(auth_style: str, base_url: str, rows: Sequence[Credential]) -> bool:
    """Tell whether somebody should look after a provider's keys: after one of them, or because the last one ends."""
    if auth_style == AuthStyle.NONE:
        return False
    enabled = [row for row in rows if row.is_enabled]
    lasts = any(row.is_usable and not row.is_ending for row in enabled)
    return (
        any(row.needs_attention for row in rows)
        or any(not row.may_open(origin(base_url)) for row in enabled)
        or (bool(enabled) and not lasts)
    )


def check_key_ring(session: Session, ring: KeyRing) -> None:
    """Refuse to start with master keys that do not open what this database holds; at first start, leave a mark."""
    sealed = read_setting(session, CHECK_SETTING)
    if sealed is None:
        write_setting(session, CHECK_SETTING, ring.seal(CHECK_VALUE, CHECK_SETTING))
        return
    try:
        ring.open(sealed, CHECK_SETTING)
    except CryptoError:
        raise ConfigError(
            "The master key does not open the keys in this database. Put back the master.key file that belongs to "
            "it, or set JACKFIELD_ENCRYPTION_KEYS. Nothing was changed."
        ) from None
