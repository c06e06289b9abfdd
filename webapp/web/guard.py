"""Who may call a view: signed-in users, unless it is marked public; admins only, where it is marked so."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask_babel import gettext

from webapp.web.security import csrf

API_PATH = "/api/"

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Mark a view that needs no sign-in."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def admin_only(view: View) -> View:
    """Mark a view for admins; others get 403."""
    view.is_admin_only = True  # type: ignore[attr-defined]
    return view


def is_public(view: Callable[..., Any]) -> bool:
    """Whether a view was marked public."""
    return getattr(view, "is_public", False)


def install_guard(app: Flask, load_user: Callable[[], Any]) -> None:
    """Load the user of every request into `g.user` and keep strangers out: what is not marked is closed."""

    @app.before_request
    def keep_out() -> Response | None:
        if request.endpoint == "static":
            return None
        g.user = load_user()
        view = current_app.view_functions.get(request.endpoint or "")
        if view is None or is_public(view):
            return None
        if g.user is None:
            return _ask_to_sign_in()
        if request.path.startswith(API_PATH) and not g.get("is_token_request"):
            csrf.protect()  # a browser's cookie needs the token; a program's bearer token is proof enough
        if getattr(view, "is_admin_only", False) and not g.user.is_admin:
            abort(403, gettext("Only an admin can do this."))
        return None


def _ask_to_sign_in() -> Response:
    if request.path.startswith((API_PATH, "/v1/")):
        abort(401, gettext("Send a valid token: %(header)s", header="Authorization: Bearer jf_…"))
    here = request.full_path.rstrip("?") if request.method == "GET" and "HX-Request" not in request.headers else None
    login = url_for("accounts.new_session", next=here)
    if "HX-Request" in request.headers:
        return Response(status=401, headers={"HX-Redirect": login})
    return redirect(login, 303)  # type: ignore[return-value]
