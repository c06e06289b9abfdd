"""Lists as real servers send them, the whole way: far end, refresh, table of models with the right context and kind."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask

from tests import far_end_lists
from tests.conftest import Person
from tests.far_end import FarEnd
from tests.upstream.corpus_cases import Case, cases
from webapp.web.filters import compact

LISTS = {
    "llamacpp-router": "llamacpp",
    "llamacpp-ollama-compat": "llamacpp",
    "sglang": "vllm",  # that sends vLLM's shape
    "lmstudio-v1": "lmstudio",
    "litellm-v1": "litellm",
}
BADGES = {"embedding": "Embeddings", "image": "Images", "audio": "Audio", "rerank": "Reranking"}
BADGES |= {"moderation": "Moderation", "completion": "Completion"}


@pytest.mark.parametrize("case", [param for param in cases("models") if param.id in LISTS])
def test_a_list_of_the_corpus_is_shown_with_its_contexts_and_kinds(
    case: Case,
    app: Flask,
    admin: Person,
    add_provider: Callable[..., int],
    far_end: FarEnd,
    refresh: Callable[[Person, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(far_end_lists.SCRIPTS, "corpus", lambda play: play.send(200, case.bytes()))
    vendor = LISTS[case["id"].partition("/")[2]]
    provider = add_provider(far_end.at("corpus"), vendor_id=vendor)
    refresh(admin, provider)
    rows = _rows(admin.get(f"/models?provider={provider}").text)
    expected = case["expect"]["models"]
    assert set(rows) == {model["id"] for model in expected}
    for model in expected:
        row = rows[model["id"]]
        badges = {word for word in BADGES.values() if f'"sr">{word}</span>' in row or f'"badge">{word}</span>' in row}
        assert badges == ({BADGES[model["kind"]]} if model["kind"] in BADGES else set())
        if model["context_length"]:
            with app.test_request_context():
                size = compact(model["context_length"])
            assert f'<td class="num p3">{size}</td>' in row


def _rows(page: str) -> dict[str, str]:
    """The rows of the table by the ids of their models."""
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr ")[1:]
    return {unescape(re.findall(r'<small class="trunc mono" title="([^"]*)"', row)[0]): row for row in rows}
