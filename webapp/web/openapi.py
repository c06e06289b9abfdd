"""The OpenAPI document: written from the routes, what each view says of itself, and the shapes of what it takes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar

from flask import Blueprint, Flask, Response, current_app, jsonify
from werkzeug.routing import Rule

from webapp.core.config import VERSION
from webapp.web.asked import InvalidInputError, tell_invalid_input
from webapp.web.shapes import Schema, fields_schema, request_schema, schema_of

openapi = Blueprint("openapi", __name__)
openapi.app_errorhandler(InvalidInputError)(tell_invalid_input)

AREAS = ("/api/", "/v1/")
ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
TEXT = """One panel for every model. `/api` looks after providers and models; it takes a token with the scope `manage`,
or a signed-in browser that sends its CSRF token in `X-CSRFToken` with every write. `/v1` speaks OpenAI's protocol and
takes a token with the scope `chat`; model names are `<slug of the provider>/<model id>`. This document takes any."""
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token, jf_…, of the page API"},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same token"},
    "browser": {
        "type": "apiKey",
        "in": "cookie",
        "name": "jackfield",
        "description": "A browser that is signed in",
    },
}
REFUSALS = {
    400: "Not a valid request",
    401: "No valid token",
    403: "Not allowed to this user",
    404: "Nothing there, or somebody else's",
    409: "The state of things does not allow it",
    413: "More than 8 MB",
    415: "Not JSON",
    422: "Values that cannot be used, by field",
    429: "The provider's limit or quota is reached",
    502: "The provider cannot be reached, or answers nonsense",
    503: "All places are taken; Retry-After tells when to come back",
    504: "The provider does not answer in time",
}
View = TypeVar("View", bound=Callable[..., Any])


class Refusal(TypedDict):
    """Why nothing was done, in the reader's language."""

    error: str


class FieldErrors(TypedDict):
    """What is wrong, by field."""

    errors: dict[str, list[str]]


class OpenAIErrorText(TypedDict):
    """OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(TypedDict):
    """OpenAI's error body."""

    error: OpenAIErrorText


@dataclass(frozen=True, slots=True)
class Description:
    """What a view says of itself: status -> shape of its answers (None: no content), what it reads, how it refuses."""

    answers: dict[int, Any]
    body: Any = None
    query: Any = None
    refusals: tuple[int, ...] = ()
    is_open: bool = False  # fields that are not described may be sent
    is_streamed: bool = False  # the answer may come as events
    error: Any = None  # the shape of errors, where it is not that of the area


def documented(answers: dict[int, Any], **more: Any) -> Callable[[View], View]:
    """Describe a view of /api or /v1; the arguments are those of Description."""

    def mark(view: View) -> View:
        view.description = Description(answers, **more)  # type: ignore[attr-defined]
        return view

    return mark


@openapi.get("/api/openapi.json")
@documented({200: dict[str, Any]})
def show_document() -> Response:
    """This document."""
    return jsonify(document(current_app))


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route of /api and /v1."""
    writer = _Writer()
    paths: dict[str, Any] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.rule.startswith(AREAS):
            path = paths.setdefault(ARGUMENT.sub(r"{\2}", rule.rule), {})
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                path[method.lower()] = writer.operation(rule, app.view_functions[rule.endpoint])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Jackfield", "version": VERSION, "description": TEXT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": writer.named, "securitySchemes": SECURITY},
    }


@dataclass
class _Writer:
    """Writes operations; the named shapes that they answer with gather in `named`."""

    named: dict[str, Schema] = field(default_factory=dict)

    def operation(self, rule: Rule, view: Callable[..., Any]) -> dict[str, Any]:
        about: Description = view.description  # type: ignore[attr-defined]
        is_ours = rule.rule.startswith("/api/")
        operation = {
            "operationId": rule.endpoint.replace(".", "_"),
            "summary": (view.__doc__ or "").strip().partition("\n")[0],
            "tags": [rule.rule.split("/")[2] if is_ours else "OpenAI"],
            "security": [{name: []} for name in SECURITY if is_ours or name != "browser"],
            "parameters": [*_arguments(rule), *_queries(about)],
            "responses": {
                **{str(status): self._answer(shape, about) for status, shape in about.answers.items()},
                **{str(status): self._refusal(status, about, is_ours) for status in _refusals(rule, about, is_ours)},
            },
        }
        if about.body:
            schema = request_schema(about.body, about.is_open)
            content = {"application/json": {"schema": schema}}
            operation["requestBody"] = {"required": bool(schema.get("required", True)), "content": content}
        return operation

    def _answer(self, shape: Any, about: Description) -> dict[str, Any]:
        if shape is None:
            return {"description": "Done"}
        content: dict[str, Any] = {"application/json": {"schema": schema_of(shape, self._refer)}}
        if about.is_streamed:
            content["text/event-stream"] = {"schema": {"type": "string"}}
        return {"description": "Done", "content": content}

    def _refusal(self, status: int, about: Description, is_ours: bool) -> dict[str, Any]:
        ours = FieldErrors if status == 422 else Refusal
        shape: Any = about.error or (ours if is_ours else OpenAIError)
        content = {"application/json": {"schema": self._refer(shape)}}
        return {"description": REFUSALS[status], "content": content}

    def _refer(self, shape: Any) -> Schema:
        """What is answered may grow, so unknown fields are allowed."""
        if shape.__name__ not in self.named:
            self.named[shape.__name__] = {}  # a shape may hold itself
            self.named[shape.__name__] = fields_schema(shape, self._refer)
        return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _arguments(rule: Rule) -> Iterator[dict[str, Any]]:
    for converter, name in ARGUMENT.findall(rule.rule):
        kind = {"type": "integer", "minimum": 1} if converter == "int" else {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": kind}


def _queries(about: Description) -> Iterator[dict[str, Any]]:
    schema = request_schema(about.query) if about.query else {"properties": {}, "required": []}
    for name, kind in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in schema["required"], "schema": kind}


def _refusals(rule: Rule, about: Description, is_ours: bool) -> list[int]:
    statuses = {400, 401, 403, *about.refusals}
    if rule.arguments:
        statuses.add(404)
    if about.body:
        statuses |= {413, 415, 422} if is_ours else {413}
    if about.query:
        statuses.add(422)
    return sorted(statuses)
