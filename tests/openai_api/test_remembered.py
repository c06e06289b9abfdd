"""What is remembered between calls never outlives a change: at once in this process, within a second in another."""

import time
from collections.abc import Callable

import openai
import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from tests.far_end import FarEnd
from tests.openai_api.conftest import House
from tests.openai_api.test_official_client import ASKED
from webapp.accounts.api_token import ApiToken
from webapp.accounts.user import User
from webapp.core.database import writing
from webapp.core.secret import Secret
from webapp.models.model import Model
from webapp.providers.keys import change_address
from webapp.providers.private_address import PrivateAddress, open_address
from webapp.providers.provider import Provider
from webapp.upstream.addresses import host_port

Change = Callable[[Session], object]
NEW_KEY = "sk-changed-77c1d94e07c3f28aa"


def far(session: Session) -> Provider:
    return session.query(Provider).filter_by(slug="far-end").one()


def disable_user(session: Session) -> None:
    session.query(User).filter_by(email="owner").one().is_disabled = True


def revoke_token(session: Session) -> None:
    session.execute(delete(ApiToken).where(ApiToken.name == "owner"))


def narrow_token(session: Session) -> None:
    session.query(ApiToken).filter_by(name="owner").one().scopes = ["manage"]


def close_address(session: Session) -> None:
    session.execute(delete(PrivateAddress))


def switch_model_off(session: Session) -> None:
    session.query(Model).filter_by(provider_id=far(session).id, model_id="ok").one().is_enabled = False


def take_away(session: Session) -> None:
    far(session).is_shared = False


REFUSALS: list[tuple[Change, int]] = [
    (disable_user, 401),
    (revoke_token, 401),
    (narrow_token, 401),
    (close_address, 502),
    (switch_model_off, 404),
    (take_away, 404),
]


@pytest.mark.parametrize(("change", "status"), REFUSALS, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_taken_away_is_gone_at_once(furnished: House, change: Change, status: int) -> None:
    assert asked(furnished) == 200
    in_this_process(furnished, change)
    calls = len(furnished.far_end.calls)
    assert asked(furnished) == status
    assert len(furnished.far_end.calls) == calls


def test_a_changed_key_and_a_moved_provider_count_at_once(furnished: House) -> None:
    assert asked(furnished) == 200
    in_this_process(furnished, lambda session: change_address(session, far(session), far(session).base_url, NEW))
    assert asked(furnished) == 200
    assert furnished.far_end.calls[-1].headers["authorization"] == f"Bearer {NEW_KEY}"
    with FarEnd() as elsewhere:
        in_this_process(furnished, lambda session: move(session, elsewhere))
        assert asked(furnished) == 404  # the key stayed behind
        assert elsewhere.calls == []
        in_this_process(furnished, lambda session: change_address(session, far(session), elsewhere.base_url, NEW))
        calls = len(furnished.far_end.calls)
        assert asked(furnished) == 200
        assert (len(elsewhere.calls), len(furnished.far_end.calls)) == (1, calls)


def test_another_process_knows_within_a_second(own_house: House) -> None:
    client = own_house.client()
    client.chat.completions.create(model="far-end/ok", messages=ASKED)
    assert own_house.app
    for change, wanted in (
        (switch_model_off, openai.NotFoundError),
        (disable_user, openai.AuthenticationError),
    ):
        with own_house.app.app_context(), writing() as session:
            change(session)
        changed = time.monotonic()
        with pytest.raises(wanted):
            ask_on(client)
        assert time.monotonic() - changed < 1.5


NEW = Secret(NEW_KEY)


def asked(house: House) -> int:
    """Ask the same once more; return the status."""
    headers = {"x-api-key": house.tokens["owner"]}
    body = {"model": "far-end/ok", "messages": ASKED}
    assert house.app
    return house.app.test_client().post("/v1/chat/completions", json=body, headers=headers).status_code


def ask_on(client: openai.OpenAI) -> None:
    while True:
        client.chat.completions.create(model="far-end/ok", messages=ASKED)


def in_this_process(house: House, change: Change) -> None:
    assert isinstance(house.app, Flask)
    with house.app.app_context(), writing() as session:
        change(session)


def move(session: Session, elsewhere: FarEnd) -> None:
    open_address(session, *host_port(elsewhere.base_url), session.query(User).filter_by(email="admin").one().id)
    change_address(session, far(session), elsewhere.base_url, None)
