"""What goes wrong reaches a program as OpenAI's own exceptions, before an answer and inside one."""

import json
from typing import Any

import httpx2
import openai
import pytest

from tests.openai_api.conftest import House
from tests.openai_api.test_official_client import ASKED
from webapp.openai_api.failures import ELSE, OUTCOMES, told
from webapp.upstream.failures import CATEGORIES, UpstreamError


def test_a_rate_limit_names_the_wait(client: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="far-end/429", messages=ASKED)
    assert caught.value.response.headers["retry-after"] == "7"
    assert "x-should-retry" not in caught.value.response.headers
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.message == "Error code: 429 - far-end: Rate limit reached for requests. Please slow down."


def test_the_client_does_not_ask_again_where_that_cannot_help(house: House) -> None:
    before = len(house.far_end.calls)
    with pytest.raises(openai.RateLimitError, match="credits"):
        house.client(max_retries=2).chat.completions.create(model="far-end/402", messages=ASKED)
    assert len(house.far_end.calls) == before + 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_key_of_the_provider_is_told_apart_from_a_refused_token(house: House, stream: bool) -> None:
    for client, model, code in (
        (house.client(), "far-end/401", "auth_invalid"),
        (house.client("jf_nobody"), "far-end/ok", "invalid_api_key"),
    ):
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model=model, messages=ASKED, stream=stream)
        assert caught.value.code == code


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    for name in ("far-end/gpt-unknown", "gpt-unknown", "nobody/ok", "far-end/", "/", "far-end/OK"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=name, messages=ASKED)
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError, match="No usable key") as keyless:
        client.chat.completions.create(model="openai/gpt-5.5", messages=ASKED)
    assert keyless.value.code == "no_usable_key"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("far-end/gpt-unknown")


def test_an_id_of_several_providers_lists_the_choices(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="'far-end/ok', 'private/ok'") as caught:
        client.chat.completions.create(model="ok", messages=ASKED)
    assert caught.value.code == "model_ambiguous"


def test_a_failure_inside_a_stream_is_an_api_error_after_the_text_so_far(client: openai.OpenAI) -> None:
    pieces: list[str | None] = []
    stream = client.chat.completions.create(model="error-mid", messages=ASKED, stream=True)
    with pytest.raises(openai.APIError, match="GPU caught fire") as caught:
        pieces.extend(chunk.choices[0].delta.content for chunk in stream)
    assert pieces == ["", "Half "]
    assert not isinstance(caught.value, openai.APIStatusError)


def test_a_stream_that_is_cut_does_not_look_finished(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="far-end"):
        list(client.chat.completions.create(model="cut", messages=ASKED, stream=True))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="cut", messages=ASKED)


def test_an_answer_without_room_says_so(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="far-end/length", messages=ASKED)
    assert (answer.choices[0].finish_reason, answer.choices[0].message.content) == ("length", "")


def test_what_a_provider_without_embeddings_is_asked_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="offers no embeddings"):
        client.embeddings.create(model="claude/haiku", input="a")
    with pytest.raises(openai.InternalServerError, match="no vectors"):
        client.embeddings.create(model="far-end/ok", input="a")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/models", 405), ("POST", "/models", 405), ("GET", "/chat/completions", 405)],
)
def test_even_a_wrong_address_answers_in_openais_words(house: House, method: str, path: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {house.tokens['owner']}"}
    with httpx2.Client() as client:
        answer = client.request(method, house.url + path, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert "access-control-allow-origin" not in answer.headers


def test_every_category_has_a_status_and_a_body() -> None:
    assert OUTCOMES.keys() <= CATEGORIES
    for category in CATEGORIES:
        words: Any = told(UpstreamError(category), "Somebody")
        assert words.status == OUTCOMES.get(category, ELSE)[0] >= 400
        assert json.dumps(words.body)


def test_an_answer_that_is_nested_too_deeply_is_a_bad_answer(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.embeddings.create(model="embed-deep", input="x")
    assert (caught.value.status_code, caught.value.code) == (502, "bad_response")
