"""The features and their doors: blueprints, start-up steps and what joins features by function."""

from flask import Flask

from webapp.accounts.routes import accounts
from webapp.accounts.session import load_user
from webapp.accounts.token_routes import tokens
from webapp.chat.first_model_routes import first_model
from webapp.chat.needs import conversation_needs
from webapp.chat.routes import chat
from webapp.chat.run_routes import runs
from webapp.chat.settings_routes import chat_settings
from webapp.chat.use_routes import uses
from webapp.core.database import db, take_turns, writing
from webapp.core.runtime import runtime
from webapp.models import capability_checks, discovery, preset_forms, preview
from webapp.models import standing as standings
from webapp.models.api import models_api
from webapp.models.capability_check import CapabilityCheck
from webapp.models.listed import store_list
from webapp.models.page_routes import model_page
from webapp.models.parameter_forms import checked_layer
from webapp.models.parameter_routes import parameters
from webapp.models.parameters import as_called
from webapp.models.picker_routes import picker
from webapp.models.preset_api import presets_api
from webapp.models.preset_routes import presets
from webapp.models.routes import models
from webapp.models.search_api import search_api
from webapp.models.section_routes import provider_models
from webapp.models.seed import seed_models, seed_providers
from webapp.openai_api.routes import v1
from webapp.providers import adding, keys, parameters_api, ways
from webapp.providers import checks as connection_checks
from webapp.providers import overview as provider_list
from webapp.providers.address_routes import addresses
from webapp.providers.api import api
from webapp.providers.bulk_routes import bulk
from webapp.providers.check_routes import checks
from webapp.providers.credential import check_key_ring
from webapp.providers.key_routes import keys as key_pages
from webapp.providers.keys_api import keys_api
from webapp.providers.provider import Provider
from webapp.providers.routes import providers
from webapp.routing.alias_routes import routes
from webapp.routing.comparison import Comparison
from webapp.routing.comparison_api import comparisons_api
from webapp.routing.comparison_routes import comparisons
from webapp.routing.gateway import routes as known_routes
from webapp.routing.gateway_api import gateways_api
from webapp.routing.gateway_routes import gateway_pages
from webapp.routing.health_routes import health_api, provider_health
from webapp.routing.keybook import forget_faults, seconds_to_rest
from webapp.routing.probe_budget_routes import probe_budget
from webapp.routing.probing import note_list, note_rung
from webapp.routing.reach import gateways_for, named_for, through
from webapp.routing.report import doing, doing_by
from webapp.routing.routes_api import routes_api
from webapp.routing.rule_routes import rules
from webapp.routing.states import states
from webapp.settings.routes import settings
from webapp.upstream import Rung
from webapp.upstream.messages import ChatRequest
from webapp.upstream.transport import forbid_listener
from webapp.usage.probes import record_asked, record_rung
from webapp.usage.report import median_first_token_ms
from webapp.usage.routes import usage
from webapp.web.advice import advise
from webapp.web.guard import install_guard
from webapp.web.health import health as liveness
from webapp.web.openapi import openapi
from webapp.web.security import csrf

PAGES = (
    accounts,
    tokens,
    settings,
    probe_budget,
    providers,
    bulk,
    addresses,
    checks,
    provider_health,
    key_pages,
    provider_models,
    model_page,
    parameters,
    picker,
    models,
    routes,
    rules,
    gateway_pages,
    comparisons,
)


def install_features(app: Flask) -> None:
    """Register every door. Called once, inside the app context, with the database up to date."""
    parts = runtime()
    with writing() as session:
        take_turns(session.connection())
        check_key_ring(session, parts.key_ring)
        seed_providers(session)
        states.begin(session)
    _join()
    forbid_listener(parts.settings.host, parts.settings.port)
    app.jinja_env.globals["advise"] = advise
    install_guard(app, load_user)
    for blueprint in (liveness, *PAGES, presets, usage, chat, uses, chat_settings, first_model, runs, v1):
        app.register_blueprint(blueprint)
    for blueprint in (
        api,
        keys_api,
        models_api,
        search_api,
        presets_api,
        routes_api,
        gateways_api,
        comparisons_api,
        health_api,
        openapi,
    ):
        app.register_blueprint(blueprint)
        csrf.exempt(blueprint)  # the guard asks for the token of a browser, not of a program
    csrf.exempt(v1)  # takes tokens only, never a browser's cookie


def _join() -> None:
    """Give features the functions of others that they may not import."""
    adding.seed_models = seed_models
    connection_checks.keep_models = store_list
    parameters_api.check_layer = checked_layer
    parameters_api.is_route = lambda route: route in known_routes(db.session)
    preset_forms.known_routes = lambda: known_routes(db.session)
    connection_checks.as_called = _as_called
    ways.gateways_for, ways.through = gateways_for, through
    connection_checks.record_rung = _take_in_rung
    discovery.note_list = note_list
    provider_list.is_down = _is_down
    standings.word_of = _word_of
    connection_checks.counted_too = (CapabilityCheck, Comparison)
    capability_checks.record_asked = record_asked
    preview.needs_of = conversation_needs
    preview.first_token_of = median_first_token_ms
    keys.seconds_to_rest, keys.forget_faults = seconds_to_rest, forget_faults


def _as_called(provider_id: int, way: str, question: ChatRequest) -> ChatRequest:
    return named_for(provider_id, way, as_called(provider_id, question))


def _take_in_rung(check_id: int, rung: Rung) -> None:
    record_rung(check_id, rung)
    note_rung(check_id, rung)


def _is_down(provider_id: int, route: str) -> bool:
    return doing_by(provider_id, route).needs_attention


def _word_of(provider: Provider) -> str:
    return doing(provider).word
