"""Decodes answers of the Anthropic Messages API and its clones: events or a whole message."""

from typing import Any, Final

from webapp.upstream.dialects.answer import AnswerDecoder
from webapp.upstream.messages import Piece, Usage
from webapp.upstream.shapes import as_count, as_dict, as_json, as_list, as_text
from webapp.upstream.target import Target

JSON_TOOL: Final = "answer_in_json"  # what a model calls with is its answer: the protocol has no other JSON mode


class AnthropicAnswer(AnswerDecoder):
    """One message. Source of the event names: platform.claude.com/docs/en/api/messages-streaming."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._json_blocks: list[object] = []
        self._cache_counts: dict[str, int] = {}

    def _frame(self, data: dict[str, Any], pieces: list[Piece]) -> None:
        match data.get("type"):
            case "content_block_delta":
                self._delta(data.get("index"), as_dict(data.get("delta")), pieces)
            case "content_block_start":
                self._block(data.get("index"), as_dict(data.get("content_block")), pieces)
            case "message_start":
                self._message(as_dict(data.get("message")), pieces)
            case "message_delta":
                self._usage(as_dict(data.get("usage")))
                self._stop(as_dict(data.get("delta")).get("stop_reason"))
            case "message_stop":
                self._end("message_stop", pieces)
            case "message":
                self._message(data, pieces)
            case "error" if self._last_frame and not self._last_frame.is_bare:  # the last event of a failed stream
                self._end("error", pieces)

    def _message(self, message: dict[str, Any], pieces: list[Piece]) -> None:
        self._usage(as_dict(message.get("usage")))
        for index, block in enumerate(as_list(message.get("content"))):
            self._block(index, as_dict(block), pieces)
        self._stop(message.get("stop_reason"))

    def _block(self, index: object, block: dict[str, Any], pieces: list[Piece]) -> None:
        match block.get("type"):
            case "text":
                self._say(as_text(block.get("text")), pieces)
            case "thinking":
                self._think(as_text(block.get("thinking")), pieces)
                self._keep(block)
            case "tool_use" if block.get("name") == JSON_TOOL:
                self._json_blocks.append(index)
                if given := as_dict(block.get("input")):
                    self._say(as_json(given), pieces)
            case "tool_use":
                self.progress += 1
                self._tools.add_parts(
                    index, as_text(block.get("id")), as_text(block.get("name")), block.get("input"), pieces
                )

    def _delta(self, index: object, delta: dict[str, Any], pieces: list[Piece]) -> None:
        match delta.get("type"):
            case "text_delta":
                self._say(as_text(delta.get("text")), pieces)
            case "thinking_delta":
                self._think(as_text(delta.get("thinking")), pieces)
            case "signature_delta":
                self._keep(delta)
            case "input_json_delta" if index in self._json_blocks:
                self._say(as_text(delta.get("partial_json")), pieces)
            case "input_json_delta":
                self.progress += 1
                self._tools.add_parts(index, "", "", delta.get("partial_json"), pieces)

    def _keep(self, part: dict[str, Any]) -> None:
        """Keep the signature: the API wants it back together with the reasoning."""
        if signature := as_text(part.get("signature")):
            self._reply.details["keep"] = {"signature": signature}

    def _stop(self, reason: object) -> None:
        self._finish("end_turn" if reason == "tool_use" and self._json_blocks and not self._tools else reason)

    def _flush(self, pieces: list[Piece]) -> None:
        """Say what only the end tells: an answer in JSON that holds nothing, and the size of the whole prompt."""
        if self._json_blocks and not self._text:
            self._say("{}", pieces)
        if self._cache_counts and self._reply.usage:
            prompt = self._reply.usage.input_tokens + sum(self._cache_counts.values())
            self._reply.more = as_json({"usage": {"prompt_tokens": prompt, **self._cache_counts}})

    def _usage(self, usage: dict[str, Any]) -> None:
        """Take over every count that is told; a later event may revise an earlier one.

        The input here excludes what the cache took part in, unlike OpenAI's.
        """
        for name in ("cache_creation_input_tokens", "cache_read_input_tokens"):
            if count := as_count(usage.get(name)):
                self._cache_counts[name] = count
        known = self._reply.usage or Usage()
        told = {
            "input_tokens": as_count(usage.get("input_tokens")),
            "output_tokens": as_count(usage.get("output_tokens")),
            "cached_tokens": as_count(usage.get("cache_read_input_tokens")),
        }
        for name, count in told.items():
            if count is not None:
                setattr(known, name, count)
                self._reply.usage = known
