"""Ballast leaves a model list while it arrives, and nothing that is read goes with it."""

import json
import time
from typing import Any

import pytest

from tests.upstream.corpus_cases import Case, cases, target_for
from webapp.upstream.listing import read_list
from webapp.upstream.listing.slim import SMALL, slimmed

BALLAST = {"description": 'Quotes \\" and {brackets]. ' * 99, "icon": "data:image/png;base64," + "A/+=" * 999}


@pytest.mark.parametrize("case", cases("models"))
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_a_list_of_the_corpus_is_read_the_same_without_its_ballast(case: Case, size: int) -> None:
    target, asked = target_for(case["vendor"]), case["request"].get("body", {}).get("model")
    heavy = _weighed(case.json())
    body = json.dumps(heavy).encode()
    found, whole = (read_list(data, target, asked) for data in (_slim(body, size), body))
    assert str(found.error) == str(whole.error)
    found.error = whole.error = None
    assert found == whole


def test_small_entries_and_what_is_no_json_pass_as_they_came() -> None:
    for body in (b'{"data": [ {"id" : "a"}, {"id":"b","x":[{}]} ]}', b"<html>{]\"'", b"", b'[{"id": "\xff"}', b"}]}{["):
        assert _slim(body, 3) == body


def test_a_large_entry_keeps_what_is_read_of_it() -> None:
    body = json.dumps({"data": [{"id": "a" * 2_000, "context_length": 5, **BALLAST}], "has_more": False}).encode()
    assert json.loads(_slim(body, 100)) == {"data": [{"id": "a" * 2_000, "context_length": 5}], "has_more": False}


def test_one_endless_text_costs_time_in_proportion() -> None:
    body = b'{"data":[{"id":"a","icon":"' + b"A" * 30_000_000 + b'"}]}'
    started = time.process_time()
    assert json.loads(_slim(body, 65_536)) == {"data": [{"id": "a"}]}
    assert time.process_time() - started < 2


def _slim(body: bytes, size: int) -> bytes:
    return slimmed(body[start : start + size] for start in range(0, len(body), size))


def _weighed(value: Any) -> Any:
    """The body with ballast in every object that is listed."""
    if isinstance(value, list):
        return [row | BALLAST if isinstance(row, dict) else row for row in value]
    if isinstance(value, dict):
        return {name: _weighed(inner) if isinstance(inner, dict | list) else inner for name, inner in value.items()}
    return value


assert len(json.dumps(BALLAST)) > SMALL
