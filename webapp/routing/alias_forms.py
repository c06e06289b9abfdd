"""The form of an alias, checked in the same way for pages and programs."""

import re
from typing import Any

from flask import g
from flask_babel import gettext, lazy_gettext
from sqlalchemy import select
from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    RadioField,
    SelectChoice,
    StringField,
    ValidationError,
)
from wtforms import Form as Part
from wtforms.validators import DataRequired, Length

from webapp.core.database import db
from webapp.models.forms import find_typed
from webapp.models.model import Model, id_hash
from webapp.providers.provider import ALIAS, Provider
from webapp.routing.alias import MOST_TARGETS, MOST_WEIGHT, AliasInput, AliasRecord
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_NAME, LONGEST_MODEL = 80, 2_000
NAME = re.compile(r"[\w.:+-]+")
STRATEGY_CHOICES = [
    SelectChoice("ordered", lazy_gettext("In order")),
    SelectChoice("weighted", lazy_gettext("By weight")),
    SelectChoice("cheapest", lazy_gettext("Cheapest first")),
    SelectChoice("fastest", lazy_gettext("Fastest first")),
]
AFTER_FIRST_CHOICES = [
    SelectChoice("stop", lazy_gettext("Stop and keep what has come")),
    SelectChoice("continue", lazy_gettext("Let the next one continue, with a visible seam")),
    SelectChoice("restart", lazy_gettext("Begin anew with the next one")),
]


class TargetForm(Part):  # type: ignore[misc]
    """One target; `chosen` is the model, once it was checked."""

    chosen: Model | None = None
    model = StringField(
        lazy_gettext("Model"),
        [DataRequired(lazy_gettext("Choose a model, or remove the row.")), Length(max=LONGEST_MODEL)],
        [strip],
    )
    weight = StringField(lazy_gettext("Weight"), filters=[strip], default="1")

    def validate_model(self, field: StringField) -> None:
        """A model that everybody may use, and no alias."""
        no_control_characters(self, field)
        self.chosen = find_shared(field.data)
        if self.chosen.provider.dialect == ALIAS:
            raise ValidationError(gettext("This is an alias itself; choose a model of a provider."))

    def validate_weight(self, field: StringField) -> None:
        """A share among the others; 0 only stands by."""
        if not re.fullmatch("[0-9]{1,4}", field.data or "") or int(field.data) > MOST_WEIGHT:
            raise ValidationError(gettext("Type a whole number from 0 to %(most)s.", most=MOST_WEIGHT))


class AliasForm(Form):
    """Name, strategy and targets. `alias` is the one that is changed."""

    name = StringField(
        lazy_gettext("Name"), [DataRequired(lazy_gettext("Give it a name.")), Length(max=LONGEST_NAME)], [strip]
    )
    strategy = RadioField(lazy_gettext("Who is asked first"), choices=STRATEGY_CHOICES, default="ordered")
    targets = FieldList(FormField(TargetForm), lazy_gettext("Targets"), min_entries=1, max_entries=MOST_TARGETS)
    after_first = RadioField(
        lazy_gettext("When an answer breaks off in the middle"), choices=AFTER_FIRST_CHOICES, default="stop"
    )
    is_sticky = BooleanField(lazy_gettext("Stay with who answered before"))

    def __init__(self, *args: Any, alias: AliasRecord | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.alias = alias

    def validate_name(self, field: StringField) -> None:
        """A word that means nothing else to programs."""
        if not NAME.fullmatch(field.data):
            raise ValidationError(gettext("Use letters, digits and . _ : + - only, without spaces."))
        if db.session.scalar(select(Provider.id).where(Provider.slug == field.data)):
            raise ValidationError(gettext("A provider has this short name; choose another one."))
        taken = select(Model.id).join(Model.provider).where(Provider.dialect == ALIAS, Model.vanished_at.is_(None))
        number = db.session.scalar(taken.where(Model.id_hash == id_hash(field.data)))
        if number and not (self.alias and self.alias.model_pk == number):
            raise ValidationError(gettext("There is an alias of this name already."))

    def validate_targets(self, field: FieldList) -> None:
        """Each model once."""
        chosen = [entry.chosen.id for entry in field if entry.chosen]
        if len(chosen) != len(set(chosen)):
            raise ValidationError(gettext("A model is in the list twice."))

    def wanted(self) -> AliasInput:
        """Return what was typed, which is valid."""
        return AliasInput(
            name=self.name.data,
            strategy=self.strategy.data,
            targets=tuple((entry.chosen, int(entry.weight.data)) for entry in self.targets),
            after_first=self.after_first.data,
            is_sticky=self.is_sticky.data,
        )


def find_shared(name: str) -> Model:
    """Return the model of a name that everybody may use. Raises ValidationError."""
    found = find_typed(g.user, name)
    if not found.provider.is_shared:
        raise ValidationError(gettext("Only you can use this provider; choose a model that everybody may use."))
    return found
