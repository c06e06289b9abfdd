"""The page of all models."""

from flask import Blueprint, Response, g, request

from webapp.core.database import db
from webapp.models.picker import search_models
from webapp.web.render import fragment, page, wants_fragment
from webapp.web.requests import record_id

models = Blueprint("models", __name__)


@models.get("/models")
def list_models() -> Response:
    """Everything that can be chosen, page by page."""
    query, offset = request.args.get("q", ""), request.args.get("offset", 0, record_id)
    choice = search_models(db.session, g.user, query, offset)
    if offset and wants_fragment():
        return fragment("models/_rows.html", choice=choice)
    return page("models/list.html", choice=choice)
