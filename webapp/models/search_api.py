"""The search among models as JSON for programs."""

from typing import Annotated, TypedDict

from flask import Blueprint, Response, g, jsonify

from webapp.core.database import db
from webapp.models.matching import LONGEST_QUERY
from webapp.models.model import Model, load_facts
from webapp.models.picker import PAGE, Filters, search_models
from webapp.models.shapes_api import MOST_DOLLARS, MOST_IDS, Capability, ModelShape, ProviderId, model_shape
from webapp.models.table import CUSTOM, FAVOURITE, GONE, HIDDEN, OFFERED
from webapp.providers.provider import find_provider
from webapp.web.asked import read_query
from webapp.web.openapi import documented
from webapp.web.shapes import About

search_api = Blueprint("search_api", __name__, url_prefix="/api")

MOST_SHOWN = 500


class Search(TypedDict, total=False):
    """What to look for: every word in name or id, whatever the accents, and everything else that is named."""

    q: Annotated[str, About(most=LONGEST_QUERY)]
    capability: Annotated[list[Capability], About("All of them", 1)]
    provider: ProviderId
    hidden: Annotated[bool, About("Those that are switched off, instead of those that are on")]
    gone: Annotated[bool, About("Those that their provider does not list any more, on or off, instead")]
    custom: Annotated[bool, About("Whether they were added by hand")]
    favourite: Annotated[bool, About("Whether they have your star")]
    max_price: Annotated[float, About("US dollars for a million tokens of input", 0, MOST_DOLLARS)]
    offset: Annotated[int, About(least=0, most=MOST_IDS)]
    limit: Annotated[int, About(least=1, most=MOST_SHOWN)]


class Group(TypedDict):
    """The models of one provider."""

    id: int
    slug: str
    name: str
    models: list[ModelShape]


class Found(TypedDict):
    """One page of models, by provider."""

    providers: list[Group]
    total: int
    offset: int
    next_offset: int | None


@search_api.get("/models")
@documented({200: Found}, query=Search, refusals=(404,))
def list_models() -> Response:
    """Search the models of the providers that are switched on."""
    asked = read_query(Search)
    filters = _filters(asked)
    if filters.provider_id:
        find_provider(db.session, g.user, filters.provider_id)
    choice = search_models(
        db.session, g.user, asked.get("q", ""), asked.get("offset", 0), asked.get("limit", PAGE), filters
    )
    known = load_facts(db.session, Model.id.in_([row.id for _, rows in choice.groups for row in rows]))
    found: Found = {
        "providers": [
            {
                "id": standing.provider.id,
                "slug": standing.provider.slug,
                "name": standing.provider.name,
                "models": [model_shape(known[row.id], standing.provider) for row in rows],
            }
            for standing, rows in choice.groups
        ],
        "total": choice.total,
        "offset": choice.offset,
        "next_offset": choice.next_offset,
    }
    return jsonify(found)


def _filters(asked: Search) -> Filters:
    only = {CUSTOM: asked.get("custom"), FAVOURITE: asked.get("favourite")}
    return Filters(
        kind=None,
        provider_id=asked.get("provider"),
        must=frozenset(asked.get("capability", ())),
        show=GONE if asked.get("gone") else HIDDEN if asked.get("hidden") else OFFERED,
        only={name: is_so for name, is_so in only.items() if is_so is not None},
        most_price=asked.get("max_price"),
    )
