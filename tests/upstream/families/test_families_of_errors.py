"""Errors of every family of the wire corpus in other words, shapes, statuses and languages. Written for these tests."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.upstream.classify import error_from, error_from_transport
from webapp.upstream.failures import CATEGORIES
from webapp.upstream.target import Target

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "errors.jsonl").read_text("utf-8").split("\n") if line]
FAULTS = [json.loads(line) for line in (HERE / "faults.jsonl").read_text("utf-8").split("\n") if line]
WORDS = (
    "error errors message msg code type detail details status success base_resp status_code status_msg metadata raw"
    " retryDelay retry_after loc param n_ctx object data choices"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)
HEADERS = st.dictionaries(
    st.sampled_from("Retry-After retry-after-ms x-ratelimit-reset-tokens anthropic-ratelimit-reset location".split()),
    st.text(max_size=20) | st.sampled_from(["1e400", "-1", "9" * 40, "0001-01-01T00:00:00+14:00", "Fri, 32 Foo 1 1:1"]),
)


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{n}-{case['family']}") for n, case in enumerate(CASES)])
def test_an_error_of_a_family_is_understood(case: dict[str, Any]) -> None:
    body = case["body"]
    sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    target = Target("openai", case.get("base_url", ""), vendor=case["vendor"])
    error = error_from(case["status"], case.get("headers", {}), sent, target, case.get("kind", "chat"))
    found = error.details | {
        "category": error.category,
        "retryable": error.retryable,
        "key_ok": error.key_ok,
        "retry_after_s": error.retry_after_seconds,
        "action": error.action,
    }
    assert {name: found.get(name) for name in case["expect"]} == case["expect"]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{n}-{case['category']}") for n, case in enumerate(FAULTS)])
def test_a_fault_of_the_connection_is_understood_whoever_words_it(case: dict[str, Any]) -> None:
    assert error_from_transport(case["fault"], case["phase"]).category == case["category"]


@pytest.mark.parametrize("host", ["127.0.0.1", "LocalHost", "[::1]"])
def test_inside_a_container_the_machine_itself_has_another_name(host: str) -> None:
    error = error_from_transport("Connection refused", "connect", f"http://{host}:11434/v1", in_container=True)
    assert error.details["suggest"] == "http://host.docker.internal:11434/v1"


@settings(deadline=None)
@given(status=st.integers(0, 999), headers=HEADERS, body=JSON | st.binary(max_size=80), vendor=st.sampled_from(
    ["custom", "zai", "minimax", "cloudflare", "perplexity", "fireworks", "ollama"]))  # fmt: skip
def test_no_answer_makes_the_classifier_raise(status: int, headers: dict[str, str], body: object, vendor: str) -> None:
    for kind in ("chat", "list"):
        error = error_from(status, headers, body, Target("openai", "", vendor=vendor), kind)
        assert error.category in CATEGORIES
        assert len(error.message) <= 300
