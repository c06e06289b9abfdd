"""An answer drawn while it grows: finished blocks once, the open one again and again, at a cost near to its length.

Called by `live` with the text of a run, at most ten times a second.
"""

import re
import textwrap
import time
from typing import Any

from markupsafe import Markup, escape

from webapp.chat.elements import Labels, code_figure
from webapp.chat.highlight import highlighted, language_name, piece_end
from webapp.chat.markdown import SECONDS_PER_BLOCK, Source, normalised
from webapp.chat.sanitizer import clean

# An open block is drawn at every call while it is short, later only after it grew by a twelfth.
SHORT = 2_000
SECONDS_PER_DRAFT = 0.25
FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})(.*)\n")


class AnswerRenderer:
    """Turns a growing text into blocks to append and one open block to replace.

    All that was handed out as finished, followed by `close()`, equals `markdown.render` of the whole text, except that
    a link whose definition comes after its block stays text.
    """

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._taken = 0
        self._references: dict[str, Any] = {}
        self._start("")

    def update(self, text: str) -> tuple[Markup, Markup]:
        """Take the whole text so far; return the HTML of newly finished blocks and of the block that is still open."""
        # A \r at the end may be half of a line end.
        fresh = text[self._taken :].removesuffix("\r")
        self._taken += len(fresh)
        self._tail += normalised(fresh)
        finished = Markup("").join(iter(self._finish, None))
        return finished, self._fence.draft(self._tail) if self._fence else self._draft()

    def close(self) -> Markup:
        """The open block as it stands, drawn in full."""
        return self._html(self._tail)

    def _start(self, tail: str) -> None:
        """Begin anew with what follows the finished blocks."""
        self._tail = tail
        self._searched = 0
        self._drawn_length = 0
        self._drawn = Markup("")
        self._fence: _OpenFence | None = None

    def _finish(self) -> Markup | None:
        """The HTML of the blocks that nothing to come can change, taken off the tail; None when there are none."""
        complete = self._tail.rfind("\n") + 1
        if self._fence:
            return self._finish_fence(complete)
        if not _has_grown(self._searched, complete):
            return None
        self._searched = complete
        source = self._source(self._tail[:complete])
        if not source.blocks:
            return None
        *done, last = source.blocks
        start = sum(len(line) + 1 for line in source.lines[: last.first_line])
        opening = FENCE.match(self._tail, start) if last.tokens[0].type == "fence" else None
        if not (done or opening):
            return None
        # Lines before the last block may be link definitions that are still growing; only a fence ends them for sure.
        cut = last.first_line if opening else done[-1].end_line
        self._references = source.references_before(cut) | self._references
        self._start("\n".join(source.lines[cut:]) + self._tail[complete:])
        self._fence = _OpenFence(opening, self._labels) if opening else None
        return source.draw(done)

    def _finish_fence(self, complete: int) -> Markup | None:
        if not self._fence or not (end := self._fence.end(self._tail, complete)):
            return None
        html = self._html(self._tail[:end])
        self._start(self._tail[end:])
        return html

    def _draft(self) -> Markup:
        if _has_grown(self._drawn_length, len(self._tail)):
            short = len(self._tail) <= SHORT
            self._drawn_length = len(self._tail) if short else self._tail.rfind("\n") + 1 or len(self._tail)
            self._drawn = self._html(self._tail[: self._drawn_length], SECONDS_PER_DRAFT)
        # What came since is drawn by itself: for a moment a long list is two lists, which look like one.
        rest = textwrap.dedent(self._tail[self._drawn_length :])
        return self._drawn + self._html(rest, SECONDS_PER_DRAFT)

    def _html(self, text: str, seconds_per_block: float = SECONDS_PER_BLOCK) -> Markup:
        source = self._source(text, seconds_per_block)
        return source.draw(source.blocks)

    def _source(self, text: str, seconds_per_block: float = SECONDS_PER_BLOCK) -> Source:
        return Source(text, self._labels, self._references, seconds_per_block)


class _OpenFence:
    """A top-level code block whose end has not come; the parser is not asked again until it has."""

    def __init__(self, opening: re.Match[str], labels: Labels) -> None:
        indent, mark, self._info = opening.groups()
        self._body = self._searched = len(opening[0])
        self._closing = re.compile(rf"^ {{0,3}}{mark[0]}{{{len(mark)},}}[ \t]*\n", re.MULTILINE)
        self._indent = re.compile(rf"^ {{1,{len(indent)}}}", re.MULTILINE) if indent else None
        self._mark = mark[0]
        self._labels = labels
        caption = language_name(self._info, otherwise=labels.code)
        self._before, end, after = clean(code_figure(caption, "", labels), labels.icon_url).partition("</code>")
        self._after = end + after
        self._settled = self._coloured_end = 0
        self._settled_html = self._coloured_html = Markup("")

    def end(self, tail: str, complete: int) -> int:
        """Where the block ends in the first `complete` characters of `tail`; 0 while it is open."""
        if closing := self._closing.search(tail, self._searched, complete):
            return closing.end()
        self._searched = complete
        return 0

    def draft(self, tail: str) -> Markup:
        """The block so far: full pieces coloured once, the open one at each quarter more, the latest lines plain."""
        last_line = tail.rfind("\n") + 1
        # A last line of marks may become the fence that closes the block.
        is_code = tail[last_line:].strip(f" {self._mark}")
        code = tail[self._body :] if is_code else tail[self._body : max(self._body, last_line - 1)]
        if self._indent:
            code = self._indent.sub("", code)
        while (end := piece_end(code, self._settled)) < len(code):
            self._settled_html += self._coloured(code[self._settled : end])
            self._settled = self._coloured_end = end
            self._coloured_html = Markup("")
        line_end = code.rfind("\n", self._settled) + 1
        if line_end - self._coloured_end > (self._coloured_end - self._settled) // 4:
            self._coloured_end = line_end
            self._coloured_html = self._coloured(code[self._settled : line_end])
        coloured = self._settled_html + self._coloured_html
        return self._before + coloured + escape(code[self._coloured_end :]) + self._after

    def _coloured(self, code: str) -> Markup:
        deadline = time.thread_time() + SECONDS_PER_DRAFT
        html = clean(highlighted(code, self._info, deadline), self._labels.icon_url)
        if time.thread_time() > deadline:
            self._info = ""  # Its lexer is too slow for this code: the rest stays plain until the block is finished.
        return html


def _has_grown(before: int, now: int) -> bool:
    """Whether so much was added that doing all the work again keeps the whole cost linear."""
    return now - before > (before // 12 if before > SHORT else 0)
