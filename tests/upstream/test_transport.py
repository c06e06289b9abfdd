"""The door to the network: what is sent, how connections are kept, and what a broken far end leads to."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.far_end import FarEnd
from webapp.core.secret import Secret
from webapp.upstream import complete, list_models, stream
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.redact import redact
from webapp.upstream.target import AuthStyle, Target
from webapp.upstream.transport import pool

KEY = "canary-key/4711+x=0815"


def ask(model: str = "ok") -> ChatRequest:
    return ChatRequest(model, (ChatMessage("user", "Hello"),))


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as server:
        yield server
    pool.close()


@pytest.fixture
def target(far_end: FarEnd) -> Target:
    return Target("openai", far_end.base_url, Secret(KEY), allow_private=True)


def error_of(target: Target, model: str = "ok") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        complete(target, ask(model))
    return caught.value


# What is sent


def test_an_answer_comes_whole_and_streamed_from_either_dialect(far_end: FarEnd, target: Target) -> None:
    for spoken in (target, replace(target, dialect="anthropic", base_url=far_end.at("anthropic"))):
        assert complete(spoken, ask()).text == far_end.text
        answer = stream(spoken, ask())
        assert "".join(piece.text for piece in answer) == far_end.text == answer.reply.text
        assert answer.reply.complete
        assert answer.first_piece_ms
        assert len(list_models(spoken).models) >= 4


@pytest.mark.parametrize(
    ("style", "name", "header", "value"),
    [
        (AuthStyle.BEARER, "", "authorization", f"Bearer {KEY}"),
        (AuthStyle.HEADER, "x-api-key", "x-api-key", KEY),
        (AuthStyle.NONE, "", "authorization", None),
    ],
)
def test_the_key_travels_in_the_header_of_its_style(
    far_end: FarEnd, target: Target, style: AuthStyle, name: str, header: str, value: str | None
) -> None:
    complete(replace(target, auth_style=style, auth_name=name), ask())
    assert far_end.calls[0].headers.get(header) == value


def test_the_key_travels_in_the_query_and_stays_out_of_the_raw_exchange(far_end: FarEnd, target: Target) -> None:
    error = error_of(replace(target, auth_style=AuthStyle.QUERY, auth_name="key"), "500")
    assert far_end.calls[0].query == {"key": [KEY]}
    assert "POST /v1/chat/completions?key=[removed] HTTP/1.1" in error.exchange.request


@pytest.mark.parametrize("key", [None, Secret("")])
def test_without_a_key_no_header_is_sent(far_end: FarEnd, target: Target, key: Secret | None) -> None:
    complete(replace(target, api_key=key), ask())
    assert "authorization" not in far_end.calls[0].headers


@pytest.mark.parametrize("key", ["line\nbreak", "line\rbreak", "nul\0", "ключ-от-квартиры", "smart’quote"])
def test_a_key_that_cannot_be_a_header_is_refused(far_end: FarEnd, target: Target, key: str) -> None:
    error = error_of(replace(target, api_key=Secret(key)))
    assert error.category == "auth_missing"
    assert error.action == "edit_key"
    assert far_end.connections == 0


@pytest.mark.parametrize(
    "header",
    [("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("", "1"), ("X-A\r\n", "1"), ("X-A", "é"), ("X-A", "a" * 5000)]
    + [
        (name, "1") for name in ("Host", "content-length", "Cookie", "Authorization", "Transfer-Encoding", "Connection")
    ],
)
def test_an_illegal_extra_header_is_refused(far_end: FarEnd, target: Target, header: tuple[str, str]) -> None:
    assert error_of(replace(target, headers=(header,))).category == "bad_request"
    assert far_end.connections == 0


def test_extra_headers_are_sent_and_only_ours_besides(
    far_end: FarEnd, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "canary-environment")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    complete(replace(target, api_key=None, headers=(("X-Title", "Jackfield"), ("User-Agent", "Mine"))), ask())
    headers = far_end.calls[0].headers
    assert headers.pop("content-length")
    assert headers == {
        "host": f"127.0.0.1:{far_end.port}",
        "user-agent": "Mine",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "accept": "application/json",
        "x-title": "Jackfield",
    }


def test_a_list_on_another_host_never_gets_the_key(target: Target) -> None:
    with FarEnd() as other, pytest.raises(UpstreamError) as caught:
        list_models(replace(target, list_path=f"{other.base_url}/models"))
    assert caught.value.category == "bad_request"
    assert other.connections == 0


def test_a_list_elsewhere_on_the_same_host_is_read(far_end: FarEnd, target: Target) -> None:
    assert list_models(replace(target, list_path=f"{far_end.root}/catalog/models")).models
    assert far_end.calls[0].path == "/catalog/models"


# What comes back with the key in it


@pytest.mark.parametrize("told", [KEY, quote(KEY), quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode()])
def test_a_key_in_any_spelling_is_taken_out(told: str) -> None:
    assert told not in redact(f'{{"error": "bad key {told}."}}', [KEY])


def test_a_base64_text_that_contains_the_key_loses_it() -> None:
    for before in ("", "u", "us", "user:"):
        text = base64.b64encode(f"{before}{KEY}:".encode()).decode()
        assert KEY[:16] not in base64.b64decode(redact(text, [KEY]).split("[")[0] + "==").decode("utf-8", "replace")


def test_an_error_that_repeats_the_key_is_shown_without_it(target: Target) -> None:
    error = error_of(target, "echo-key")
    assert error.category == "auth_invalid"
    assert error.message
    assert KEY not in f"{error} {error!r} {error.exchange}"


def test_a_streamed_answer_that_repeats_the_key_in_halves_is_kept_without_it(target: Target) -> None:
    answer = stream(target, ask("echo-key"))
    list(answer)
    assert answer.reply.text == "Your key [removed] is fine"


def test_the_values_of_custom_headers_are_never_shown(far_end: FarEnd) -> None:
    target = Target(
        "openai", far_end.at("500"), auth_style=AuthStyle.NONE, headers=(("X-Team", "billing"),), allow_private=True
    )
    with pytest.raises(UpstreamError) as caught:
        complete(target, ChatRequest("ok", (ChatMessage("user", "Hello"),)))
    assert far_end.calls[-1].headers["x-team"] == "billing"
    assert "X-Team" in caught.value.exchange.request
    assert "billing" not in caught.value.exchange.request
