"""The connection test: which rungs it climbs, what it concludes, and that it always ends."""

import importlib
import socket
import threading
import time
from dataclasses import replace

import pytest

from tests.far_end import FarEnd
from tests.upstream.probes.ladder import NAMES, climb, verdicts
from webapp.core.secret import Secret
from webapp.upstream import Rung, probe
from webapp.upstream.target import Limits, Target
from webapp.upstream.transport import pool


def test_a_healthy_provider_is_good_on_every_rung(far_end: FarEnd, target: Target) -> None:
    rungs = climb(target)
    assert verdicts(rungs) == "ggsgggg"
    assert rungs["connect"].detail == {"address": "127.0.0.1", "port": far_end.port}
    assert rungs["list"].detail == {"models": 5, "complete": True, "offers": ["ok", "slow", "stall"]}
    assert rungs["list"].models
    assert rungs["answer"].detail["model"] == "ok"
    assert rungs["answer"].detail["output_tokens"] == 14
    assert rungs["stream"].detail["first_token_ms"] > 0
    assert all(rung.latency_ms is not None for rung in rungs.values() if rung.verdict == "good")
    assert far_end.connections == 1


def test_every_rung_is_announced_before_it_is_judged(target: Target) -> None:
    seen = [(rung.name, rung.verdict) for rung in probe(target, "ok")]
    assert [name for name, verdict in seen if verdict == "running"] == NAMES
    for name in NAMES:
        assert seen.index((name, "running")) < max(i for i, (other, _) in enumerate(seen) if other == name)


def test_the_other_dialect_climbs_the_same_ladder(far_end: FarEnd, target: Target) -> None:
    assert verdicts(climb(replace(target, dialect="anthropic", base_url=far_end.at("anthropic")))) == "ggsgggg"


def test_a_wrong_key_is_bad_and_ends_the_test(far_end: FarEnd, target: Target) -> None:
    rungs = climb(replace(target, api_key=Secret("wrong-key-12345")))
    assert verdicts(rungs) == "ggsbsss"
    assert rungs["authenticate"].error
    assert rungs["authenticate"].error.category == "auth_invalid"
    assert rungs["authenticate"].exchange
    assert "wrong-key-12345" not in str(rungs)
    assert len(far_end.calls) == 1


def test_without_a_model_nobody_is_asked_and_three_are_offered(far_end: FarEnd, target: Target) -> None:
    rungs = climb(target, None)
    assert verdicts(rungs) == "ggsggss"
    assert rungs["answer"].detail == {"reason": "no_model"}
    assert rungs["list"].detail["offers"] == ["ok", "slow", "stall"]
    assert {call.method for call in far_end.calls} == {"GET"}


@pytest.mark.parametrize("model", ["402", "429", "insufficient_quota"])
def test_a_refusal_for_money_or_rate_proves_the_key(target: Target, public: Target, model: str) -> None:
    for called in (target, public):
        rungs = climb(called, model)
        assert verdicts(rungs) == "ggsggbs"
        assert rungs["answer"].error
        assert rungs["answer"].error.key_ok


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("1113", "billing"),
        ("1309", "billing"),
        ("1308", "quota_window"),
        ("1310", "quota_window"),
        ("1311", "permission"),
    ],
)
def test_the_codes_of_a_plan_prove_the_key(public: Target, code: str, category: str) -> None:
    rungs = climb(replace(public, vendor="zai"), code)
    assert verdicts(rungs) == "ggsggbs"
    assert rungs["authenticate"].detail == {"reason": "judged_by_answer"}
    assert rungs["answer"].error
    assert rungs["answer"].error.category == category


def test_a_missing_list_does_not_matter_when_a_model_is_named(far_end: FarEnd, target: Target) -> None:
    lone = replace(target, list_path=f"{far_end.root}/no-list/models")
    rungs = climb(lone, "ok")
    assert verdicts(rungs) == "ggsgugg"
    assert rungs["list"].error
    assert verdicts(climb(lone, None)) == "ggsubss"


