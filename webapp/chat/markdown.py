"""An answer's Markdown to safe HTML. Called by `story` for whole texts, by `answer` for growing ones.

    text -> grammar (tokens) -> elements (HTML) -> sanitizer (allow-list) -> page

Each top-level block goes this way alone, with its own limits; a block beyond them is shown as plain text.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from markdown_it.rules_core import StateCore, inline, text_join
from markdown_it.token import Token
from markupsafe import Markup

from webapp.chat.elements import Env, Labels
from webapp.chat.grammar import OverBudgetError, parser
from webapp.chat.sanitizer import clean

LONGEST_BLOCK = 200_000
SECONDS_PER_BLOCK = 0.5
SECONDS_PER_TEXT = 1.5
TRIES = 2  # a stolen processor or a collection of garbage counts as a block's time, though it is not the block's fault
LINE_END = re.compile(r"\r\n?")
Result = TypeVar("Result")
# Embeddings, overrides and isolates can make text read as something else, or reach past its end (CVE-2021-42574).
# They go; the harmless direction marks (U+200E, U+200F, U+061C) stay.
FORBIDDEN = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)]) | {0: "\ufffd"}


def render(text: str, labels: Labels) -> Markup:
    """The whole of `text` as HTML that may be put into a page; never raises, whatever `text` holds."""
    source = Source(normalised(text), labels)
    return source.draw(source.blocks)


def normalised(text: str) -> str:
    """`text` as the parser wants it: lines end in \\n only, no NUL, no characters that turn text around."""
    return LINE_END.sub("\n", text).translate(FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block: its parser tokens and its lines, the end not included."""

    tokens: list[Token]
    first_line: int
    end_line: int


class Source:
    """A text cut into its top-level blocks. Cutting is cheap; drawing a block parses, draws and sanitises it."""

    def __init__(
        self,
        text: str,
        labels: Labels,
        references: dict[str, Any] | None = None,
        seconds_per_block: float = SECONDS_PER_BLOCK,
    ) -> None:
        self.lines = text.split("\n")
        self._seconds = seconds_per_block
        self._labels = labels
        self._env: Env = {"references": {**(references or {})}, "labels": labels, "deadline": 0.0}
        blocks = self._in_time(lambda: self._cut(text))
        self.blocks = [self._as_code(0, len(self.lines))] if blocks is None else blocks

    def draw(self, blocks: Sequence[Block]) -> Markup:
        """The safe HTML of some neighbouring blocks; what is left when their time is over comes as one plain block."""
        until = time.thread_time() + SECONDS_PER_TEXT
        html = []
        for block in blocks:
            if time.thread_time() > until:
                html.append(self._drawn(self._as_code(block.first_line, blocks[-1].end_line)))
                break
            html.append(self._drawn_in_time(block))
        return Markup("").join(html)

    def references_before(self, line: int) -> dict[str, Any]:
        """The link definitions that end before `line`, for the text that follows."""
        return {name: each for name, each in self._env["references"].items() if each["map"][1] <= line}

    def _in_time(self, work: Callable[[], Result]) -> Result | None:
        """The result of parser's work that may take a block's time; None when it took longer."""
        for _ in range(TRIES):
            self._env["deadline"] = time.thread_time() + self._seconds
            try:
                return work()
            except OverBudgetError:
                pass
        return None

    def _cut(self, text: str) -> list[Block]:
        tokens: list[Token] = []
        parser().block.parse(text, parser(), self._env, tokens)
        return _grouped(tokens)

    def _drawn_in_time(self, block: Block) -> Markup:
        html = None
        if sum(map(len, self.lines[block.first_line : block.end_line])) <= LONGEST_BLOCK:
            html = self._in_time(lambda: self._drawn(block))
        return self._drawn(self._as_code(block.first_line, block.end_line)) if html is None else html

    def _drawn(self, block: Block) -> Markup:
        markdown = parser()
        for token in block.tokens:
            token.children = None if token.children is None else []  # what a first try left
        state = StateCore("", markdown, self._env, block.tokens)
        inline(state)
        text_join(state)
        html = markdown.renderer.render(state.tokens, markdown.options, self._env)
        return clean(html, self._labels.icon_url)

    def _as_code(self, first_line: int, end_line: int) -> Block:
        token = Token("code_block", "code", 0, content="\n".join(self.lines[first_line:end_line]))
        return Block([token], first_line, end_line)


def _grouped(tokens: list[Token]) -> list[Block]:
    """Flat parser tokens as top-level blocks."""
    blocks: list[Block] = []
    start = depth = 0
    for position, token in enumerate(tokens, start=1):
        depth += token.nesting
        if depth == 0:
            first_line, end_line = tokens[start].map or [0, 0]
            blocks.append(Block(tokens[start:position], first_line, end_line))
            start = position
    return blocks
