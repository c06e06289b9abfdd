"""One row a setting of the whole site: small values that belong to no other record."""

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core.database import Record


class Setting(Record):
    """A named text value."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


def read_setting(session: Session, name: str) -> str | None:
    """Return the value, or None when it was never set."""
    row = session.get(Setting, name)
    return row.value if row else None


def write_setting(session: Session, name: str, value: str | None) -> None:
    """Set the value; None forgets it."""
    row = session.get(Setting, name)
    if value is None:
        if row:
            session.delete(row)
    elif row:
        row.value = value
    else:
        session.add(Setting(name=name, value=value))
