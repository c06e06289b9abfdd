"""A synthetic model list, the same on every run; generators[0] of index.json says what must be made of it."""

import random
from typing import Any

SEED, TOTAL, DUPLICATE_EVERY = 20261120, 2000, 25
VENDORS = [f"vendor{n:02d}" for n in range(40)]
FAMILIES = ["nova", "orion", "mistfall", "kestrel", "lotus", "quill", "raven", "terra"]
SUFFIXES = {"embedding": "embed", "image": "image", "audio": "whisper", "rerank": "rerank", "moderation": "moderation"}
OUTPUTS = {"image": "image", "audio": "audio", "embedding": "embeddings"}
CONTEXTS = [4096, 8192, 32768, 65536, 131072, 200000, 262144, 1048576]
SPICE = ["-通义", "-🦙", "-tiếng-việt", "-über"]

Row = dict[str, Any]


def build(total: int = TOTAL) -> Row:
    """Return the list as a server would send it."""
    rng = random.Random(SEED)
    rows: list[Row] = []
    for number in range(total):
        rows.append(dict(rows[number - 7]) if number % DUPLICATE_EVERY == 13 else item(number, rng))
    return {"object": "list", "data": rows}


def item(number: int, rng: random.Random) -> Row:
    """Return one entry; the order of the random draws is part of the seed."""
    kind = list(SUFFIXES)[number // 10 % len(SUFFIXES)] if number % 10 == 0 else "chat"
    name = f"{VENDORS[number % 40]}/{FAMILIES[number % 8]}-{number:04d}"
    if kind != "chat":
        name += f"-{SUFFIXES[kind]}"
    if number % 100 == 0:
        name += SPICE[number // 100 % len(SPICE)]
    if number == 1777:
        name = "vendor17/" + "long-" * 398 + "x"
    row: Row = {"id": name, "object": "model", "created": 1790000000 - number * 3600, "owned_by": name.split("/")[0]}
    context: int | str | None = None if number % 40 == 0 else rng.choice(CONTEXTS)
    if context and number % 50 == 1:
        context = str(context)
    vision, tools = rng.random() < 0.4, rng.random() < 0.75
    return row | fields(number, kind, name, context, vision, tools, rng)


def fields(
    number: int, kind: str, name: str, context: int | str | None, vision: bool, tools: bool, rng: random.Random
) -> Row:
    """Return the fields in one of five dialects: OpenRouter, Groq, vLLM, LiteLLM, bare."""
    match number % 5:
        case 0:
            return {
                "name": name.title(),
                "description": "Invented. " * rng.randint(20, 160),
                "context_length": context,
                "architecture": {
                    "input_modalities": ["text"] + (["image"] if vision else []),
                    "output_modalities": [OUTPUTS.get(kind, "text")],
                },
                "supported_parameters": ["max_tokens"] + (["tools"] if tools else []),
                "pricing": {"prompt": "0.000001", "completion": "0.000002"},
            }
        case 1:
            return {"context_window": context, "active": number % 3 != 0, "max_completion_tokens": 8192}
        case 2:
            return {"max_model_len": context, "root": "/models/x", "parent": None, "permission": []}
        case 3:
            return {"max_input_tokens": context, "max_output_tokens": 16384, "mode": kind}
    return {}
