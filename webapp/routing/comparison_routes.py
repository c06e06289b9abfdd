"""Pages of comparisons: one question, direct and through a gateway, side by side."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from werkzeug.datastructures import MultiDict

from webapp.core.database import db
from webapp.core.errors import ConflictError
from webapp.models.names import qualified
from webapp.models.parameter_forms import ParametersForm
from webapp.providers.check import RUNNING, STOPPED
from webapp.routing.comparing import begin_comparison, start_comparison
from webapp.routing.comparison import Comparison, find_comparison, latest_comparisons
from webapp.routing.comparison_forms import ComparisonForm, gateway_name
from webapp.routing.gateway import Gateway
from webapp.web.render import fragment, go_to, page, wants_fragment

comparisons = Blueprint("comparisons", __name__)


@comparisons.get("/gateways/comparisons")
def list_comparisons() -> Response:
    """The form, and one's own comparisons of late. `model` and `route` of the address fill the form."""
    form = ComparisonForm(formdata=None, data=request.args.to_dict())
    return page("routing/comparisons.html", **_form_values(form, ParametersForm(formdata=None)))


@comparisons.post("/gateways/comparisons")
def create_comparison() -> Response:
    """Ask both ways, in the background."""
    form = ComparisonForm()
    is_valid = form.validate()
    parameters = ParametersForm(model=form.chosen)
    if not parameters.validate() or not is_valid or not form.chosen:
        values = _form_values(form, parameters)
        if wants_fragment():
            return fragment("routing/_comparison_form.html", status=422, **values)
        return page("routing/comparisons.html", 422, **values)
    row = begin_comparison(db.session, g.user, form.chosen, form.route.data, form.prompt.data, parameters.layer)
    start_comparison(db.session, row)
    return _go_to(row)


@comparisons.get("/gateways/comparisons/<int:comparison_id>")
def show_comparison(comparison_id: int) -> Response:
    """Both sides as they stand; while they run the page asks for itself."""
    row = find_comparison(db.session, g.user, comparison_id)
    template = "routing/_comparison.html" if wants_fragment() else "routing/comparison.html"
    return (fragment if wants_fragment() else page)(template, comparison=row)


@comparisons.post("/gateways/comparisons/<int:comparison_id>/stop")
def update_running_comparison(comparison_id: int) -> Response:
    """Stop both sides; whoever runs them sees it within a moment."""
    row = find_comparison(db.session, g.user, comparison_id)
    if row.status == RUNNING:
        row.status = STOPPED
        db.session.commit()
    return fragment("routing/_comparison.html", comparison=row) if wants_fragment() else _go_to(row)


@comparisons.post("/gateways/comparisons/<int:comparison_id>/again")
def create_repetition(comparison_id: int) -> Response:
    """Ask the same again, as a new comparison."""
    old = find_comparison(db.session, g.user, comparison_id)
    typed = {"model": qualified(old.model), "route": old.route, "prompt": old.prompt}
    form = ComparisonForm(MultiDict(typed), meta={"csrf": False})
    if not form.validate() or not form.chosen:
        raise ConflictError(" ".join(str(text) for found in form.errors.values() for text in found))
    row = begin_comparison(db.session, g.user, form.chosen, old.route, old.prompt, old.parameters)
    start_comparison(db.session, row)
    return _go_to(row)


@comparisons.app_template_global("gateway_name")
def _gateway_name(gateway: Gateway | None) -> str:
    return gateway_name(gateway) if gateway else ""


def _form_values(form: ComparisonForm, parameters: ParametersForm) -> dict[str, Any]:
    return {"form": form, "parameters": parameters, "rows": latest_comparisons(db.session, g.user)}


def _go_to(row: Comparison) -> Response:
    return go_to(url_for("comparisons.show_comparison", comparison_id=row.id))
