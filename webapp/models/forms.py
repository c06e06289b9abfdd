"""Forms of models."""

from flask_babel import lazy_gettext
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from webapp.web.forms import Form, no_control_characters


class ModelForm(Form):
    """A model typed by hand. Ids are opaque: not even white space is trimmed."""

    model_id = StringField(
        lazy_gettext("Model id"),
        [
            DataRequired(lazy_gettext("Type the id as the provider writes it.")),
            Length(max=2000),
            no_control_characters,
        ],
    )
