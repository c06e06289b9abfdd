"""The door of /v1: OpenAI's addresses, shapes and errors, so that its official clients work unchanged."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, g, request

from webapp.core.database import db
from webapp.core.errors import CryptoError, JackfieldError
from webapp.core.runtime import runtime
from webapp.models.parameters import applied
from webapp.openai_api.admitted import admitted
from webapp.openai_api.answer import Answer
from webapp.openai_api.client import Client
from webapp.openai_api.embeddings import read_embeddings, written_embeddings
from webapp.openai_api.failures import failure_response
from webapp.openai_api.names import Seat, find_described, find_seat, list_described
from webapp.openai_api.schema import RequestError, read_chat, unsupported
from webapp.openai_api.shapes import FAILURES, Chat, Completion, Entries, Entry, Texts, Vectors
from webapp.openai_api.stream import Streamed, handed_over, told_here
from webapp.openai_api.timing import TimedCall
from webapp.openai_api.translation import chat_request
from webapp.providers.limits import rate_of
from webapp.providers.line import Turn
from webapp.providers.turns import PROGRAM_SECONDS, turns
from webapp.upstream import stream
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.calls import ask, embed
from webapp.upstream.dialects.openai_answer import read_usage
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatRequest, Reply
from webapp.upstream.shapes import as_dict
from webapp.upstream.switchboard import switchboard
from webapp.upstream.target import Target
from webapp.upstream.transport import pool
from webapp.usage.event import OK, STOPPED, Kind
from webapp.web.errors import openai_error
from webapp.web.openapi import documented
from webapp.web.places import waiting

v1 = Blueprint("v1", __name__, url_prefix="/v1")

CLIENT_GONE = 499  # as nginx writes it in its log; nobody reads it
PATIENCE_SECONDS = 5.0  # for the first piece: a failure until then can still be told by a status


class ClientGoneError(JackfieldError):
    """Nobody waits for the answer any more."""


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
    """One model, by any of its names, or one preset."""
    return _json(find_described(db.session, g.user, name))


@v1.post("/chat/completions")
@documented({200: Completion}, body=Chat, refusals=FAILURES, is_open=True, is_streamed=True)
def create_chat_completion() -> Response:
    """Ask a model; the answer is whole or streamed."""
    query = read_chat(request.get_data())
    seat = find_seat(g.user, query.model)
    if seat.prompt:
        query.messages.insert(0, {"role": "system", "content": seat.prompt})
    asked = applied(chat_request(query, seat.model_id, seat.provider.dialect), seat.layers)
    answer = Answer(seat.name, query.wants_usage)
    target = _leave_for(seat, "chat")
    if query.is_stream:
        return _streamed(seat, target, asked, answer)
    with _waiting(seat, Client(request.environ)) as brake:
        reply = ask(target, asked, brake)[0]
    g.call.end(OK, reply)
    g.responder.attempts += reply.details.get("refusals", 0)
    return _json(answer.whole(reply))


@v1.post("/embeddings")
@documented({200: Vectors}, body=Texts, refusals=FAILURES, is_open=True)
def create_embeddings() -> Response:
    """Pass texts on to a model that turns them into vectors."""
    fields = read_embeddings(request.get_data())
    seat = find_seat(g.user, fields["model"])
    if seat.preset_id:
        raise unsupported("model", "is a preset, and these are for chats")
    if seat.provider.dialect != "openai":
        raise unsupported("model", f"is at {seat.provider.name}, which offers no embeddings")
    target = _leave_for(seat, "embedding")
    with _waiting(seat, Client(request.environ)) as brake:
        answer = embed(target, fields | {"model": seat.model_id}, brake)
    g.call.end(OK, Reply(usage=read_usage(as_dict(answer.get("usage")))))
    return _json(written_embeddings(answer, seat.name, fields.get("encoding_format")))


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


def _leave_for(seat: Seat, kind: Kind) -> Target:
    """Note who answers, and open the key. No connection to the database is held during the wait."""
    provider = seat.provider
    g.responder = Responder(provider.name, provider.slug, seat.model_id)
    g.call = TimedCall(seat, kind, g.user.id, g.token_id)
    return seat.target()


@contextmanager
def _waiting(seat: Seat, client: Client) -> Iterator[Brake]:
    """Take one of the threads that may wait for a provider, and then a turn at it, which lasts until the call ends.

    A client that goes away ends the wait.
    """
    places = runtime().settings.stream_places
    try:
        with (
            waiting(places, of=g.responder.slug),
            switchboard.watching(client.has_gone) as brake,
            ExitStack() as failing,
        ):
            g.call.begin(failing.enter_context(_turn(seat, brake, places // 4)))
            yield brake
            failing.pop_all()
    except Stopped:
        g.call.end(STOPPED)
        raise ClientGoneError from None
    except UpstreamError as error:
        g.call.end(error.category)
        raise


def _turn(seat: Seat, brake: Brake, most_of_one: int) -> Turn:
    """Wait until the provider may be asked; of one person only so many calls wait: each of them holds a thread."""
    return turns.take(
        seat.provider.id,
        rate_of(seat.provider.limits),
        ("api", g.user.id),
        brake,
        patience_seconds=PROGRAM_SECONDS,
        most_of_one=most_of_one,
    )


def _streamed(seat: Seat, target: Target, asked: ChatRequest, answer: Answer) -> Response:
    client = Client(request.environ)
    with _waiting(seat, client) as brake:
        source = stream(target, asked, brake)
        source.open()
        streamed = Streamed(source, answer, g.call, runtime().background.is_closing.is_set)
        incoming = source.detach() if client.can_be_carried else None
        if incoming is None:
            brake.check()
        first = incoming.wait(PATIENCE_SECONDS, brake) if incoming else []
        g.responder.attempts += source.reply.details.get("refusals", 0)
        if incoming and incoming.is_over:
            incoming.leave(pool)
            source.seal()
            if (error := source.reply.error) and not first:
                raise error
    admitted.enter(g.token_id, runtime().background)
    events = handed_over(streamed, incoming, first, client) if incoming else told_here(streamed)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = Response(events, mimetype="text/event-stream", headers=headers)
    response.call_on_close(lambda: streamed.abandon(incoming))
    return response


def _json(data: dict[str, Any]) -> Response:
    try:
        body = orjson.dumps(data)
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        raise UpstreamError("bad_response", "The answer is nested too deeply.") from None
    return Response(body, mimetype="application/json")
