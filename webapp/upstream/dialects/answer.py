"""What the decoders of all dialects share: frames in, pieces out, and one Reply at the end."""

from typing import Any, Final

from webapp.upstream.classify import error_from, is_error
from webapp.upstream.dialects.tool_calls import ToolCalls
from webapp.upstream.failures import UpstreamError, failure
from webapp.upstream.messages import End, FinishReason, Piece, Reply
from webapp.upstream.shapes import BOM, as_dict, first_dict
from webapp.upstream.sse import Frame, FrameDecoder, Mark
from webapp.upstream.target import Target

SNIFFED_BYTES: Final = 2_000
MAX_WARNINGS: Final = 20

FINISH_WORDS: Final[tuple[tuple[FinishReason, str], ...]] = (
    ("stop", "stop stop_sequence end_turn eos eos_token complete pause_turn"),
    ("length", "length max_tokens model_length model_context_window_exceeded error_limit"),
    ("tool_calls", "tool_calls tool_use function_call tool_call"),
    ("content_filter", "content_filter sensitive refusal safety recitation blocklist prohibited_content error_toxic"),
    ("error", "error abort network_error insufficient_system_resource malformed_function_call"),
)
FINISH_REASONS: Final = {word: reason for reason, words in FINISH_WORDS for word in words.split()}


