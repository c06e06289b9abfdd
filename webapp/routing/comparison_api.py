"""A comparison as one call for programs: the same checks of input, the same run as on the page."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from flask import Blueprint, Response, g, jsonify
from werkzeug.datastructures import MultiDict

from webapp.core.database import db, release
from webapp.core.errors import NotFoundError
from webapp.core.runtime import runtime
from webapp.models.forms import LONGEST_ID
from webapp.models.names import qualified
from webapp.models.parameter_forms import checked_layer
from webapp.providers.forms import LONGEST_NAME
from webapp.providers.parameters_api import Parameters
from webapp.providers.shapes_api import Explanation, explained
from webapp.routing.comparing import begin_comparison, run_comparison
from webapp.routing.comparison import Comparison
from webapp.routing.comparison_forms import LONGEST_PROMPT, ComparisonForm
from webapp.web.asked import InvalidInputError, read_body
from webapp.web.openapi import documented
from webapp.web.places import waiting
from webapp.web.shapes import About

comparisons_api = Blueprint("comparisons_api", __name__, url_prefix="/api")


class ComparisonWanted(TypedDict):
    """What to ask both ways."""

    model: Annotated[str, About("`<provider slug>/<model id>`", 1, LONGEST_ID)]
    gateway: Annotated[str, About("Its slug, or `embedded`", 1, LONGEST_NAME)]
    prompt: Annotated[str, About(least=1, most=LONGEST_PROMPT)]
    parameters: NotRequired[Annotated[Parameters, About("Over those of the provider and the model")]]


class SideShape(TypedDict):
    """What one way brought; times in milliseconds from the request on."""

    route: str
    status: Literal["good", "failed", "stopped", "running"]
    model: Annotated[str, About("What the model is called there; empty: it was not asked")]
    first_token_ms: float | None
    latency_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    sent: Annotated[dict[str, Any], About("Parameters as they went out")]
    dropped: Annotated[list[str], About("Parameters that were asked for and did not go out")]
    repairs: Annotated[list[str], About("What was changed because it was refused, such as `drop seed`")]
    text: str
    problem: Explanation | None
    said: Annotated[str | None, About("The failure in the words of who was asked")]


class ComparisonShape(TypedDict):
    """Both sides."""

    id: int
    model: str
    added_first_token_ms: Annotated[float | None, About("How much later it began through the gateway")]
    direct: SideShape
    through: SideShape


@comparisons_api.post("/comparisons")
@documented({200: ComparisonShape}, body=ComparisonWanted, refusals=(429, 503))
def create_comparison() -> Response:
    """Ask a model direct and through a gateway at once; 120 seconds at most. It counts as a connection test."""
    asked = read_body(ComparisonWanted)
    typed = {"model": asked["model"], "route": asked["gateway"], "prompt": asked["prompt"]}
    form = ComparisonForm(MultiDict(typed), meta={"csrf": False})
    if not form.validate() or not form.chosen:
        named = {"gateway" if name == "route" else name: found for name, found in form.errors.items()}
        raise InvalidInputError({name: [str(text) for text in found] for name, found in named.items()})
    layer = checked_layer(cast(dict[str, Any], asked.get("parameters", {})), model=form.chosen)
    with waiting(runtime().settings.stream_places):
        row = begin_comparison(db.session, g.user, form.chosen, form.route.data, form.prompt.data, layer)
        row_id, is_admin = row.id, g.user.is_admin
        release()  # no connection is held while both are awaited
        run_comparison(row_id)
    ended = db.session.get(Comparison, row_id)
    if ended is None:  # the model was deleted meanwhile
        raise NotFoundError
    return jsonify(_shape(ended, is_admin))


def _shape(row: Comparison, is_admin: bool) -> ComparisonShape:
    direct, through = (_side(row, side, is_admin) for side in row.sides)
    return {
        "id": row.id,
        "model": qualified(row.model),
        "added_first_token_ms": row.added_ms,
        "direct": direct,
        "through": through,
    }


def _side(row: Comparison, side: dict[str, Any], is_admin: bool) -> SideShape:
    name, host = row.asked_at(side["route"])
    cost = side["cost_nano_usd"]
    return {
        "route": side["route"],
        "status": side["status"],
        "model": side["called"],
        "first_token_ms": side["first_ms"],
        "latency_ms": side["ms"],
        "input_tokens": side["input_tokens"],
        "output_tokens": side["output_tokens"],
        "cost_usd": None if cost is None else cost / 10**9,
        "sent": side["sent"],
        "dropped": side["dropped"],
        "repairs": side["changes"],
        "text": side["text"],
        "problem": explained(side["failure"], name, host, is_admin) if side["failure"] else None,
        "said": side["failure"]["message"] if side["failure"] else None,
    }
