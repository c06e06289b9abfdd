"""What Schemathesis sends, aimed: at the far end only, and mostly at what exists. Loaded by its process.

A value that is wrong stays as it is, so that it must be refused; one that is right becomes one that leads somewhere.
"""

import json
import os
from typing import Any

import schemathesis

FAR_END = os.environ["FAR_END"]
PROVIDERS: dict[str, int] = json.loads(os.environ["PROVIDERS"])  # by operation or method
MODELS = {"/v1/chat/completions": "kept/exact", "/v1/embeddings": "kept/embed-small"}
INVENTED = 1000  # larger ids come from nowhere; smaller ones may have been answered
DRAFTS = ("POST /api/providers", "PATCH /api/providers/{provider_id}", "POST /api/models/discover")


@schemathesis.hook
def map_path_parameters(context: Any, values: Any) -> Any:
    return {**values, **_aimed(values, context.operation)} if isinstance(values, dict) else values


@schemathesis.hook
def map_body(context: Any, values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    is_draft = context.operation.label in DRAFTS and "provider_id" not in values
    address = {"base_url": FAR_END} if is_draft else {}  # else it would be that of the template, out in the world
    return {**address, **values, **_aimed(values, context.operation)}


def _aimed(values: dict[str, Any], operation: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    number, model, headers = values.get("provider_id"), values.get("model"), values.get("headers")
    if type(number) is int and number > INVENTED:
        found["provider_id"] = PROVIDERS.get(operation.label) or PROVIDERS.get(operation.method) or PROVIDERS["kept"]
    if isinstance(model, str) and 0 < len(model) <= 2_000 and len(model) % 4:
        found["model"] = MODELS.get(operation.path, "ok")
    if type(values.get("dimensions")) in (int, float) and values["dimensions"] >= 1:
        found["dimensions"] = 2  # of vectors that the far end really makes
    if _is_text(values.get("base_url"), 2_048):
        found["base_url"] = FAR_END
    if _is_text(values.get("api_key"), 8_000):
        found["api_key"] = "sk-of-schemathesis"
    if values.get("auth") in ("header", "query") and _is_text(values.get("auth_name", ""), 100):
        found["auth_name"] = "x-key"
    if isinstance(headers, dict) and len(headers) <= 20 and all(isinstance(value, str) for value in headers.values()):
        found["headers"] = {"X-Schemathesis": "1"}
    return found


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most
