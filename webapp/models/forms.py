"""Forms of models."""

from flask_babel import lazy_gettext
from wtforms import StringField
from wtforms.validators import DataRequired, Length, Optional

from webapp.web.forms import Form, no_control_characters

LONGEST_ID, LONGEST_NAME = 2_000, 200


class ModelForm(Form):
    """A model typed by hand. Ids are opaque: not even white space is trimmed."""

    model_id = StringField(
        lazy_gettext("Model id"),
        [
            DataRequired(lazy_gettext("Type the id as the provider writes it.")),
            Length(max=LONGEST_ID),
            no_control_characters,
        ],
    )
    display_name = StringField(lazy_gettext("Name"), [Optional(), Length(max=LONGEST_NAME), no_control_characters])
