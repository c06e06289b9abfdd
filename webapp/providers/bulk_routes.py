"""What is done to many providers at once. Every answer is the list again, with a line that tells what was done."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext, ngettext

from webapp.core.database import db
from webapp.providers.batch import Batch, find_batch, start_batch
from webapp.providers.batch import stop_batch as stop
from webapp.providers.bulk import (
    Outcome,
    Reason,
    callable_providers,
    chosen_providers,
    deletable_providers,
    delete_providers,
    restore_providers,
    switch_providers,
)
from webapp.providers.check import latest_checks
from webapp.providers.provider import Provider
from webapp.providers.routes import list_values
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id

bulk = Blueprint("bulk", __name__)


@bulk.post("/providers/switches")
def update_switches() -> Response:
    """Enable or disable."""
    on = "on" in request.args
    outcome = switch_providers(g.user, chosen(), on)
    db.session.commit()
    num = len(outcome.done)
    if on:
        done = ngettext("%(num)s enabled", "%(num)s enabled", num)
    else:
        done = ngettext("%(num)s disabled", "%(num)s disabled", num)
    return list_again(tell(done, outcome))


@bulk.post("/providers/batches")
def create_batch() -> Response:
    """Test the chosen ones, or all, four at a time."""
    outcome = callable_providers(chosen_providers(db.session, g.user) if "all" in request.form else chosen())
    if outcome.done:
        start_batch(db.session, g.user, outcome.done)
        if not outcome.left_out:
            return list_again("")
    num = len(outcome.done)
    return list_again(tell(ngettext("Testing %(num)s provider", "Testing %(num)s providers", num), outcome))


@bulk.get("/providers/batches/<batch_id>")
def show_batch(batch_id: str) -> Response:
    """How far the tests are, with the cards that changed since so many had ended."""
    batch = find_batch(db.session, g.user, batch_id)
    if not wants_fragment():
        return go_to(url_for("providers.list_providers"))
    return _progress(batch)


@bulk.post("/providers/batches/<batch_id>/stop")
def delete_batch(batch_id: str) -> Response:
    """Stop those that run, and those that wait."""
    stop(db.session, g.user, batch_id)
    if not wants_fragment():
        return go_to(url_for("providers.list_providers"))
    return _progress(find_batch(db.session, g.user, batch_id), everything=True)


@bulk.post("/providers/deletions")
def create_deletions() -> Response:
    """Ask first; with the answer, delete. For 30 seconds all of them can be brought back at once."""
    if "confirmed" not in request.form:
        outcome = deletable_providers(g.user, chosen())
        values: dict[str, Any] = {"outcome": outcome, "told": tell("", outcome)}
        if wants_fragment():
            return fragment("providers/_delete.html", "providers/_delete_button.html", **values)
        return page("providers/delete.html", **values)
    outcome = delete_providers(g.user, chosen())
    db.session.commit()
    num = len(outcome.done)
    done = ngettext("%(num)s provider deleted", "%(num)s providers deleted", num)
    return list_again(tell("", outcome), toast=done if num else "", deleted=outcome.done)


@bulk.post("/providers/restorations")
def create_restorations() -> Response:
    """Bring back what was deleted together."""
    outcome = restore_providers(db.session, g.user, chosen_ids())
    db.session.commit()
    num = len(outcome.done)
    return list_again(tell(ngettext("%(num)s provider is back", "%(num)s providers are back", num), outcome))


def chosen_ids() -> list[int]:
    """The ids that were ticked."""
    return request.form.getlist("provider", type=record_id)


def chosen() -> list[Provider]:
    """The providers that were ticked."""
    return chosen_providers(db.session, g.user, chosen_ids())


def tell(done: str, outcome: Outcome) -> str:
    """Say what was done, and of those left out, why."""
    reasons: dict[Reason, Callable[[int], str]] = {
        "foreign": lambda num: ngettext("%(num)s belongs to an admin", "%(num)s belong to an admin", num),
        "builtin": lambda num: ngettext("%(num)s is built in and stays", "%(num)s are built in and stay", num),
        "already": lambda num: ngettext("%(num)s was so already", "%(num)s were so already", num),
        "off": lambda num: ngettext("%(num)s is disabled", "%(num)s are disabled", num),
        "no_key": lambda num: ngettext("%(num)s waits for a key", "%(num)s wait for a key", num),
        "no_list": lambda num: ngettext("%(num)s has no list", "%(num)s have no list", num),
        "recent": lambda num: ngettext("%(num)s was read just now", "%(num)s were read just now", num),
        "gone": lambda num: ngettext("%(num)s is gone for good", "%(num)s are gone for good", num),
    }
    if not outcome.done and not outcome.left_out:
        return str(gettext("Choose providers first."))
    told, left_out = [done] if done and outcome.done else [], outcome.left_out
    return " · ".join([*told, *(say(left_out[reason]) for reason, say in reasons.items() if reason in left_out)])


def list_again(told: str, **more: object) -> Response:
    """The list as it stands now. Nothing is ticked any more."""
    if not (told or more or wants_fragment()):
        return go_to(url_for("providers.list_providers", tab=request.form.get("tab"), q=request.form.get("q") or None))
    values: dict[str, Any] = {"told": told, **list_values(), **more}
    if wants_fragment():
        return fragment("providers/_list.html", "providers/_list_rest.html", **values)
    return page("providers/list.html", **values)


def _progress(batch: Batch, everything: bool = False) -> Response:
    ended = 0 if everything else request.args.get("ended", 0, record_id)
    changed = chosen_providers(db.session, g.user, batch.changed_since(ended))
    checks = latest_checks(db.session, [provider.id for provider in changed])
    rows = [(provider, checks.get(provider.id)) for provider in changed]
    return fragment("providers/_batch.html", "providers/_batch_cards.html", batch=batch, rows=rows)
