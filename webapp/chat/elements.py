"""How each part of an answer is drawn: parser tokens to the HTML of the design. Not sanitised; `markdown` does that."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import unquote, urlsplit

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from webapp.chat.highlight import highlighted, language_name
from webapp.chat.mathml import mathml

# The page owns h1 (its title) and h2 (who speaks), so an answer starts at h3.
HEADINGS = {"h1": "h3", "h2": "h3", "h3": "h4", "h4": "h5", "h5": "h6", "h6": "h6"}
Env = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Labels:
    """What a page gives to the drawing: the address of the copy icon and words in the reader's language."""

    icon_url: str = "/static/icons.svg#copy"
    copy_code: str = "Copy code"
    code: str = "Code"
    table: str = "Table"


def code_figure(caption: str, code_html: str, labels: Labels) -> str:
    """The design's code block; `code_html` is HTML, everything else plain text."""
    caption, copy = escape(caption), escape(labels.copy_code)
    return (
        f'<figure class="code"><figcaption><span>{caption}</span><button type="button" class="btn icon quiet sm"'
        f' data-copy aria-label="{copy}" title="{copy}"><svg class="i" aria-hidden="true">'
        f'<use href="{escape(labels.icon_url)}"/></svg></button></figcaption>'
        f'<pre tabindex="0" role="region" aria-label="{caption}"><code>{code_html}</code></pre></figure>\n'
    )


class Elements(RendererHTML):
    """One method for each token type that the library would draw differently; `env` holds `labels` and `deadline`."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """A code block; its final newline belongs to the fence, not to the code."""
        token, labels = tokens[idx], env["labels"]
        code = highlighted(token.content.removesuffix("\n"), token.info, env["deadline"])
        return code_figure(language_name(token.info, otherwise=labels.code), code, labels)

    code_block = fence

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """A heading below those of the page."""
        return f"<{HEADINGS[tokens[idx].tag]}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """The end of a heading."""
        return f"</{HEADINGS[tokens[idx].tag]}>\n"

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """A table that scrolls sideways by itself, also with the keyboard."""
        label = escape(env["labels"].table)
        return f'<div class="table-wrap" tabindex="0" role="region" aria-label="{label}"><table class="table">'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """The end of a table."""
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """A heading cell."""
        return f'<th scope="col"{_cell_class(tokens[idx])}>'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """A cell; a column that the author aligned right holds numbers."""
        return f"<td{_cell_class(tokens[idx])}>"

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """The end of a link, followed by where it really leads unless its text already says so."""
        start = next(i for i in range(idx, -1, -1) if tokens[i].type == "link_open")
        text = "".join(token.content for token in tokens[start:idx])
        target = _target(str(tokens[start].attrs["href"]))
        shown = "" if _target(text) == target else f' <span class="host">({escape(target)})</span>'
        return f"</a>{shown}"

    def formula_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """A formula in a sentence, or its source where it cannot be converted."""
        token = tokens[idx]
        html = mathml(token.content, block=token.markup in {"$$", "\\["})
        return html or f"<code>{escape(token.content)}</code>"

    def formula_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        """A formula on its own."""
        source = tokens[idx].content
        return (mathml(source, block=True) or f"<p><code>{escape(source)}</code></p>") + "\n"


def _cell_class(token: Token) -> str:
    return ' class="num"' if token.attrs.get("style") == "text-align:right" else ""


def _target(address: str) -> str:
    """The host of a web address or the whole mail address; the same for a text that merely looks like one."""
    address = address.strip().casefold()
    if address.startswith("mailto:"):
        return unquote(urlsplit(address).path)
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
    except ValueError:
        return address
    return address if "@" in parts.netloc else parts.hostname or ""
