"""Turns errors into answers: a page, a notice for htmx, or JSON for programs."""

import logging
from typing import Any

from flask import Flask, Response, g, jsonify, request
from flask_babel import gettext, lazy_gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException

from webapp.core.database import db, release
from webapp.core.errors import BusyError, ConflictError, ForbiddenError, NotFoundError, TooOftenError
from webapp.core.logs import request_id
from webapp.web.render import fragment, page, wants_fragment

log = logging.getLogger(__name__)

TEXTS = {
    400: (lazy_gettext("This request does not fit"), lazy_gettext("Go back, reload the page and try again.")),
    401: (lazy_gettext("You are not signed in"), lazy_gettext("Sign in and try again.")),
    403: (lazy_gettext("You may not do this"), lazy_gettext("An admin can.")),
    404: (
        lazy_gettext("There is nothing at this address"),
        lazy_gettext("It may have been deleted, or the link lost a piece on the way."),
    ),
    405: (lazy_gettext("This address does not take that"), lazy_gettext("Go back and try again.")),
    409: (lazy_gettext("That does not go at the moment"), lazy_gettext("Reload the page to see how things stand.")),
    413: (lazy_gettext("That is too large"), lazy_gettext("At most 8 MB fit into one request.")),
    429: (lazy_gettext("Too many at once"), lazy_gettext("Wait a moment, then try again.")),
    500: (
        lazy_gettext("Jackfield made a mistake"),
        lazy_gettext("What was saved before is safe. The details are in the server’s log under this number."),
    ),
    503: (lazy_gettext("All places are taken"), lazy_gettext("Too much is going on at once. Try again in a moment.")),
    507: (
        lazy_gettext("The database cannot be written"),
        lazy_gettext("The disk may be full or the database locked. Nothing was changed; try again."),
    ),
}
OPENAI_TYPES = {403: "permission_error", 429: "requests"}  # all others follow from the first digit


def install_errors(app: Flask) -> None:
    """Register one handler for each kind of error."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(CSRFError, _page_is_old)
    app.register_error_handler(NotFoundError, lambda error: _answer(404))
    app.register_error_handler(ForbiddenError, lambda error: _answer(403, str(error)))
    app.register_error_handler(ConflictError, lambda error: _answer(409, str(error)))
    app.register_error_handler(BusyError, lambda error: _answer(503))
    app.register_error_handler(TooOftenError, _too_often)
    app.register_error_handler(DataError, _cannot_be_stored)
    app.register_error_handler(OperationalError, _database_failed)
    app.register_error_handler(500, lambda error: _answer_without_database(500))


def openai_error(status: int, message: str, code: str | None = None, param: str | None = None) -> Response:
    """Answer with OpenAI's error body, which its SDKs turn into their own exceptions."""
    response = jsonify(openai_error_body(status, message, code, param))
    response.status_code = status
    return response


def openai_error_body(status: int, message: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """Return the body of an error, also for one inside a stream."""
    kind = OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _page_is_old(error: CSRFError) -> Response:
    return _answer(400, gettext("This page is too old, or you signed in elsewhere. Copy what you typed and reload."))


def _refused(error: HTTPException) -> Response:
    response = _answer(error.code or 500, _own_words(error))
    if allowed := dict(error.get_headers()).get("Allow"):
        response.headers["Allow"] = allowed
    return response


def _too_often(error: TooOftenError) -> Response:
    if error.are_running:
        text = gettext("At most %(most)s of these run at once. Wait until one ends, or stop one.", most=error.most)
    else:
        text = gettext(
            "At most %(most)s of these within a minute. Try again in %(seconds)s s.",
            most=error.most,
            seconds=error.seconds,
        )
    response = _answer(429, text)
    response.headers["Retry-After"] = str(error.seconds)
    return response


def _own_words(error: HTTPException) -> str:
    """The text given to abort(), but not Werkzeug's stock English."""
    return error.description or "" if error.description != type(error).description else ""


def _cannot_be_stored(_error: DataError) -> Response:
    """PostgreSQL refuses NUL wherever it comes: forms say so beside the field, this is for all the rest."""
    db.session.rollback()
    return _answer(422, gettext("This holds characters that cannot be stored."))


def _database_failed(error: OperationalError) -> Response:
    log.error("The database failed", exc_info=error)
    return _answer_without_database(507)


def _answer_without_database(status: int) -> Response:
    """The page of an error must not ask a database that fails who reads it."""
    release()
    g.user = None
    return _answer(status)


def _answer(status: int, text: str = "") -> Response:
    title, explanation = TEXTS.get(status, TEXTS[500 if status >= 500 else 400])
    if request.path.startswith("/api/"):
        response = jsonify({"error": text or str(title)})
        response.status_code = status
    elif request.path.startswith("/v1/"):
        response = openai_error(status, text or f"{title}. {explanation}", "invalid_api_key" if status == 401 else None)
    elif wants_fragment():
        response = fragment(
            "_alert.html", status=status, code=status, title=title, text=text or explanation, number=request_id.get()
        )
        response.headers["HX-Retarget"] = "#alerts"
        response.headers["HX-Reswap"] = "innerHTML"
    else:
        response = page(
            "error.html", status=status, code=status, title=title, text=text or explanation, number=request_id.get()
        )
    if status == 503:
        response.headers["Retry-After"] = "2"
    return response
