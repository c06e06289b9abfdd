"""Every error of the corpus: what it is, whether the key was accepted, and what the user can do."""

import pytest

from tests.upstream.corpus_cases import Case, cases, target_for
from webapp.upstream.classify import error_from, error_from_transport
from webapp.upstream.failures import CATEGORIES, UpstreamError

OPTIONAL = ("limit_tokens", "used_tokens", "param", "repair", "siblings", "reset_at")


@pytest.mark.parametrize("case", cases("errors"))
def test_an_error_of_the_corpus_is_understood(case: Case) -> None:
    error = read(case)
    expect = case["expect"]
    found = {
        "category": error.category,
        "retryable": error.retryable,
        "key_ok": error.key_ok,
        "retry_after_s": error.retry_after_seconds,
        "action": error.action,
    }
    assert found == {name: expect[name] for name in found}
    told = {name: expect[name] for name in OPTIONAL if name in expect}
    assert {name: error.details.get(name) for name in told} == told
    assert error.category in CATEGORIES
    assert len(error.message) <= 300


def read(case: Case) -> UpstreamError:
    answer = case.json()
    request = answer.get("request", {})
    if answer["status"] == 0:
        transport = answer["transport"]
        base_url = request.get("base_url", "")
        return error_from_transport(
            transport["error"], base_url=base_url, in_container=transport.get("in_container", False)
        )
    kind = "list" if request.get("method") == "GET" else "chat"
    body = answer["body"]
    sent = body.encode() if isinstance(body, str) else body
    return error_from(answer["status"], answer["headers"], sent, target_for(answer["vendor"]), kind)
