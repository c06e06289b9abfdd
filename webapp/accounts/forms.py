"""Forms of accounts."""

import re

from flask_babel import gettext, lazy_gettext
from wtforms import PasswordField, RadioField, SelectField, StringField
from wtforms.validators import DataRequired, Length, ValidationError

from webapp.accounts.user import (
    EMAIL_LONGEST,
    LANGUAGES,
    MOST_WAIT_SECONDS,
    PASSWORD_LONGEST,
    PASSWORD_SHORTEST,
    THEMES,
)
from webapp.web.forms import Form, no_control_characters, strip

required = DataRequired(lazy_gettext("Fill this in."))
email_rules = [required, Length(max=EMAIL_LONGEST), no_control_characters]


class SignInForm(Form):
    """Email or user name, and the password."""

    email = StringField(lazy_gettext("Email or user name"), email_rules, [strip])
    password = PasswordField(lazy_gettext("Password"), [required])


class SetupForm(Form):
    """The first account."""

    token = StringField(lazy_gettext("Set-up code"), [required, Length(max=100)], [strip])
    name = StringField(lazy_gettext("Your name"), [required, Length(max=100), no_control_characters], [strip])
    email = StringField(lazy_gettext("Email or user name"), email_rules, [strip])
    password = PasswordField(lazy_gettext("Password"), [required])

    def validate_password(self, field: PasswordField) -> None:
        """Ask for enough characters, and not for so many that hashing them hurts."""
        check_password_length(field)


class LookForm(Form):
    """Language and theme of one user."""

    language = SelectField(lazy_gettext("Language"), choices=list(LANGUAGES))
    theme = RadioField(lazy_gettext("Theme"), choices=list(THEMES))


class WaitForm(Form):
    """How many seconds a busy provider may ask for before it is asked again."""

    chat_wait_seconds = StringField(lazy_gettext("In chats"), filters=[strip])
    program_wait_seconds = StringField(lazy_gettext("For your programs"), filters=[strip])

    def validate_chat_wait_seconds(self, field: StringField) -> None:
        """A whole number."""
        if not re.fullmatch("[0-9]{1,2}", field.data or "") or int(field.data) > MOST_WAIT_SECONDS:
            raise ValidationError(gettext("A whole number of seconds from 0 to %(most)s.", most=MOST_WAIT_SECONDS))

    validate_program_wait_seconds = validate_chat_wait_seconds


class PasswordForm(Form):
    """A new password, with the old one as proof."""

    current = PasswordField(lazy_gettext("Current password"), [required])
    password = PasswordField(lazy_gettext("New password"), [required])

    def validate_password(self, field: PasswordField) -> None:
        """The same rule as at set-up."""
        check_password_length(field)


def check_password_length(field: PasswordField) -> None:
    """Raise ValidationError with the count that was typed."""
    length = len(field.data or "")
    if length < PASSWORD_SHORTEST:
        raise ValidationError(
            gettext(
                "%(count)s characters; it takes %(least)s or more. Three or four words make a good one.",
                count=length,
                least=PASSWORD_SHORTEST,
            )
        )
    if length > PASSWORD_LONGEST:
        raise ValidationError(gettext("At most %(most)s characters.", most=PASSWORD_LONGEST))
