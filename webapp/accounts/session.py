"""Signed-in sessions, kept in the database: the cookie holds a random token, the row only its hash."""

import hashlib
from datetime import datetime, timedelta

from flask import g, request
from flask import session as cookie
from sqlalchemy import ForeignKey, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from webapp.accounts.api_token import SCOPES, valid_token
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime, db, reading
from webapp.core.ids import random_text

IDLE_LIMIT = timedelta(days=14)
DOCUMENT = "/api/openapi.json"  # for every token: it describes /v1, too
SEEN_EVERY = timedelta(minutes=5)  # how often "last seen" is written


class SignInSession(Record):
    """One browser that is signed in."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    browser: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    user: Mapped[User] = relationship()

    @property
    def is_expired(self) -> bool:
        """Whether it was not used for so long that it ended by itself."""
        return clock.now() - self.seen_at > IDLE_LIMIT


def sign_in(user: User) -> None:
    """Begin a session for this browser, under a new token; an older one of the same browser ends."""
    sign_out()
    token = random_text(43)
    db.session.add(
        SignInSession(
            user_id=user.id,
            token_hash=_hash(token),
            browser=request.user_agent.string[:300],
            address=request.remote_addr or "",
        )
    )
    db.session.commit()
    cookie.clear()
    cookie["token"] = token
    cookie.permanent = True


def sign_out() -> None:
    """End this browser's session."""
    if token := cookie.get("token"):
        db.session.execute(delete(SignInSession).where(SignInSession.token_hash == _hash(str(token))))
        db.session.commit()
    cookie.clear()


def load_user() -> User | None:
    """Return who makes this request; their session is kept in `g.session`. A disabled user is nobody."""
    g.session = None
    if request.path.startswith("/v1/"):  # never by a cookie
        return _token_user(_bearer() or "", "chat")
    if request.path.startswith("/api/") and (bearer := _bearer()):
        return _token_user(bearer, *(SCOPES if request.path == DOCUMENT else ("manage",)))
    token = cookie.get("token")
    if not token:
        return None
    found = _find(str(token))
    if found and clock.now() - found.seen_at > SEEN_EVERY:
        db.session.execute(update(SignInSession).where(SignInSession.id == found.id).values(seen_at=clock.now()))
        db.session.commit()
        found = _find(str(token))  # it may have ended this very moment
    g.session = found
    return found.user if found else None


def is_live(session_id: int) -> bool:
    """Tell whether a session still exists: long streams ask at every heartbeat."""
    with reading() as session:
        row = session.get(SignInSession, session_id)
        return row is not None and not row.is_expired and not row.user.is_disabled


def sessions_of(user: User) -> list[SignInSession]:
    """Return the user's sessions, the latest used first."""
    return list(
        db.session.scalars(
            select(SignInSession).where(SignInSession.user_id == user.id).order_by(SignInSession.seen_at.desc())
        )
    )


def end_sessions(session: Session, user_id: int, *, keep: int | None = None) -> None:
    """End all sessions of a user, but for one if given."""
    session.execute(delete(SignInSession).where(SignInSession.user_id == user_id, SignInSession.id != (keep or 0)))


def _token_user(text: str, *scopes: str) -> User | None:
    g.is_token_request = True
    token = valid_token(text, *scopes)
    g.token_id = token.id if token else None
    return token.user if token else None


def _bearer() -> str | None:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key")


def _find(token: str) -> SignInSession | None:
    found = db.session.scalar(
        select(SignInSession).options(joinedload(SignInSession.user)).where(SignInSession.token_hash == _hash(token))
    )
    return None if found is None or found.is_expired or found.user.is_disabled else found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
