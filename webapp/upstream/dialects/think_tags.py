"""Takes a leading <think> block out of streamed text (MiniMax, many local models)."""

from typing import Final, Literal

OPEN: Final = "<think>"
CLOSE: Final = "</think>"
HELD_CHARS: Final = 1_000  # white space held back before a possible closing tag

Kind = Literal["text", "reasoning"]


class ThinkTags:
    """Splits text into reasoning and text; white space around the block is dropped, all other text is untouched."""

    def __init__(self) -> None:
        self.is_open_text = False  # no block can come any more: the caller may pass text by
        self._state: Literal["start", "inside", "after"] = "start"
        self._held = ""
        self._has_begun = False

    def split(self, text: str) -> list[tuple[Kind, str]]:
        """Return what the new text adds."""
        if self.is_open_text:
            return [("text", text)]
        text = self._held + text
        self._held = ""
        if self._state == "start":
            return self._start(text)
        return self._inside(text) if self._state == "inside" else self._after(text)

    def flush(self) -> list[tuple[Kind, str]]:
        """Return what was held back: the text ended. An unclosed block is all reasoning."""
        held, self._held = self._held, ""
        if self._state == "inside":
            return [("reasoning", held.rstrip())]
        return [("text", held)] if self._state == "start" else []

    def _start(self, text: str) -> list[tuple[Kind, str]]:
        begin = text.lstrip()
        if begin.startswith(OPEN):
            self._state = "inside"
            return self._inside(begin[len(OPEN) :])
        if OPEN.startswith(begin) and len(text) < HELD_CHARS:
            self._held = text
            return []
        self.is_open_text = True
        return [("text", text)]

    def _inside(self, text: str) -> list[tuple[Kind, str]]:
        if not self._has_begun:
            text = text.lstrip()
        reasoning, tag, rest = text.partition(CLOSE)
        if tag:
            self._state = "after"
            return [("reasoning", reasoning.rstrip()), *self._after(rest)]
        start = text.rfind("<", -len(CLOSE))
        end = start if start >= 0 and CLOSE.startswith(text[start:]) else len(text)
        safe = text[:end].rstrip()
        if end - len(safe) > HELD_CHARS:
            safe = text[:end]
        self._held = text[len(safe) :]
        self._has_begun = self._has_begun or bool(safe)
        return [("reasoning", safe)]

    def _after(self, text: str) -> list[tuple[Kind, str]]:
        text = text.lstrip()
        self.is_open_text = bool(text)
        return [("text", text)]
