"""The door of /v1: OpenAI's addresses, shapes and errors, so that its official clients work unchanged."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, g, request

from webapp.core.database import db
from webapp.core.errors import CryptoError, JackfieldError
from webapp.core.runtime import runtime
from webapp.models.parameters import applied, applied_to_fields
from webapp.openai_api.admitted import admitted
from webapp.openai_api.answer import Answer
from webapp.openai_api.client import Client
from webapp.openai_api.conversations import conversation_key, conversations
from webapp.openai_api.embeddings import read_embeddings, written_embeddings
from webapp.openai_api.failures import failure_response
from webapp.openai_api.names import Seat, find_described, find_seat, list_described
from webapp.openai_api.schema import RequestError, needs_of, read_chat, unsupported
from webapp.openai_api.shapes import FAILURES, Chat, Completion, Entries, Entry, Texts, Vectors
from webapp.openai_api.stream import Begun, Streamed
from webapp.openai_api.translation import chat_request
from webapp.openai_api.wishes import wanted_route, wanted_wait
from webapp.providers.turns import PROGRAM_SECONDS
from webapp.routing.asking import HANG_SECONDS, Asked, Asker, Perform, ask_in_turn
from webapp.routing.dispatch import Trail
from webapp.routing.terms import Option, Question
from webapp.upstream import stream
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.calls import ask, embed
from webapp.upstream.dialects.openai_answer import read_usage
from webapp.upstream.failures import UpstreamError, failure
from webapp.upstream.messages import ChatRequest, Reply
from webapp.upstream.shapes import as_dict
from webapp.upstream.switchboard import switchboard
from webapp.upstream.target import Target
from webapp.upstream.transport import pool
from webapp.usage.event import OK, Kind
from webapp.web.errors import openai_error
from webapp.web.openapi import documented
from webapp.web.places import waiting

v1 = Blueprint("v1", __name__, url_prefix="/v1")

CLIENT_GONE = 499  # as nginx writes it in its log; nobody reads it
PATIENCE_SECONDS = 5.0  # for the first piece: a failure until then can still be told by a status
BYTES_A_TOKEN = 4  # of a request, roughly: to see whether it may fit
PLAIN = "/:@+ "  # what a header may hold of names

T = TypeVar("T")


class ClientGoneError(JackfieldError):
    """Nobody waits for the answer any more."""


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
    data = request.get_data()
    query = read_chat(data)
    seat = find_seat(g.user, query.model)
    if seat.prompt:
        query.messages.insert(0, {"role": "system", "content": seat.prompt})
    route, size = wanted_route(seat.route), len(data) // BYTES_A_TOKEN
    question = Question(seat.subject, needs_of(query), route=route, input_tokens=size)
    named = request.headers.get("x-jackfield-session", "")
    g.conversation = conversation_key(question, g.token_id, named, query.messages)
    answer = Answer(seat.name, query.wants_usage)

    def wanted(asked: Asked, target: Target) -> ChatRequest:
        return applied(chat_request(query, asked.reached.model_id, target.dialect), seat.layers(asked.reached.line))

    if query.is_stream:
        return _streamed(seat, question, wanted, answer)
    with _watched(Client(request.environ)) as brake:
        asked, reply = _asked(seat, question, brake, lambda asked, to, _: (asked, ask(to, wanted(asked, to), brake)[0]))
    asked.end(OK, reply)
    g.refusals = reply.details.get("refusals", 0)
    return _json(answer.whole(reply))


@v1.post("/embeddings")
@documented({200: Vectors}, body=Texts, refusals=FAILURES, is_open=True)
def create_embeddings() -> Response:
    """Pass texts on to a model that turns them into vectors."""
    fields = read_embeddings(request.get_data())
    seat = find_seat(g.user, fields["model"])
    if seat.preset_id:
        raise unsupported("model", "is a preset, and these are for chats")

    def perform(asked: Asked, target: Target, _is_last: bool) -> tuple[Asked, dict[str, Any]]:
        if target.dialect != "openai":
            raise unsupported("model", f"is at {asked.provider_name}, which offers no embeddings")
        wanted = applied_to_fields(fields, asked.reached.line.layers) | {"model": asked.reached.model_id}
        return asked, embed(target, wanted, brake)

    question = Question(seat.subject, route=wanted_route(), is_chat=False)
    with _watched(Client(request.environ)) as brake:
        asked, answer = _asked(seat, question, brake, perform, "embedding")
    asked.end(OK, Reply(usage=read_usage(as_dict(answer.get("usage")))))
    return _json(written_embeddings(answer, seat.name, fields.get("encoding_format")))


@v1.after_request
def name_responder(response: Response) -> Response:
    """Say who answered and who was asked before, also when it was with an error."""
    asked: Asked | None = g.get("asked")
    if asked:
        headers, attempts = response.headers, g.trail.attempts
        headers["x-jackfield-provider"] = asked.reached.line.provider.slug
        headers["x-jackfield-model"] = quote(asked.reached.line.model_id, safe=PLAIN)
        headers["x-jackfield-route"] = asked.option.route
        headers["x-jackfield-attempts"] = str(len(attempts) + g.get("refusals", 0))
        if len(attempts) > 1:
            told = (f"{quote(tried.provider + '/' + tried.model, safe=PLAIN)}={tried.outcome}" for tried in attempts)
            headers["x-jackfield-trail"] = ", ".join(told)
    return response


@v1.errorhandler(RequestError)
def refuse(error: RequestError) -> Response:
    """Tell what is wrong with the request."""
    return openai_error(error.status, str(error), error.code, error.param)


@v1.errorhandler(UpstreamError)
def tell_failure(error: UpstreamError) -> Response:
    """Tell what the provider said instead of an answer."""
    return failure_response(error, g.asked.provider_name if "asked" in g else "")


@v1.errorhandler(CryptoError)
def tell_locked_key(error: CryptoError) -> Response:
    """Tell that the provider's key does not open."""
    return tell_failure(UpstreamError("auth_missing", str(error)))


