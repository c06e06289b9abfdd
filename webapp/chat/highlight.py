"""Colours for code: Pygments tokens folded into the five classes of the stylesheet. Called by `elements`, `answer`."""

import functools
import re
import threading
import time
from html import escape
from itertools import pairwise

# Many lexers take time that grows with the square of their input (20 kB of blank lines cost the Python one 3 s), and
# one step of theirs cannot be stopped. So code is coloured in pieces, cut where a statement most likely begins.
PIECE = 2_000
BORDER = re.compile(r".*\n\n(?=\S)|.*\n", re.DOTALL)
# The model picks the language, so only lexers that were tried with hostile input run; all other code stays plain.
# A line: the name a reader sees, then the words models write for it; Pygments knows the first of them.
LANGUAGES = """
Bash: bash sh shell zsh
Console: console shell-session
PowerShell: powershell ps1 pwsh
Batch: bat cmd
C: c h
C++: cpp c++ cc hpp cxx
C#: csharp c# cs
Java: java
Kotlin: kotlin kt
Scala: scala
Swift: swift
Go: go golang
Rust: rust rs
Zig: zig
Dart: dart
PHP: php
Python: python py python3
Python session: pycon
Ruby: ruby rb
Perl: perl pl
Lua: lua
R: r
Julia: julia jl
Haskell: haskell hs
OCaml: ocaml ml
F#: fsharp f#
Elixir: elixir ex exs
Erlang: erlang
Clojure: clojure clj
JavaScript: javascript js mjs
JSX: jsx
TypeScript: typescript ts
TSX: tsx
JSON: json jsonc json5
HTML: html htm
XML: xml svg
CSS: css
SCSS: scss
Vue: vue
GraphQL: graphql
SQL: sql sqlite mysql tsql
PostgreSQL: postgresql postgres plpgsql
YAML: yaml yml
TOML: toml
INI: ini cfg conf
Diff: diff patch udiff
Dockerfile: docker dockerfile
Makefile: make makefile
CMake: cmake
nginx: nginx
Protocol Buffers: protobuf proto
LaTeX: tex latex
Markdown: markdown md
HTTP: http
"""

# The first fitting prefix of a token's name wins. w: a word of the language, s: a string, d: a number or constant,
# f: a function, c: a comment.
COLOURS = {
    "Comment.Preproc": "w",
    "Comment": "c",
    "Keyword.Constant": "d",
    "Keyword": "w",
    "Operator.Word": "w",
    "Literal.String": "s",
    "Literal": "d",
    "Name.Builtin.Pseudo": "",
    "Name.Builtin": "f",
    "Name.Function": "f",
    "Name.Class": "f",
    "Name.Decorator": "f",
    "Name.Attribute": "f",
    "Name.Tag": "w",
    "Generic.Inserted": "s",
    "Generic.Deleted": "d",
    "Generic.Heading": "w",
    "Generic.Subheading": "w",
    "Generic.Prompt": "c",
}

# A lexer's class compiles its rules at its first use, in place.
_compiling = threading.Lock()


def language_name(info: str, otherwise: str) -> str:
    """What a fence's caption says: the language's own name, else the author's word for it, else `otherwise`."""
    word = _word(info)
    return _languages().get(word.lower(), (word[:40] or otherwise, ""))[0]


def highlighted(code: str, info: str, deadline: float) -> str:
    """`code` as escaped HTML with coloured spans, plain where its language is not known and from the moment `deadline`
    (thread time) passes. Not sanitised.
    """
    _, alias = _languages().get(_word(info).lower(), ("", ""))
    if not alias:
        return escape(code, quote=False)
    # Here, not above: lexers take a few MB, and many servers never meet code.
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

    with _compiling:
        lexer = get_lexer_by_name(alias, stripnl=False, ensurenl=False)
    html, start = [], 0
    while start < len(code) and time.thread_time() < deadline:
        end = piece_end(code, start)
        tokens = list(lexer.get_tokens(code[start:end]))
        # A lexer must never change what will be copied.
        is_whole = "".join(text for _, text in tokens) == code[start:end]
        html.append(_spans(tokens) if is_whole else escape(code[start:end], quote=False))
        start = end
    return "".join(html) + escape(code[start:], quote=False)


def piece_end(code: str, start: int) -> int:
    """Where the piece of `code` that begins at `start` ends; more code behind a full piece does not change it."""
    if len(code) - start <= PIECE:
        return len(code)
    border = BORDER.match(code, start, start + PIECE)
    return border.end() if border else start + PIECE


def _word(info: str) -> str:
    words = info.split(maxsplit=1)
    return words[0] if words else ""


@functools.cache
def _languages() -> dict[str, tuple[str, str]]:
    """Each word a fence may name: the shown name and the lexer."""
    lines = (line.split(": ") for line in LANGUAGES.strip().split("\n"))
    return {word: (name, words.split()[0]) for name, words in lines for word in words.split()}


def _spans(tokens: list[tuple[object, str]]) -> str:
    """Neighbours of one colour share a span."""
    html, run, colour = [], "", ""
    for (kind, text), (_, following) in pairwise([*tokens, (None, "")]):
        new = _colour(kind)
        if not new and following.startswith("(") and str(kind).startswith("Token.Name"):
            new = "f"
        if new != colour:
            html.append(_span(run, colour))
            run, colour = "", new
        run += text
    html.append(_span(run, colour))
    return "".join(html)


@functools.cache
def _colour(kind: object) -> str:
    name = str(kind).removeprefix("Token.")
    return next((colour for prefix, colour in COLOURS.items() if name.startswith(prefix)), "")


def _span(text: str, colour: str) -> str:
    return f'<span class="{colour}">{escape(text, quote=False)}</span>' if colour else escape(text, quote=False)
