"""Reads a model list of any vendor into our own words. Rules: tests/upstream/corpus/index.json."""

from math import ceil
from typing import Any, Final

from webapp.upstream.classify import error_from, is_error
from webapp.upstream.classify.vendors import vendor_of
from webapp.upstream.failures import failure
from webapp.upstream.listing.entry import read_entry
from webapp.upstream.listing.envelope import find_rows
from webapp.upstream.messages import ModelInfo, ModelList
from webapp.upstream.shapes import as_count, as_dict, as_text, loads
from webapp.upstream.target import Target

MAX_MODELS: Final = 20_000  # the largest real list had 541
MAX_VALUES: Final = 2_000_000  # commas in the body; bounds the memory that parsing takes
PARTIAL_VENDORS: Final = frozenset({"zai", "bigmodel", "minimax", "fireworks", "chutes"})  # serve more than they list
EMPTY_HINTS: Final = {
    "ollama": "server is up but no model is pulled",
    "text-generation-webui": "no model loaded in the UI; names at /v1/internal/model/list",
    "lmstudio": "server is up but no model is downloaded",
}


def read_list(body: object, target: Target, asked_id: str | None = None) -> ModelList:
    """Normalise one page: bytes or parsed JSON. A body that is an error gives `error`; never raises.

    `asked_id` names the model when the body describes one model without saying which (Ollama's /api/show).
    """
    if isinstance(body, bytes):
        if body.count(b",") > MAX_VALUES:
            return ModelList(complete=False, error=failure("too_large", "the model list is too long"))
        try:
            body = loads(body)
        except ValueError:
            return ModelList(complete=False, error=error_from(200, {}, body, target, "list"))
    rows = find_rows(body, asked_id)
    if rows is None:
        error = error_from(200, {}, body, target, "list")
        if error.category == "server_error" and not is_error(as_dict(body)):
            error = failure("bad_response", "the answer holds no model list")
        return ModelList(complete=False, error=error)
    vendor = vendor_of(target)
    found = _collect(rows, vendor)
    envelope = as_dict(body)
    found.next = _next_page(envelope, found.models)
    if found.next or vendor in PARTIAL_VENDORS:
        found.complete = False
    if not found.models and (hint := EMPTY_HINTS.get(vendor)):
        found.details["empty_hint"] = hint
    return found


def _collect(rows: list[Any], vendor: str) -> ModelList:
    found = ModelList()
    models: dict[str, ModelInfo] = {}
    for row in rows:
        if len(models) >= MAX_MODELS:
            found.complete = False
            found.details["truncated"] = True
            break
        info = read_entry(row, vendor)
        if info is None:
            found.skipped += 1
        elif info.id not in models:
            models[info.id] = info
        elif "deployment" in info.details:
            _merge_deployment(models[info.id], info)
        else:
            found.duplicates_dropped += 1
        if isinstance(row, dict) and "lifecycle_status" in row:
            found.details["callable"] = False  # Azure lists the region's models; deployments have other names
    for info in models.values():
        info.details.pop("deployment", None)
        _inherit(info, models)
    found.models = list(models.values())
    return found


def _merge_deployment(known: ModelInfo, other: ModelInfo) -> None:
    """Several deployments behind one name (LiteLLM): only what all of them can do."""
    for name in ("context_length", "max_output_tokens"):
        sizes = [size for info in (known, other) if (size := getattr(info, name)) is not None]
        setattr(known, name, min(sizes, default=None))
    for name, value in other.capabilities.items():
        mine = known.capabilities[name]
        known.capabilities[name] = value if mine is None else mine and value is not False
    known.details["context_rule"] = "smallest over the deployments behind the name"


def _inherit(info: ModelInfo, models: dict[str, ModelInfo]) -> None:
    """Give an adapter (LoRA) the context of its base model."""
    parent = models.get(info.details.get("parent", ""))
    if parent is not None and info.context_length is None:
        info.context_length = parent.context_length
        if kind := parent.details.get("context_kind"):
            info.details["context_kind"] = kind


def _next_page(envelope: dict[str, Any], models: list[ModelInfo]) -> dict[str, Any] | None:
    """Return the parameters that fetch the next page: Anthropic, Cohere, Gemini and Cloudflare."""
    if envelope.get("has_more") is True:
        last = as_text(envelope.get("last_id")) or (models[-1].id if models else "")
        return {"after_id": last} if last else None
    for name, parameter in (("next_page_token", "page_token"), ("nextPageToken", "pageToken")):
        token = envelope.get(name)
        if isinstance(token, str | int) and token:
            return {parameter: str(token)}
    info = as_dict(envelope.get("result_info"))
    page, pages = as_count(info.get("page")), as_count(info.get("total_pages"))
    if pages is None and (size := as_count(info.get("per_page"))):
        pages = ceil((as_count(info.get("total_count")) or 0) / size)
    if page is not None and pages is not None and page < pages:
        return {"page": page + 1}
    return None
