"""A provider's defaults and limits, a model's settings, and what all layers say together."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for

from webapp.core.database import db
from webapp.models.model import Model, find_known_model
from webapp.models.parameter_forms import ParametersForm
from webapp.models.parameters import effective, layers_of
from webapp.models.preset import find_preset, presets_of
from webapp.models.ranges import ranges_of
from webapp.providers.limit_forms import LimitsForm
from webapp.providers.limits import rate_of
from webapp.providers.provider import Provider, find_own_provider, find_provider
from webapp.providers.turns import turns
from webapp.web.render import fragment, go_to, page, wants_fragment

parameters = Blueprint("parameters", __name__)


@parameters.get("/providers/<int:provider_id>/parameters")
def show_defaults(provider_id: int) -> Response:
    """What every call to this provider carries, and how long it may take."""
    provider = find_provider(db.session, g.user, provider_id)
    form, limits = ParametersForm(formdata=None, provider=provider), LimitsForm(formdata=None)
    form.show(provider.parameters or {})
    limits.show(provider.limits or {})
    return _defaults(provider, form, limits)


@parameters.post("/providers/<int:provider_id>/parameters")
def update_defaults(provider_id: int) -> Response:
    """Save a provider's defaults and limits."""
    provider = find_own_provider(db.session, g.user, provider_id)
    form, limits = ParametersForm(provider=provider), LimitsForm()
    if not all([form.validate(), limits.validate()]):
        return _defaults(provider, form, limits, status=422)
    provider.parameters, provider.limits = form.layer, limits.limits
    db.session.commit()
    turns.change(provider.id, rate_of(provider.limits))
    if not wants_fragment():
        return go_to(url_for(".show_defaults", provider_id=provider_id))
    return _defaults(provider, form, limits, is_saved=True)


@parameters.get("/models/<int:model_pk>/parameters")
def show_settings(model_pk: int) -> Response:
    """What every call of this model carries."""
    model = find_known_model(db.session, g.user, model_pk)
    form = ParametersForm(formdata=None, model=model)
    form.show(model.parameters or {})
    return _settings(model, form)


@parameters.post("/models/<int:model_pk>/parameters")
def update_settings(model_pk: int) -> Response:
    """Save a model's settings."""
    model = find_known_model(db.session, g.user, model_pk)
    find_own_provider(db.session, g.user, model.provider_id)
    form = ParametersForm(model=model)
    if not form.validate():
        return _settings(model, form, status=422)
    model.parameters = form.layer
    db.session.commit()
    if not wants_fragment():
        return go_to(url_for(".show_settings", model_pk=model_pk))
    return _settings(model, form, is_saved=True)


@parameters.get("/models/<int:model_pk>/effective")
def show_effective(model_pk: int) -> Response:
    """What a call of this model carries, with a preset or without, and which layer decided on each value."""
    model = find_known_model(db.session, g.user, model_pk)
    preset_id = request.args.get("preset", type=int)
    preset = find_preset(db.session, g.user, preset_id) if preset_id else None
    draw, name = (fragment, "models/_effective.html") if wants_fragment() else (page, "models/effective.html")
    settings, lacks = effective(layers_of(model, preset)), ranges_of(model.provider).lacks
    presets = presets_of(db.session, g.user)
    return draw(name, model=model, preset=preset, presets=presets, settings=settings, lacks=lacks)


def _defaults(provider: Provider, form: ParametersForm, limits: LimitsForm, status: int = 200, **more: Any) -> Response:
    settings = effective({"provider": provider.parameters or {}})
    values = {"provider": provider, "form": form, "limits": limits, "settings": settings, **more}
    return _section("provider", status, values)


def _settings(model: Model, form: ParametersForm, status: int = 200, **more: Any) -> Response:
    inherited = effective({"provider": model.provider.parameters or {}})
    values = {"provider": model.provider, "model": model, "form": form, "inherited": inherited, **more}
    return _section("model", status, values | {"settings": effective(layers_of(model))})


def _section(whose: str, status: int, values: dict[str, Any]) -> Response:
    if wants_fragment():
        return fragment(f"models/_{whose}_parameters.html", status=status, **values)
    return page(f"models/{whose}_parameters.html", status, is_open=True, **values)
