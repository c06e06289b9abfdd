"""Presets as JSON for programs: the same rows and the same checks of input as the pages."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from flask import Blueprint, Response, g, jsonify
from werkzeug.datastructures import MultiDict

from webapp.core import clock
from webapp.core.database import db
from webapp.models.parameter_forms import checked_layer
from webapp.models.preset import (
    Preset,
    PresetInput,
    add_preset,
    change_preset,
    find_own_preset,
    find_preset,
    presets_of,
)
from webapp.models.preset_forms import LONGEST_MODEL, LONGEST_NAME, LONGEST_PROMPT, PresetForm
from webapp.providers.parameters_api import Parameters
from webapp.web.asked import InvalidInputError, read_body
from webapp.web.openapi import documented
from webapp.web.shapes import About

presets_api = Blueprint("presets_api", __name__, url_prefix="/api")

Fault = Literal["gone", "closed", "off", "vanished", "hidden", "needs_key"]


class PresetShape(TypedDict):
    """One preset."""

    id: int
    slug: Annotated[str, About("Made from the first name; it stays")]
    handle: Annotated[str, About("Its name as a model in /v1")]
    name: str
    system_prompt: str
    model: Annotated[str | None, About("`<provider slug>/<model id>`; null: any")]
    problem: Annotated[
        Fault | None,
        About("Why its model cannot answer you; it is refused until it has another"),
    ]
    parameters: Parameters
    route: Annotated[str | None, About("direct, automatic or a gateway; null: as its provider is set")]
    shared: Annotated[bool, About("Everybody here may use it")]
    may_change: bool
    used_count: int
    created_at: str
    updated_at: str


class _PresetFields(TypedDict, total=False):
    system_prompt: Annotated[str, About("{{date}}, {{user}} and {{model}} are filled in when sent", 0, LONGEST_PROMPT)]
    model: Annotated[str | None, About("`<provider slug>/<model id>`; null: any", 0, LONGEST_MODEL)]
    parameters: Parameters
    route: Annotated[str | None, About("direct, automatic or a gateway; null: as its provider is set", 0, LONGEST_NAME)]
    shared: Annotated[bool, About("Counts for admins only")]


class NewPreset(_PresetFields):
    """A preset to add."""

    name: Annotated[str, About(least=1, most=LONGEST_NAME)]


class PresetChanges(_PresetFields):
    """What may be changed of a preset; what is left out stays."""

    name: NotRequired[Annotated[str, About(least=1, most=LONGEST_NAME)]]


@presets_api.get("/presets")
@documented({200: list[PresetShape]})
def list_presets() -> Response:
    """List the presets that you may use, the most used first."""
    return jsonify([preset_shape(row) for row in presets_of(db.session, g.user)])


@presets_api.post("/presets")
@documented({201: PresetShape}, body=NewPreset)
def create_preset() -> tuple[Response, int]:
    """Add a preset; it is your own, unless an admin shares it."""
    preset = add_preset(db.session, g.user, _wanted(read_body(NewPreset), None))
    db.session.commit()
    return jsonify(preset_shape(preset)), 201


@presets_api.get("/presets/<int:preset_id>")
@documented({200: PresetShape})
def show_preset(preset_id: int) -> Response:
    """Show one preset."""
    return jsonify(preset_shape(find_preset(db.session, g.user, preset_id)))


@presets_api.patch("/presets/<int:preset_id>")
@documented({200: PresetShape}, body=PresetChanges)
def update_preset(preset_id: int) -> Response:
    """Change a preset; what is left out stays."""
    preset = find_own_preset(db.session, g.user, preset_id)
    change_preset(g.user, preset, _wanted(read_body(PresetChanges), preset))
    db.session.commit()
    return jsonify(preset_shape(preset))


@presets_api.delete("/presets/<int:preset_id>")
@documented({204: None})
def delete_preset(preset_id: int) -> Response:
    """Delete a preset; the page of presets can bring it back for 30 seconds."""
    find_own_preset(db.session, g.user, preset_id).deleted_at = clock.now()
    db.session.commit()
    return Response(status=204)


def preset_shape(row: Preset) -> PresetShape:
    """Describe a preset to its reader."""
    return {
        "id": row.id,
        "slug": row.slug,
        "handle": row.handle,
        "name": row.name,
        "system_prompt": row.system_prompt,
        "model": row.model_name,
        "problem": cast(Fault | None, row.fault(g.user)),
        "parameters": cast(Parameters, row.parameters),
        "route": row.route or None,
        "shared": row.is_shared,
        "may_change": row.may_change(g.user),
        "used_count": row.used_count,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }


def _wanted(fields: NewPreset | PresetChanges, preset: Preset | None) -> PresetInput:
    """Check what was sent as the form would. Raises InvalidInputError."""
    stored: dict[str, Any] = {}
    if preset:
        stored = {name: getattr(preset, name) for name in ("name", "system_prompt", "parameters", "route")}
        stored |= {"shared": preset.is_shared, "model": preset.model_name}
    asked = stored | dict(fields)
    texts = {name: asked.get(name) or "" for name in ("name", "system_prompt", "model", "route")}
    typed = MultiDict(texts | ({"is_shared": "y"} if asked.get("shared") else {}))
    form = PresetForm(typed, user=g.user, preset=preset, meta={"csrf": False})
    if not form.validate():
        raise InvalidInputError({name: [str(text) for text in found] for name, found in form.errors.items()})
    return form.wanted(checked_layer(asked.get("parameters", {}), model=form.chosen))
