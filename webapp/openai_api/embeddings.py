"""Reads what a program asks of a model that makes vectors, and writes these in the encoding that it wants."""

import binascii
import struct
from base64 import b64decode, b64encode
from typing import Any

from webapp.openai_api.schema import RequestError, check_count, read_object, wrong_type
from webapp.upstream.shapes import as_count, as_dict, as_list

ENCODINGS = ("float", "base64")


def read_embeddings(data: bytes) -> dict[str, Any]:
    """Parse the body of POST /embeddings. Raises RequestError."""
    fields = read_object(data)
    given = fields.get("input")
    if given == "" or given == []:
        raise RequestError("Invalid 'input': it is empty.", param="input", code="invalid_value")
    if not isinstance(given, str | list):
        raise wrong_type("input", "a text or an array")
    if fields.get("encoding_format") not in (None, *ENCODINGS):
        raise RequestError(
            "Invalid 'encoding_format': expected 'float' or 'base64'.", param="encoding_format", code="invalid_value"
        )
    check_count("dimensions", fields.get("dimensions"))
    return fields


def written_embeddings(answer: dict[str, Any], model: str, encoding: str | None) -> dict[str, Any]:
    """Return a server's answer in OpenAI's shape; `encoding` is what was asked for. Unknown fields stay."""
    vectors = [
        {"object": "embedding", "index": place} | item | {"embedding": _encoded(item.get("embedding"), encoding)}
        for place, item in enumerate(map(as_dict, as_list(answer.get("data"))))
    ]
    usage = as_dict(answer.get("usage"))
    prompt = as_count(usage.get("prompt_tokens")) or as_count(usage.get("total_tokens")) or 0
    counts = {"prompt_tokens": prompt, "total_tokens": as_count(usage.get("total_tokens")) or prompt}
    return answer | {"object": "list", "data": vectors, "model": model, "usage": usage | counts}


def _encoded(vector: object, encoding: str | None) -> object:
    """Return the vector as 32-bit floats in base64, or as numbers; what is neither stays as it is."""
    try:
        if encoding == "base64" and isinstance(vector, list):
            return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        if encoding != "base64" and isinstance(vector, str):
            raw = b64decode(vector, validate=True)
            return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    except (struct.error, OverflowError, binascii.Error):
        pass
    return vector
