"""The settings of a chat: its preset and its own parameters, changed beside the question."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for

from webapp.chat.conversation import Conversation, find_conversation, preset_of
from webapp.chat.forms import MessageForm, asked_preset
from webapp.chat.settings import ChatSettings, settings_of, settings_of_new
from webapp.core.database import db
from webapp.core.errors import NotFoundError
from webapp.models.model import Model, find_model
from webapp.models.parameter_forms import ParametersForm
from webapp.models.parameters import effective, layers_of
from webapp.models.preset import presets_of
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

chat_settings = Blueprint("chat_settings", __name__)


@chat_settings.post("/chat/settings")
def update_settings() -> Response:
    """Choose a preset, change parameters or take them back; a conversation keeps it, a new chat's page carries it."""
    conversation_id = request.form.get("conversation")
    conversation = find_conversation(db.session, g.user, conversation_id) if conversation_id else None
    model = conversation.model if conversation else _asked_model()
    preset = asked_preset(request.form.get("preset"))
    chosen_now = preset if preset and str(preset.id) != request.form.get("previous") else None
    fault = chosen_now.fault(g.user) if chosen_now else None
    if chosen_now and not fault:
        model = chosen_now.model or model
    form = ParametersForm(formdata=None if "reset" in request.form else request.form, model=model)
    if fault or not ("reset" in request.form or form.validate()):
        before = preset_of(conversation) if conversation else asked_preset(request.form.get("previous"))
        refused = ChatSettings(before, {}, model)
        return _drawn(refused, conversation, 422, parameters=form, refused=chosen_now, fault=fault)
    if conversation:
        conversation.preset_id, conversation.parameters = preset.id if preset else None, form.layer
        conversation.model_pk = model.id if model else conversation.model_pk
        db.session.commit()
        settings = settings_of(db.session, g.user, conversation)
    else:
        settings = settings_of_new(db.session, g.user, preset, form.layer, model)
    return _drawn(settings, conversation, is_switched=chosen_now is not None)


def shown_settings(settings: ChatSettings, form: ParametersForm | None = None) -> dict[str, Any]:
    """Return what popover and composer draw."""
    model, preset = settings.model, settings.preset
    if form is None:
        form = ParametersForm(formdata=None, model=model)
        form.show(settings.parameters)
    return {
        "settings": settings,
        "model": model,
        "trouble": settings.trouble,
        "preset": preset,
        "presets": presets_of(db.session, g.user),
        "parameters": form,
        "form": MessageForm.fresh(preset, settings.parameters),
        "inherited": effective(layers_of(model, preset)) if model else [],
        "effective": effective(layers_of(model, preset, settings.parameters)) if model else [],
    }


def _asked_model() -> Model | None:
    try:
        return find_model(db.session, g.user, record_id(request.form.get("model", "")))
    except (ValueError, NotFoundError):
        return None


def _drawn(settings: ChatSettings, conversation: Conversation | None, status: int = 200, **more: Any) -> Response:
    values = shown_settings(settings, more.pop("parameters", None)) | more
    values["conversation"] = conversation
    if wants_fragment():
        names = ("chat/_settings.html", "chat/_set.html") if status == 200 else ("chat/_settings.html",)
        return fragment(*names, status=status, **values)
    if status != 200:
        return page("chat/settings_page.html", status, **values)
    if conversation:
        return go_to(url_for("chat.show_conversation", conversation_id=conversation.id))
    asked = {"preset": values["preset"] and values["preset"].id, "model": settings.model and settings.model.id}
    return go_to(url_for("chat.new_conversation", parameters=values["form"].parameters.data, **asked))
