"""The card of the settings that says which model new chats begin with."""

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext, lazy_gettext
from wtforms import StringField, ValidationError
from wtforms.validators import Length

from webapp.core.database import db
from webapp.models.forms import LONGEST_ID, find_typed
from webapp.models.model import Model, find_model
from webapp.models.names import find_kept, qualified
from webapp.models.preset import unusable
from webapp.models.replacement import proposals
from webapp.web.forms import Form, no_control_characters, strip
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

first_model = Blueprint("first_model", __name__)


class FirstModelForm(Form):
    """A model by its name, or none. `chosen` is the model, once it was checked."""

    model = StringField(lazy_gettext("Model"), [Length(max=LONGEST_ID), no_control_characters], [strip])
    chosen: Model | None = None

    def validate_model(self, field: StringField) -> None:
        """One that one may use; what was saved before may stay, whatever became of it."""
        if field.data and field.data != g.user.first_model:
            self.chosen = find_typed(g.user, field.data)
            if self.chosen.kind != "chat":
                raise ValidationError(gettext("This model is not for chats."))


@first_model.get("/settings/model")
def show_first_model() -> Response:
    """Which model new chats begin with, and what could take its place when it is gone."""
    form = FirstModelForm(formdata=None)
    form.model.data = g.user.first_model
    return _card(form)


@first_model.post("/settings/model")
def update_first_model() -> Response:
    """Choose it by name, or by the button of one that was proposed; nothing typed: the one used last."""
    form = FirstModelForm()
    if "proposed" in request.form:
        form.chosen = find_model(db.session, g.user, request.form.get("model", 0, record_id))
        form.model.data = qualified(form.chosen)
    elif not form.validate():
        return _card(form, 422)
    g.user.first_model = qualified(form.chosen) if form.chosen else form.model.data or None
    db.session.commit()
    return _card(form, is_saved=True) if wants_fragment() else go_to(url_for("accounts.show_account"))


def _card(form: FirstModelForm, status: int = 200, *, is_saved: bool = False) -> Response:
    wanted = find_kept(db.session, g.user, g.user.first_model or "")
    fault = unusable(wanted, g.user) if g.user.first_model else None
    found = proposals(db.session, g.user, wanted) if wanted and fault else []
    draw, name = (fragment, "_first_model.html") if wants_fragment() else (page, "first_model.html")
    return draw(f"chat/{name}", status=status, form=form, fault=fault, proposed=found, is_saved=is_saved)
