"""The form of a new API token."""

from flask_babel import lazy_gettext
from wtforms import IntegerField, SelectMultipleField, StringField
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, Optional

from webapp.accounts.api_token import SCOPES
from webapp.web.forms import Form, no_control_characters, strip

WRONG_DAYS = lazy_gettext("A whole number of days from 1 to 3,650.")


class TokenForm(Form):
    """A name, what the token may do, and for how long; without a number of days it does not expire."""

    name = StringField(
        lazy_gettext("Name"),
        [DataRequired(lazy_gettext("Fill this in.")), Length(max=100), no_control_characters],
        [strip],
    )
    scopes = SelectMultipleField(
        lazy_gettext("What it may do"),
        [InputRequired(lazy_gettext("Choose at least one."))],
        choices=list(SCOPES),
        default=["chat"],
    )
    days = IntegerField(
        lazy_gettext("Expires after"), [Optional(), AnyOf(range(1, 3651), WRONG_DAYS)], invalid_value_message=WRONG_DAYS
    )
