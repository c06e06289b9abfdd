"""Flattens the nine shapes of an error body into one."""

import re
from dataclasses import dataclass, field
from typing import Any

from webapp.upstream.shapes import as_dict, as_list, as_text, first_dict, loads

PARSED_BYTES = 200_000  # an error body beyond this is not read further
MATCHED_CHARS = 8_000
LINK = re.compile(r"https?://\S+")
HTML_TAG = re.compile(r"<(?:!doctype\s+html|html|head|body|title|center|h1)\b", re.I)
SUCCESS = frozenset({"200", "0000", "ok", "success"})
ANSWERS = frozenset({"choices", "content", "delta", "usage"})  # fields of an answer, whatever else it says
NOT_PROSE = frozenset(
    {"failed_generation", "request_id", "signin_url", "user_id", "input", "url", "ctx", "id", "title"}
)


@dataclass(slots=True)
class ErrorBody:
    """`text` is what rules match: lower case, without links, one line for each message, value and the key names."""

    message: str = ""
    code: str = ""
    text: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    is_html: bool = False
    is_json: bool = False


def read_error_body(body: object) -> ErrorBody:
    """Read bytes, text or parsed JSON. Never raises."""
    value = body
    around = ""
    if isinstance(body, bytes):
        try:
            value = loads(body[:PARSED_BYTES])
        except ValueError:
            value = body[:PARSED_BYTES].decode("utf-8", "replace")
    if isinstance(value, str):
        plain = value.strip("\ufeff \t\r\n")
        if plain.startswith("<") and HTML_TAG.search(plain, 0, 2_000):
            return ErrorBody(text=_matchable([plain]), is_html=True)
        value = _inside(plain, 0)  # behind a byte order mark, `data:` or words of a proxy
        if not value:
            return ErrorBody(plain, text=_matchable([plain]))
        around = plain.partition("{")[0]
    fields = flattened(value)
    message = as_text(fields.get("message")).strip()
    code = fields.get("code") or fields.get("type") or ""
    code = str(code) if isinstance(code, str | int) and not isinstance(code, bool) else ""
    keys = " ".join(fields).lower()
    text = _matchable([message, *_leaves(fields), around]) + "\n" + keys[:MATCHED_CHARS]
    return ErrorBody(message, code, text, fields, is_json=isinstance(value, dict | list))


def is_error(body: dict[str, Any]) -> bool:
    """Tell whether a body that came with HTTP 200 is an error nevertheless."""
    return bool(
        body.get("error")
        or body.get("success") is False
        or body.get("object") == "error"
        or body.get("type") == "error"
        or as_dict(body.get("base_resp")).get("status_code") not in (None, 0, "0", "")
        or (ANSWERS.isdisjoint(body) and _is_flat(body))
    )


def _is_flat(body: dict[str, Any]) -> bool:
    """Tell whether a body is {detail}, {errors}, {code, msg} or {type: …error, message}: errors without a wrapper."""
    if body.get("detail") or body.get("errors"):
        return True
    code, told = body.get("code"), body.get("message") or body.get("msg")
    if not isinstance(told, str) or not {str(code).lower(), told.lower()}.isdisjoint(SUCCESS):
        return False
    return bool(code) or "error" in as_text(body.get("type"))


def flattened(value: object, depth: int = 0) -> dict[str, Any]:
    """Return the fields of the innermost error, its text always under `message`."""
    if isinstance(value, list):
        value = value[0] if value else {}
    if isinstance(value, str):
        return {"message": value}
    if not isinstance(value, dict) or depth > 4:
        return {}
    outer = {key: item for key, item in value.items() if not isinstance(item, dict | list)}
    if inner := value.get("error") or value.get("errors"):
        return outer | flattened(inner, depth + 1)
    if resp := as_dict(value.get("base_resp")):
        return outer | {"code": resp.get("status_code"), "message": as_text(resp.get("status_msg"))}
    for name in ("message", "msg", "detail", "error_description"):
        match value.get(name):
            case str() as message if message:
                return value | {"message": message} | _inside(message, depth)
            case dict() as inner:
                return outer | flattened(inner, depth + 1)
            case [dict(), *_] as items:
                return _validation(outer, items)
            case [str() as message, *_]:
                return outer | {"message": message}
    return value


def _inside(message: str, depth: int) -> dict[str, Any]:
    """Read JSON that a proxy put into the message text."""
    start, end = message.find("{"), message.rfind("}")
    if start < 0 or end < start:
        return {}
    try:
        inner = loads(message[start : end + 1].encode("utf-8", "replace"))
    except ValueError:
        return {}
    found = flattened(inner, depth + 1)
    return found if as_text(found.get("message")) else {}


def _validation(outer: dict[str, Any], items: list[Any]) -> dict[str, Any]:
    """Read FastAPI's list of {type, loc, msg}."""
    first = first_dict(items)
    texts = [as_text(as_dict(item).get("msg")) for item in items[:5]]
    place = ".".join(str(part) for part in as_list(first.get("loc")) if isinstance(part, str | int) and part != "body")
    message = "; ".join(text for text in texts if text)
    return outer | {"message": message, "type": first.get("type"), "param": place}


def _leaves(value: object, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value[:MATCHED_CHARS]]
    if depth > 4:
        return []
    if isinstance(value, list):
        return [leaf for item in value[:20] for leaf in _leaves(item, depth + 1)]
    if isinstance(value, dict):
        pairs = list(value.items())[:50]
        return [leaf for key, item in pairs if key not in NOT_PROSE for leaf in _leaves(item, depth + 1)]
    return []


def _matchable(texts: list[str]) -> str:
    joined = "\n".join(text.strip() for text in texts if text.strip())[:MATCHED_CHARS]
    return LINK.sub("", joined).lower().replace("’", "'")
