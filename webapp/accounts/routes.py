"""Set-up, sign-in and sign-out, and the page of one's own account."""

import re

from flask import Blueprint, Response, abort, g, request, session, url_for
from flask_babel import gettext

from webapp.accounts.forms import LookForm, PasswordForm, SetupForm, SignInForm, WaitForm
from webapp.accounts.session import SignInSession, end_sessions, sessions_of, sign_in, sign_out
from webapp.accounts.setup import create_first_admin, is_setup_token
from webapp.accounts.throttle import forget_tries, note_try, seconds_to_wait
from webapp.accounts.user import find_user, has_admin, password_matches
from webapp.core.database import db, release, writing
from webapp.core.errors import NotFoundError
from webapp.web.guard import public
from webapp.web.i18n import LANGUAGES, current_language
from webapp.web.render import fragment, go_to, page, wants_fragment

accounts = Blueprint("accounts", __name__)


@accounts.get("/setup")
@public
def new_setup() -> Response:
    """Show the form for the first account, to whoever has the link."""
    if has_admin(db.session):
        abort(404)
    form = SetupForm(request.args, meta={"csrf": True})
    return page("accounts/setup.html", form=form)


@accounts.post("/setup")
@public
def create_setup() -> Response:
    """Make the first account and sign it in."""
    if has_admin(db.session):
        abort(404)
    form = SetupForm()
    if not is_setup_token(db.session, form.token.data or ""):
        return page("accounts/setup.html", 403, form=form, is_wrong_token=True)
    if not form.validate():
        return page("accounts/setup.html", 422, form=form)
    admin = create_first_admin(
        db.session,
        form.token.data,
        email=form.email.data,
        name=form.name.data,
        password=form.password.data,
        language=current_language(),
    )
    db.session.commit()
    sign_in(admin)
    return go_to("/")


@accounts.get("/login")
@public
def new_session() -> Response:
    """Show the sign-in form."""
    if g.user:
        return go_to("/")
    return page("accounts/login.html", form=SignInForm(formdata=None), needs_setup=not has_admin(db.session))


@accounts.post("/login")
@public
def create_session() -> Response:
    """Sign in; a wrong password costs time."""
    form = SignInForm()
    if not form.validate():
        return page("accounts/login.html", 422, form=form)
    email, address = form.email.data, request.remote_addr or ""
    release()
    with writing() as own:  # counted before it is looked at, so that many at once are not taken for one
        wait = seconds_to_wait(own, email, address)
        left = 0 if wait else note_try(own, email, address)
    if wait:
        response = page("accounts/login.html", 429, form=form, wait=wait)
        response.headers["Retry-After"] = str(wait)
        return response
    user = find_user(db.session, email)
    if not password_matches(user, form.password.data) or user is None or user.is_disabled:
        return page("accounts/login.html", 422, form=form, is_refused=True, left=left)
    forget_tries(db.session, email, address)
    sign_in(user)
    return go_to(_own_path(request.args.get("next")))


@accounts.post("/logout")
def delete_session() -> Response:
    """Sign this browser out."""
    sign_out()
    return go_to(url_for("accounts.new_session"))


@accounts.post("/language")
@public
def update_language() -> Response:
    """Change the language, before or after sign-in."""
    language = request.form.get("language", "")
    if language not in LANGUAGES:
        abort(422)
    session["language"] = language
    if g.user:
        g.user.language = language
        db.session.commit()
    return go_to(_own_path(request.form.get("next")))


@accounts.get("/settings")
def show_account() -> Response:
    """The signed-in user's own page."""
    return _account_page()


@accounts.post("/settings/look")
def update_look() -> Response:
    """Change language and theme."""
    form = LookForm()
    if not form.validate():
        return _account_page(422, look=form)
    g.user.language, g.user.theme = form.language.data, form.theme.data
    db.session.commit()
    return go_to(url_for("accounts.show_account"))


@accounts.post("/settings/waits")
def update_waits() -> Response:
    """Change how long busy providers are waited for."""
    form = WaitForm()
    if not form.validate():
        return _account_page(422, waits=form)
    g.user.chat_wait_seconds = int(form.chat_wait_seconds.data)
    g.user.program_wait_seconds = int(form.program_wait_seconds.data)
    db.session.commit()
    return go_to(url_for("accounts.show_account"))


@accounts.post("/settings/password")
def update_password() -> Response:
    """Change the password; every other session ends."""
    form = PasswordForm()
    if form.validate() and not password_matches(g.user, form.current.data):
        form.reject(form.current, gettext("This is not your current password."))
    if form.errors:
        return _account_page(422, password=form)
    g.user.set_password(form.password.data)
    end_sessions(db.session, g.user.id, keep=g.session.id)
    db.session.commit()
    return _account_page(is_password_changed=True)


@accounts.post("/settings/sessions/<int:session_id>/end")
def delete_other_session(session_id: int) -> Response:
    """End one of one's own sessions."""
    row = db.session.get(SignInSession, session_id)
    if row is None or row.user_id != g.user.id:
        raise NotFoundError
    db.session.delete(row)
    db.session.commit()
    if wants_fragment():
        return fragment("accounts/_sessions.html", sessions=sessions_of(g.user))
    return go_to(url_for("accounts.show_account"))


def _account_page(
    status: int = 200,
    look: LookForm | None = None,
    waits: WaitForm | None = None,
    password: PasswordForm | None = None,
    is_password_changed: bool = False,
) -> Response:
    return page(
        "accounts/account.html",
        status,
        look=look or LookForm(obj=g.user),
        waits=waits or WaitForm(formdata=None, obj=g.user),
        password=password or PasswordForm(formdata=None),
        is_password_changed=is_password_changed,
        sessions=sessions_of(g.user),
    )


def _own_path(target: str | None) -> str:
    """Return the wanted page if it is one of ours, else the start page."""
    # Browsers drop tabs and line breaks and take a backslash for a slash: `/<tab>/host` is another site.
    is_ours = target and re.fullmatch(r"/(?![/\\])[^\\]*", target) and target.isprintable()
    return target if is_ours and target else "/"
