"""The control probe: which keys a list proves, and that the invented key stays harmless."""

import re
import time
from dataclasses import replace

import pytest

from tests.far_end import FarEnd
from tests.upstream.probes.ladder import KEY, climb, verdicts
from webapp.core.secret import Secret
from webapp.upstream import probe
from webapp.upstream.target import AuthStyle, Target


def test_a_public_list_proves_no_key(far_end: FarEnd, target: Target) -> None:
    wrong = replace(target, api_key=Secret("wrong-key-12345"), base_url=far_end.at("public-list"))
    seen = list(probe(wrong, "401"))
    asked = [rung for rung in seen if rung.name == "authenticate"]
    assert [rung.verdict for rung in asked] == ["running", "unknown", "bad"]
    assert asked[1].detail == {"reason": "public_list"}
    assert verdicts({rung.name: rung for rung in seen}) == "ggsbgbs"


def test_the_right_key_for_a_public_list_is_proven_by_the_short_answer(target: Target, public: Target) -> None:
    seen = list(probe(public, "ok"))
    assert [rung.verdict for rung in seen if rung.name == "authenticate"] == ["running", "unknown", "good"]
    assert climb(public, "500")["authenticate"].detail == {"reason": "public_list"}


def test_a_list_that_refuses_an_invented_key_proves_the_real_one(far_end: FarEnd, target: Target) -> None:
    rungs = climb(target, "500")
    assert verdicts(rungs) == "ggsggbb"
    assert rungs["authenticate"].detail == {"reason": "control_refused"}
    lists = [call.headers["authorization"] for call in far_end.calls if call.method == "GET"]
    assert lists[0] == f"Bearer {KEY}"
    assert len(lists) == 2
    assert KEY not in lists[1]
    assert lists[1] not in str(rungs)


@pytest.mark.parametrize(
    ("style", "key", "form"),
    [
        (AuthStyle.BEARER, "sk-proj-0123456789abcdef0123456789", r"sk-\w{31}"),
        (AuthStyle.HEADER, "short", r"\w{24}"),
        (AuthStyle.QUERY, "gsk_0123456789abcdef0123456789", r"gsk_\w{26}"),
    ],
)
def test_the_invented_key_looks_like_the_real_one_and_travels_in_the_same_way(
    far_end: FarEnd, target: Target, style: AuthStyle, key: str, form: str
) -> None:
    far_end.key = key
    climb(replace(target, api_key=Secret(key), auth_style=style, auth_name="x-api-key"), "ok")
    real, invented = [call for call in far_end.calls if call.method == "GET"]
    for call, expected in ((real, re.escape(key)), (invented, form)):
        sent = call.headers.get("authorization", "Bearer ").removeprefix("Bearer ")
        assert re.fullmatch(expected, sent or call.headers.get("x-api-key") or call.query["x-api-key"][0])
    assert "x-api-key" not in (real.query if style is not AuthStyle.QUERY else {})


@pytest.mark.parametrize("refusal", ["400", "429", "500", "hold", "silent", "html"])
def test_a_control_that_fails_in_another_way_tells_nothing_and_ends_soon(
    far_end: FarEnd, target: Target, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    monkeypatch.setattr("webapp.upstream.control.SECONDS", 0.3)
    far_end.refusal = refusal
    started = time.monotonic()
    seen = [rung for rung in probe(target, "ok") if rung.name == "authenticate"]
    assert seen[1].detail == {"reason": "control_failed"}
    assert seen[2].verdict == "good"
    assert time.monotonic() - started < 2


def test_a_long_public_list_is_not_read_twice(far_end: FarEnd, target: Target) -> None:
    far_end.key = None
    rungs = climb(replace(target, base_url=far_end.at("10mb")), None)
    assert rungs["list"].detail["models"] == 2000
    assert rungs["authenticate"].detail == {"reason": "public_list"}
    assert far_end.calls[1].gone.wait(5)


def test_without_a_key_nothing_is_invented(far_end: FarEnd, target: Target) -> None:
    far_end.key = None
    for nothing in (replace(target, api_key=None), replace(target, auth_style=AuthStyle.NONE)):
        rungs = climb(nothing)
        assert verdicts(rungs) == "ggsgggg"
        assert rungs["authenticate"].detail == {"reason": "no_key"}
    assert len(far_end.calls) == 6
