"""TLS: names and certificates are verified, connections are kept, and a mix-up of http and https is told."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import LIFE, self_signed, server_context
from tests.far_end import FarEnd
from webapp.upstream import complete, list_models, probe, stream
from webapp.upstream.connection import tls_context
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Target
from webapp.upstream.transport import pool

ASK = ChatRequest("ok", (ChatMessage("user", "Hello"),))


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return self_signed(tmp_path)


@pytest.fixture
def far_end(pem: Path) -> Iterator[FarEnd]:
    with FarEnd(tls=server_context(pem)) as server:
        yield server
    pool.close()
    tls_context.cache_clear()


@pytest.fixture
def _trusted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way an operator makes a private authority known."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    tls_context.cache_clear()


def fault(base_url: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        complete(Target("openai", base_url, allow_private=True), ASK)
    return caught.value


@pytest.mark.usefixtures("_trusted")
def test_a_trusted_server_is_spoken_to_over_one_connection(far_end: FarEnd) -> None:
    target = Target("openai", far_end.base_url, allow_private=True)
    for _ in range(3):
        assert complete(target, ASK).text == far_end.text
        assert "".join(piece.text for piece in stream(target, ASK)) == far_end.text
    assert len(list_models(target).models) == 5
    assert far_end.connections == 1


@pytest.mark.usefixtures("_trusted")
def test_the_test_of_a_tls_server_shows_version_and_expiry_and_hands_its_connection_on(far_end: FarEnd) -> None:
    rungs = {rung.name: rung for rung in probe(Target("openai", far_end.base_url, allow_private=True), "ok")}
    assert {rung.verdict for rung in rungs.values()} == {"good"}
    detail = rungs["tls"].detail
    assert detail["tls_version"] == "TLSv1.3"
    expires = datetime.datetime.fromisoformat(detail["certificate_expires"])
    assert abs(expires - datetime.datetime.now(datetime.UTC) - LIFE) < datetime.timedelta(minutes=5)
    assert far_end.connections == 1


def test_an_unknown_authority_is_not_trusted_and_gets_no_request(far_end: FarEnd) -> None:
    error = fault(far_end.base_url)
    assert error.category == "network_tls"
    assert "self-signed" in error.message
    assert far_end.calls == []


@pytest.mark.usefixtures("_trusted")
def test_a_certificate_of_another_name_is_refused(far_end: FarEnd) -> None:
    assert fault(f"https://localhost:{far_end.port}").category == "network_tls"
    assert far_end.calls == []


def test_an_expired_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = self_signed(tmp_path, begins=datetime.datetime.now(datetime.UTC) - LIFE * 2)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    tls_context.cache_clear()
    with FarEnd(tls=server_context(pem)) as far_end:
        assert "expired" in fault(far_end.base_url).message
    tls_context.cache_clear()


def test_plain_http_to_a_tls_port_is_a_broken_answer_and_sends_the_key_to_nobody(far_end: FarEnd) -> None:
    error = fault(far_end.base_url.replace("https:", "http:"))
    assert error.category in ("stream_cut", "bad_response")
    assert far_end.calls == []
