"""The forms of a provider's keys: to add one, to say something of one, to let a new one take over."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, SelectField, StringField
from wtforms.validators import Length, ValidationError

from webapp.core import clock
from webapp.core.secret import Secret
from webapp.providers.credential import Credential
from webapp.providers.keys import MOST_WEIGHT, KeyInput
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_KEY, LONGEST_LABEL = 8_000, 100
A_DAY = timedelta(days=1)
MOST_DAYS = 36_500
OVERLAPS = {
    "24": lazy_gettext("for 24 hours more"),
    "168": lazy_gettext("for 7 days more"),
    "720": lazy_gettext("for 30 days more"),
    "": lazy_gettext("until I delete it"),
    "0": lazy_gettext("no longer: forget it now"),
}


def clean_key(_form: FlaskForm, field: Field) -> None:
    """Clean what a clipboard adds; refuse what cannot be sent."""
    field.data = (field.data or "").strip().strip("\"'")
    if any(not "!" <= char <= "~" for char in field.data):
        raise ValidationError(gettext("A key is one line of plain ASCII characters without spaces. Copy it again."))


def not_empty(_form: FlaskForm, field: Field) -> None:
    """Refuse a form without its key."""
    if not field.data:
        raise ValidationError(gettext("Type the key."))


class _KeyForm(Form):
    """Several stand on a page, so the fields of each have ids of their own; their names are the usual ones."""

    def __init__(self, *args: Any, row: Credential | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.row = row
        for field in self:
            field.id = f"{type(self).__name__.lower()}-{row.id if row else 'new'}-{field.short_name}"


class KeyFactsForm(_KeyForm):
    """What may be said of a key. Days are those of UTC; a key works until its last one is over."""

    label = StringField(lazy_gettext("Label"), [Length(max=LONGEST_LABEL), no_control_characters], [strip])
    weight = StringField(lazy_gettext("Weight"), filters=[strip], default="1")
    expires_on = StringField(lazy_gettext("Last day"), filters=[strip])

    def show(self, row: Credential) -> None:
        """Fill in what is stored."""
        self.label.data, self.weight.data = row.label, str(row.weight)
        self.expires_on.data = _last_day(row.expires_at).isoformat() if row.expires_at else ""

    def validate_weight(self, field: StringField) -> None:
        """A small number; 0 is for a key that stands in when no other works."""
        if not (field.data and field.data.isascii() and field.data.isdigit()):
            raise ValidationError(gettext("Type a whole number."))
        if len(field.data) > 3 or int(field.data) > MOST_WEIGHT:
            raise ValidationError(
                gettext("This must be a number from %(least)s to %(most)s.", least=0, most=MOST_WEIGHT)
            )

    def validate_expires_on(self, field: StringField) -> None:
        """A day to come, or the one that is stored."""
        today = clock.now().date()
        try:
            day = date.fromisoformat(field.data) if field.data else today
        except ValueError:
            raise ValidationError(gettext("Type a day like %(example)s.", example=today.isoformat())) from None
        if day < today and not self._is_day_kept(day):
            raise ValidationError(gettext("This day is over."))
        if (day - today).days > MOST_DAYS:
            raise ValidationError(gettext("This day is too far away."))

    @property
    def wanted(self) -> KeyInput:
        """What the form says, once it is valid. The moment that is stored stays as long as its day does."""
        expires_at = None
        if self.expires_on.data:
            day = date.fromisoformat(self.expires_on.data)
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            expires_at = self.row.expires_at if self.row and self._is_day_kept(day) else midnight + A_DAY
        return KeyInput(self.label.data or "", int(self.weight.data or 0), expires_at)

    def _is_day_kept(self, day: date) -> bool:
        return self.row is not None and self.row.expires_at is not None and _last_day(self.row.expires_at) == day


class NewKeyForm(KeyFactsForm):
    """A key to add. It is typed once and never shown."""

    api_key = PasswordField(lazy_gettext("API key"), [Length(max=LONGEST_KEY), clean_key, not_empty])

    @property
    def key(self) -> Secret:
        """What was typed."""
        return Secret(self.api_key.data or "")


class RotationForm(_KeyForm):
    """A key that takes over from another one, which may go on for a while."""

    api_key = PasswordField(lazy_gettext("New key"), [Length(max=LONGEST_KEY), clean_key, not_empty])
    words = OVERLAPS
    overlap = SelectField(lazy_gettext("The old key works"), choices=list(OVERLAPS), default="24")

    @property
    def key(self) -> Secret:
        """What was typed."""
        return Secret(self.api_key.data or "")

    @property
    def ends_at(self) -> datetime | None:
        """When the old key ends; None: when somebody deletes it."""
        return clock.now() + timedelta(hours=int(self.overlap.data)) if self.overlap.data else None


def _last_day(expires_at: datetime) -> date:
    return (expires_at - timedelta.resolution).date()