@v1.errorhandler(ClientGoneError)
def note_client_gone(_error: ClientGoneError) -> Response:
    """Leave a line in the log."""
    return Response(status=CLIENT_GONE)


@contextmanager
def _watched(client: Client) -> Iterator[Brake]:
    """End the wait for an answer when the client goes away."""
    try:
        with switchboard.watching(client.has_gone) as brake:
            yield brake
    except Stopped:
        raise ClientGoneError from None


def _asked(seat: Seat, question: Question, brake: Brake, perform: Perform[T], kind: Kind = "chat") -> T:
    """Ask who may answer, one after the other. No connection to the database is held during the wait."""
    places = runtime().settings.stream_places
    asker = Asker(
        g.user.id,
        "api",
        kind,
        g.token_id,
        seat.preset_id,
        turn_seconds=PROGRAM_SECONDS,
        most_of_one=places // 4,  # each of those that wait holds a thread
        retry_seconds=wanted_wait(g.user),
    )
    g.trail = Trail()

    def begun(asked: Asked) -> AbstractContextManager[None]:
        g.asked = asked
        return waiting(places, of=asked.reached.line.provider.slug)

    if key := g.get("conversation"):
        question = replace(question, last=conversations.last(key))

    def pausing(option: Option, _seconds: float) -> AbstractContextManager[None]:
        return waiting(places, of=option.place.provider)

    answer = ask_in_turn(question, seat.rules, asker, brake, perform, trail=g.trail, begun=begun, pausing=pausing)
    if key:
        conversations.note(key, (g.asked.option.place.model_pk, g.asked.option.route))
    return answer


def _streamed(
    seat: Seat, question: Question, wanted: Callable[[Asked, Target], ChatRequest], answer: Answer
) -> Response:
    client = Client(request.environ)

    def perform(asked: Asked, target: Target, is_last: bool) -> Begun:
        source = stream(target, wanted(asked, target), brake)
        source.open()
        streamed = Streamed(source, answer, asked, g.token_id)
        incoming = source.detach() if client.can_be_carried else None
        if incoming is None:
            brake.check()
            first = streamed.first_here()
            brake.check()
            return Begun(streamed, None, first)
        first = incoming.wait(PATIENCE_SECONDS if is_last else HANG_SECONDS, brake)
        if incoming.is_over:
            incoming.leave(pool)
            source.seal()
            if (error := source.reply.error) and not first:
                raise error
        elif not first and not is_last:
            incoming.stop()
            incoming.leave(pool)
            raise failure("timeout", f"Nothing came for {HANG_SECONDS:.0f} seconds.")
        return Begun(streamed, incoming, first)

    with _watched(client) as brake:
        begun = _asked(seat, question, brake, perform)
    g.refusals = begun.streamed.stream.reply.details.get("refusals", 0)
    admitted.enter(g.token_id, runtime().background)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = Response(begun.events(client), mimetype="text/event-stream", headers=headers)
    response.call_on_close(lambda: begun.streamed.abandon(begun.incoming))
    return response


def _json(data: dict[str, Any]) -> Response:
    try:
        body = orjson.dumps(data)
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        raise UpstreamError("bad_response", "The answer is nested too deeply.") from None
    return Response(body, mimetype="application/json")
