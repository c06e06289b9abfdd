"""Model lists of every family of the wire corpus with other fields, numbers, names and pages. Written for these tests.

Ids behind "kind by id" are names of real models or close to them.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upstream.corpus_cases import target_for
from webapp.upstream.listing import read_list
from webapp.upstream.listing.slim import slimmed
from webapp.upstream.messages import ModelInfo

CASES = [json.loads(line) for line in (Path(__file__).parent / "models.jsonl").read_text("utf-8").split("\n") if line]
PARAMS = [pytest.param(case, id=f"{n}-{case['family']}") for n, case in enumerate(CASES)]
WORDS = (
    "id name key data models result items error success code msg message capabilities limits supports type mode status"
    " providers context_length max_model_len input_modalities output_modalities architecture modality endpoints meta"
    " model_info properties property_id value loaded_instances config parameters reasoning features has_more last_id"
    " result_info page per_page total_count next_page_token args parent pricing prompt"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.parametrize("case", PARAMS)
def test_a_list_of_a_family_is_read(case: dict[str, Any]) -> None:
    body = case["body"]
    sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    found = read_list(sent, target_for(case["vendor"]), case.get("asked"))
    assert [shown(info, expect) for info, expect in zip(found.models, case["expect"], strict=True)] == case["expect"]
    about = {
        "complete": found.complete,
        "next": found.next,
        "skipped": found.skipped,
        "duplicates_dropped": found.duplicates_dropped,
        "error": found.error and found.error.category,
    }
    expect = case.get("list", {})
    assert {name: about[name] for name in expect} == expect


def test_a_list_without_its_ballast_says_the_same() -> None:
    for case in CASES:
        body = case["body"]
        if isinstance(body, str):
            continue
        heavy = json.loads(json.dumps(body))
        for rows in heavy.values() if isinstance(heavy, dict) else [heavy]:
            for row in rows if isinstance(rows, list) else []:
                if isinstance(row, dict) and row:
                    row["icon"] = "x" * 3_000
        target = target_for(case["vendor"])
        slim = read_list(slimmed([json.dumps(heavy).encode()]), target, case.get("asked"))
        assert slim.models == read_list(json.dumps(body).encode(), target, case.get("asked")).models, case


def test_an_entry_too_deep_to_be_written_again_stays_as_it_is() -> None:
    body = b'[{"id":"a","meta":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b',"icon":"' + b"x" * 2_000 + b'"}]'
    assert slimmed([body]) == body
    assert [info.id for info in read_list(body, target_for("custom")).models] == ["a"]


@pytest.mark.parametrize("place", ["first", "errors"])
def test_a_long_error_in_an_array_is_no_ballast(place: str) -> None:
    item = {"code": 400, "message": "API key not valid. Please pass a valid API key.", "details": ["x" * 1_500]}
    body = [{"error": item}] if place == "first" else {"success": False, "errors": [item]}
    found = read_list(slimmed([json.dumps(body).encode()]), target_for("custom"))
    assert found.error is not None
    assert found.error.category == "auth_invalid"


@settings(deadline=None, max_examples=300)
@given(body=JSON | st.binary(max_size=60), vendor=st.sampled_from(["custom", "ollama", "cloudflare", "azure"]))
def test_no_body_makes_the_reader_raise(body: object, vendor: str) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = read_list(sent, target_for(vendor), "asked")
    assert len({info.id for info in found.models}) == len(found.models)


def shown(info: ModelInfo, expect: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "kind", "context_length", "max_output_tokens", "capabilities", "display_name")
    fields = {name: getattr(info, name) for name in names} | info.details
    return {name: fields.get(name) for name in expect}
