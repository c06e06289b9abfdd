"""API tokens: how programs sign in. Only a hash is stored; the token is shown once."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import JSON, ForeignKey, Text, select, update
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime, reading, writing
from webapp.core.errors import NotFoundError
from webapp.core.ids import checked_token, is_checked_token
from webapp.core.memory import memory

PREFIX = "jf"
USED_EVERY = timedelta(minutes=5)  # how often "last used" is written
SCOPES = ("chat", "manage")  # use models · change providers


class ApiToken(Record):
    """One token of one user; it can do what its user can, within its scopes."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    user: Mapped[User] = relationship()

    @property
    def is_expired(self) -> bool:
        """Whether its last day is over."""
        return self.expires_at is not None and self.expires_at < clock.now()

    @property
    def is_live(self) -> bool:
        """Whether it opens anything: a disabled user's tokens do not."""
        return not self.is_expired and not self.user.is_disabled


def valid_token(text: str, *scopes: str) -> ApiToken | None:
    """Return the token with this text and its user, if it has one of the scopes. Both are detached, for reading only.

    A malformed one costs no query, one that was just used neither. Its use is noted.
    """
    if not is_checked_token(PREFIX, text):
        return None
    token_hash = _hash(text)
    row = memory.get(("token", token_hash), lambda: _read(token_hash))
    if row is None or not set(scopes) & set(row.scopes) or not row.is_live:
        return None
    if row.used_at is None or clock.now() - row.used_at > USED_EVERY:
        with writing() as own:
            own.execute(update(ApiToken).where(ApiToken.id == row.id).values(used_at=clock.now()))
    return row


def live_tokens(ids: set[int]) -> set[int]:
    """Return those of these tokens that may still be used: long streams ask now and then."""
    with reading() as session:
        rows = session.scalars(select(ApiToken).options(joinedload(ApiToken.user)).where(ApiToken.id.in_(ids)))
        return {row.id for row in rows if row.is_live}


def create_token(
    session: Session,
    user: User,
    name: str,
    scopes: tuple[str, ...] = ("chat",),
    *,
    expires_at: datetime | None = None,
) -> str:
    """Add a token and return its text, which cannot be had again."""
    token = checked_token(PREFIX)
    session.add(
        ApiToken(
            user_id=user.id,
            name=name,
            hint=f"{PREFIX}_…{token[-4:]}",
            token_hash=_hash(token),
            scopes=list(scopes),
            expires_at=expires_at,
        )
    )
    return token


def tokens_of(session: Session, user: User) -> list[ApiToken]:
    """Return the user's tokens, the newest first."""
    return list(
        session.scalars(select(ApiToken).where(ApiToken.user_id == user.id).order_by(ApiToken.created_at.desc()))
    )


def delete_token(session: Session, user: User, token_id: int) -> None:
    """Revoke one of the user's own tokens; raise NotFoundError for anybody else's."""
    row = session.get(ApiToken, token_id)
    if row is None or row.user_id != user.id:
        raise NotFoundError
    session.delete(row)


def _read(token_hash: str) -> ApiToken | None:
    with reading() as session:
        return session.scalar(
            select(ApiToken).options(joinedload(ApiToken.user)).where(ApiToken.token_hash == token_hash).limit(1)
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
