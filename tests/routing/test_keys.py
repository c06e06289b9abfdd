"""Calls with several keys: who is drawn, who rests, who is refused for good, and what is written of each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.far_end import FarEnd
from tests.program import Program, program
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.core.errors import CryptoError
from webapp.core.secret import Secret
from webapp.models.model import Model, id_hash
from webapp.providers.credential import Credential
from webapp.providers.keys import KeyInput, add_key, key_view, replace_key, switch_key
from webapp.providers.provider import Provider
from webapp.routing.health import health
from webapp.routing.keybook import UsedKey, keybook
from webapp.upstream.failures import failure

FIRST, SECOND = "sk-first-0c1d94e07c3f28aa", "sk-second-91be04d3a7f65c02"


@dataclass
class House:
    """A provider with two keys; the first is always drawn first, for the other one only stands in."""

    app: Flask
    far_end: FarEnd
    program: Program
    provider_id: int

    def ask(self, **fields: object) -> TestResponse:
        body = {"model": "far-end/ok", "messages": [{"role": "user", "content": "Hi"}], **fields}
        return self.program.post("/v1/chat/completions", body)

    def stored(self) -> list[Credential]:
        """The keys, after what was learned of them was written."""
        with self.app.app_context():
            keybook.write()
            db.session.rollback()
            rows = list(db.session.get_one(Provider, self.provider_id).credentials)
            db.session.expunge_all()
            return rows

    def sent(self) -> list[str]:
        """With which key each call came."""
        names = {f"Bearer {FIRST}": "first", f"Bearer {SECOND}": "second"}
        return [names[call.headers["authorization"]] for call in self.far_end.calls]

    def change(self, do: Callable[[Provider], object]) -> None:
        with self.app.app_context(), writing() as session:
            do(session.get_one(Provider, self.provider_id))


@pytest.fixture
def house(app: Flask, far_end: FarEnd, add_provider: Callable[..., int]) -> Iterator[House]:
    provider_id = add_provider(far_end.base_url, key=FIRST)
    with app.app_context(), writing() as session:
        provider = session.get_one(Provider, provider_id)
        add_key(session, provider, Secret(SECOND), KeyInput("Reserve", 0))
        session.add(Model(provider_id=provider_id, model_id="ok", id_hash=id_hash("ok"), search_text="ok"))
    yield House(app, far_end, program(app, "owner", "chat"), provider_id)
    with app.app_context():
        keybook.write()


def test_a_rate_limited_key_rests_and_the_other_answers_at_once(house: House) -> None:
    house.far_end.plays = {FIRST: "429"}
    answer = house.ask()
    assert answer.status_code == 200
    assert answer.headers["x-jackfield-trail"] == "far-end/ok=rate_limit, far-end/ok=ok"
    assert house.ask().headers["x-jackfield-attempts"] == "1"
    assert house.sent() == ["first", "second", "second"]
    first, second = house.stored()
    assert first.is_enabled
    assert first.last_failure
    assert first.last_failure["category"] == "rate_limit"
    with house.app.app_context():
        views = [key_view(db.session.get_one(Provider, house.provider_id), row) for row in (first, second)]
    assert [view.state for view in views] == ["resting", "good"]
    assert views[0].until
    assert timedelta(seconds=0) < views[0].until - clock.now() <= timedelta(seconds=7)


def test_a_streamed_answer_comes_from_the_other_key_too(house: House) -> None:
    house.far_end.plays = {FIRST: "429"}
    answer = house.ask(stream=True)
    assert answer.status_code == 200
    assert answer.text.rstrip().endswith("[DONE]")
    assert house.sent() == ["first", "second"]


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


@pytest.mark.parametrize("script", ["402", "403", "404", "429", "500", "503", "insufficient_quota"])
def test_nothing_else_disables_a_key(house: House, script: str) -> None:
    house.far_end.plays = {FIRST: script, SECOND: script}
    for _ in range(5):
        house.ask()
    assert [(row.is_enabled, row.disabled_because) for row in house.stored()] == [(True, None)] * 2


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


def test_an_enabled_or_replaced_key_begins_anew(house: House) -> None:
    house.far_end.plays = {FIRST: "401"}
    for _ in range(3):
        house.ask()
    assert not house.stored()[0].is_enabled
    house.far_end.plays = {}
    house.change(lambda provider: switch_key(provider, provider.credentials[0], True))
    first = house.stored()[0]
    assert (first.is_enabled, first.disabled_because) == (True, None)
    assert health.key_state(first.id) == "unknown"
    house.ask()
    assert house.sent()[-1] == "first"
    with house.app.app_context(), writing() as session:
        provider = session.get_one(Provider, house.provider_id)
        replace_key(session, provider, provider.credentials[0], Secret("sk-a-new-one-0123456789"))
    house.ask()
    assert house.far_end.calls[-1].headers["authorization"] == "Bearer sk-a-new-one-0123456789"


def test_a_refusal_of_the_old_key_says_nothing_of_the_new_one(house: House) -> None:
    old = house.stored()[0]
    with house.app.app_context(), writing() as session:
        provider = session.get_one(Provider, house.provider_id)
        replace_key(session, provider, provider.credentials[0], Secret("sk-a-new-one-0123456789"))
    for _ in range(3):
        keybook.note_failure(UsedKey(old.id, old.saved_at), failure("auth_invalid"))
    new = house.stored()[0]
    assert (new.id, new.is_enabled, new.last_failure) == (old.id, True, None)


def test_what_is_learned_of_keys_is_written_at_once_for_many_calls(house: House) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "UPDATE credentials" in statement:
            statements.append(statement)

    for _ in range(10):
        house.ask()
    with house.app.app_context():
        db.event.listen(db.engine, "before_cursor_execute", note)
        keybook.write()
        keybook.write()
        db.event.remove(db.engine, "before_cursor_execute", note)
    assert len(statements) == 1
    first, second = house.stored()
    assert first.last_used_at
    assert second.last_used_at is None


def test_expired_and_disabled_keys_are_not_drawn(house: House) -> None:
    def expire(provider: Provider) -> None:
        provider.credentials[0].expires_at = clock.now() - timedelta(seconds=1)

    house.change(expire)
    assert house.ask().status_code == 200
    house.change(lambda provider: switch_key(provider, provider.credentials[1], False))
    assert "at a provider whose keys have all expired" in house.ask().json["error"]["message"]
    assert house.sent() == ["second"]


def test_in_the_place_of_a_deleted_key_no_other_is_sent(house: House) -> None:
    with house.app.app_context():
        provider = db.session.get_one(Provider, house.provider_id)
        with pytest.raises(CryptoError, match="was deleted"):
            provider.key(4711)


def test_weights_share_the_calls(house: House) -> None:
    def share(provider: Provider) -> None:
        provider.credentials[1].weight = 3

    house.change(share)
    for _ in range(40):
        house.ask()
    assert 1 <= house.sent().count("first") < 25
