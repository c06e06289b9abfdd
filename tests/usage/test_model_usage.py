"""What calls of one model took stands on its page, and what they cost follows the prices that people set."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.usage.conftest import Chat, Ledger
from webapp.accounts.api_token import create_token
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.facts import ABILITIES
from webapp.models.listed import store_list
from webapp.models.model import Model
from webapp.models.overlay import override
from webapp.upstream.messages import ModelInfo, ModelList
from webapp.usage.event import UsageEvent
from webapp.usage.report import DAYS

Add = Callable[..., int]


@pytest.fixture
def model_pk(app: Flask, add_provider: Add, far_end: FarEnd) -> int:
    """A model whose provider lists its prices."""
    provider = add_provider(far_end.base_url)
    listed = ModelInfo(id="ok", details={"price": {"input_price": 1.0, "output_price": 2.0}})
    with app.app_context():
        store_list(provider, ModelList(models=[listed]))
        return db.session.query(Model.id).filter_by(provider_id=provider).one()[0]


def event(app: Flask, model_pk: int, who: Person, **values: object) -> None:
    with app.app_context(), writing() as session:
        model = session.get_one(Model, model_pk)
        row = {
            "at": clock.now(),
            "user_id": who.user_id,
            "provider_id": model.provider_id,
            "provider_slug": "far-end",
            "provider_name": "Far End",
            "model_id": model.model_id,
            "route": "direct",
            "kind": "chat",
            "source": "chat",
            "outcome": "ok",
            "attempts": 1,
        }
        session.add(UsageEvent(**(row | values)))


def test_the_figures_of_a_month_are_added_up(app: Flask, owner: Person, admin: Person, model_pk: int) -> None:
    for first, cost in ((100.0, 1_500_000_000), (300.0, None), (200.0, 500_000_000)):
        event(app, model_pk, owner, input_tokens=1500, output_tokens=10, first_token_ms=first, cost_nano_usd=cost)
    event(app, model_pk, owner, outcome="rate_limit")
    event(app, model_pk, owner, outcome="stopped")
    event(app, model_pk, owner, at=clock.now() - timedelta(days=DAYS, minutes=1), input_tokens=9)
    event(app, model_pk, owner, model_id="other", input_tokens=9)
    event(app, model_pk, admin, input_tokens=500)
    own = owner.get(f"/usage/models/{model_pk}", headers={"HX-Request": "true"}).text
    assert "Your calls of the last 30 days." in own
    for shown in ("<dd>5</dd>", "<dd>1</dd>", "4.5k in, 30 out", "$2.00", "of 2 calls", "200 ms in half of the calls"):
        assert shown in own, shown
    everybodys = admin.get(f"/usage/models/{model_pk}").text
    assert "All calls of the last 30 days." in everybodys
    assert "<dd>6</dd>" in everybodys


def test_a_model_that_nobody_called_says_so_and_anothers_is_not_found(
    app: Flask, owner: Person, stranger: Person, admin: Person, add_provider: Add, model_pk: int
) -> None:
    assert "No calls yet." in owner.get(f"/usage/models/{model_pk}").text
    mine = add_provider("http://127.0.0.1:9/v1", by="owner", name="Mine")
    with app.app_context():
        store_list(mine, ModelList(models=[ModelInfo(id="secret")]))
        secret = db.session.query(Model.id).filter_by(model_id="secret").one()[0]
    for person in (stranger, admin):
        assert person.get(f"/usage/models/{secret}").status_code == 404
        assert person.get(f"/chat/models/{secret}").status_code == 404


def test_the_sum_is_read_through_an_index(app: Flask) -> None:
    with app.app_context():
        plan = db.session.connection().exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT count(*) FROM usage_events WHERE provider_id = 1 AND model_id = 'x' AND at > 'y'"
        )
        assert any("INDEX ix_usage_events_provider_id_model_id_at" in row[-1] for row in plan)


@pytest.mark.parametrize(
    ("said", "nano"),
    [
        ({}, 9 * 1000 + 14 * 2000),
        ({"input_price": "10"}, 9 * 10_000 + 14 * 2000),
        ({"input_price": "0", "output_price": "0"}, 0),
    ],
)
def test_a_call_costs_what_people_say_then_what_the_provider_lists(
    app: Flask, admin: Person, ledger: Ledger, model_pk: int, said: dict[str, str], nano: int
) -> None:
    form = dict.fromkeys(("kind", *ABILITIES), "") | {"is_offered": "y"} | said
    assert admin.post(f"/models/{model_pk}/overlay", form, htmx=True).status_code == 200
    with app.app_context(), writing() as session:
        user = session.query(User).filter_by(email="admin").one()
        secret = create_token(session, user, "editor")
    answer = app.test_client().post(
        "/v1/chat/completions",
        json={"model": "far-end/ok", "messages": [{"role": "user", "content": "hi"}]},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 200, answer.text
    assert ledger.row().cost_nano_usd == nano


def test_a_chat_costs_what_people_say(app: Flask, chat: Chat, ledger: Ledger) -> None:
    key = chat.model()
    with app.app_context(), writing() as session:
        override(session.get_one(Model, key), {"input_price": 1.0, "output_price": 0.0})
    chat.answer("Hello")
    assert (ledger.row().input_tokens, ledger.row().cost_nano_usd) == (9, 9 * 1000)
