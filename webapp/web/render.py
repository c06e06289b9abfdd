"""Answers in HTML: pages, fragments, and what follows a write."""

from typing import Any

from flask import Response, make_response, redirect, render_template, request


def wants_fragment() -> bool:
    """Whether htmx asks, so that a piece of the page is enough."""
    return request.headers.get("HX-Request") == "true"


def page(template: str, /, status: int = 200, **values: Any) -> Response:
    """Draw a whole page."""
    return make_response(render_template(template, **values), status)


def fragment(*templates: str, status: int = 200, **values: Any) -> Response:
    """Draw one element for htmx, and those that ride along as partials."""
    return make_response("\n".join(render_template(name, **values) for name in templates), status)


def go_to(url: str) -> Response:
    """Send the browser to another page after a write, with or without htmx."""
    if wants_fragment():
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, 303)  # type: ignore[return-value]
