"""The form of a preset, checked in the same way for pages and programs."""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext, lazy_gettext
from wtforms import BooleanField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, Length

from webapp.accounts.user import User
from webapp.models.forms import find_typed
from webapp.models.model import Model
from webapp.models.names import qualified
from webapp.models.preset import Preset, PresetInput
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_NAME, LONGEST_PROMPT, LONGEST_MODEL = 80, 100_000, 2_000

# The routes there are, with names for people where they have one. Set by webapp/features.py: `webapp.routing` has them.
known_routes: Callable[[], dict[str, str]] = {"direct": "", "automatic": ""}.copy


class PresetForm(Form):
    """Name, prompt and model; the parameters are a form of their own. `chosen` is the model, once it was checked."""

    name = StringField(
        lazy_gettext("Name"),
        [DataRequired(lazy_gettext("Give it a name.")), Length(max=LONGEST_NAME), no_control_characters],
        [strip],
    )
    system_prompt = TextAreaField(lazy_gettext("System prompt"), [no_control_characters])
    model = StringField(lazy_gettext("Model"), [Length(max=LONGEST_MODEL), no_control_characters], [strip])
    route = SelectField(lazy_gettext("Route"), validate_choice=False, default="")
    is_shared = BooleanField(lazy_gettext("Everybody here may use it"))

    def __init__(self, *args: Any, user: User, preset: Preset | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.user, self.preset = user, preset
        self.chosen: Model | None = None
        before = {preset.route: ""} if preset and preset.route else {}
        self.route.choices = list((before | known_routes()).items())

    def validate_system_prompt(self, field: TextAreaField) -> None:
        """As many characters as are useful, with plain line ends."""
        field.data = (field.data or "").strip().replace("\r\n", "\n")
        if len(field.data) > LONGEST_PROMPT:
            raise ValidationError(gettext("At most %(most)s characters.", most=LONGEST_PROMPT))

    def validate_model(self, field: StringField) -> None:
        """A model that one may use, or none. What the preset had before may stay, whatever became of it."""
        if self.preset and field.data and field.data == self.preset.model_name:
            self.chosen = self.preset.model
        elif field.data:
            self.chosen = find_typed(self.user, field.data)
        if self.chosen and self.is_shared.data and self.user.is_admin and not self.chosen.provider.is_shared:
            raise ValidationError(gettext("Only you can use this provider; choose a model that everybody may use."))

    def validate_route(self, field: SelectField) -> None:
        """One that there is, or none: then as the provider is set. What the preset had before may stay."""
        if field.data and field.data not in dict(field.choices):
            raise ValidationError(gettext("There is no such route."))

    def wanted(self, parameters: dict[str, Any]) -> PresetInput:
        """Return what was typed, which is valid."""
        is_kept = self.preset and self.model.data == self.preset.model_name
        return PresetInput(
            name=self.name.data,
            system_prompt=self.system_prompt.data,
            model=self.chosen,
            model_name=self.model.data if is_kept else qualified(self.chosen) if self.chosen else None,
            parameters=parameters,
            is_shared=self.is_shared.data,
            route=self.route.data or "",
        )
