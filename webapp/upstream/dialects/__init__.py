"""What a dialect is: it builds calls and reads answers, without keys and without I/O. The demo dialect is apart."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from webapp.upstream.dialects import anthropic, openai
from webapp.upstream.dialects.answer import AnswerDecoder
from webapp.upstream.dialects.call import Call
from webapp.upstream.messages import ChatRequest, ModelList
from webapp.upstream.target import Target

__all__ = ["DIALECTS", "AnswerDecoder", "Call", "Dialect"]


class Dialect(Protocol):
    """A module of this package that speaks one protocol."""

    ADDED: Mapping[str, Any]  # what its chat calls send of their own accord
    LACKS: frozenset[str]  # of our parameters: it has no word for them

    def worded(self, request: ChatRequest) -> ChatRequest:
        """Say a request's parameters in the words of the protocol."""

    def chat_call(self, target: Target, request: ChatRequest, stream: bool) -> Call:
        """Build the call that asks a model."""

    def list_call(self, target: Target, page: dict[str, Any] | None = None) -> Call:
        """Build the call for the model list; `page` is `ModelList.next`. Raises models_unavailable without a list."""

    def read_list(self, body: object, target: Target) -> ModelList:
        """Read one page of the list: bytes or parsed JSON. Never raises."""

    def decoder(self, target: Target) -> AnswerDecoder:
        """Return a decoder for one answer."""


DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType({"openai": openai, "anthropic": anthropic})
