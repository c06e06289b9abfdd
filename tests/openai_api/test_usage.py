"""Every call of a program leaves one row of usage, however it ended."""

import contextlib

import openai
import pytest
from flask import Flask
from sqlalchemy import delete, select

from tests.openai_api.conftest import House
from tests.openai_api.test_official_client import ASKED
from webapp.core.database import reading, writing
from webapp.usage.event import UsageEvent
from webapp.usage.recorder import write_waiting

BODY = {"messages": ASKED}


@pytest.fixture(autouse=True)
def nothing_waits(app: Flask) -> None:
    """What other tests of this process left to be written is not of ours."""
    with app.app_context():
        write_waiting()
        with writing() as session:
            session.execute(delete(UsageEvent))


def rows(house: House) -> list[UsageEvent]:
    write_waiting()
    with reading() as session:
        return list(session.scalars(select(UsageEvent).order_by(UsageEvent.id)))


def ask(house: House, model: str, path: str = "/v1/chat/completions", **fields: object) -> int:
    assert house.app
    headers = {"x-api-key": house.tokens["owner"]}
    with house.app.test_client().post(path, json={"model": model} | fields, headers=headers) as response:
        return response.status_code if response.get_data() else 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_leaves_its_tokens_and_times(furnished: House, stream: bool) -> None:
    assert furnished.app
    with furnished.app.app_context():
        assert ask(furnished, "far-end/exact", stream=stream, **BODY) == 200
        [row] = rows(furnished)
    assert (row.outcome, row.source, row.kind, row.provider_slug, row.model_id) == (
        "ok",
        "api",
        "chat",
        "far-end",
        "exact",
    )
    assert row.input_tokens
    assert row.output_tokens
    assert row.latency_ms
    assert row.token_id
    assert (row.first_token_ms is not None) == stream


def test_vectors_leave_a_row_of_their_kind(furnished: House) -> None:
    assert furnished.app
    with furnished.app.app_context():
        assert ask(furnished, "far-end/embed-small", "/v1/embeddings", input="Hello") == 200
        [row] = rows(furnished)
    assert (row.kind, row.outcome) == ("embedding", "ok")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "outcome"), [("401", "auth_invalid"), ("429", "rate_limit"), ("500", "server_error")]
)
def test_a_refusal_leaves_its_category(furnished: House, model: str, outcome: str, stream: bool) -> None:
    assert furnished.app
    with furnished.app.app_context():
        assert ask(furnished, f"far-end/{model}", stream=stream, **BODY) >= 400
        [row] = rows(furnished)
    assert (row.outcome, row.input_tokens) == (outcome, None)


def test_a_failure_in_the_middle_of_a_stream_leaves_its_category(furnished: House) -> None:
    assert furnished.app
    with furnished.app.app_context():
        assert ask(furnished, "far-end/error-mid", stream=True, **BODY) == 200
        [row] = rows(furnished)
    assert row.outcome not in ("ok", "stopped")


def test_a_program_that_leaves_is_a_stop(own_house: House) -> None:
    with contextlib.suppress(openai.APITimeoutError):
        own_house.client(timeout=0.5).chat.completions.create(model="far-end/hold", messages=ASKED)
    stream = own_house.client().chat.completions.create(model="far-end/stall-mid", messages=ASKED, stream=True)
    assert next(iter(stream)).choices
    stream.close()
    assert all(call.gone.wait(2) for call in own_house.far_end.wait_for_calls(2))
    assert own_house.server
    assert own_house.app
    own_house.server.process.terminate()
    assert own_house.server.process.wait(15) == 0
    with own_house.app.app_context():
        assert [row.outcome for row in rows(own_house)] == ["stopped", "stopped"]
