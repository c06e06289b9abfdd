"""Which refusals disable a key, and which do not."""

import pytest

from tests.models.lists import join
from tests.routing.two_keys import FIRST, SECOND, House
from webapp.core.database import writing
from webapp.models.model import Model, id_hash


def test_three_refusals_in_a_row_disable_the_key_and_answers_go_on(house: House) -> None:
    house.far_end.plays = {FIRST: "401"}
    for number in range(1, 4):
        assert house.ask().status_code == 200
        first, second = house.stored()
        assert (first.is_enabled, first.disabled_because) == ((True, None) if number < 3 else (False, "auth_invalid"))
    assert second.is_enabled
    assert house.ask().headers["x-jackfield-attempts"] == "1"
    assert house.sent() == ["first", "second"] * 3 + ["second"]


def test_a_success_between_begins_the_count_anew(house: House) -> None:
    for script in ("401", "401", "ok", "401", "401"):
        house.far_end.plays = {FIRST: script}
        assert house.ask().status_code == 200
    assert house.stored()[0].is_enabled


@pytest.mark.parametrize("script", ["402", "404", "429", "500", "503", "insufficient_quota"])
def test_nothing_else_disables_a_key(house: House, script: str) -> None:
    house.far_end.plays = {FIRST: script, SECOND: script}
    for _ in range(5):
        house.ask()
    assert [(row.is_enabled, row.disabled_because) for row in house.stored()] == [(True, None)] * 2


def test_who_may_not_use_a_model_is_followed_by_the_other_key(house: House) -> None:
    house.far_end.plays = {FIRST: "403"}
    answer = house.ask()
    assert answer.headers["x-jackfield-trail"] == "far-end/ok=permission, far-end/ok=ok"
    assert house.sent() == ["first", "second"]


def test_three_times_403_disable_a_key_when_the_list_is_refused_to_it_too(house: House) -> None:
    house.far_end.plays = {FIRST: "403"}
    for _ in range(3):
        assert house.ask().status_code == 200
    house.stored()
    join("confirm_refusal")
    first, second = house.stored()
    assert (first.is_enabled, first.disabled_because) == (False, "auth_invalid")
    assert second.is_enabled
    assert [call.path for call in house.far_end.calls if call.method == "GET"] == ["/v1/models"]


def test_three_times_403_of_a_model_leave_a_key_that_the_list_is_given_to(house: House) -> None:
    with house.app.app_context(), writing() as session:
        session.add(Model(provider_id=house.provider_id, model_id="403", id_hash=id_hash("403"), search_text="403"))
    for _ in range(7):
        assert house.ask(model="far-end/403").status_code == 403
        house.stored()
    join("confirm_refusal")
    assert all(row.is_enabled for row in house.stored())
    lists = [call.headers["authorization"] for call in house.far_end.calls if call.method == "GET"]
    assert sorted(lists) == [f"Bearer {FIRST}", f"Bearer {SECOND}"]  # once for each in ten minutes


def test_an_outage_disables_no_key(house: House) -> None:
    house.far_end.close()
    for _ in range(5):
        assert house.ask().status_code >= 500
    assert all(row.is_enabled for row in house.stored())


def test_when_all_keys_are_out_nothing_is_sent_and_the_reason_is_told(house: House) -> None:
    house.far_end.plays = {FIRST: "401", SECOND: "401"}
    for _ in range(3):
        assert house.ask().status_code >= 400
    assert [row.is_enabled for row in house.stored()] == [False, False]
    before = len(house.far_end.calls)
    answer = house.ask()
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "no_usable_key")
    told = "No usable key: the model 'far-end/ok' is at a provider whose key was refused too often and is switched off."
    assert answer.json["error"]["message"] == told
    assert len(house.far_end.calls) == before
