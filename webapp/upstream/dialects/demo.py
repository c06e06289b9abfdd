"""A provider without key or network, so that the first minute shows the product. Same question, same answer."""

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from webapp.upstream.dialects.demo_texts import SLOW_LINES, TEXTS, Language
from webapp.upstream.failures import failure
from webapp.upstream.messages import ChatRequest, ModelInfo, ModelList, Piece, Reply, Usage

TOKEN: Final = re.compile(r"[\u3400-\u9fff]{1,2}|\s*[^\s\u3400-\u9fff]+|\s+")
CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
VIETNAMESE: Final = re.compile(r"[ăđơư\u1ea0-\u1ef9]", re.IGNORECASE)
LONGEST_ECHO_SECONDS: Final = 10.0
CONTEXT_LENGTH: Final = 32_768


@dataclass(frozen=True, slots=True)
class DemoModel:
    """One of the three; `seconds` is the pause before each piece."""

    name: str
    seconds: float


MODELS: Final = {
    "demo-tour": DemoModel("Demo Tour", 0.025),
    "demo-echo": DemoModel("Demo Echo", 0.015),
    "demo-slow": DemoModel("Demo Slow", 0.25),
}


class DemoAnswer:
    """An answer that is iterated once, as pieces at a natural pace; `reply` is whole when the iteration is over.

    Setting `stop` ends it during any pause. `pace` stretches the pauses; 0 leaves them out. Raises model_not_found.
    """

    def __init__(self, request: ChatRequest, stop: threading.Event, pace: float = 1.0) -> None:
        if request.model not in MODELS:
            raise failure("model_not_found", f"the demo has no model {request.model!r}", status=404)
        self.reply = Reply()
        self._request = request
        self._stop = stop
        self._pace = pace

    def __iter__(self) -> Iterator[Piece]:
        reasoning, text = compose(self._request)
        pieces = [Piece("reasoning", token) for token in tokens(reasoning)] + [Piece("text", t) for t in tokens(text)]
        room = self._request.max_tokens or len(pieces)
        seconds = MODELS[self._request.model].seconds
        if self._request.model == "demo-echo":
            seconds = min(seconds, LONGEST_ECHO_SECONDS / (len(pieces) or 1))
        said: list[Piece] = []
        try:
            for piece in pieces[:room]:
                if self._stop.wait(seconds * self._pace):
                    return
                said.append(piece)
                yield piece
            self.reply.finish_reason = "stop" if room >= len(pieces) else "length"
        finally:
            self._conclude(said)

    def _conclude(self, said: list[Piece]) -> None:
        reply = self.reply
        reply.text = "".join(piece.text for piece in said if piece.kind == "text")
        reply.reasoning = "".join(piece.text for piece in said if piece.kind == "reasoning")
        reply.finish_reason_raw = reply.finish_reason
        reply.complete = reply.finish_reason is not None
        reply.end = "done" if reply.complete else "stopped"
        reply.usage = Usage(
            input_tokens=sum(len(tokens(message.text)) for message in self._request.messages),
            output_tokens=len(said),
            reasoning_tokens=sum(piece.kind == "reasoning" for piece in said),
            cached_tokens=0,
        )


def read_models() -> ModelList:
    """Return the demo's model list."""
    known: dict[str, bool | None] = {
        "vision": False,
        "tools": False,
        "reasoning": True,
        "structured_output": False,
        "audio_input": False,
    }
    return ModelList(
        [
            ModelInfo(
                id_,
                context_length=CONTEXT_LENGTH,
                capabilities=known | {"reasoning": id_ == "demo-tour"},
                display_name=model.name,
            )
            for id_, model in MODELS.items()
        ]
    )


def language_of(text: str) -> Language:
    """Tell Chinese by its script, Vietnamese by letters that no other language writes, else English."""
    text = unicodedata.normalize("NFC", text)
    if CHINESE.search(text):
        return "zh"
    return "vi" if VIETNAMESE.search(text) else "en"


def compose(request: ChatRequest) -> tuple[str, str]:
    """Return reasoning and text of the whole answer."""
    asked = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    if request.model == "demo-echo":
        return "", asked
    texts = TEXTS[language_of(asked)]
    if request.model == "demo-tour":
        return texts.reasoning, texts.tour
    lines = (f"{number}. {texts.slow_line.format(number=number)}" for number in range(1, SLOW_LINES + 1))
    return "", texts.slow_opening + "\n\n" + "\n".join(lines)


def tokens(text: str) -> list[str]:
    """Cut a text into pieces the size of tokens; joined they are the text again."""
    return TOKEN.findall(text)
