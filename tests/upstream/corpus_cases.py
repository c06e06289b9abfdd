"""Reads the wire corpus: bodies as real servers send them, and what must be made of each."""

import json
from collections import UserDict
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from webapp.upstream.messages import Reply
from webapp.upstream.target import Target

CORPUS = Path(__file__).parent / "corpus"
DIALECT_OF = {"openai-chat": "openai", "anthropic-messages": "anthropic"}
INDEX = json.loads((CORPUS / "index.json").read_bytes())


class Case(UserDict[str, Any]):
    """One entry of index.json."""

    def bytes(self) -> bytes:
        """Return the file as it is."""
        return (CORPUS / self["file"]).read_bytes()

    def json(self) -> Any:
        """Return the file parsed."""
        return json.loads(self.bytes())


def cases(group: str) -> list[ParameterSet]:
    """Return the cases of models, streams or errors as test parameters."""
    return [pytest.param(Case(case), id=case["id"].partition("/")[2]) for case in INDEX[group]]


def target_for(vendor: str, dialect: str = "openai") -> Target:
    """Return a target of this vendor with the standard limits."""
    return Target(dialect=dialect, base_url="", vendor=vendor)


def shown(reply: Reply) -> dict[str, Any]:
    """Return the reply in the words of the corpus."""
    usage = reply.usage
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "tool_calls": [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in reply.tool_calls],
        "finish_reason": reply.finish_reason,
        "finish_reason_raw": reply.finish_reason_raw,
        "usage": usage and {name: getattr(usage, name) for name in usage.__slots__},
        "error": reply.error and {"category": reply.error.category},
        "complete": reply.complete,
        "end": reply.end,
    }
