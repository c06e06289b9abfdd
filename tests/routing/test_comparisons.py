"""One question direct and through a gateway: both sides told as they were, and kept."""

from collections.abc import Callable

from flask import Flask
from sqlalchemy import func, select

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.routing.compared import KEY, begin, compare, settle
from webapp.core.database import db, writing
from webapp.models.model import Model
from webapp.routing.gateway import Gateway
from webapp.upstream.dialects.anthropic import MAX_TOKENS
from webapp.usage.event import UsageEvent
from webapp.usage.recorder import write_waiting

AddModel = Callable[..., int]


def test_both_sides_are_asked_each_with_its_key_and_told_side_by_side(
    app: Flask, owner: Person, stranger: Person, add_model: AddModel, far_end: FarEnd, gateway: FarEnd
) -> None:
    far_end.key = "sk-own-0123456789"
    add_model(key=far_end.key)
    at = begin(owner, temperature="0.3")
    settle()
    text = owner.get(at).text
    assert "Direct against Office" in text
    assert "Vì sao trời xanh? &lt;b&gt;" in text
    assert "lazy dog, and 1 &lt; 2 &amp; 3." in text
    assert "The gateway says so." in text
    assert "9 in, 13 out" in text
    assert "9 in, 4 out" in text
    assert "$0.000035" in text
    assert "$0.000017" in text
    assert text.count("temperature 0.3") == 2
    assert text.count(">Answered<") == 2
    assert "later</span>" in text or "earlier</span>" in text
    assert [call.headers["authorization"] for call in far_end.calls] == [f"Bearer {far_end.key}"]
    assert [call.headers["authorization"] for call in gateway.calls] == [f"Bearer {KEY}"]
    assert at in owner.get("/gateways/comparisons").text
    assert stranger.get(at).status_code == 404
    assert stranger.post(f"{at}/stop").status_code == 404
    assert at not in stranger.get("/gateways/comparisons").text


def test_what_it_cost_is_recorded_by_route(app: Flask, owner: Person, add_model: AddModel) -> None:
    add_model()
    with app.app_context():
        write_waiting()  # what other tests left
        last = db.session.scalar(select(func.max(UsageEvent.id))) or 0
    compare(app)
    with app.app_context():
        write_waiting()
        rows = db.session.scalars(select(UsageEvent).where(UsageEvent.id > last).order_by(UsageEvent.route)).all()
    assert [(row.route, row.kind, row.source, row.outcome, row.user_id) for row in rows] == [
        ("direct", "probe", "check", "ok", owner.user_id),
        ("office", "probe", "check", "ok", owner.user_id),
    ]
    assert all(row.first_token_ms and row.cost_nano_usd for row in rows)


def test_both_are_under_way_at_once_and_the_page_asks_for_itself(
    owner: Person, add_model: AddModel, far_end: FarEnd, gateway: FarEnd
) -> None:
    add_model("hold")
    at = begin(owner, "hold")
    far_end.wait_for_calls(1)
    gateway.wait_for_calls(1)  # although nobody answered
    text = owner.get(at, headers={"HX-Request": "true"}).text
    assert text.startswith('<div id="comparison"')
    assert 'hx-trigger="load delay' in text
    assert text.count("Running") == 2
    far_end.release.set()
    gateway.release.set()
    settle()
    text = owner.get(at, headers={"HX-Request": "true"}).text
    assert "hx-trigger" not in text
    assert text.count(">Answered<") == 2


def test_a_side_that_fails_says_why_in_the_words_of_all_failures_and_the_other_stays(
    app: Flask, owner: Person, admin: Person, add_model: AddModel, gateway: FarEnd
) -> None:
    add_model()
    gateway.key = "sk-another-one"
    at = begin(owner)
    settle()
    text = owner.get(at).text
    assert text.count(">Answered<") == 1
    assert "The key was refused" in text
    assert "Office" in text[text.index("The key was refused") :]
    assert KEY not in text
    told = compare(app)
    assert told["direct"]["status"] == "good"
    assert told["through"]["problem"]["category"] == "auth_invalid"
    assert told["through"]["latency_ms"] > 0
    assert told["through"]["first_token_ms"] is told["added_first_token_ms"] is None


def test_an_answer_that_breaks_off_is_a_failure_with_what_came(
    app: Flask, add_model: AddModel, gateway: FarEnd, far_end: FarEnd
) -> None:
    add_model("error-mid")
    with app.app_context(), writing() as session:
        session.get_one(Gateway, 1).models = ["error-mid"]
    told = compare(app, "error-mid")
    assert (told["direct"]["status"], told["direct"]["text"]) == ("failed", "Half ")
    assert told["direct"]["said"] == "The GPU caught fire."
    assert told["direct"]["problem"]["category"] == "server_error"


def test_a_parameter_that_is_refused_is_named_with_what_was_done(app: Flask, add_model: AddModel) -> None:
    add_model("refuse:seed")
    told = compare(app, "refuse:seed", seed=7, top_p=0.9)
    for side in (told["direct"], told["through"]):
        assert side["status"] == "good"
        assert side["repairs"] == ["drop seed"]
        assert side["dropped"] == ["seed"]
        assert side["sent"] == {"top_p": 0.9}


def test_what_a_protocol_has_no_word_for_is_named_and_what_it_words_otherwise_is_not(
    app: Flask, add_model: AddModel, far_end: FarEnd
) -> None:
    add_model(base_url=far_end.at("anthropic"), dialect="anthropic", auth_style="none")
    with app.app_context(), writing() as session:
        row = session.scalars(select(Model).where(Model.model_id == "ok")).one()
        row.provider.slug = "far-end"
    told = compare(app, seed=7, stop=["END"], reasoning_effort="low")
    assert told["direct"]["dropped"] == ["seed"]
    assert told["direct"]["sent"] == {
        "max_tokens": MAX_TOKENS,
        "stop_sequences": ["END"],
        "output_config": {"effort": "low"},
    }
    assert told["through"]["dropped"] == []
    assert told["through"]["sent"] == {"seed": 7, "stop": ["END"], "reasoning_effort": "low"}


def test_a_gateway_may_know_the_model_by_another_name(app: Flask, add_model: AddModel, gateway: FarEnd) -> None:
    add_model("503")
    with app.app_context(), writing() as session:
        session.get_one(Gateway, 1).models = ["far-end/503"]
    told = compare(app, "503")
    assert told["through"]["model"] == "far-end/503"
    assert (told["through"]["status"], told["direct"]["status"]) == ("good", "failed")
    assert told["direct"]["problem"]["category"] == "overloaded"


def test_figures_are_told_by_route_on_the_gateways_card_and_the_providers(
    app: Flask, owner: Person, add_model: AddModel, far_end: FarEnd
) -> None:
    with app.app_context():
        write_waiting()  # what other tests left
    add_model()
    for _ in range(3):
        compare(app)
    far_end.key = "sk-another"
    compare(app)
    with app.app_context():
        write_waiting()
        provider_id = db.session.scalars(select(Model.provider_id).where(Model.model_id == "ok")).one()
    card = owner.get("/gateways").text
    card = card[card.index('id="gateway-card-1"') :]
    assert "4 calls, 100 % well" in card
    assert "of 3 comparisons" in card
    own = owner.get(f"/providers/{provider_id}/route", headers={"HX-Request": "true"}).text
    direct, office = own[own.index(">Direct</h3>") :].split(">Office</h3>")
    assert "4 calls, 75 % well" in direct
    assert "4 calls, 100 % well" in office
    assert "p95" in direct
