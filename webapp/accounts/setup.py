"""The one-time set-up link: whoever can read the server's log makes the first admin."""

import hashlib
import hmac

from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.accounts.user import Role, User, create_user, has_admin
from webapp.core.database import claim, take_turns, writing
from webapp.core.errors import NotFoundError
from webapp.core.ids import random_text
from webapp.settings.setting import Setting, read_setting, write_setting

SETTING = "setup_token_hash"


def open_setup(session: Session) -> str | None:
    """Make a new set-up token (older ones end) and return it; None when an admin exists already."""
    if has_admin(session):
        write_setting(session, SETTING, None)
        return None
    token = random_text(24)
    write_setting(session, SETTING, _hash(token))
    return token


def setup_path() -> str | None:
    """Open the set-up and return the path of its link; None when it was done before."""
    with writing() as session:
        take_turns(session.connection())
        token = open_setup(session)
    return f"/setup?token={token}" if token else None


def is_setup_token(session: Session, token: str) -> bool:
    """Whether this is the token of the link that was printed last, and still wanted."""
    stored = read_setting(session, SETTING)
    return bool(stored) and hmac.compare_digest(stored or "", _hash(token.strip()))


def create_first_admin(session: Session, token: str, *, email: str, name: str, password: str, language: str) -> User:
    """Use the link up: make the admin. Of two parallel calls one wins: the token is taken away by a guarded DELETE."""
    taken = claim(session, delete(Setting).where(Setting.name == SETTING, Setting.value == _hash(token.strip())))
    if not taken or has_admin(session):
        raise NotFoundError("This set-up link was used or replaced.")
    return create_user(session, email=email, name=name, password=password, role=Role.ADMIN, language=language)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
