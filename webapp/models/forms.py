"""Forms of models, and how a model is read that somebody typed."""

from flask_babel import gettext, lazy_gettext
from wtforms import StringField, ValidationError
from wtforms.validators import DataRequired, Length, Optional

from webapp.accounts.user import User
from webapp.core.database import db
from webapp.core.errors import ConflictError, NotFoundError
from webapp.models.model import Model
from webapp.models.names import find_named
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


def find_typed(user: User, name: str) -> Model:
    """Return the model of a name that this user may choose. Raises ValidationError."""
    try:
        return find_named(db.session, user, name)
    except NotFoundError:
        text = gettext("There is no such model. Choose one, or write it as provider/model.")
    except ConflictError:
        text = gettext("Several providers have this model. Write it as provider/model.")
    raise ValidationError(text)
