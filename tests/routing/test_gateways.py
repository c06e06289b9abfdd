"""Remote gateways: kept, tested, chosen, deleted; their keys stay at their address."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.accounts.api_token import create_token
from webapp.accounts.user import find_user
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.providers.provider import Provider
from webapp.routing.gateway import Gateway, litellm_word, prune_gateways
from webapp.routing.gateway_check import DueGateways, check_gateway

KEY = "sk-virtual-0123456789abcdef"
CONFIRMED = {"name": "Office", "allow_private": "y", "weight": "3"}


@pytest.fixture
def office(admin: Person, far_end: FarEnd) -> int:
    """A gateway at the far end, whose id is 1."""
    far_end.key = KEY
    answer = admin.post("/gateways", CONFIRMED | {"base_url": far_end.root, "api_key": KEY})
    assert answer.status_code == 303, answer.text
    return 1


def stored(app: Flask) -> Gateway:
    with app.app_context():
        return db.session.get(Gateway, 1)


def test_a_saved_gateway_is_asked_at_once_for_life_and_models_but_never_for_health(
    app: Flask, admin: Person, far_end: FarEnd, office: int
) -> None:
    page = admin.get("/gateways").text
    paths = [call.path for call in far_end.calls]
    assert paths == ["/health/liveliness", "/v1/models", "/health/readiness"]
    assert "models offered" in page
    assert "Answers" in page
    assert stored(app).base_url == f"{far_end.root}/v1"
    assert "ok" in stored(app).models


def test_its_key_is_sealed_and_never_shown_again(app: Flask, admin: Person, office: int) -> None:
    assert KEY not in (stored(app).sealed_key or KEY)
    for path in ("/gateways", "/gateways/1/edit", "/api/gateways", "/api/gateways/1"):
        text = admin.get(path).text
        assert KEY not in text
        assert "cdef" in text


def test_a_wrong_key_is_told_in_the_words_of_all_failures(app: Flask, admin: Person, far_end: FarEnd) -> None:
    far_end.key = "sk-another-one"
    admin.post("/gateways", CONFIRMED | {"base_url": far_end.root, "api_key": KEY})
    assert stored(app).failure["category"] == "auth_invalid"
    page = admin.get("/gateways").text
    assert "The key was refused" in page
    assert "Test failed" in page


def test_a_gateway_that_is_not_there_keeps_the_models_that_were_known(
    app: Flask, admin: Person, far_end: FarEnd, office: int
) -> None:
    known = stored(app).models
    far_end.close()
    page = admin.post("/gateways/1/check", htmx=True, headers={"HX-Target": "article#gateway-card-1"}).text
    assert "Test failed" in page
    assert stored(app).models == known


def test_a_private_address_has_to_be_confirmed_and_a_denied_one_is_never_opened(admin: Person, far_end: FarEnd) -> None:
    asked = admin.post("/gateways", {"name": "Office", "base_url": far_end.root})
    assert asked.status_code == 422
    assert "Confirm that Jackfield may connect" in asked.text
    assert far_end.root in asked.text
    denied = admin.post("/gateways", {"name": "Cloud", "base_url": "http://169.254.169.254/v1", "allow_private": "y"})
    assert denied.status_code == 422
    assert "never opened" in denied.text
    assert not far_end.calls


def test_another_host_drops_the_key_and_what_was_known(app: Flask, admin: Person, far_end: FarEnd, office: int) -> None:
    with FarEnd(key=KEY) as elsewhere:
        admin.post("/gateways/1", CONFIRMED | {"base_url": elsewhere.root})
        assert all("authorization" not in call.headers for call in elsewhere.calls)
    assert stored(app).sealed_key is None
    assert stored(app).models == []


def test_members_see_gateways_and_change_none(owner: Person, far_end: FarEnd, office: int) -> None:
    page = owner.get("/gateways").text
    assert "Office" in page
    assert "/gateways/1/delete" not in page
    for path in ("/gateways", "/gateways/1", "/gateways/1/check", "/gateways/1/delete", "/gateways/embedded"):
        assert owner.post(path, CONFIRMED).status_code == 403, path
    assert owner.get("/gateways/1/edit").status_code == 403


def test_a_deleted_gateway_leaves_its_providers_direct_and_comes_back_for_them(
    app: Flask, admin: Person, office: int
) -> None:
    admin.post("/providers/1/route", {"route": "office"})
    deleted = admin.post("/gateways/1/delete")
    with app.app_context():
        assert db.session.get(Provider, 1).route == "direct"
    page = admin.get(deleted.location)
    assert "Office was deleted" in page.text
    assert '<input type="hidden" name="provider" value="1">' in page.text
    admin.post("/gateways/1/restore", {"provider": ["1"]})
    with app.app_context():
        assert db.session.get(Provider, 1).route == "office"


def test_what_cannot_come_back_any_more_is_removed(app: Flask, admin: Person, office: int) -> None:
    admin.post("/gateways/1/delete")
    with app.app_context(), writing() as session:
        prune_gateways(session)
        assert session.get(Gateway, 1) is not None
        session.get(Gateway, 1).deleted_at -= timedelta(minutes=1)
        session.flush()
        prune_gateways(session)
        assert session.get(Gateway, 1) is None


def test_the_route_of_a_provider_acts_at_once_and_only_to_what_exists(app: Flask, admin: Person, office: int) -> None:
    row = admin.post("/providers/1/route", {"route": "office"}, htmx=True, headers={"HX-Target": "tr#route-row-1"})
    assert row.text.startswith('<tr id="route-row-1">')
    assert "selected>Office" in row.text
    assert admin.post("/providers/1/route", {"route": "nowhere"}).status_code == 422
    card = admin.get("/providers/1/route", headers={"HX-Request": "true"})
    assert "Back to direct" in card.text
    plain = admin.post("/providers/1/route", {"route": "direct", "next": "gateways"})
    assert plain.location.endswith("/gateways")


def test_members_choose_the_route_of_their_own_providers_only(
    owner: Person, stranger: Person, add_provider: Callable[..., int], far_end: FarEnd, office: int
) -> None:
    own = add_provider(far_end.base_url, by="owner")
    assert owner.post(f"/providers/{own}/route", {"route": "automatic"}).status_code == 303
    assert owner.post("/providers/1/route", {"route": "automatic"}).status_code == 403
    assert stranger.post(f"/providers/{own}/route", {"route": "direct"}).status_code == 404


def test_a_gateway_that_is_off_is_told_where_providers_go_through_it(admin: Person, office: int) -> None:
    admin.post("/providers/1/route", {"route": "office"})
    admin.post("/gateways/1/switch")
    assert "Gateway is off" in admin.get("/gateways").text


def test_programs_keep_gateways_by_the_same_rules(app: Flask, admin: Person, owner: Person, far_end: FarEnd) -> None:
    def call(person: Person, method: str, path: str, body: object = None) -> tuple[int, object]:
        answer = person.client.open(path, method=method, json=body, headers={"X-CSRFToken": person.csrf})
        return answer.status_code, answer.json

    far_end.key = KEY
    wanted = {"name": "Office", "base_url": far_end.root, "api_key": KEY}
    assert call(admin, "POST", "/api/gateways", wanted)[0] == 422
    status, made = call(admin, "POST", "/api/gateways", wanted | {"allow_private": True})
    assert (status, made["slug"], made["api_key_masked"]) == (201, "office", "…cdef")
    assert call(owner, "POST", "/api/gateways", wanted)[0] == 403
    status, found = call(admin, "POST", "/api/gateways/1/verify", {})
    assert (status, found["problem"], "ok" in found["models"]) == (200, None, True)
    assert call(admin, "PATCH", "/api/gateways/1", {"weight": 7})[1]["weight"] == 7
    assert call(admin, "PATCH", "/api/providers/1", {"route": "office"})[1]["route"] == "office"
    status, refused = call(admin, "PATCH", "/api/providers/1", {"route": "nowhere"})
    assert (status, list(refused["errors"])) == (422, ["route"])
    assert call(admin, "DELETE", "/api/gateways/1")[0] == 204
    assert call(admin, "GET", "/api/providers/1")[1]["route"] == "direct"


def test_a_list_that_is_old_is_read_again_once(app: Flask, far_end: FarEnd, office: int) -> None:
    count = len(far_end.calls)
    due = DueGateways()
    with app.app_context():
        assert due._take_due() is None
        with writing() as session:
            session.get(Gateway, 1).checked_at = None
        assert due._take_due() == 1
        assert due._take_due() is None
        check_gateway(1)
    assert len(far_end.calls) == count + 3


def test_a_word_of_ours_is_no_name_of_a_gateway(app: Flask, admin: Person, far_end: FarEnd) -> None:
    admin.post("/gateways", CONFIRMED | {"name": "Direct", "base_url": far_end.root})
    assert stored(app).slug == "direct-gateway"


@pytest.mark.parametrize("is_stream", [False, True])
def test_calls_go_through_the_gateway_with_its_key_and_say_so(
    app: Flask, admin: Person, far_end: FarEnd, add_provider: Callable[..., int], office: int, is_stream: bool
) -> None:
    provider = add_provider("http://127.0.0.1:9/v1", key="sk-the-providers-own-key")
    with app.app_context(), writing() as session:
        session.add(Model(provider_id=provider, model_id="ok", id_hash=id_hash("ok"), search_text="ok"))
        secret = create_token(session, find_user(session, "admin"), "test")
    admin.post(f"/providers/{provider}/route", {"route": "office"})
    answer = app.test_client().post(
        "/v1/chat/completions",
        json={"model": "far-end/ok", "messages": [{"role": "user", "content": "Hello"}], "stream": is_stream},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 200, answer.text
    assert "lazy dog" in answer.text or is_stream
    assert answer.headers["x-jackfield-route"] == "office"
    asked = far_end.calls[-1]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_litellm_calls_a_provider_by_its_own_word_or_by_its_protocol() -> None:
    words = [
        litellm_word(Provider(vendor_id=vendor, dialect=dialect))
        for vendor, dialect in (("zai", "openai"), ("custom", "openai"), ("gemini", "openai"), ("zai", "anthropic"))
    ]
    assert words == ["zai", "openai", "openai", "anthropic"]


def test_a_comparison_needs_a_gateway_and_its_form_is_filled_from_the_address(
    app: Flask, admin: Person, far_end: FarEnd
) -> None:
    assert "No gateway is switched on" in admin.get("/gateways/comparisons").text
    admin.post("/gateways", CONFIRMED | {"base_url": far_end.root})
    text = admin.get("/gateways/comparisons?model=far-end/ok&route=office").text
    assert 'value="far-end/ok"' in text
    assert '<option value="office" selected>Office</option>' in text
