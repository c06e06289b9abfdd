"""A preset may insist on a route of its own, as long as there is one of that name."""

from datetime import timedelta

from flask import Flask

from tests.conftest import Person
from tests.models.test_presets import NAME, form, provider, stored
from webapp.core import clock
from webapp.core.database import writing
from webapp.monitor import sweep
from webapp.routing.gateway import Gateway

__all__ = ["provider"]


def test_a_preset_may_insist_on_a_route_that_there_is(app: Flask, owner: Person, provider: int) -> None:
    response = owner.post("/presets", form(route="office"))
    assert (response.status_code, "There is no such route." in response.text) == (422, True)
    with app.app_context(), writing() as session:
        session.add(Gateway(slug="office", name="Office LiteLLM", base_url="http://127.0.0.1:9/v1"))
    assert '<option value="office">Office LiteLLM</option>' in owner.get("/presets/new").text
    owner.post("/presets", form(route="office"))
    assert stored(app).route == "office"
    assert "Route: office" in owner.get("/presets").text
    owner.post("/presets/1/duplicates")
    assert stored(app, f"{NAME}, copy").route == "office"
    with app.app_context(), writing() as session:
        session.query(Gateway).update({"deleted_at": clock.now() - timedelta(seconds=31)})
    owner.post("/presets/1", form(route="office"))
    assert stored(app).route == "office"  # what it had may stay
    with app.app_context(), writing() as session:
        sweep(session)
    assert stored(app).route == ""
