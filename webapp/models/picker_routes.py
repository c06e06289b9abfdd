"""The picker: one dialog, wherever a model is chosen. Without JavaScript it is a page."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext

from webapp.core.database import db
from webapp.core.memory import memory
from webapp.models.mark import set_favourite
from webapp.models.matching import LONGEST_QUERY
from webapp.models.model import find_known_model
from webapp.models.picker import FILTERS, Choice, Filters, Kept, Offered, count_offered, kept_models, search_models
from webapp.models.preview import preview_model
from webapp.models.standing import Standing
from webapp.web.filters import compact, price
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

picker = Blueprint("picker", __name__)

ADDRESSED = ("q", "must", "offset", "provider", "conversation")  # what the page without JavaScript stands for


@picker.get("/models/picker")
def show_picker() -> Response:
    """The results, as somebody types; or the page on which one is chosen."""
    offset = request.args.get("offset", 0, record_id)
    choice = search_models(db.session, g.user, _query(), offset, filters=_filters())
    if not wants_fragment():
        return page("models/picker_page.html", **_drawn(choice))
    return fragment("models/_more.html" if offset else "models/_options.html", **_drawn(choice))


@picker.app_template_global()
def count_models() -> int:
    """Return among how many models this user may choose; remembered for a second."""
    return memory.get(("offered", g.user.id), lambda: count_offered(db.session, g.user), waits=False)


@picker.get("/models/picker/preview")
def show_preview() -> Response:
    """One model, beside the results."""
    model_pk = request.args.get("model", 0, record_id)
    found = preview_model(db.session, g.user, model_pk, request.args.get("conversation", ""))
    return fragment("models/_preview.html", preview=found)


@picker.post("/models/picker/favourites")
def update_favourite() -> Response:
    """Give a model one's star, or take it away: `favourite` says which."""
    model = find_known_model(db.session, g.user, request.form.get("model", 0, record_id))
    set_favourite(db.session, g.user.id, model.id, bool(request.values.get("favourite")))
    db.session.commit()
    if not wants_fragment():
        here: dict[str, Any] = {name: request.form.getlist(name) for name in ADDRESSED}
        return go_to(url_for("picker.show_picker", **here))
    found = preview_model(db.session, g.user, model.id, request.form.get("conversation", ""))
    return fragment("models/_starred.html", preview=found, **_kept(_filters()))


def _drawn(choice: Choice) -> dict[str, Any]:
    shown = [row for _, rows in choice.groups for row in rows]
    return {"choice": choice, **_kept(choice.filters, choice.standings, shown)}


def _kept(
    filters: Filters, standings: Mapping[int, Standing] | None = None, others: Iterable[Offered] = ()
) -> dict[str, Any]:
    """What comes before the groups of providers, while nothing is searched; and what all rows share."""
    kept = Kept([], [])
    if not _query().strip() and not request.values.get("offset", 0, record_id):
        kept = kept_models(db.session, g.user, filters, standings)
    groups = [("favourites", kept.favourites), ("recents", kept.recents)]
    return {
        "chosen": request.values.get("chosen", type=record_id),
        "conversation": request.values.get("conversation"),
        "kept": [group for group in groups if group[1]],
        **_figures([*others, *(row for _, rows in groups for _, row in rows)]),
    }


def _figures(rows: list[Offered]) -> dict[str, Any]:
    """Sizes and prices in words. Most rows share them, and to write a number takes longer than to draw a row."""
    prices = {row.input_price for row in rows if row.input_price is not None}
    return {
        "sizes": {
            size: gettext("%(size)s ctx", size=compact(size)) for size in {row.context_length for row in rows} if size
        },
        "prices": {value: gettext("%(price)s in", price=price(value)) if value else price(value) for value in prices},
    }


def _query() -> str:
    return request.values.get("q", "")[:LONGEST_QUERY]


def _filters() -> Filters:
    must = frozenset(request.values.getlist("must")) & frozenset(FILTERS)
    return Filters(provider_id=request.values.get("provider", type=record_id), must=must)
