"""Texts become vectors in the encoding that a program wants, whatever the provider gives."""

import struct
from base64 import b64encode
from typing import Any

import openai
import orjson
import pytest
from sqlalchemy import select

from tests.apart import apart
from tests.openai_api.conftest import House
from tests.openai_api.test_requests import expect_refused, post
from webapp.core.database import writing
from webapp.openai_api.embeddings import written_embeddings
from webapp.providers.provider import Provider

VECTOR = [0.25, -0.5]
PACKED = b64encode(struct.pack("<2f", *VECTOR)).decode()


@pytest.mark.parametrize("model", ["far-end/embed-small", "embed-plain"])
@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_texts_become_vectors(house: House, client: openai.OpenAI, model: str, encoding: Any) -> None:
    wanted = {"encoding_format": encoding} if encoding else {}  # the client itself asks for base64 and reads it
    answer = client.embeddings.create(model=model, input=["a", "b"], **wanted)
    expected: Any = PACKED if encoding == "base64" else VECTOR
    assert [(item.object, item.index, item.embedding) for item in answer.data] == [
        ("embedding", 0, expected),
        ("embedding", 1, expected),
    ]
    assert (answer.object, answer.model) == ("list", f"far-end/{model.removeprefix('far-end/')}")
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == (4 if "small" in model else 0)
    assert house.far_end.calls[-1].path == "/v1/embeddings"
    assert house.far_end.calls[-1].json["model"] == model.removeprefix("far-end/")


def test_the_number_of_dimensions_goes_there(house: House, client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="embed-small", input="a", dimensions=8)
    assert len(answer.data[0].embedding) == 8
    assert house.far_end.calls[-1].json["dimensions"] == 8


def test_the_asynchronous_client_gets_them_too(house: House) -> None:
    async def ask() -> list[float]:
        async with openai.AsyncOpenAI(base_url=house.url, api_key=house.tokens["owner"]) as client:
            return (await client.embeddings.create(model="embed-small", input="a")).data[0].embedding

    assert apart(ask()) == VECTOR


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "encoding_format": ["float"]}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": "8"}, "dimensions"),
    ],
)
def test_the_wrong_parameter_is_named(furnished: House, fields: dict[str, Any], param: str) -> None:
    answer = post(furnished, {"model": "far-end/embed-small"} | fields, "/v1/embeddings")
    assert expect_refused(furnished, answer)["param"] == param


@pytest.mark.parametrize("status", ["400", "401", "404", "422", "429", "500"])
def test_an_error_raises_what_it_raises_without_us(house: House, status: str) -> None:
    raised = []
    for client, model in ((house.direct(), status), (house.client(), f"far-end/{status}")):
        with pytest.raises(openai.APIStatusError) as caught:
            client.embeddings.create(model=model, input="a")
        raised.append(type(caught.value))
    assert raised[0] is raised[1]


@pytest.mark.parametrize("vector", [[1, "x"], "no base64!", None, [1e300], "QUJD", {"a": 1}])
def test_what_is_no_vector_stays_as_it_is(vector: Any) -> None:
    for encoding in ("float", "base64"):
        answer = written_embeddings({"data": [{"embedding": vector}, 7], "usage": [], "extra": 1}, "m", encoding)
        assert orjson.dumps(answer)
        assert answer["data"][0]["embedding"] == vector
        assert answer["extra"] == 1


def test_vectors_go_direct_where_chats_go_by_the_gateway_in_this_process_and_say_so(furnished: House) -> None:
    assert furnished.app
    with furnished.app.app_context(), writing() as session:
        session.scalars(select(Provider).where(Provider.slug == "far-end")).one().route = "embedded"
    answer = post(furnished, {"model": "far-end/embed-small", "input": "a"}, path="/v1/embeddings")
    assert (answer.status_code, answer.headers["x-jackfield-route"]) == (200, "direct")
