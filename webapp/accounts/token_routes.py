"""The page of one's own API tokens, and how to call the API with them."""

from datetime import timedelta

from flask import Blueprint, Response, g, request, url_for

from webapp.accounts.api_token import create_token, delete_token, tokens_of
from webapp.accounts.token_forms import TokenForm
from webapp.core import clock
from webapp.core.database import db
from webapp.web.render import fragment, go_to, page, wants_fragment

tokens = Blueprint("tokens", __name__)


@tokens.get("/tokens")
def list_tokens() -> Response:
    """The signed-in user's tokens."""
    return _tokens_page()


@tokens.post("/tokens")
def create_api_token() -> Response:
    """Make a token and show it, this once: so a plain form gets the page here and not by a redirect."""
    form = TokenForm()
    if not form.validate():
        return _tokens_page(422, form)
    days = form.days.data
    text = create_token(
        db.session,
        g.user,
        form.name.data,
        tuple(form.scopes.data),
        expires_at=clock.now() + timedelta(days=days) if days else None,
    )
    db.session.commit()
    return _tokens_page(new_name=form.name.data, new_token=text)


@tokens.post("/tokens/<int:token_id>/delete")
def delete_api_token(token_id: int) -> Response:
    """Revoke one of one's own tokens; the next request with it is refused."""
    delete_token(db.session, g.user, token_id)
    db.session.commit()
    return _tokens_page() if wants_fragment() else go_to(url_for("tokens.list_tokens"))


def _tokens_page(status: int = 200, form: TokenForm | None = None, **values: str) -> Response:
    draw, name = (fragment, "accounts/_tokens.html") if wants_fragment() else (page, "accounts/tokens.html")
    return draw(
        name,
        status=status,
        tokens=tokens_of(db.session, g.user),
        form=form or TokenForm(formdata=None),
        api_url=f"{request.url_root}v1",
        **values,
    )
