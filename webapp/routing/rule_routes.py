"""Pages of rules: the form, and what the buttons of their table do."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.core import clock
from webapp.core.database import db
from webapp.routing.gateway import gateways
from webapp.routing.rule import RuleRecord, add_rule, change_rule, find_rule, move_rule, restore_rule, rule_records
from webapp.routing.rule_forms import RuleForm
from webapp.routing.terms import AUTOMATIC, DIRECT
from webapp.web.guard import admin_only
from webapp.web.render import fragment, go_to, page, wants_fragment

rules = Blueprint("rules", __name__)


@rules.get("/routes/rules/new")
@admin_only
def new_rule() -> Response:
    """An empty form."""
    return _form(RuleForm(formdata=None, data={"is_enabled": True}), None)


@rules.post("/routes/rules")
@admin_only
def create_rule() -> Response:
    """Save a new rule; it comes last."""
    return _save(None)


@rules.get("/routes/rules/<int:rule_id>/edit")
@admin_only
def edit_rule(rule_id: int) -> Response:
    """The form of a saved rule."""
    rule = find_rule(db.session, rule_id)
    form = RuleForm(rule=rule, formdata=None, obj=rule)
    form.to.data = rule.to_name
    return _form(form, rule)


@rules.post("/routes/rules/<int:rule_id>")
@admin_only
def update_rule(rule_id: int) -> Response:
    """Save changes."""
    return _save(find_rule(db.session, rule_id))


@rules.post("/routes/rules/<int:rule_id>/switch")
@admin_only
def update_switch(rule_id: int) -> Response:
    """Switch a rule on or off."""
    find_rule(db.session, rule_id).is_enabled = "is_enabled" in request.form
    return _changed()


@rules.post("/routes/rules/<int:rule_id>/move")
@admin_only
def update_place(rule_id: int) -> Response:
    """Put a rule one place up or down."""
    rule = find_rule(db.session, rule_id)
    place = rule_records(db.session).index(rule)
    move_rule(db.session, rule, place + (-1 if request.form.get("to") == "up" else 1))
    return _changed()


@rules.post("/routes/rules/<int:rule_id>/delete")
@admin_only
def delete_rule(rule_id: int) -> Response:
    """Delete; the toast offers the way back for 30 seconds."""
    find_rule(db.session, rule_id).deleted_at = clock.now()
    db.session.commit()
    return go_to(url_for("routes.list_routes", deleted_rule=rule_id))


@rules.post("/routes/rules/<int:rule_id>/restore")
@admin_only
def create_restoration(rule_id: int) -> Response:
    """Bring a deleted rule back to its place."""
    restore_rule(db.session, rule_id)
    return _changed()


def drawn_rules() -> dict[str, Any]:
    """Return what the table of rules shows."""
    rows = gateways(db.session)
    ways = {DIRECT, AUTOMATIC, *(row.slug for row in rows if row.is_enabled)}
    names = {row.slug: row.name for row in rows}
    return {"rules": rule_records(db.session), "gateway_names": names, "open_ways": ways}


def _save(rule: RuleRecord | None) -> Response:
    form = RuleForm(rule=rule)
    if not form.validate():
        return _form(form, rule, 422)
    if rule:
        change_rule(rule, form.wanted())
    else:
        add_rule(db.session, form.wanted())
    db.session.commit()
    return go_to(url_for("routes.list_routes"))


def _form(form: RuleForm, rule: RuleRecord | None, status: int = 200) -> Response:
    if wants_fragment():
        return fragment("routing/_rule_form.html", status=status, form=form, rule=rule)
    return page("routing/rule_form.html", status, form=form, rule=rule)


def _changed() -> Response:
    """Save, and draw the table anew."""
    db.session.commit()
    if wants_fragment():
        return fragment("routing/_rules.html", **drawn_rules())
    return go_to(url_for("routes.list_routes"))
