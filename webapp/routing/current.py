"""By which way providers are asked now, and why: what their setting comes to, decided as for a real question."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from webapp.models.model import Model
from webapp.providers.provider import Provider
from webapp.routing.choose import choose
from webapp.routing.health import health
from webapp.routing.terms import AUTOMATIC, DIRECT, OUT, Place, Question
from webapp.routing.world import subjects_of

Why = Literal["chosen", "works", "out", "alone", "no_way"]


@dataclass(frozen=True, slots=True)
class CurrentRoute:
    """The `route` that is taken now. `why`: somebody chose it, and for `model` it may lead nowhere (no_way).

    Of automatic: direct works; direct is out, so a gateway goes before it; or direct is out, and so is everybody else
    (alone). `category` is the failure that put direct out.
    """

    route: str
    why: Why = "chosen"
    model: str = ""
    category: str = ""


def current_routes(session: Session, providers: Iterable[Provider]) -> dict[int, CurrentRoute]:
    """Return the way of each provider; where the setting leaves a choice, that of the model it begins with."""
    found = {row.id: CurrentRoute(row.route) for row in providers}
    models = _first_models(session, [pk for pk, way in found.items() if way.route != DIRECT])
    for place in subjects_of(session, models).values():
        if isinstance(place, Place):
            found[place.provider_id] = _current(place)
    return found


def _current(place: Place) -> CurrentRoute:
    if place.route != AUTOMATIC:
        return CurrentRoute(place.route, "chosen" if place.route in place.routes else "no_way", place.name)
    steps = choose(Question(place), (), health, 0).steps
    route = next(step.values["route"] for step in steps if step.word == AUTOMATIC)
    subjects = [("provider", place.provider_id, DIRECT), ("model", place.model_pk, DIRECT)]
    known = health.of_provider(place.provider_id)
    category = next((known[one].category for one in subjects if one in known and health.state_of(one) in OUT), "")
    why: Why = "works" if not category else "alone" if route == DIRECT else "out"
    return CurrentRoute(route, why, place.name, category)


def _first_models(session: Session, provider_ids: list[int]) -> list[Model]:
    """Return of each provider its default model, else the first that is offered."""
    if not provider_ids:
        return []
    order = (Model.model_id != func.coalesce(Provider.default_model, ""), Model.position, Model.id)
    number = func.row_number().over(partition_by=Model.provider_id, order_by=order)
    offered = (Model.provider_id.in_(provider_ids), Model.vanished_at.is_(None), Model.is_enabled)
    ranked = select(Model.id, number.label("number")).join(Model.provider).where(*offered).subquery()
    firsts = select(ranked.c.id).where(ranked.c.number == 1)
    return list(session.scalars(select(Model).options(joinedload(Model.provider)).where(Model.id.in_(firsts))))
