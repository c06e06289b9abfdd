"""What a stored failure offers: other addresses for the key, and nothing that is secret."""

from typing import Any

import pytest

from webapp.core.secret import Secret
from webapp.providers.failure import failure_record
from webapp.upstream.classify import error_from, error_from_transport
from webapp.upstream.failures import failure
from webapp.upstream.target import Target

KEY = "gsk_canary8f2e61d07b94a35c"


def offered(target: Target, record: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(other["base_url"], other["gets_key"]) for other in record["details"].get("elsewhere", [])]


def target(base_url: str, **more: Any) -> Target:
    return Target("openai", base_url, api_key=Secret(KEY), **more)


@pytest.mark.parametrize(
    ("base_url", "status", "body", "expected"),
    [
        (
            "https://api.z.ai/api/paas/v4",
            429,
            {"error": {"code": "1113", "message": "Insufficient balance or no resource package."}},
            [("https://api.z.ai/api/coding/paas/v4", False)],
        ),
        (
            "https://api.z.ai/api/paas/v4",
            401,
            {"error": {"code": "1000", "message": "Authentication Failed"}},
            [("https://open.bigmodel.cn/api/paas/v4", True)],
        ),
        (
            "https://open.bigmodel.cn/api/coding/paas/v4",
            401,
            {"error": {"code": "401", "message": "token expired or incorrect"}},
            [("https://api.z.ai/api/paas/v4", True)],
        ),
        (
            "https://api.moonshot.ai/v1",
            401,
            {"error": {"message": "Invalid Authentication"}},
            [("https://api.moonshot.cn/v1", True), ("https://api.kimi.com/coding/v1", True)],
        ),
        ("https://api.example.com/v1", 401, {"error": {"message": "Invalid API key"}}, []),
        ("https://api.z.ai/api/paas/v4", 500, {"error": {"message": "boom"}}, []),
    ],
)
def test_siblings_are_offered_where_the_error_speaks_for_them(
    base_url: str, status: int, body: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    called = target(base_url)
    assert offered(called, failure_record(error_from(status, {}, body, called), called)) == expected


def test_a_redirect_to_https_offers_the_https_address() -> None:
    called = target("http://api.example.com/v1")
    error = error_from(301, {"location": "https://api.example.com/v1/models"}, b"", called)
    assert offered(called, failure_record(error, called)) == [("https://api.example.com/v1", True)]


@pytest.mark.parametrize(("host", "count"), [("192.168.1.5:1234", 1), ("api.example.com", 0)])
def test_plain_http_is_offered_on_a_private_network_only(host: str, count: int) -> None:
    called = target(f"https://{host}/v1")
    error = failure("network_tls", "wrong version number")
    error.action = "fix_base_url"
    assert len(offered(called, failure_record(error, called))) == count


def test_a_block_page_at_a_wrong_host_offers_the_right_ones() -> None:
    called = target("https://api.moonshot.com/v1")
    error = error_from(403, {"cf-mitigated": "challenge"}, b"<html>Just a moment</html>", called)
    assert "https://api.moonshot.ai/v1" in dict(offered(called, failure_record(error, called)))


@pytest.mark.parametrize(("in_container", "count"), [(True, 1), (False, 0)])
def test_a_refusal_on_loopback_offers_the_containers_host(in_container: bool, count: int) -> None:
    called = target("http://localhost:11434/v1", in_container=in_container)
    error = error_from_transport("Connection refused", "connect", called.base_url, in_container)
    found = failure_record(error, called)["details"].get("elsewhere", [])
    assert [(other["base_url"], other["is_private"]) for other in found] == [
        ("http://host.docker.internal:11434/v1", True)
    ] * count


def test_details_are_kept_without_secrets() -> None:
    held = Secret(KEY)
    error = failure("quota_window")
    error.details = {
        "reset_at": "2026-11-20 15:30:00",
        "link": f"https://ollama.com/connect?key={KEY}",
        "location": f"https://h/?key={KEY}",
        "anything": "else",
    }
    kept = failure_record(error)["details"]
    assert set(kept) == {"reset_at", "link", "location"}
    assert held.reveal() not in str(kept)
    error.details = {"link": "javascript:alert(1)"}
    assert failure_record(error)["details"] == {}
