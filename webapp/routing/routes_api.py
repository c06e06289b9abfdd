"""Aliases and rules as JSON for programs: the same rows and the same checks of input as the pages."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from flask import Blueprint, Response, jsonify
from flask_babel import gettext
from werkzeug.datastructures import MultiDict
from wtforms import Form

from webapp.core import clock
from webapp.core.database import db
from webapp.core.errors import ConflictError
from webapp.routing.alias import AliasRecord, Target, add_alias, aliases, change_alias, find_alias, targets_of
from webapp.routing.alias import delete_alias as take_away
from webapp.routing.alias_forms import AliasForm
from webapp.routing.rule import RuleRecord, add_rule, change_rule, find_rule, move_rule, rule_records
from webapp.routing.rule_forms import RuleForm
from webapp.routing.shapes_api import AliasChanges, AliasShape, NewAlias, NewRule, RuleChanges, RuleShape
from webapp.web.asked import InvalidInputError, read_body
from webapp.web.guard import admin_only
from webapp.web.openapi import documented

routes_api = Blueprint("routes_api", __name__, url_prefix="/api")


@routes_api.get("/aliases")
@documented({200: list[AliasShape]})
def list_aliases() -> Response:
    """List all aliases by name."""
    records = aliases(db.session)
    targets = targets_of(db.session, records)
    return jsonify([_alias_shape(record, targets[record.model_pk]) for record in records])


@routes_api.post("/aliases")
@admin_only
@documented({201: AliasShape}, body=NewAlias)
def create_alias() -> tuple[Response, int]:
    """Add an alias; admins only."""
    return _saved_alias(read_body(NewAlias), None), 201


@routes_api.get("/aliases/<int:alias_id>")
@documented({200: AliasShape})
def show_alias(alias_id: int) -> Response:
    """Show one alias."""
    return _shown_alias(find_alias(db.session, alias_id))


@routes_api.patch("/aliases/<int:alias_id>")
@admin_only
@documented({200: AliasShape}, body=AliasChanges)
def update_alias(alias_id: int) -> Response:
    """Change an alias; what is left out stays. Admins only."""
    return _saved_alias(read_body(AliasChanges), find_alias(db.session, alias_id))


@routes_api.delete("/aliases/<int:alias_id>")
@admin_only
@documented({204: None})
def delete_alias(alias_id: int) -> Response:
    """Delete an alias; the page of routes can bring it back for 30 seconds. Admins only."""
    take_away(db.session, find_alias(db.session, alias_id))
    db.session.commit()
    return Response(status=204)


@routes_api.get("/rules")
@documented({200: list[RuleShape]})
def list_rules() -> Response:
    """List all rules in their order."""
    return jsonify([_rule_shape(rule, place) for place, rule in enumerate(rule_records(db.session))])


@routes_api.post("/rules")
@admin_only
@documented({201: RuleShape}, body=NewRule)
def create_rule() -> tuple[Response, int]:
    """Add a rule, after all others; admins only."""
    rule = add_rule(db.session, _rule_form(read_body(NewRule), None).wanted())
    db.session.commit()
    return _shown_rule(rule), 201


@routes_api.get("/rules/<int:rule_id>")
@documented({200: RuleShape})
def show_rule(rule_id: int) -> Response:
    """Show one rule."""
    return _shown_rule(find_rule(db.session, rule_id))


@routes_api.patch("/rules/<int:rule_id>")
@admin_only
@documented({200: RuleShape}, body=RuleChanges)
def update_rule(rule_id: int) -> Response:
    """Change a rule, or its place; what is left out stays. Admins only."""
    rule, fields = find_rule(db.session, rule_id), read_body(RuleChanges)
    change_rule(rule, _rule_form(fields, rule).wanted())
    if "position" in fields:
        move_rule(db.session, rule, fields["position"])
    db.session.commit()
    return _shown_rule(rule)


@routes_api.delete("/rules/<int:rule_id>")
@admin_only
@documented({204: None})
def delete_rule(rule_id: int) -> Response:
    """Delete a rule; the page of routes can bring it back for 30 seconds. Admins only."""
    find_rule(db.session, rule_id).deleted_at = clock.now()
    db.session.commit()
    return Response(status=204)


def _alias_shape(record: AliasRecord, targets: list[Target]) -> AliasShape:
    return {
        "id": record.model_pk,
        "name": record.name,
        "strategy": cast(Any, record.strategy),
        "targets": [{"model": row.name, "weight": row.weight, "offered": row.is_offered} for row in targets],
        "after_first": cast(Any, record.after_first),
        "sticky": record.is_sticky,
    }


def _shown_alias(record: AliasRecord) -> Response:
    return jsonify(_alias_shape(record, targets_of(db.session, [record])[record.model_pk]))


def _saved_alias(fields: NewAlias | AliasChanges, record: AliasRecord | None) -> Response:
    """Check what was sent as the form would, and save it. Raises InvalidInputError."""
    stored: dict[str, Any] = {"strategy": "ordered", "after_first": "stop", "sticky": True}
    if record:
        stored = {name: getattr(record, name) for name in ("name", "strategy", "after_first", "targets")}
        stored["targets"] = [{"model": row["name"], "weight": row["weight"]} for row in record.targets]
        stored["sticky"] = record.is_sticky
    asked = stored | dict(fields)
    typed = {name: str(asked[name]) for name in ("name", "strategy", "after_first")}
    for place, target in enumerate(asked["targets"]):
        typed[f"targets-{place}-model"] = target["model"]
        typed[f"targets-{place}-weight"] = str(target.get("weight", 1))
    form = AliasForm(_ticked(typed, is_sticky=asked["sticky"]), alias=record, meta={"csrf": False})
    _check(form)
    try:
        if record:
            change_alias(db.session, record, form.wanted())
        else:
            record = add_alias(db.session, form.wanted())
    except ConflictError:
        raise InvalidInputError({"name": [gettext("There is an alias of this name already.")]}) from None
    db.session.commit()
    return _shown_alias(record)


def _rule_shape(rule: RuleRecord, position: int) -> RuleShape:
    return {
        "id": rule.id,
        "position": position,
        "name": rule.name,
        "provider": rule.provider,
        "model": rule.model,
        "capability": rule.capability,
        "to": rule.to_name or None,
        "dangling": rule.is_dangling,
        "route": rule.route,
        "enabled": rule.is_enabled,
    }


def _shown_rule(rule: RuleRecord) -> Response:
    return jsonify(_rule_shape(rule, rule_records(db.session).index(rule)))


def _rule_form(fields: NewRule | RuleChanges, rule: RuleRecord | None) -> RuleForm:
    """Check what was sent as the form would. Raises InvalidInputError."""
    stored: dict[str, Any] = {"enabled": True}
    if rule:
        stored = {name: getattr(rule, name) for name in ("name", "provider", "model", "capability", "route")}
        stored |= {"to": rule.to_name, "enabled": rule.is_enabled}
    asked = stored | dict(fields)
    typed = {name: asked.get(name) or "" for name in ("name", "provider", "model", "capability", "route", "to")}
    form = RuleForm(_ticked(typed, is_enabled=asked["enabled"]), rule=rule, meta={"csrf": False})
    _check(form)
    return form


def _ticked(typed: dict[str, str], **ticks: bool) -> MultiDict[str, str]:
    return MultiDict(typed | {name: "y" for name, is_ticked in ticks.items() if is_ticked})


def _check(form: Form) -> None:
    if not form.validate():
        raise InvalidInputError(dict(_errors(form.errors)))


def _errors(errors: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield what is wrong by field; within lists as `targets.0.model`."""
    for name, found in errors.items():
        texts = [str(text) for text in found if not isinstance(text, Mapping)] if found else []
        if texts:
            yield before + name, texts
        for place, inner in enumerate(found):
            if isinstance(inner, Mapping):
                yield from _errors(inner, f"{before}{name}.{place}.")
