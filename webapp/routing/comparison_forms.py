"""The form of a comparison, checked in the same way for pages and programs."""

from typing import Any

from flask import g
from flask_babel import gettext, lazy_gettext
from wtforms import SelectChoice, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, Length

from webapp.core.database import db
from webapp.models.forms import LONGEST_ID, find_typed
from webapp.models.model import Model
from webapp.providers.provider import ALIAS
from webapp.routing.gateway import Gateway, gateways
from webapp.routing.terms import EMBEDDED, Place
from webapp.routing.world import subject_of
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_PROMPT = 8_000


class ComparisonForm(Form):
    """A model, a gateway that is on, a question. `chosen` is the model, once it was checked."""

    model = StringField(
        lazy_gettext("Model"),
        [DataRequired(lazy_gettext("Choose a model.")), Length(max=LONGEST_ID), no_control_characters],
        [strip],
    )
    route = SelectField(lazy_gettext("Compare direct with"), validate_choice=False)
    prompt = TextAreaField(
        lazy_gettext("Question"),
        [DataRequired(lazy_gettext("Type a question.")), Length(max=LONGEST_PROMPT), no_control_characters],
        [strip],
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.chosen: Model | None = None
        self.route.choices = [SelectChoice(row.slug, gateway_name(row)) for row in gateways(db.session, enabled=True)]

    def validate_model(self, field: StringField) -> None:
        """A model of a provider, for chats."""
        if field.errors:
            return
        self.chosen = find_typed(g.user, field.data)
        if self.chosen.provider.dialect == ALIAS:
            raise ValidationError(gettext("This is an alias itself; choose a model of a provider."))
        if self.chosen.kind != "chat":
            raise ValidationError(gettext("This model is not for chats."))

    def validate_route(self, field: SelectField) -> None:
        """One that serves the model."""
        if field.data not in [choice.value for choice in field.choices]:
            raise ValidationError(gettext("There is no such gateway, or it is off. Choose one of the list."))
        if not self.chosen or self.model.errors:
            return
        place = subject_of(db.session, self.chosen)
        if not isinstance(place, Place) or field.data not in place.routes:
            raise ValidationError(gettext("This gateway does not offer this model."))


def gateway_name(gateway: Gateway) -> str:
    """What people call it."""
    return str(gettext("Embedded LiteLLM")) if gateway.kind == EMBEDDED else gateway.name
