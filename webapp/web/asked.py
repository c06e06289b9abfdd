"""Reads what a program sends to /api: a body and a query, checked against the shapes that the document shows."""

import re
from typing import Any, TypeVar, cast

import orjson
from flask import Response, abort, jsonify, request
from flask_babel import gettext

from webapp.core.errors import JackfieldError
from webapp.web.security import MAX_BODY_BYTES
from webapp.web.shapes import request_schema, violations

Shape = TypeVar("Shape")
Errors = dict[str, list[str]]


class InvalidInputError(JackfieldError):
    """What was sent cannot be used; `errors` has the reasons by field (422)."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items()))
        self.errors = errors


def read_body(shape: type[Shape]) -> Shape:
    """Return the JSON object that was sent. Raises InvalidInputError."""
    return checked(read_object(), shape)


def read_object() -> dict[str, Any]:
    """Return the JSON object that was sent, not yet checked; no body counts as an empty one."""
    data = request.get_data()
    if len(data) >= MAX_BODY_BYTES:  # one without a length is cut there without a word
        abort(413)
    if data and not request.is_json:
        abort(415, gettext("Send JSON, with the content type application/json."))
    try:
        body = orjson.loads(data or b"{}")
    except orjson.JSONDecodeError as error:
        abort(400, gettext("This is not JSON: %(reason)s.", reason=str(error)))
    if not isinstance(body, dict):
        abort(400, gettext("Send a JSON object."))
    return body


def read_query(shape: type[Shape]) -> Shape:
    """Return the parameters of the address. Raises InvalidInputError."""
    known: dict[str, dict[str, Any]] = request_schema(shape)["properties"]
    return checked({name: _value(text, known[name]) for name, text in request.args.items() if name in known}, shape)


def checked(values: dict[str, Any], shape: type[Shape]) -> Shape:
    """Return values that have this shape. Raises InvalidInputError."""
    if errors := violations(values, request_schema(shape)):
        raise InvalidInputError(errors)
    return cast(Shape, values)


def tell_invalid_input(error: InvalidInputError) -> Response:
    """Answer with the reasons."""
    response = jsonify(errors=error.errors)
    response.status_code = 422
    return response


def _value(text: str, schema: dict[str, Any]) -> str | int:
    return int(text) if schema["type"] == "integer" and re.fullmatch("-?[0-9]{1,12}", text) else text
