"""Forms of chat."""

from flask_babel import gettext, lazy_gettext
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from webapp.chat.conversation import LONGEST_TITLE
from webapp.chat.message import LONGEST_TEXT
from webapp.core.ids import random_text
from webapp.web.forms import Form, no_control_characters, strip


class MessageForm(Form):
    """What the composer sends. `send_key` is made with the form, so that a double click sends once."""

    text = TextAreaField(lazy_gettext("Message"), [no_control_characters])
    model = HiddenField()
    then = HiddenField()  # the model that the conversation goes on with, if `model` answers once
    send_key = HiddenField(validators=[Length(min=8, max=64)])

    def validate_text(self, field: TextAreaField) -> None:
        """Something, and not more than fits."""
        field.data = (field.data or "").replace("\r\n", "\n")
        if not field.data.strip():
            raise ValidationError(gettext("Write something first."))
        if len(field.data) > LONGEST_TEXT:
            raise ValidationError(
                gettext(
                    "This has %(count)s characters; at most %(most)s fit into one message.",
                    count=len(field.data),
                    most=LONGEST_TEXT,
                )
            )

    @classmethod
    def fresh(cls) -> "MessageForm":
        """An empty form with a key of its own."""
        form = cls(formdata=None)
        form.send_key.data = random_text(24)
        return form


class TitleForm(Form):
    """A conversation's new title."""

    title = StringField(
        lazy_gettext("Title"),
        [DataRequired(lazy_gettext("Give it a title.")), Length(max=LONGEST_TITLE * 2), no_control_characters],
        [strip],
    )
