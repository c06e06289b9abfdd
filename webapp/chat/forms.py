"""Forms of chat."""

from typing import Any

import orjson
from flask import g
from flask_babel import gettext, lazy_gettext
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from webapp.chat.conversation import LONGEST_TITLE
from webapp.chat.message import LONGEST_TEXT
from webapp.core.database import db
from webapp.core.errors import NotFoundError
from webapp.core.ids import random_text
from webapp.models.parameter_forms import checked_layer
from webapp.models.preset import Preset, find_preset
from webapp.web.asked import InvalidInputError
from webapp.web.forms import Form, no_control_characters, strip
from webapp.web.requests import record_id


class MessageForm(Form):
    """What the composer sends. `send_key` is made with the form, so that a double click sends once."""

    text = TextAreaField(lazy_gettext("Message"), [no_control_characters])
    model = HiddenField()
    then = HiddenField()  # the model that the conversation goes on with, if `model` answers once
    send_key = HiddenField(validators=[Length(min=8, max=64)])
    preset = HiddenField()  # of a new chat; a conversation keeps its own
    parameters = HiddenField()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.chosen: Preset | None = None
        self.layer: dict[str, Any] = {}

    def validate_preset(self, field: HiddenField) -> None:
        """One that is still there."""
        try:
            self.chosen = asked_preset(field.data)
        except NotFoundError:
            raise ValidationError(gettext("This preset is not there any more. Choose another one.")) from None

    def validate_parameters(self, field: HiddenField) -> None:
        """What the page of a new chat carries."""
        self.layer = carried_layer(field.data)

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
    def fresh(cls, preset: Preset | None = None, layer: dict[str, Any] | None = None) -> "MessageForm":
        """An empty form with a key of its own; that of a new chat carries its settings."""
        form = cls(formdata=None)
        form.send_key.data = random_text(24)
        form.preset.data = preset.id if preset else ""
        form.parameters.data = orjson.dumps(layer or {}).decode()
        return form


class TitleForm(Form):
    """A conversation's new title."""

    title = StringField(
        lazy_gettext("Title"),
        [DataRequired(lazy_gettext("Give it a title.")), Length(max=LONGEST_TITLE * 2), no_control_characters],
        [strip],
    )


def asked_preset(text: str | None) -> Preset | None:
    """Load the preset that a form or an address names, if it does; raise NotFoundError for one that is not there."""
    try:
        return find_preset(db.session, g.user, record_id(text)) if text else None
    except ValueError:
        raise NotFoundError from None


def carried_layer(text: str | None) -> dict[str, Any]:
    """Return the parameters that the page of a new chat carries. Raises ValidationError."""
    try:
        layer = orjson.loads(text or "{}")
        return checked_layer(layer if isinstance(layer, dict) else {})
    except (orjson.JSONDecodeError, InvalidInputError):
        raise ValidationError(gettext("The settings of this chat cannot be read. Set them again.")) from None
