"""Comparisons are begun, stopped, asked again, counted, refused and forgotten."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.program import program
from tests.routing.compared import asked, begin, compare, settle
from webapp.core import clock
from webapp.core.database import reading, writing
from webapp.providers.check import RUNNING, STOPPED
from webapp.routing.comparison import Comparison, end_abandoned_comparisons, prune_comparisons
from webapp.routing.gateway import Gateway

AddModel = Callable[..., int]


def test_stop_ends_both_sides_and_keeps_what_came(
    app: Flask, owner: Person, add_model: AddModel, far_end: FarEnd, gateway: FarEnd
) -> None:
    add_model("stall-mid")
    at = begin(owner, "stall-mid")
    far_end.wait_for_calls(1)
    gateway.wait_for_calls(1)
    assert owner.post(f"{at}/stop").status_code == 303
    settle()
    assert far_end.client_gone.wait(10)
    assert gateway.client_gone.wait(10)
    text = owner.get(at).text
    assert text.count(">Stopped<") == 2
    with app.app_context(), reading() as session:
        assert session.scalars(select(Comparison.status)).one() == STOPPED


def test_the_same_is_asked_again_with_the_same_parameters(
    app: Flask, owner: Person, add_model: AddModel, gateway: FarEnd
) -> None:
    add_model()
    at = begin(owner, top_p="0.5")
    settle()
    again = owner.post(f"{at}/again")
    settle()
    assert again.status_code == 303
    assert again.location != at
    assert [call.json["top_p"] for call in gateway.calls] == [0.5, 0.5]
    with app.app_context(), writing() as session:
        session.get_one(Gateway, 1).is_enabled = False
    assert owner.post(f"{at}/again").status_code == 409


def test_comparisons_count_among_the_tests_of_a_minute(app: Flask, owner: Person, add_model: AddModel) -> None:
    add_model()
    for _ in range(10):
        compare(app)
    assert owner.post("/gateways/comparisons", asked()).status_code == 429
    refused = program(app, "owner").post(
        "/api/comparisons", {"model": "far-end/ok", "gateway": "office", "prompt": "?"}
    )
    assert refused.status_code == 429
    with app.app_context(), reading() as session:
        assert session.query(Comparison).count() == 10


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"model": "far-end/none"}, "There is no such model"),
        ({"model": ""}, "Choose a model."),
        ({"prompt": " "}, "Type a question."),
        ({"route": "nowhere"}, "There is no such gateway, or it is off."),
        ({"route": "direct"}, "There is no such gateway, or it is off."),
        ({"temperature": "hot"}, "Type a number."),
    ],
)
def test_what_cannot_be_compared_is_refused_beside_its_field(
    owner: Person, add_model: AddModel, gateway: FarEnd, wrong: dict[str, str], text: str
) -> None:
    add_model()
    typed = asked(prompt="Tôi hỏi") | wrong
    for htmx in (False, True):
        answer = owner.post("/gateways/comparisons", typed, htmx=htmx)
        assert answer.status_code == 422
        assert text in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert "Tôi hỏi" in answer.text or "prompt" in wrong
    assert not gateway.calls


def test_a_gateway_has_to_offer_the_model_and_others_models_do_not_exist(
    app: Flask, owner: Person, stranger: Person, add_model: AddModel
) -> None:
    add_model("unheard-of")
    assert "This gateway does not offer this model." in owner.post("/gateways/comparisons", asked("unheard-of")).text
    add_model(by="owner", name="Own")
    assert "There is no such model" in stranger.post("/gateways/comparisons", asked() | {"model": "own/ok"}).text
    wanted = {"model": "far-end/unheard-of", "gateway": "office", "prompt": "Why?"}
    refused = program(app, "owner").post("/api/comparisons", wanted)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["gateway"])


def test_old_ones_are_deleted_and_lost_ones_end(app: Flask, owner: Person, add_model: AddModel) -> None:
    add_model()
    compare(app)
    compare(app)
    with app.app_context(), writing() as session:
        old, lost = session.scalars(select(Comparison).order_by(Comparison.id))
        old.created_at -= timedelta(days=31)
        lost.status = RUNNING
        session.flush()
        prune_comparisons(session)
        end_abandoned_comparisons(session, clock.now())
    with app.app_context(), reading() as session:
        assert [row.status for row in session.scalars(select(Comparison))] == [STOPPED]