def test_a_provider_that_has_no_list_is_asked_directly(target: Target) -> None:
    silent = replace(target, list_path=None)
    assert verdicts(climb(silent, "ok")) == "ggsgsgg"
    rungs = climb(silent, None)
    assert verdicts(rungs) == "ggsusss"
    assert rungs["answer"].detail == {"reason": "no_model"}


def test_an_empty_list_leaves_the_answer_open(far_end: FarEnd, target: Target) -> None:
    assert verdicts(climb(replace(target, base_url=far_end.at("empty-list")), None)) == "ggsguss"


def test_a_model_that_only_thinks_within_the_budget_is_a_success(target: Target) -> None:
    rungs = climb(target, "length")
    assert verdicts(rungs) == "ggsgggg"
    assert rungs["answer"].detail["finish_reason"] == "length"


def test_the_question_leaves_room_to_think(far_end: FarEnd, target: Target) -> None:
    climb(target, "ok")
    assert [call.json.get("max_tokens") for call in far_end.calls] == [None, None, 512, 512]


@pytest.mark.parametrize(("model", "category"), [("cut", "stream_cut"), ("error-mid", "server_error")])
def test_a_stream_that_breaks_is_bad_although_the_server_answers(target: Target, model: str, category: str) -> None:
    rungs = climb(replace(target, limits=Limits(idle_seconds=1)), model)
    assert rungs["stream"].verdict == "bad"
    assert rungs["stream"].error
    assert rungs["stream"].error.category == category
    assert rungs["stream"].exchange


def test_a_closed_port_ends_the_test_at_connect(target: Target) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        rungs = climb(replace(target, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert verdicts(rungs) == "gbsssss"
    assert rungs["connect"].error
    assert rungs["connect"].error.category == "network_refused"


def test_a_forbidden_address_ends_the_test_at_resolve(far_end: FarEnd, target: Target) -> None:
    rungs = climb(replace(target, allow_private=False))
    assert verdicts(rungs) == "bssssss"
    assert rungs["resolve"].error
    assert rungs["resolve"].error.category == "blocked_address"
    assert far_end.connections == 0


def test_tls_to_a_plain_port_ends_the_test_at_tls(far_end: FarEnd, target: Target) -> None:
    rungs = climb(replace(target, base_url=far_end.base_url.replace("http:", "https:")))
    assert verdicts(rungs) == "ggbssss"
    far_end.wait_for_open_sockets(0)


@pytest.mark.parametrize("model", ["hold", "stall", "slow"])
def test_stop_ends_the_test_at_once(far_end: FarEnd, target: Target, model: str) -> None:
    stop = threading.Event()
    seen: list[Rung] = []
    climbing = threading.Thread(target=lambda: seen.extend(probe(target, model, stop)))
    climbing.start()
    far_end.wait_for_calls(3)
    started = time.monotonic()
    stop.set()
    climbing.join(5)
    assert time.monotonic() - started < 1
    assert seen[-1].verdict == "skipped"
    assert seen[-1].detail == {"reason": "stopped"}
    assert [rung for rung in seen if rung.error] == []


def test_the_whole_test_has_a_deadline(far_end: FarEnd, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("webapp.upstream.probe"), "LADDER_SECONDS", 0.5)
    started = time.monotonic()
    rungs = climb(target, "hold")
    assert time.monotonic() - started < 2
    assert rungs["answer"].error
    assert rungs["answer"].error.category == "timeout"
    assert verdicts(rungs) == "ggsggbb"


def test_an_abandoned_test_leaves_no_connection_behind(far_end: FarEnd, target: Target) -> None:
    for rung in probe(target):
        if rung.name == "tls":
            break
    pool.close()
    far_end.wait_for_open_sockets(0)


def test_the_demo_needs_no_network_and_answers_on_the_same_ladder() -> None:
    rungs = climb(Target("demo", ""), "demo-tour")
    assert verdicts(rungs) == "ssssggg"
    assert {rungs[name].detail["reason"] for name in NAMES[:4]} == {"not_needed"}
    assert rungs["stream"].detail["first_token_ms"] > 0
    assert verdicts(climb(Target("demo", ""), "no-such-model")) == "ssssgbs"
