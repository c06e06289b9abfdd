"""Which Markdown an answer may use: CommonMark, tables, strikethrough and formulas; no HTML, no images, safe links.

Called by `markdown`. Every rule decides left to right, from complete lines only: what follows can never change where an
earlier block ended, and `answer` relies on that to finish blocks while the text still grows.
"""

import functools
import math
import re
import threading
import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from webapp.chat.elements import Elements

# Blocks deeper than this are dropped by the parser; it recurses a few frames for each.
DEEPEST_NESTING = 60
BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
# `$5 and $6` is money: no space inside the dollars, no digit against them on the outside. `\[1\]` is an escaped
# bracket, `\[ x \]` is a formula. The lengths keep a missing end from costing a scan of the whole text.
INLINE_FORMULA = re.compile(
    r"""\$\$ (?P<double> (?: \\. | [^\\$] ){1,4000}? ) \$\$
    | (?<!\d) \$ (?![\s$]) (?P<single> (?: \\. | [^\\$] ){1,1000}? ) (?<!\s) \$ (?!\d)
    | \\\( (?P<round> .{1,1000}? ) \\\)
    | \\\[ \s (?P<square> .{1,4000}? ) \s \\\]""",
    re.VERBOSE | re.DOTALL,
)
BLOCK_FORMULA = {"$$": "$$", "\\[": "\\]"}
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.IGNORECASE)


class OverBudgetError(Exception):
    """A block took more processor time than its caller allowed in `env["deadline"]`."""


class Parser(MarkdownIt):
    """markdown-it with our own idea of a safe link."""

    def validateLink(self, url: str) -> bool:
        """Only absolute http, https and mailto addresses with a plain host and no user name are links."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        if parts.scheme == "mailto":
            return "@" in parts.path and not parts.netloc
        return parts.scheme in {"http", "https"} and "@" not in parts.netloc and bool(HOST.fullmatch(host))


# The parser and its URL library (mdurl 0.1) fill tables in place at first use; no thread may see half of one.
_building = threading.Lock()


def parser() -> Parser:
    """The one parser; threads share it."""
    with _building:
        return _parser()


@functools.cache
def _parser() -> Parser:
    markdown = Parser("commonmark", {"html": False, "maxNesting": DEEPEST_NESTING}, renderer_cls=Elements)
    markdown.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])
    markdown.block.ruler.before("table", "budget", _watch_block)
    markdown.inline.ruler.before("text", "budget", _watch_inline)
    interrupts = ["paragraph", "reference", "blockquote", "list"]
    markdown.block.ruler.before("fence", "formula", _block_formula, {"alt": interrupts})
    markdown.inline.ruler.before("escape", "formula", _inline_formula)
    markdown.inline.ruler.before("autolink", "break", _break)
    markdown.render("[a](https://b.c) <https://d.e>", {"deadline": math.inf})
    return markdown


def _watch_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    return _watch(state.env)


def _watch_inline(state: StateInline, silent: bool) -> bool:
    return _watch(state.env)


def _watch(env: MutableMapping[str, Any]) -> bool:
    if time.thread_time() > env["deadline"]:
        raise OverBudgetError
    return False


def _block_formula(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A formula on its own lines, up to its closing mark; a blank line or the container's end leaves a paragraph."""
    first = _line(state, start)
    opening = first[:2]
    closing = BLOCK_FORMULA.get(opening)
    if closing is None or state.is_code_block(start):
        return False
    inside = first[2:].rstrip()
    if closing in inside and inside.index(closing) != len(inside) - 2:
        return False  # the formula ends inside the line: an inline one
    if silent:
        return True
    line, closed = start, inside.endswith(closing)
    while not closed and line + 1 < end and not state.isEmpty(line + 1):
        if state.sCount[line + 1] < state.blkIndent:
            break
        line += 1
        closed = _line(state, line).rstrip().endswith(closing)
    state.line = line + 1
    source = state.getLines(start, state.line, state.blkIndent, False).strip()
    if closed:
        token = state.push("formula_block", "math", 0)
        token.content, token.map = source[2:-2].strip(), [start, state.line]
        token.markup = opening
        return True
    state.push("paragraph_open", "p", 1).map = [start, state.line]
    token = state.push("inline", "", 0)
    token.content, token.map, token.children = source, [start, state.line], []
    state.push("paragraph_close", "p", -1)
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _inline_formula(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    found = INLINE_FORMULA.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        token = state.push("formula_inline", "math", 0)
        token.content = found[found.lastgroup or 0].strip()
        token.markup = found[0][:2] if found.lastgroup != "single" else "$"
    state.pos = found.end()
    return True


def _break(state: StateInline, silent: bool) -> bool:
    """`<br>` is the only way to break a line in a table cell, so models write it."""
    found = BREAK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True
