"""Finds the entries of a model list in whatever wraps them."""

from typing import Any, Final

from webapp.upstream.classify import is_error
from webapp.upstream.shapes import as_dict

LIST_KEYS: Final = ("data", "models", "model_names", "result", "results", "items")
ABOUT_ONE_MODEL: Final = frozenset({"model_info", "default_generation_settings"})  # Ollama's show, llama.cpp's props
ID_KEYS: Final = ("id", "key", "model_id", "modelId", "slug", "model_name", "name", "model")


def find_rows(body: object, asked_id: str | None = None) -> list[Any] | None:
    """Return the entries (objects or names), or None if the body is an error or no list at all."""
    if isinstance(body, list):
        first = as_dict(body[0]) if body else {}
        return None if first.get("error") and entry_id(first) is None else body
    if not isinstance(body, dict):
        return None
    rows = _rows(body)
    if rows is None and not is_error(body):
        if asked_id is not None and ABOUT_ONE_MODEL & body.keys():
            return [body | {"id": asked_id}]
        if entry_id(body) is not None:
            return [body]
        return None if body.keys() & set(LIST_KEYS) else _keyed(body)
    return None if is_error(body) and not rows else rows


def entry_id(row: dict[str, Any]) -> str | None:
    """Return the id to send back, byte for byte, or None. Cloudflare's own id is not callable, its name is."""
    name = row.get("name")
    if isinstance(name, str) and name.startswith(("@cf/", "@hf/")):
        return name
    for key in ID_KEYS:
        value = row.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return None


def _rows(body: dict[str, Any], depth: int = 0) -> list[Any] | None:
    """Read the list keys of an object; several of them are merged, the fuller entry of an id wins."""
    found = None
    for key in LIST_KEYS:
        if key not in body:
            continue
        value = body[key]
        rows: list[Any] | None = [] if value is None else None
        if isinstance(value, list):
            rows = value
        elif isinstance(value, dict):
            rows = _rows(value, 1) if depth == 0 else None
            rows = rows or ([value] if entry_id(value) is not None else _keyed(value))
        if rows is not None:
            found = rows if found is None else _merged(found, rows)
    return found


def _keyed(value: dict[str, Any]) -> list[Any] | None:
    """Read an object keyed by id."""
    if not value or not all(isinstance(item, dict) for item in value.values()):
        return [] if value == {} else None
    return [{"id": key} | item for key, item in value.items()]


def _merged(first: list[Any], second: list[Any]) -> list[Any]:
    """Join two descriptions of the same models; the first one's fields win (llama.cpp sends data and models)."""
    extra: dict[str | None, Any] = {_name(row): row for row in second}
    merged = []
    for row in first:
        other = extra.pop(_name(row), None)
        merged.append(other | row if isinstance(row, dict) and isinstance(other, dict) else row)
    return merged + list(extra.values())


def _name(row: object) -> str | None:
    return entry_id(row) if isinstance(row, dict) else row if isinstance(row, str) else None
