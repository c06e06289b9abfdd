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
NUMBER = r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?"


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
    """Return the parameters of the address; those of a list may be repeated. Raises InvalidInputError by parameter."""
    known: dict[str, dict[str, Any]] = request_schema(shape)["properties"]
    values: dict[str, Any] = {}
    for name, texts in request.args.lists():
        if known.get(name, {}).get("type") == "array":
            values[name] = [_value(text, known[name]["items"]) for text in texts]
        elif name in known:
            values[name] = _value(texts[0], known[name])
    try:
        return checked(values, shape)
    except InvalidInputError as error:
        raise InvalidInputError({name.partition(".")[0]: texts for name, texts in error.errors.items()}) from None


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


def _value(text: str, schema: dict[str, Any]) -> str | float | bool:
    kind = schema["type"]
    if kind == "integer" and re.fullmatch("-?[0-9]{1,12}", text):
        return int(text)
    if kind == "number" and re.fullmatch(NUMBER, text):
        return float(text)
    return text == "true" if kind == "boolean" and text in ("true", "false") else text
