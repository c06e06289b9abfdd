"""The picker: one dialog, wherever a model is chosen."""

from flask import Blueprint, Response, g, request

from webapp.core.database import db
from webapp.models.picker import search_models
from webapp.web.render import fragment
from webapp.web.requests import record_id

picker = Blueprint("picker", __name__)


@picker.get("/models/picker")
def show_picker() -> Response:
    """The results of the picker dialog, as somebody types."""
    choice = search_models(db.session, g.user, request.args.get("q", ""), request.args.get("offset", 0, record_id))
    chosen = request.args.get("chosen", type=record_id)
    template = "models/_more.html" if choice.offset else "models/_options.html"
    return fragment(template, choice=choice, chosen=chosen)
