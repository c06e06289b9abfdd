"""Aliases as programs call them: by OpenAI's own client, past those that fail, and without wandering in between."""

from typing import Any

import openai
import pytest

from tests.openai_api.conftest import House
from webapp.accounts.user import find_user
from webapp.core.database import writing
from webapp.models.model import Model
from webapp.models.names import find_named
from webapp.openai_api.conversations import KEPT_SECONDS, MOST, Conversations
from webapp.routing.alias import AliasInput, add_alias, aliases, delete_alias

ASKED: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


def make(house: House, name: str, strategy: str, *targets: tuple[str, int], sticky: bool = True) -> str:
    assert house.app
    with house.app.app_context(), writing() as session:
        for record in aliases(session):
            delete_alias(session, record)
        user = find_user(session, "admin")
        assert user
        models = tuple((find_named(session, user, target), weight) for target, weight in targets)
        add_alias(session, AliasInput(name, strategy, models, "stop", sticky))
    return name


def who(client: openai.OpenAI, model: str, messages: list[Any], **more: Any) -> str:
    """Return who answered."""
    raw = client.chat.completions.with_raw_response.create(model=model, messages=messages, **more)
    return f"{raw.headers['x-jackfield-provider']}/{raw.headers['x-jackfield-model']}"


@pytest.mark.parametrize(
    ("failing", "outcome", "is_stream"), [("503", "overloaded", False), ("500", "server_error", True)]
)
def test_the_second_target_answers_when_the_first_refuses(
    house: House, failing: str, outcome: str, is_stream: bool
) -> None:
    client = house.client()
    alias = make(house, f"best-{failing}", "ordered", (f"far-end/{failing}", 1), ("far-end/ok", 1))
    raw = client.chat.completions.with_raw_response.create(model=alias, messages=ASKED, stream=is_stream)
    assert raw.headers["x-jackfield-model"] == "ok"
    assert raw.headers["x-jackfield-attempts"] == "2"
    assert raw.headers["x-jackfield-trail"] == f"far-end/{failing}={outcome}, far-end/ok=ok"
    answer: Any = raw.parse()
    if is_stream:
        pieces = list(answer)
        assert {piece.model for piece in pieces} == {alias}
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    else:
        assert answer.model == alias
        assert answer.choices[0].message.content


def test_an_alias_is_listed_by_its_bare_name(house: House) -> None:
    client, alias = house.client(), make(house, "best", "ordered", ("far-end/ok", 1))
    assert alias in [model.id for model in client.models.list()]
    assert client.models.retrieve(alias).id == alias


def test_an_alias_whose_targets_are_all_gone_says_so(house: House) -> None:
    make(house, "gone", "ordered", ("second/fine", 1))
    change(house, "fine", False)
    try:
        with pytest.raises(openai.APIStatusError) as refused:
            house.client().chat.completions.create(model="gone", messages=ASKED)
    finally:
        change(house, "fine", True)
    assert "Nothing stands behind gone that" in refused.value.message


def change(house: House, model_id: str, is_enabled: bool) -> None:
    assert house.app
    with house.app.app_context(), writing() as session:
        session.query(Model).filter_by(model_id=model_id).update({"is_enabled": is_enabled})


def test_a_conversation_stays_with_who_answered_it_first(house: House) -> None:
    make(house, "drawn", "weighted", ("far-end/ok", 1), ("second/fine", 1))
    client = house.client()
    begun = [*ASKED[:1], {"role": "user", "content": "The first words of one conversation"}]
    first = who(client, "drawn", begun)
    for turn in range(8):
        begun += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": f"And then? {turn}"}]
        assert who(client, "drawn", begun) == first
    others = {who(client, "drawn", [{"role": "user", "content": f"Another {number}"}]) for number in range(20)}
    assert len(others) == 2


def test_a_program_may_name_its_conversation(house: House) -> None:
    make(house, "drawn", "weighted", ("far-end/ok", 1), ("second/fine", 1))
    client, named = house.client(), {"x-jackfield-session": "one"}
    first = who(client, "drawn", ASKED, extra_headers=named)
    for number in range(8):
        other = [{"role": "user", "content": f"Other words {number}"}]
        assert who(client, "drawn", other, extra_headers=named) == first


def test_an_alias_that_does_not_stay_wanders(house: House) -> None:
    make(house, "loose", "weighted", ("far-end/ok", 1), ("second/fine", 1), sticky=False)
    assert len({who(house.client(), "loose", ASKED) for _ in range(20)}) == 2


def test_who_answered_is_forgotten_after_half_an_hour_and_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("webapp.core.clock.monotonic", lambda: now)
    known = Conversations()
    known.note(b"old", (1, "direct"))
    assert known.last(b"old") == (1, "direct")
    now += KEPT_SECONDS
    assert known.last(b"old") is None
    for number in range(MOST):
        known.note(b"%d" % number, (2, "direct"))
    now -= KEPT_SECONDS
    assert known.last(b"old") is None
    assert known.last(b"0") == (2, "direct")
