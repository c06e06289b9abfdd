"""The chat page: conversations, asking, answering again, and choosing the model."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext
from wtforms.validators import ValidationError

from webapp.chat.conversation import (
    Conversation,
    begin_conversation,
    find_conversation,
    preset_of,
    recent_conversations,
)
from webapp.chat.forms import MessageForm, TitleForm, asked_preset, carried_layer
from webapp.chat.message import Message
from webapp.chat.run import Run, answer_again, ask, find_run
from webapp.chat.run_routes import labels
from webapp.chat.settings import ChatSettings, settings_of, settings_of_new
from webapp.chat.settings_routes import shown_settings
from webapp.chat.story import Turn, answer_turn, previous_run, story
from webapp.chat.writer import start_writing
from webapp.core import clock
from webapp.core.database import db
from webapp.core.errors import ConflictError, NotFoundError
from webapp.models.model import Model, find_model
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

chat = Blueprint("chat", __name__)


@chat.get("/")
def new_conversation() -> Response:
    """An empty chat, with the model that was asked for."""
    return _page(None)


@chat.get("/chat/<conversation_id>")
def show_conversation(conversation_id: str) -> Response:
    """One conversation."""
    return _page(find_conversation(db.session, g.user, conversation_id))


@chat.post("/chat")
def create_conversation() -> Response:
    """Begin a conversation with its first question."""
    form = MessageForm()
    model = _chosen_model(form.model.data)
    if not form.validate() or model is None:
        return _composer_again(form, model)
    conversation = begin_conversation(db.session, g.user, form.send_key.data)
    conversation.preset_id, conversation.parameters = form.chosen.id if form.chosen else None, form.layer
    run, is_new = ask(
        db.session, conversation, model, form.text.data, form.send_key.data, _chosen_model(form.then.data)
    )
    if is_new:
        start_writing(db.session, run, labels())
    return go_to(url_for("chat.show_conversation", conversation_id=run.conversation_id))


@chat.post("/chat/<conversation_id>/messages")
def create_message(conversation_id: str) -> Response:
    """Ask the next question."""
    conversation = find_conversation(db.session, g.user, conversation_id)
    form = MessageForm()
    model = _chosen_model(form.model.data)
    if not form.validate() or model is None:
        return _composer_again(form, model, conversation)
    try:
        run, is_new = ask(
            db.session, conversation, model, form.text.data, form.send_key.data, _chosen_model(form.then.data)
        )
    except ConflictError:
        form.reject(
            form.text,
            gettext("The answer before is still being written. Wait for it or stop it; your text stays here."),
        )
        return _composer_again(form, model, find_conversation(db.session, g.user, conversation_id), 409)
    if is_new:
        start_writing(db.session, run, labels())
    return _told(run, with_question=True)


@chat.post("/chat/runs/<int:run_id>/retries")
def create_retry(run_id: int) -> Response:
    """Answer the same question again, with the same model or another one."""
    run = find_run(db.session, g.user, run_id)
    model = _chosen_model(request.form.get("model") or run.model_pk)
    if model is None:
        raise NotFoundError
    return _begin_again(run, model, is_once=bool(request.form.get("once")))


@chat.post("/chat/runs/<int:run_id>/continuations")
def create_continuation(run_id: int) -> Response:
    """Go on where an answer was cut."""
    run = find_run(db.session, g.user, run_id)
    model = _chosen_model(run.model_pk)
    if model is None or not run.can_continue:
        raise ConflictError(gettext("This answer cannot be continued."))
    return _begin_again(run, model, go_on=True)


@chat.post("/chat/model")
def update_model() -> Response:
    """Choose the model of the next answers, or with `once` of the next one alone."""
    model = find_model(db.session, g.user, request.form.get("model", 0, record_id))
    conversation_id = request.form.get("conversation")
    conversation = find_conversation(db.session, g.user, conversation_id) if conversation_id else None
    then = model
    if request.form.get("once"):
        then = (conversation and conversation.model) or _chosen_model(request.form.get("then")) or model
    elif conversation:
        conversation.model_pk = model.id
        db.session.commit()
    if wants_fragment():
        return fragment("chat/_picked.html", model=model, then=then)
    if conversation:
        return go_to(url_for("chat.show_conversation", conversation_id=conversation.id))
    return go_to(url_for("chat.new_conversation", model=model.id, preset=request.form.get("preset") or None))


@chat.post("/chat/<conversation_id>/title")
def update_title(conversation_id: str) -> Response:
    """Rename a conversation."""
    conversation = find_conversation(db.session, g.user, conversation_id)
    form = TitleForm()
    if not form.validate():
        return _page(conversation, 422, title_form=form)
    conversation.title = form.title.data
    db.session.commit()
    return go_to(url_for("chat.show_conversation", conversation_id=conversation.id))


@chat.post("/chat/<conversation_id>/delete")
def delete_conversation(conversation_id: str) -> Response:
    """Delete a conversation; it can be brought back for 30 seconds."""
    conversation = find_conversation(db.session, g.user, conversation_id)
    conversation.deleted_at = clock.now()
    db.session.commit()
    return go_to(url_for("chat.new_conversation", deleted=conversation.id))


@chat.post("/chat/<conversation_id>/restore")
def create_restoration(conversation_id: str) -> Response:
    """Bring a deleted conversation back."""
    conversation = find_conversation(db.session, g.user, conversation_id, deleted=True)
    conversation.deleted_at = None
    db.session.commit()
    return go_to(url_for("chat.show_conversation", conversation_id=conversation.id))


def _page(conversation: Conversation | None, status: int = 200, title_form: TitleForm | None = None) -> Response:
    turns = story(db.session, conversation.id, labels()) if conversation else []
    settings = settings_of(db.session, g.user, conversation) if conversation else _new_settings()
    return page(
        "chat/chat.html",
        status,
        conversation=conversation,
        conversations=recent_conversations(db.session, g.user),
        turns=turns,
        running=next((turn.run for turn in turns if turn.run and turn.run.is_running), None),
        title_form=title_form or TitleForm(formdata=None, obj=conversation),
        deleted=request.args.get("deleted"),
        **shown_settings(settings),
    )


def _new_settings() -> ChatSettings:
    preset, model = asked_preset(request.args.get("preset")), _chosen_model(request.args.get("model"))
    try:
        layer = carried_layer(request.args.get("parameters"))
    except ValidationError:
        layer = {}
    return settings_of_new(db.session, g.user, preset, layer, model)


def _chosen_model(model_pk: object) -> Model | None:
    """None for a model that is not, or no longer, there: the page then asks for another one."""
    try:
        return find_model(db.session, g.user, record_id(str(model_pk)))
    except (ValueError, NotFoundError):
        return None


def _composer_again(
    form: MessageForm, model: Model | None, conversation: Conversation | None = None, status: int = 422
) -> Response:
    if model is None:
        form.reject(form.text, gettext("Choose a model first."))
    running = None
    if status == 409 and conversation:
        running = next(
            (t.run for t in story(db.session, conversation.id, labels()) if t.run and t.run.is_running), None
        )
    values: dict[str, Any] = {"form": form, "model": model, "conversation": conversation, "running": running}
    values["then"] = _chosen_model(form.then.data)
    if not wants_fragment():
        settings = settings_of_new(db.session, g.user, form.chosen, form.layer, model)
        if conversation:
            settings = settings_of(db.session, g.user, conversation)
        return page("chat/composer_page.html", status, **shown_settings(settings) | values)
    values |= {"preset": preset_of(conversation) if conversation else form.chosen}
    response = fragment("chat/_composer.html", status=status, **values)
    response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#composer", "outerHTML"
    return response


def _begin_again(run: Run, model: Model, *, is_once: bool = False, go_on: bool = False) -> Response:
    conversation = find_conversation(db.session, g.user, run.conversation_id)
    then = conversation.model if is_once else None
    try:
        again = answer_again(db.session, conversation, model, run, then, go_on=go_on)
    except ConflictError:
        raise ConflictError(gettext("Another answer is being written. Wait for it or stop it.")) from None
    start_writing(db.session, again, labels())
    return _told(again, with_question=False)


def _told(run: Run, *, with_question: bool) -> Response:
    """The new turns, appended to the story; or the page for a plain form."""
    if not wants_fragment():
        return go_to(url_for("chat.show_conversation", conversation_id=run.conversation_id))
    answer = answer_turn(run, previous_run(db.session, run), labels())
    question = Turn(db.session.get_one(Message, run.question_id)) if with_question else None
    conversation = find_conversation(db.session, g.user, run.conversation_id)
    return fragment(
        "chat/_told.html",
        question=question,
        answer=answer,
        form=MessageForm.fresh(),
        preset=preset_of(conversation),
        model=conversation.model,
        conversation=conversation,
        running=run if run.is_running else None,
    )
