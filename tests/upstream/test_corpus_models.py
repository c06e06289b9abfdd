"""Every model list of the corpus, and the big one."""

import pytest

from tests.upstream.corpus_cases import Case, cases, target_for
from webapp.upstream.dialects import openai
from webapp.upstream.listing import read_list
from webapp.upstream.messages import ModelInfo

OPTIONAL = (
    "context_kind", "trained_context", "available", "state", "alias", "router", "base_model", "identity", "wildcard",
    "outputs", "parent", "remote", "deprecated", "preview", "context_rule",
)  # fmt: skip


@pytest.mark.parametrize("case", cases("models"))
def test_a_model_list_of_the_corpus_is_read(case: Case) -> None:
    expect = case["expect"]
    asked = case["request"].get("body", {}).get("model")
    found = read_list(case.bytes(), target_for(case["vendor"]), asked)
    assert [shown(info, model) for info, model in zip(found.models, expect["models"], strict=True)] == expect["models"]
    assert found.complete is expect["complete"]
    assert found.next == expect.get("next")
    assert found.skipped == expect.get("skipped", 0)
    assert found.duplicates_dropped == expect.get("duplicates_dropped", 0)
    assert (found.error.category if found.error else None) == expect.get("error", {}).get("category")
    assert found.details.get("callable") == expect.get("callable")
    assert found.details.get("empty_hint") == expect.get("empty_hint")


def test_a_parsed_body_is_read_like_its_bytes() -> None:
    case = next(param.values[0] for param in cases("models") if param.id == "mistral")
    assert isinstance(case, Case)
    assert openai.read_list(case.json(), target_for("mistral")) == openai.read_list(case.bytes(), target_for("mistral"))


def shown(info: ModelInfo, expect: dict[str, object]) -> dict[str, object]:
    """Return the model in the words of the corpus, with the optional ones that the case names."""
    fields = {
        "id": info.id,
        "kind": info.kind,
        "context_length": info.context_length,
        "max_output_tokens": info.max_output_tokens,
        "capabilities": info.capabilities,
        "display_name": info.display_name,
    } | {name: info.details.get(name) for name in OPTIONAL}
    return {name: fields[name] for name in expect}
