"""The search for the address of an API: what is tried, what counts, and where a key may not go."""

import pytest

from tests.far_end import FarEnd
from webapp.core.secret import Secret
from webapp.upstream.addresses import normalise, origin
from webapp.upstream.doctor import MOST_TRIES, candidates, outside_container, relatives, search
from webapp.upstream.target import Target

KEY = "sk-doctor-1234567890"


def test_a_root_is_tried_in_the_forms_that_servers_use() -> None:
    assert candidates("https://h.example") == [
        "https://h.example",
        "https://h.example/v1",
        "https://h.example/api/v1",
        "https://h.example/api",
        "https://h.example/openai/v1",
        "https://h.example/api/paas/v4",
    ]


def test_a_path_is_tried_with_v1_and_without_its_last_part() -> None:
    assert candidates("https://h.example/odd/path/v1/x")[:4] == [
        "https://h.example/odd/path/v1/x",
        "https://h.example/odd/path/v1/x/v1",
        "https://h.example/odd/path/v1",
        "https://h.example/v1",
    ]


def test_known_addresses_of_the_origin_come_first_and_no_other_origin_is_tried() -> None:
    known = ("https://api.z.ai/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4", "http://api.z.ai/v1")
    found = candidates("https://api.z.ai/v1", known)
    assert found[:2] == ["https://api.z.ai/v1", "https://api.z.ai/api/paas/v4"]
    assert {origin(url) for url in found} == {"https://api.z.ai:443"}


@pytest.mark.parametrize("base_url", ["https://h", "http://[::1]:8080/a/b/c", "https://h/v1", "https://h/api/paas/v4"])
def test_candidates_are_few_normal_and_different(base_url: str) -> None:
    found = candidates(base_url)
    assert len(found) == len(set(found)) <= MOST_TRIES
    assert [normalise(url) for url in found] == found


@pytest.mark.parametrize(
    ("base_url", "in_container", "expected"),
    [
        (
            "https://api.z.ai/api/paas/v4",
            False,
            {"https://open.bigmodel.cn/api/paas/v4", "https://api.z.ai/api/coding/paas/v4"},
        ),
        ("https://api.moonshot.cn/v1", False, {"https://api.moonshot.ai/v1", "https://api.kimi.com/coding/v1"}),
        ("https://api.minimax.io/v1", False, {"https://api.minimaxi.com/v1"}),
        ("https://api.example.com/v1", True, set()),
        ("http://api.example.com/v1", False, {"https://api.example.com/v1"}),
        ("https://192.168.1.5:1234/v1", False, {"http://192.168.1.5:1234/v1"}),
        ("http://localhost:11434/v1", False, {"https://localhost:11434/v1"}),
        (
            "http://localhost:11434/v1",
            True,
            {"https://localhost:11434/v1", "http://host.docker.internal:11434/v1"},
        ),
    ],
)
def test_other_origins_are_known_by_name_and_never_guessed(
    base_url: str, in_container: bool, expected: set[str]
) -> None:
    assert set(relatives(base_url, in_container)) == expected


def test_the_way_out_of_a_container_keeps_port_and_path() -> None:
    assert outside_container("http://127.0.0.1:1234/v1") == "http://host.docker.internal:1234/v1"
    assert outside_container("http://[::1]:8080") == "http://host.docker.internal:8080"
    assert outside_container("http://192.168.1.5/v1") is None


def _search(base_url: str, key: str | None = None, dialect: str = "openai") -> list[tuple[str, str]]:
    target = Target(dialect, base_url, api_key=Secret(key) if key else None, allow_private=True)
    return [(tried.base_url, tried.verdict) for tried in search(target) if tried.verdict != "running"]


def test_an_api_at_an_odd_path_is_found_from_the_folder_above(far_end: FarEnd) -> None:
    odd = f"{far_end.root}/mount/odd/path"
    assert _search(odd) == [(odd, "missing"), (f"{odd}/v1", "found")]


@pytest.mark.parametrize("script", ["html", "lmstudio", "404"])
def test_pages_and_wrong_paths_are_no_api_even_when_they_report_success(far_end: FarEnd, script: str) -> None:
    there = f"{far_end.root}/{script}"
    assert _search(there) == [(there, "missing"), (f"{there}/v1", "missing"), (far_end.root, "found")]


def test_an_api_that_refuses_the_key_is_found_and_not_asked_again() -> None:
    with FarEnd(key=KEY) as far_end:
        assert _search(f"{far_end.root}/v1", "sk-other-0000000000") == [(f"{far_end.root}/v1", "refused")]
        assert len(far_end.calls) == 1


def test_a_server_that_does_not_answer_is_asked_once(far_end: FarEnd) -> None:
    far_end.close()
    assert [verdict for _, verdict in _search(far_end.root)] == ["hopeless"]


def test_the_search_is_short_and_sends_the_key_to_one_origin_only(far_end: FarEnd) -> None:
    found = _search(far_end.at("redirect:302:http://127.0.0.1:9/v1"), KEY)
    assert len(found) <= MOST_TRIES
    assert {origin(url) for url, _ in found} == {origin(far_end.root)}
    assert {call.method for call in far_end.calls} == {"GET"}
    assert {call.headers["authorization"] for call in far_end.calls} == {f"Bearer {KEY}"}


def test_a_private_address_that_is_closed_stays_closed(far_end: FarEnd) -> None:
    target = Target("openai", far_end.root)
    assert [tried.verdict for tried in search(target)] == ["running", "hopeless"]
    assert far_end.connections == 0
