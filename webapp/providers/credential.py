"""The stored key of a provider: sealed for its record, its owner and the origin it was saved for; never read back."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Text, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.crypto import KeyRing
from webapp.core.database import Record, UtcTime
from webapp.core.errors import ConfigError, CryptoError
from webapp.core.runtime import runtime
from webapp.core.secret import Secret
from webapp.settings.setting import read_setting, write_setting

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
    label: Mapped[str] = mapped_column(Text, default="", server_default="")
    weight: Mapped[int] = mapped_column(default=1, server_default="1")
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    disabled_because: Mapped[str | None] = mapped_column(Text)  # the category of what was refused, when we did it
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    @property
    def is_usable(self) -> bool:
        """Whether calls may go with it."""
        return self.is_enabled and not (self.expires_at and self.expires_at <= clock.now())

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
