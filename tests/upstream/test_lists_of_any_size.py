"""Long lists, hostile lists and shapes beyond the corpus."""

import json
import time
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from tests.upstream.corpus.make_big_list import build
from tests.upstream.corpus_cases import INDEX, target_for
from webapp.upstream.listing import MAX_MODELS, read_list
from webapp.upstream.messages import ModelInfo, ModelList

EXPECT = INDEX["generators"][0]["expect"]


def test_the_list_of_2000_is_read_right_and_within_200_ms() -> None:
    body = json.dumps(build(), ensure_ascii=False).encode()
    seconds = []
    for _ in range(3):
        started = time.process_time()
        found = read_list(body, target_for("custom"))
        seconds.append(time.process_time() - started)
    assert len(found.models) == EXPECT["unique"]
    assert found.duplicates_dropped == EXPECT["duplicates_dropped"]
    assert sum(info.context_length is None for info in found.models) == EXPECT["without_context"]
    assert Counter(info.kind for info in found.models) == EXPECT["kinds"]
    assert max(len(info.id) for info in found.models) == 2000
    assert min(seconds) < 0.2


def test_ten_thousand_models_need_less_than_100_mb() -> None:
    body = json.dumps(build(10_000)).encode()
    tracemalloc.start()
    try:
        found = read_list(body, target_for("custom"))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.models) == 9_600
    assert peak < 100_000_000
    assert kept < 15_000_000


def test_a_list_without_end_is_cut() -> None:
    found = ids([{"id": f"m{number}"} for number in range(MAX_MODELS + 1)])
    assert (len(found.models), found.complete) == (MAX_MODELS, False)


def test_a_list_that_would_fill_the_memory_is_refused_unparsed() -> None:
    found = read_list(b"[" + b"{}," * 2_000_001 + b"{}]", target_for("custom"))
    assert found.error is not None
    assert found.error.category == "too_large"


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (b"", "bad_response"),
        (b"null", "bad_response"),
        (b'"text"', "bad_response"),
        (b'{"foo": 1}', "bad_response"),
        (b"[" * 200_000, "bad_response"),
        (b"<!doctype html><title>App</title>", "wrong_path"),
        (b'{"detail": "Not Found"}', "wrong_path"),
        (b'[{"error": {"code": 400, "message": "API key not valid."}}]', "auth_invalid"),
    ],
)
def test_a_body_that_is_no_list_is_an_error(body: bytes, category: str) -> None:
    found = read_list(body, target_for("custom"))
    assert found.error is not None
    assert (found.error.category, found.complete, found.models) == (category, False, [])


def test_ids_are_opaque_and_entries_without_one_are_counted() -> None:
    found = ids([{"id": " a "}, {"id": "é"}, {"id": "e\u0301"}, {"id": 7}, {"id": ""}, {"id": True}, {}, None, 5, "x"])
    assert [info.id for info in found.models] == [" a ", "é", "e\u0301", "7", "x"]
    assert found.skipped == 5


@pytest.mark.parametrize(
    ("value", "length"),
    [("128k", 128_000), ("131,072", 131_072), ("1M", 1_000_000), (0, None), (-1, None), (1e12, None), ("N/A", None)],
)
def test_odd_sizes_are_read_or_unknown(value: object, length: int | None) -> None:
    assert ids([{"id": "m", "context_length": value}]).models[0].context_length == length


def test_a_router_counts_only_its_live_providers() -> None:
    live = {"status": "live", "context_length": 131072, "supports_tools": False}
    dead = {"status": "error", "context_length": 4096}
    info = one({"id": "a/b", "providers": [live | {"context_length": 202752, "supports_tools": True}, live, dead]})
    assert (info.context_length, info.capabilities["tools"]) == (131072, True)
    assert one({"id": "a/b", "providers": [dead]}).details["available"] is False


def test_github_names_what_is_there_and_the_rest_is_missing() -> None:
    info = one(
        {
            "id": "openai/gpt-4.1",
            "capabilities": ["streaming", "tool-calling"],
            "supported_input_modalities": ["text", "image"],
            "limits": {"max_input_tokens": 1048576, "max_output_tokens": 32768},
        }
    )
    assert (info.context_length, info.max_output_tokens) == (1048576, 32768)
    assert info.capabilities == {
        "vision": True, "tools": True, "reasoning": False, "structured_output": None, "audio_input": False
    }  # fmt: skip


def test_cloudflare_is_called_by_name_and_read_from_properties() -> None:
    row = {
        "id": "f8b1",
        "name": "@cf/meta/llama-3.1-8b",
        "task": {"name": "Text Generation"},
        "properties": [
            {"property_id": "context_window", "value": "7968"},
            {"property_id": "function_calling", "value": "true"},
        ],
    }
    body = {"success": True, "result": [row], "result_info": {"page": 1, "total_pages": 4}}
    found = read_list(json.dumps(body).encode(), target_for("cloudflare"))
    info = found.models[0]
    assert (info.id, info.kind, info.context_length, info.capabilities["tools"]) == (row["name"], "chat", 7968, True)
    assert (found.next, found.complete) == ({"page": 2}, False)


def test_a_deployment_is_judged_by_its_model() -> None:
    assert one({"id": "search", "object": "deployment", "model": "text-embedding-3-small"}).kind == "embedding"


def one(row: dict[str, Any]) -> ModelInfo:
    return ids([row]).models[0]


def ids(rows: list[Any]) -> ModelList:
    return read_list(json.dumps({"data": rows}).encode(), target_for("custom"))