class AnswerDecoder:
    """Decodes one answer, streamed or whole; the body decides, not the request.

    The reader feeds bytes until `ended`, then stops; at the end of the body it calls `close()`. When `finished` and
    nothing has come for the grace time it calls `grace_over()`; a broken connection is `fail(error)`, the user's Stop
    is `stop()`. `progress` grows with everything useful (not with heartbeats). `reply` may be read at any time.
    """

    def __init__(self, target: Target) -> None:
        self.finished = False  # a finish reason or an error came: only a usage frame may follow
        self.ended = False  # nothing more is to be read
        self.progress = 0
        self._target = target
        self._frames = FrameDecoder(target.limits)
        self._reply = Reply()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._tools = ToolCalls()
        self._count = 0
        self._last_frame: Frame | None = None
        self._head = b""

    @property
    def reply(self) -> Reply:
        """The answer so far; whole once `ended`."""
        self._reply.text = "".join(self._text)
        self._reply.reasoning = "".join(self._reasoning)
        return self._reply

    def feed(self, chunk: bytes) -> list[Piece]:
        """Decode bytes as they arrive. Never raises: a fault ends the answer and stands in `reply.error`."""
        if self.ended:
            return []
        if not self._count and len(self._head) < SNIFFED_BYTES:
            self._head += chunk[:SNIFFED_BYTES]
        pieces: list[Piece] = []
        try:
            for frame in self._frames.feed(chunk):
                self._take(frame, pieces)
                if self.ended:
                    break
        except UpstreamError as error:
            pieces += self.fail(error)
        return pieces

    def close(self) -> list[Piece]:
        """The body ended."""
        if self.ended:
            return []
        pieces: list[Piece] = []
        try:
            for frame in self._frames.close():
                self._take(frame, pieces)
                if self.ended:
                    return pieces
        except UpstreamError as error:
            return pieces + self.fail(error)
        whole = None if self._is_page else self._whole_json()
        if whole and not self.progress:
            self._set_error(whole)
            if self._reply.error and self._reply.error.category == "server_error" and not is_error(as_dict(whole)):
                self._reply.error = failure("bad_response", "the answer holds no message")
        self._end("json" if whole else "eof", pieces)
        return pieces

    def grace_over(self) -> list[Piece]:
        """A finish reason came and then silence on an open connection."""
        return self._ended_by("idle_after_finish")

    def stop(self) -> list[Piece]:
        """The user stopped the answer."""
        return self._ended_by("stopped")

    def fail(self, error: UpstreamError) -> list[Piece]:
        """The connection failed; after a finish reason that no longer matters."""
        if self.finished:
            return self._ended_by("eof")
        if not self.ended:
            self._reply.error = error
        return self._ended_by("error")

    def _frame(self, data: dict[str, Any], pieces: list[Piece]) -> None:
        """Read one object of the dialect."""
        raise NotImplementedError

    def _flush(self, pieces: list[Piece]) -> None:
        """Give out what was held back."""

    def _take(self, frame: Frame, pieces: list[Piece]) -> None:
        data = frame.data
        if isinstance(data, list):  # Gemini wraps an error in an array
            data = data[0] if data and isinstance(data[0], dict) else {}
        if isinstance(data, dict):
            self._count += 1
            self._last_frame = frame
            may_be_error = "choices" not in data or "error" in data or "base_resp" in data
            if may_be_error and self._reply.error is None and (frame.event == "error" or is_error(data)):
                self._set_error(data)
            self._frame(data, pieces)
        elif data is Mark.DONE:
            self._count += 1
            self._end("done", pieces)
        elif len(self._reply.warnings) < MAX_WARNINGS:
            self._reply.warnings.append("a broken frame was skipped")

    def _set_error(self, body: object) -> None:
        self._reply.error = error_from(200, {}, body, self._target)
        self.finished = True
        self.progress += 1

    def _say(self, text: str, pieces: list[Piece]) -> None:
        if text:
            self.progress += 1
            self._text.append(text)
            pieces.append(Piece("text", text))

    def _think(self, text: str, pieces: list[Piece]) -> None:
        if text:
            self.progress += 1
            self._reasoning.append(text)
            pieces.append(Piece("reasoning", text))

    def _finish(self, raw: object) -> None:
        """Note the first finish reason that is not empty."""
        if isinstance(raw, str) and raw and self._reply.finish_reason_raw is None:
            self._reply.finish_reason_raw = raw[:100]
            self.finished = True
            self.progress += 1

    def _whole_json(self) -> object:
        """Return the body if it was one JSON value and not a line of a stream, else None."""
        frame = self._last_frame
        if self._count != 1 or frame is None or not frame.is_bare:
            return None
        is_line = isinstance(frame.data, dict) and "delta" in first_dict(frame.data.get("choices"))
        return None if is_line else frame.data

    def _ended_by(self, end: End) -> list[Piece]:
        pieces: list[Piece] = []
        if not self.ended:
            self._end(end, pieces)
        return pieces

    def _end(self, end: End, pieces: list[Piece]) -> None:
        self._flush(pieces)
        self._tools.settle(pieces)
        self.ended = True
        reply = self._reply
        reply.end = end
        reply.tool_calls, dropped = self._tools.whole()
        if dropped:
            reply.warnings.append("a tool call with unfinished arguments was dropped")
        self._conclude(end)
        reply.complete = reply.error is None and reply.finish_reason is not None
        if reply.complete and reply.finish_reason == "stop":
            self._hint()

    def _conclude(self, end: End) -> None:
        """Settle finish reason and error. An error that the provider told wins over everything."""
        reply = self._reply
        raw = reply.finish_reason_raw
        if reply.error is not None:
            reply.finish_reason = "error" if self.finished else None
        elif raw is not None:
            reply.finish_reason = FINISH_REASONS.get(raw.lower().replace("-", "_"), "stop")
            if reply.finish_reason == "stop" and reply.tool_calls:
                reply.finish_reason = "tool_calls"
            if reply.finish_reason == "error":
                reply.error = failure("server_error", f"finish_reason: {raw}", key_ok=True)
        elif end == "done" and reply.warnings and not self.progress:
            reply.error = failure("bad_response", "nothing in the answer could be read")
        elif end in ("done", "message_stop") or (end == "json" and self.progress):
            reply.finish_reason = "tool_calls" if reply.tool_calls else "stop"
        elif end != "stopped":
            reply.error = self._cut_or_empty()

    @property
    def _is_page(self) -> bool:
        return not self.progress and self._head.removeprefix(BOM).lstrip().startswith(b"<")

    def _cut_or_empty(self) -> UpstreamError:
        if self._is_page:
            return error_from(200, {}, self._head, self._target)
        if self._count:
            return failure("stream_cut")
        if self._head.removeprefix(BOM).strip() and not self._head.startswith((b":", b"data:", b"event:")):
            return error_from(200, {}, self._head, self._target)
        return failure("bad_response", "the answer is empty or unreadable")

    def _hint(self) -> None:
        """Name the likely cause of an answer without text (LM Studio drops a prompt that is too long in silence)."""
        if any(text.strip() for text in self._text):
            return
        usage = self._reply.usage
        is_silent = usage is not None and usage.input_tokens > 0 and usage.output_tokens == 0
        self._reply.details["hint"] = "empty_answer_check_context" if is_silent else "empty_answer"
