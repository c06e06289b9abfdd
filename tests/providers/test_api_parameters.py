"""Parameters and limits over /api: checked like the forms, for providers and models."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.far_end import FarEnd
from tests.program import Program

NEW = {"name": "Workshop", "type": "custom", "base_url": "https://api.example.com/v1"}
LAYER = {
    "temperature": 0.00001,
    "top_p": 1,
    "max_tokens": 512,
    "stop": ["\n\n", "a\\n", "\u2028"],
    "seed": -7,
    "reasoning_effort": "low",
    "extra_body": {"thinking": {"type": "disabled"}, "ü": [1, 2.5, None]},
    "drop": ["user", "logit_bias"],
}
LIMITS = {"connect_seconds": 3, "first_byte_seconds": 600, "requests_per_minute": 60}


def test_a_provider_is_made_and_changed_with_parameters_and_limits(manager: Program) -> None:
    made = manager.post("/api/providers", NEW | {"parameters": LAYER, "limits": LIMITS})
    assert made.status_code == 201, made.text
    assert (made.json["parameters"], made.json["limits"]) == (LAYER, LIMITS)
    address = f"/api/providers/{made.json['id']}"
    kept = manager.patch(address, {"name": "Hall"}).json
    assert (kept["parameters"], kept["limits"]) == (LAYER, LIMITS)
    changed = manager.patch(address, {"parameters": {"seed": 1}, "limits": {}}).json
    assert (changed["parameters"], changed["limits"]) == ({"seed": 1}, {})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"parameters": {"temperature": 3}}, "parameters.temperature"),
        ({"parameters": {"temperature": "warm"}}, "parameters.temperature"),
        ({"parameters": {"max_tokens": 1.5}}, "parameters.max_tokens"),
        ({"parameters": {"heat": 1}}, "parameters.heat"),
        ({"parameters": {"extra_body": {"model": "x"}}}, "parameters.extra_body"),
        ({"parameters": {"drop": ["messages"]}}, "parameters.drop"),
        ({"parameters": {"stop": "x"}}, "parameters.stop"),
        ({"limits": {"first_byte_seconds": 0}}, "limits.first_byte_seconds"),
        ({"limits": {"total_seconds": 5, "idle_seconds": 6}}, "limits.total_seconds"),
        ({"limits": {"patience": 6}}, "limits.patience"),
    ],
)
def test_what_the_forms_refuse_is_refused_by_field(manager: Program, fields: dict[str, Any], field: str) -> None:
    refused = manager.post("/api/providers", NEW | fields)
    assert refused.status_code == 422, refused.text
    assert list(refused.json["errors"]) == [field]
    assert [row["name"] for row in manager.get("/api/providers").json if row["name"] == "Workshop"] == []


def test_a_model_has_parameters(manager: Program, far_end: FarEnd, add_provider: Callable[..., int]) -> None:
    address = f"/api/providers/{add_provider(far_end.base_url)}/models"
    made = manager.post(address, {"model_id": "ok", "parameters": {"seed": 7}})
    assert made.status_code == 201, made.text
    assert made.json["parameters"] == {"seed": 7}
    assert manager.patch(f"{address}/ok", {"parameters": LAYER}).json["parameters"] == LAYER
    assert manager.patch(f"{address}/ok", {"display_name": "Fine"}).json["parameters"] == LAYER
    refused = manager.patch(f"{address}/ok", {"max_output_tokens": 100, "parameters": {"max_tokens": 101}})
    assert refused.status_code == 422
    assert manager.get(address).json[0]["parameters"] == LAYER
