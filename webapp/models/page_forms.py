"""The form of the page of one model: what people say of it, each field beside what counts without them."""

from typing import Any, Final

from flask_babel import lazy_gettext
from wtforms import BooleanField, SelectChoice, SelectField, StringField
from wtforms.validators import Length, Optional

from webapp.models.facts import ABILITIES
from webapp.models.forms import LONGEST_NAME
from webapp.models.list_forms import KINDS, NO, SAID, YES, OverrideForm, price
from webapp.models.model import Model
from webapp.models.overlay import FIELDS, said_by_people
from webapp.web.forms import no_control_characters, strip

NOTHING: Final = SelectChoice("", lazy_gettext("Not said"))
YES_OR_NO: Final = (SelectChoice(YES, lazy_gettext("Yes")), SelectChoice(NO, lazy_gettext("No")))


class OverlayForm(OverrideForm):
    """What is said of one model; what is empty is not said, and then others count."""

    display_name = StringField(
        lazy_gettext("Name"), [Optional(), Length(max=LONGEST_NAME), no_control_characters], [strip]
    )
    cached_price = price(lazy_gettext("Price of cached input, dollars for 1M tokens"))
    streaming = SelectField(lazy_gettext("Streaming"))
    is_offered = BooleanField(lazy_gettext("Offer it"))

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.kind.choices = [NOTHING, *KINDS]
        for name in ABILITIES:
            self[name].choices = [NOTHING, *YES_OR_NO]

    @property
    def said(self) -> dict[str, Any]:
        """What was filled in, as overlay.py takes it: None takes back what was said before."""
        known = {name: self[name].data for name in FIELDS}
        return {name: SAID[value] if name in ABILITIES and value else value for name, value in known.items()} | {
            name: None for name, value in known.items() if value in ("", None)
        }


def overlay_form(model: Model) -> OverlayForm:
    """Return the form as it stands."""
    said = {name: _typed(value) for name, value in said_by_people(model).items()}
    return OverlayForm(formdata=None, data={**said, "is_offered": model.is_enabled})


def _typed(value: Any) -> Any:
    """Return a value as people would type it."""
    if isinstance(value, bool):
        return YES if value else NO
    return int(value) if isinstance(value, float) and value.is_integer() else value
