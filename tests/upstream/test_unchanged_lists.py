"""A list that did not change is not sent again, where the provider offers to tell."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import far_end_lists
from tests.far_end import FarEnd
from webapp.upstream import list_models
from webapp.upstream.failures import UpstreamError
from webapp.upstream.target import AuthStyle, Target

TAG, DATE = '"v1"', "Fri, 20 Nov 2026 18:00:00 GMT"
WHOLE = json.dumps({"data": [{"id": "one"}, {"id": "two"}]}).encode()


@pytest.fixture
def target(far_end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Target]:
    """A target whose list is answered by this function."""

    def make(answer: Callable[[Any], None]) -> Target:
        monkeypatch.setitem(far_end_lists.SCRIPTS, "mine", answer)
        return Target("openai", far_end.at("mine"), auth_style=AuthStyle.NONE, allow_private=True)

    return make


def conditional(name: str, value: str, header: str) -> Callable[[Any], None]:
    def answer(play: Any) -> None:
        if play.call.headers.get(header) == value:
            play.send_response(304)
            play.send_header(name, value)
            play.end_headers()
        else:
            play.send(200, WHOLE, **{name: value})

    return answer


@pytest.mark.parametrize(
    ("name", "value", "header"), [("ETag", TAG, "if-none-match"), ("Last_Modified", DATE, "if-modified-since")]
)
def test_an_unchanged_list_costs_no_body_and_the_connection_is_kept(
    target: Callable[..., Target], far_end: FarEnd, name: str, value: str, header: str
) -> None:
    mine = target(conditional(name, value, header))
    first = list_models(mine)
    assert (first.validator, first.is_unchanged, len(first.models)) == (value, False, 2)
    second = list_models(mine, first.validator)
    assert (second.validator, second.is_unchanged, second.models, second.complete) == (value, True, [], True)
    assert len(list_models(mine, value.replace("1", "2")).models) == 2
    assert [header in call.headers for call in far_end.calls] == [False, True, True]
    assert far_end.connections == 1


@pytest.mark.parametrize("value", ["", "bare", '"a\tb"', '"' + "x" * 200 + '"', '"é"', "yesterday"])
def test_what_is_no_proper_validator_is_not_repeated(target: Callable[..., Target], value: str) -> None:
    assert list_models(target(lambda play: play.send(200, WHOLE, ETag=value, Last_Modified=value))).validator is None


def test_a_list_in_pages_has_no_validator(target: Callable[..., Target]) -> None:
    def paged(play: Any) -> None:
        is_first = "after_id" not in play.call.query
        name = "one" if is_first else "two"
        play.send(200, json.dumps({"data": [{"id": name}], "has_more": is_first, "last_id": name}).encode(), ETag=TAG)

    found = list_models(target(paged))
    assert (len(found.models), found.validator) == (2, None)


def test_an_unasked_304_is_a_failure(target: Callable[..., Target]) -> None:
    def bare(play: Any) -> None:
        play.send_response(304)
        play.end_headers()

    with pytest.raises(UpstreamError) as caught:
        list_models(target(bare))
    assert caught.value.status == 304
