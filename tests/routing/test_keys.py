"""Calls with several keys: who is drawn, who rests, who is refused for good, and what is written of each."""

from datetime import timedelta

import pytest

from tests.routing.two_keys import FIRST, House
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.core.errors import CryptoError
from webapp.core.secret import Secret
from webapp.providers.keys import key_view, replace_key, switch_key
from webapp.providers.provider import Provider
from webapp.routing.health import health
from webapp.routing.keybook import UsedKey, keybook
from webapp.upstream.failures import failure


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
