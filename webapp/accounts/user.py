"""A person with an account, and how passwords are kept."""

import threading
import unicodedata
from datetime import datetime
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import ConflictError

EMAIL_LONGEST = 200
PASSWORD_SHORTEST, PASSWORD_LONGEST = 12, 256
CHAT_WAIT_SECONDS, MOST_WAIT_SECONDS = 5, 60
LANGUAGES = ("en", "vi", "zh")
THEMES = ("system", "light", "dark")

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's figures for Argon2id
_hashing = threading.BoundedSemaphore(2)  # each takes 19 MiB: a flood of sign-ins must not take the machine
_dummy_hash = "$argon2id$v=19$m=19456,t=2,p=1$VGhlcmVpc25vc3VjaHVzZXI$jMtS4ebtE6z3BGq9FBv3cVXPfFg2m8rYv4gVQzVbJ2s"


class Role(StrEnum):
    """What a user may do: members chat and add providers of their own, admins run the place."""

    ADMIN = "admin"
    MEMBER = "member"


class User(Record):
    """An account. `email` is the sign-in name: an address or a plain name, compared without case."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text, default=Role.MEMBER)
    language: Mapped[str] = mapped_column(Text, default="en")
    theme: Mapped[str] = mapped_column(Text, default="system")
    is_disabled: Mapped[bool] = mapped_column(default=False)
    # Seconds that a busy provider may ask for before it is asked again, in chats and by programs.
    chat_wait_seconds: Mapped[int] = mapped_column(default=CHAT_WAIT_SECONDS, server_default=str(CHAT_WAIT_SECONDS))
    program_wait_seconds: Mapped[int] = mapped_column(default=0, server_default="0")
    first_model: Mapped[str | None] = mapped_column(Text)  # the name of the one that new chats begin with
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)

    @property
    def is_admin(self) -> bool:
        """Whether this user runs the place."""
        return self.role == Role.ADMIN

    def set_password(self, password: str) -> None:
        """Replace the password; its length was checked by the form."""
        with _hashing:
            self.password_hash = _hasher.hash(password)


def normal_email(text: str) -> str:
    """Return the form in which sign-in names are stored and compared."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def create_user(session: Session, *, email: str, name: str, password: str, role: Role, language: str = "en") -> User:
    """Add an account; raise ConflictError when the sign-in name is taken."""
    if find_user(session, email):
        raise ConflictError("That email or user name is taken.")
    user = User(email=normal_email(email), name=name.strip() or email.strip(), role=role, language=language)
    user.set_password(password)
    session.add(user)
    session.flush()
    return user


def find_user(session: Session, email: str) -> User | None:
    """Return the account with this sign-in name."""
    return session.scalar(select(User).where(User.email == normal_email(email)))


def has_admin(session: Session) -> bool:
    """Whether the place has somebody who runs it."""
    return bool(session.scalar(select(func.count()).select_from(User).where(User.role == Role.ADMIN)))


def password_matches(user: User | None, password: str) -> bool:
    """Check a password; takes as long for nobody as for somebody, so that names cannot be found out."""
    if len(password) > PASSWORD_LONGEST:
        return False
    with _hashing:
        try:
            return _hasher.verify(user.password_hash if user else _dummy_hash, password) and user is not None
        except (VerifyMismatchError, InvalidHashError):
            return False
