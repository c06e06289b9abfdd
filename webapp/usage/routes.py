"""What calls took, as sections of other pages, which ask for them by address."""

from flask import Blueprint, Response, g

from webapp.core.database import db
from webapp.models.model import find_known_model
from webapp.usage.report import model_report
from webapp.web.render import fragment, page, wants_fragment

usage = Blueprint("usage", __name__)


@usage.get("/usage/models/<int:model_pk>")
def show_model_usage(model_pk: int) -> Response:
    """What calls of a model took: everybody's for those who look after its provider, else one's own."""
    model = find_known_model(db.session, g.user, model_pk)
    is_of_all = model.provider.may_change(g.user) and model.provider.is_shared
    report = model_report(db.session, model, None if is_of_all else g.user.id)
    draw, name = (fragment, "usage/_model.html") if wants_fragment() else (page, "usage/model.html")
    return draw(name, model=model, report=report, is_of_all=is_of_all)
