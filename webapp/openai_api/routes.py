"""The door of /v1: OpenAI's addresses, shapes and errors, so that its official clients work unchanged."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, g, request, stream_with_context

from webapp.accounts.api_token import is_token_live
from webapp.core.database import db, release
from webapp.core.errors import BusyError, CryptoError
from webapp.core.runtime import runtime
from webapp.models.model import Model
from webapp.openai_api.answer import Answer
from webapp.openai_api.failures import failure_response
from webapp.openai_api.names import described, find_named_model, list_described, qualified
from webapp.openai_api.relay import Client, ClientGoneError, Errand
from webapp.openai_api.schema import RequestError, read_chat, read_object, unsupported
from webapp.openai_api.shapes import FAILURES, Chat, Completion, Entries, Entry, Texts, Vectors
from webapp.openai_api.stream import StreamedAnswer
from webapp.openai_api.translation import chat_request
from webapp.upstream.brake import Brake
from webapp.upstream.calls import ask, embed
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatRequest
from webapp.upstream.target import Target
from webapp.web.errors import openai_error
from webapp.web.openapi import documented
from webapp.web.places import Place, stream_place

v1 = Blueprint("v1", __name__, url_prefix="/v1")

CLIENT_GONE = 499  # as nginx writes it in its log; nobody reads it
Result = TypeVar("Result")


@dataclass(slots=True)
class Responder:
    """Who answers this request, for headers and error texts; attempts grow when a refused request was repaired."""

    provider: str
    slug: str
    model: str
    attempts: int = 1


@v1.get("/models")
@documented({200: Entries})
def list_models() -> Response:
    """Everything that the token's user may call."""
    return _json({"object": "list", "data": list_described(db.session, g.user)})


@v1.get("/models/<path:name>")
@documented({200: Entry})
def show_model(name: str) -> Response:
    """One model, by any of its names."""
    return _json(described(find_named_model(db.session, g.user, name)))


@v1.post("/chat/completions")
@documented({200: Completion}, body=Chat, refusals=FAILURES, is_open=True, is_streamed=True)
def create_chat_completion() -> Response:
    """Ask a model; the answer is whole or streamed."""
    query = read_chat(request.get_data())
    model = find_named_model(db.session, g.user, query.model)
    asked = chat_request(query, model.model_id, model.provider.dialect)
    answer = Answer(qualified(model), query.wants_usage)
    target = _leave_for(model)
    if query.is_stream:
        return _streamed(target, asked, answer)
    reply = _awaited(lambda brake: ask(target, asked, brake)[0])
    g.responder.attempts += "repair" in reply.details
    return _json(answer.whole(reply))


@v1.post("/embeddings")
@documented({200: Vectors}, body=Texts, refusals=FAILURES, is_open=True)
def create_embeddings() -> Response:
    """Pass texts on to a model that turns them into vectors."""
    fields = read_object(request.get_data())
    model = find_named_model(db.session, g.user, fields["model"])
    if model.provider.dialect != "openai":
        raise unsupported("model", f"is at {model.provider.name}, which offers no embeddings")
    name = qualified(model)
    target = _leave_for(model)
    wanted = fields | {"model": g.responder.model}
    return _json(_awaited(lambda brake: embed(target, wanted, brake)) | {"model": name})


@v1.after_request
def name_responder(response: Response) -> Response:
    """Say who answered, also when it was with an error."""
    if responder := g.get("responder"):
        response.headers["x-jackfield-provider"] = responder.slug
        response.headers["x-jackfield-model"] = quote(responder.model, safe="/:@+ ")
        response.headers["x-jackfield-route"] = "direct"
        response.headers["x-jackfield-attempts"] = str(responder.attempts)
    return response


@v1.errorhandler(RequestError)
def refuse(error: RequestError) -> Response:
    """Tell what is wrong with the request."""
    return openai_error(error.status, str(error), error.code, error.param)


@v1.errorhandler(UpstreamError)
def tell_failure(error: UpstreamError) -> Response:
    """Tell what the provider said instead of an answer."""
    return failure_response(error, g.responder.provider)


@v1.errorhandler(CryptoError)
def tell_locked_key(error: CryptoError) -> Response:
    """Tell that the provider's key does not open."""
    return tell_failure(UpstreamError("auth_missing", str(error)))


@v1.errorhandler(ClientGoneError)
def note_client_gone(_error: ClientGoneError) -> Response:
    """Leave a line in the log."""
    return Response(status=CLIENT_GONE)


def _leave_for(model: Model) -> Target:
    """Note who answers, open the key, and give the database's connection back: none is held during the wait."""
    provider = model.provider
    g.responder = Responder(provider.name, provider.slug, model.model_id)
    target = provider.target(db.session)
    release()
    return target


def _awaited(call: Callable[[Brake], Result]) -> Result:
    place = _place()
    try:
        return Errand(lambda errand: call(errand.brake), Client(request.environ)).result()
    finally:
        place.leave()


def _streamed(target: Target, asked: ChatRequest, answer: Answer) -> Response:
    with ExitStack() as duties:
        duties.callback(_place().leave)
        streamed = StreamedAnswer(target, asked, answer, Client(request.environ))
        duties.callback(streamed.hang_up)
        streamed.begin()
        end = duties.pop_all().close  # from here on the response is what ends it
    g.responder.attempts += streamed.is_repaired
    token_id = g.token_id
    events = streamed.events(g.responder.provider, lambda: is_token_live(token_id))
    response = Response(
        stream_with_context(events),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    response.call_on_close(end)
    return response


def _place() -> Place:
    """Take one of the threads that may wait for a provider, whether the answer is streamed or not."""
    place = stream_place(runtime().settings.stream_places)
    if place is None:
        raise BusyError
    return place


def _json(data: dict[str, Any]) -> Response:
    return Response(orjson.dumps(data), mimetype="application/json")
