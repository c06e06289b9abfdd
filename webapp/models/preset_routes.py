"""Pages of presets: the cards, the form, and what a card's menu does."""

from typing import Any

import orjson
from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext

from webapp.core import clock
from webapp.core.database import db
from webapp.models.model import Model, find_model
from webapp.models.names import qualified
from webapp.models.parameter_forms import ParametersForm, checked_layer
from webapp.models.parameters import PARAMETERS, Layer, effective, layers_of
from webapp.models.preset import (
    Preset,
    add_preset,
    change_preset,
    duplicate_preset,
    find_own_preset,
    find_preset,
    presets_of,
    restore_preset,
    size_of,
)
from webapp.models.preset_forms import LONGEST_NAME, PresetForm
from webapp.models.replacement import proposals
from webapp.web.asked import InvalidInputError
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

presets = Blueprint("presets", __name__)


@presets.get("/presets")
def list_presets() -> Response:
    """All presets that one may use; those whose model cannot answer say so."""
    rows = presets_of(db.session, g.user)
    return page("presets/list.html", rows=[(row, *_flag(row)) for row in rows], deleted=_deleted())


@presets.get("/presets/new")
def new_preset() -> Response:
    """An empty form."""
    return _form(PresetForm(user=g.user, formdata=None), None, {})


@presets.post("/presets/drafts")
def create_draft() -> Response:
    """The form of a new preset, filled with what a chat goes by."""
    base = request.form.get("preset", 0, record_id)
    before = find_preset(db.session, g.user, base) if base else None
    chosen = request.form.get("model", 0, record_id)
    model = find_model(db.session, g.user, chosen) if chosen else None
    form = PresetForm(user=g.user, formdata=None)
    form.model.data = qualified(model) if model else ""
    form.system_prompt.data, form.route.data = (before.system_prompt, before.route) if before else ("", "")
    form.chosen = model
    return _form(form, None, _joined(before.parameters if before else {}, _told_parameters()))


@presets.post("/presets")
def create_preset() -> Response:
    """Save a new preset."""
    return _save(None)


@presets.get("/presets/<int:preset_id>/edit")
def edit_preset(preset_id: int) -> Response:
    """The form of a saved preset."""
    preset = find_own_preset(db.session, g.user, preset_id)
    form = PresetForm(user=g.user, preset=preset, formdata=None, obj=preset)
    form.model.data, form.chosen = preset.model_name, preset.model
    return _form(form, preset, preset.parameters)


@presets.post("/presets/<int:preset_id>")
def update_preset(preset_id: int) -> Response:
    """Save changes."""
    return _save(find_own_preset(db.session, g.user, preset_id))


@presets.post("/presets/<int:preset_id>/model")
def update_model(preset_id: int) -> Response:
    """Give a preset another model, most often because its own can be used no more."""
    preset = find_own_preset(db.session, g.user, preset_id)
    model = find_model(db.session, g.user, request.form.get("model", 0, record_id))
    preset.model, preset.model_name, preset.updated_at = model, qualified(model), clock.now()
    db.session.commit()
    if not request.headers.get("HX-Target", "").startswith("article"):
        return go_to(url_for("presets.edit_preset", preset_id=preset.id))
    fault, rows = _flag(preset)
    return fragment("presets/_card.html", preset=preset, fault=fault, replacements=rows)


@presets.post("/presets/<int:preset_id>/duplicates")
def create_duplicate(preset_id: int) -> Response:
    """Copy a preset and open the copy's form."""
    preset = find_preset(db.session, g.user, preset_id)
    name = gettext("%(name)s, copy", name=preset.name)[:LONGEST_NAME]
    copy = duplicate_preset(db.session, preset, g.user, name)
    db.session.commit()
    return go_to(url_for("presets.edit_preset", preset_id=copy.id))


@presets.post("/presets/<int:preset_id>/delete")
def delete_preset(preset_id: int) -> Response:
    """Delete; the toast offers the way back for 30 seconds."""
    preset = find_own_preset(db.session, g.user, preset_id)
    preset.deleted_at = clock.now()
    db.session.commit()
    if request.headers.get("HX-Target", "").startswith("article"):
        return fragment("presets/_deleted.html", preset=preset)
    return go_to(url_for("presets.list_presets", deleted=preset.id))


@presets.post("/presets/<int:preset_id>/restore")
def create_restoration(preset_id: int) -> Response:
    """Bring a deleted preset back."""
    restore_preset(db.session, g.user, preset_id)
    db.session.commit()
    return go_to(url_for("presets.list_presets"))


@presets.post("/presets/sizes")
def show_size() -> Response:
    """How long the prompt is, as somebody types."""
    return fragment("presets/_size.html", size=size_of(request.form.get("system_prompt", "")))


def _save(preset: Preset | None) -> Response:
    form = PresetForm(user=g.user, preset=preset)
    is_valid = form.validate()
    parameters = ParametersForm(model=form.chosen)
    if not parameters.validate() or not is_valid:
        return _form(form, preset, parameters, 422)
    wanted = form.wanted(parameters.layer)
    if preset:
        change_preset(g.user, preset, wanted)
    saved = preset or add_preset(db.session, g.user, wanted)
    db.session.commit()
    if request.form.get("then") == "chat":
        return go_to(url_for("chat.new_conversation", preset=saved.id))
    return go_to(url_for("presets.edit_preset", preset_id=saved.id))


def _form(form: PresetForm, preset: Preset | None, parameters: ParametersForm | Layer, status: int = 200) -> Response:
    model = form.chosen
    if not isinstance(parameters, ParametersForm):
        layer, parameters = parameters, ParametersForm(formdata=None, model=model)
        parameters.show(layer)
    fault, rows = _flag(preset) if preset else (None, [])
    values: dict[str, Any] = {
        "form": form,
        "parameters": parameters,
        "preset": preset,
        "inherited": effective(layers_of(model)) if model else [],
        "size": size_of(form.system_prompt.data or ""),
        "fault": fault,
        "replacements": rows,
    }
    if wants_fragment() and status == 422:
        return fragment("presets/_form.html", status=status, **values)
    return page("presets/form.html", status, **values)


def _flag(preset: Preset) -> tuple[str | None, list[Model]]:
    """Return why a preset's model cannot answer, and what could."""
    fault = preset.fault(g.user)
    return fault, proposals(db.session, g.user, preset.model) if fault and preset.model else []


def _deleted() -> Preset | None:
    """The preset that was deleted just now, by somebody without JavaScript."""
    found = db.session.get(Preset, request.args.get("deleted", 0, record_id))
    return found if found and found.deleted_at and found.may_change(g.user) else None


def _joined(below: Layer, above: Layer) -> Layer:
    """Return one layer that says what two say together."""
    settings = effective({"preset": below, "conversation": above})
    values = {setting.name: setting.value for setting in settings if not setting.is_dropped}
    one: dict[str, Any] = {name: values.pop(name) for name in PARAMETERS if name in values}
    more = {"extra_body": values, "drop": [setting.name for setting in settings if setting.is_dropped]}
    return one | {name: value for name, value in more.items() if value}


def _told_parameters() -> dict[str, Any]:
    try:
        told = orjson.loads(request.form.get("parameters", "{}"))
        return checked_layer(told) if isinstance(told, dict) else {}
    except (orjson.JSONDecodeError, InvalidInputError):
        return {}
