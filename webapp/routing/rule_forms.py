"""The form of a rule, checked in the same way for pages and programs."""

from typing import Any

from flask_babel import gettext, lazy_gettext
from wtforms import BooleanField, SelectChoice, SelectField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from webapp.core.database import db
from webapp.models.names import qualified
from webapp.routing.alias_forms import LONGEST_MODEL, find_shared
from webapp.routing.gateway import WORDS, gateways
from webapp.routing.rule import RuleInput, RuleRecord
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_NAME, LONGEST_PATTERN = 80, 500
CAPABILITY_CHOICES = [
    SelectChoice("", lazy_gettext("Whatever is asked")),
    SelectChoice("vision", lazy_gettext("Images")),
    SelectChoice("tools", lazy_gettext("Tools")),
    SelectChoice("reasoning", lazy_gettext("Reasoning")),
    SelectChoice("structured_output", lazy_gettext("Structured output")),
    SelectChoice("audio_input", lazy_gettext("Audio")),
]


class RuleForm(Form):
    """Patterns, and where the question goes. `rule` is the one that is changed; `chosen` its target, once checked."""

    name = StringField(
        lazy_gettext("Name"),
        [DataRequired(lazy_gettext("Give it a name.")), Length(max=LONGEST_NAME), no_control_characters],
        [strip],
    )
    provider = StringField(lazy_gettext("Provider"), [Length(max=LONGEST_PATTERN), no_control_characters], [strip])
    model = StringField(lazy_gettext("Model"), [Length(max=LONGEST_PATTERN), no_control_characters], [strip])
    capability = SelectField(lazy_gettext("Needs"), choices=CAPABILITY_CHOICES, default="")
    to = StringField(lazy_gettext("Send it to"), [Length(max=LONGEST_MODEL), no_control_characters], [strip])
    route = SelectField(lazy_gettext("By the route"), default="")
    is_enabled = BooleanField(lazy_gettext("Switched on"))

    def __init__(self, *args: Any, rule: RuleRecord | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.rule, self.chosen = rule, rule.to if rule else None
        offered = [SelectChoice(row.slug, row.name) for row in gateways(db.session)]
        kept = rule.route if rule else ""
        if kept not in ("", *WORDS, *(row.value for row in offered)):
            offered.append(SelectChoice(kept, kept))
        self.route.choices = [
            SelectChoice("", gettext("As its provider is set")),
            SelectChoice("direct", gettext("Direct")),
            SelectChoice("automatic", gettext("Automatic")),
            *offered,
        ]

    def validate_to(self, field: StringField) -> None:
        """A model or alias that everybody may use, or none. What the rule had before may stay."""
        if self.rule and field.data and field.data == self.rule.to_name:
            return
        self.chosen = find_shared(field.data) if field.data else None

    def validate_route(self, field: SelectField) -> None:
        """A rule does something."""
        if not field.data and not self.to.data:
            raise ValidationError(gettext("Choose a model to send to, a route, or both."))

    def wanted(self) -> RuleInput:
        """Return what was typed, which is valid."""
        return RuleInput(
            name=self.name.data,
            provider=self.provider.data or "",
            model=self.model.data or "",
            capability=self.capability.data,
            to=self.chosen,
            to_name=qualified(self.chosen) if self.chosen else self.to.data or "",
            route=self.route.data,
            is_enabled=self.is_enabled.data,
        )
