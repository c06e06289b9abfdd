#!/usr/bin/env python3
"""Write a synthetic model list of 2,000 items to standard output.

Deterministic, no imports beyond the standard library:
    python3 make_big_list.py > big-list-2000.json
See index.json, generators[0], for what a client must make of it.
"""

import json
import random
import sys

SEED, TOTAL, DUPLICATE_EVERY = 20261120, 2000, 25
VENDORS = [f"vendor{n:02d}" for n in range(40)]
FAMILIES = ["nova", "orion", "mistfall", "kestrel", "lotus", "quill", "raven", "terra"]
KINDS = ["embedding", "image", "audio", "rerank", "moderation"]
CONTEXTS = [4096, 8192, 32768, 65536, 131072, 200000, 262144, 1048576]
SPICE = ["-通义", "-🦙", "-tiếng-việt", "-über"]


def item(number, rng):
    kind = KINDS[number // 10 % len(KINDS)] if number % 10 == 0 else "chat"
    name = f"{VENDORS[number % 40]}/{FAMILIES[number % 8]}-{number:04d}"
    if kind != "chat":
        name += (
            "-"
            + {
                "embedding": "embed",
                "image": "image",
                "audio": "whisper",
                "rerank": "rerank",
                "moderation": "moderation",
            }[kind]
        )
    if number % 100 == 0:
        name += SPICE[number // 100 % len(SPICE)]
    if number == 1777:
        name = "vendor17/" + "long-" * 398 + "x"
    row = {"id": name, "object": "model", "created": 1790000000 - number * 3600, "owned_by": name.split("/")[0]}
    context = None if number % 40 == 0 else rng.choice(CONTEXTS)
    if context and number % 50 == 1:
        context = str(context)
    vision, tools = rng.random() < 0.4, rng.random() < 0.75
    dialect = number % 5
    if dialect == 0:
        row.update(
            name=name.title(),
            description="Invented. " * rng.randint(20, 160),
            context_length=context,
            architecture={
                "input_modalities": ["text"] + (["image"] if vision else []),
                "output_modalities": [
                    {"image": "image", "audio": "audio", "embedding": "embeddings"}.get(kind, "text")
                ],
            },
            supported_parameters=["max_tokens"] + (["tools"] if tools else []),
            pricing={"prompt": "0.000001", "completion": "0.000002"},
        )
    elif dialect == 1:
        row.update(context_window=context, active=number % 3 != 0, max_completion_tokens=8192)
    elif dialect == 2:
        row.update(max_model_len=context, root="/models/x", parent=None, permission=[])
    elif dialect == 3:
        row.update(max_input_tokens=context, max_output_tokens=16384, mode="chat" if kind == "chat" else kind)
    return row


def build():
    rng = random.Random(SEED)
    rows = []
    for number in range(TOTAL):
        if number % DUPLICATE_EVERY == 13:
            rows.append(dict(rows[number - 7]))
        else:
            rows.append(item(number, rng))
    return {"object": "list", "data": rows}


if __name__ == "__main__":
    json.dump(build(), sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")
