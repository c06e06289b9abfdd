"""A growing answer ends as the whole text would be drawn, whatever the cuts, and each finished block is drawn once."""

import re
from collections.abc import Iterable
from html import unescape
from itertools import accumulate, cycle, islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from webapp.chat.answer import AnswerRenderer
from webapp.chat.elements import Labels
from webapp.chat.markdown import render

LABELS = Labels()
DOCUMENTS = {
    "prose": "Đừng chờ **đúng** 2 giây.\nDòng *hai*\n\n请不要重放。\n第二行 `码`\n",
    "headings": "# A\ntext\n## B #\nSetext\n===\nmore\n---\nno break\n\n---\n***\n#x\n#\n",
    "lists": "- a\n- b\n\n  loose\n- c\n  1. d\n     - e\n\n     f\n* other\n+ third\n1. x\n2) y\n\n\n- z\nlazy\n\nend",
    "steps": "1. one\n\n   ```py\n   f(1)\n   ```\n\n2. two\n\n       code\n\n3. |a|b|\n   |-|-|\n   |1|2|\n\nend",
    "tight then loose": "- a\n- b\n- c\n\n\n- d\n\n  - e\n\n# h\n",
    "quotes": "> a\nlazy\n> - b\n> c\n\n> d\n>\n> > e\n# f\n> ```\n> x\ny\n",
    "code": "```python\nimport x\n\n# c\n```\nafter\n\n~~~\n```\n~~~ \n````md\n```\nx\n```\n````\n",
    "indented fences": "a\n   ```js x\n   a\n  b\n      c\n\n   ```\n  ~~~\n     x\n    ~~~\n~~~~\nb\n",
    "code inside a list": "- a\n  ```\n  x\n\n  y\n  ```\n  b\n```\ntop\n",
    "open code": "text\n```python\ndef f():\n\n    return '''\n``\n ```x\n",
    "open indented code": "- a\n\n   ~~~~ js\n   f(1)\n  x\n ~~~\n",
    "indented code": "a\n\n    b\n\n    c\n\n\n    d\ne\n    f\n\tg\n",
    "table": "intro\n| a | b |\n|---|--:|\n| 1 | 2 |\n| `x|y` | <br>\n|3\nlast\n\nend | x\n--|--\n",
    "almost a table": "para\na|b\n-|-x\n\na|b\n-|\n- c\n|d|\n|-|\n",
    "open table": "|a|b|\n|-|-|\n|1|",
    "formulas": "so $x$ and \\(y\n\\) or\n$$\na\n- b\n$$\nthen\n\\[\n\\frac{1}{2}\n\\]\n$$c$$ d\n$$e$$\n\\[ f \\] g\n",
    "open formula": "a\n\n$$\nx\n- y\n\n- z\n\\[ \\frac{\n",
    "formula in a list": "- a\n  $$\n  x\n  $$\n- \\[\n  y\nz\n\\]\n",
    "thinking": "<think>\nWait, **no**.\n\n- hm\n</think>\n\nYes <b>x</b> & &amp; &lt;\n",
    "links": "[a]: https://e.com 'long\ntitle'\n[b]: <https://f.com>\n[c]:\nhttps://g.com\n\n[a] [x][b] [c] [i](https://j.com\n",
    "links in containers": "> [q]: https://e.com\n\n- [r]: https://f.com\n\n[q] [r]\n# h\n[s]: https://g.com\n[s]\n",
    "unfinished": "a **b *c `d ~~e [f](g <h ![i",
    "hard breaks": "a  \nb\\\nc<br>d\n\\",
    "blank": "\n\n \n\t\n",
    "odd characters": "a\u202eb\x00c\u200b\u00a0d\u2028e\x0bf\x0cg\x85h\n\n\ufeffi\n",
    "deep": "".join(f"{'  ' * depth}- {depth}\n" for depth in range(12)) + "end\n\nx",
}
LINES = [
    *(
        "a",
        "*b",
        "c**d**",
        "# e",
        "===",
        "---",
        "- f",
        "  g",
        "  - h",
        "1. i",
        "2. j",
        "   k",
        "* l",
        "> m",
        ">",
        "> - n",
    ),
    *(
        "```",
        "```py",
        "````",
        "~~~",
        "  ```",
        "   ~~~",
        "    o",
        "\tp",
        "|q|r|",
        "|-|-:|",
        "a|b",
        "-|-",
        "$$",
        "  $$",
        "$$x$$",
    ),
    *(
        "\\[",
        "\\]",
        "\\[ y \\]",
        "\\(z",
        "",
        "",
        "",
        " ",
        "<br>",
        "<think>",
        "    ",
        "- ",
        "-",
        "1.",
        "+\tx",
        "10) x",
        "\\",
    ),
]


def grown(cuts: Iterable[str]) -> str:
    """Everything that was finished while the text grew by `cuts`, and the rest at its end."""
    renderer, text, finished = AnswerRenderer(LABELS), "", Markup("")
    for cut in cuts:
        text += cut
        html, _ = renderer.update(text)
        finished += html
    return finished + renderer.close()


def plain(html: str) -> str:
    """Without what may differ for a moment: colours, the last line of open code, the spelling of quotes."""
    uncoloured = re.sub('<span class="[wsdfc]">|</span>', "", html)
    return unescape(re.sub(r"[\s`~]+(?=</code></pre>)", "", uncoloured))


def pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_letter_by_letter_ends_as_the_whole(name: str) -> None:
    text = DOCUMENTS[name]
    assert grown(text) == render(text, LABELS)
    assert grown(text.replace("\n", "\r\n")) == render(text, LABELS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_frame_of_a_short_answer_shows_what_the_text_so_far_would(name: str) -> None:
    renderer, finished = AnswerRenderer(LABELS), Markup("")
    text = DOCUMENTS[name]
    for length in range(1, len(text) + 1):
        html, tail = renderer.update(text[:length])
        finished += html
        assert plain(finished + tail) == plain(render(text[:length], LABELS)), text[:length]


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.lists(st.sampled_from([*DOCUMENTS]), min_size=1, max_size=3),
    st.lists(st.sampled_from([1, 2, 3, 5, 8, 40, 300]), min_size=1),
)
def test_random_cuts_end_as_the_whole(names: list[str], sizes: list[int]) -> None:
    text = "\n\n".join(DOCUMENTS[name] for name in names)
    ends = [0, *accumulate(islice(cycle(sizes), len(text)))]
    assert grown(text[start:end] for start, end in pairwise(ends)) == render(text, LABELS)


@settings(deadline=None, max_examples=300, database=None)
@given(st.lists(st.sampled_from(LINES), max_size=14), st.sampled_from([1, 2, 3, 7]), st.sampled_from(["", "\n"]))
def test_random_lines_end_as_the_whole(lines: list[str], size: int, end: str) -> None:
    text = "\n".join(lines) + end
    assert grown(pieces(text, size)) == render(text, LABELS)


def test_long_blocks_end_as_the_whole() -> None:
    for block in (
        "- **item** with `code`\n",
        "| a | 1 |\n",
        "> quoted *text*\n",
        "word **bold** ",
        "    code\n",
        "x\n\\\\ ",
    ):
        text = "|a|b|\n|-|-:|\n" * block.startswith("|") + block * 600 + "\n\n# end\n\ntext"
        assert grown(pieces(text, 100)) == render(text, LABELS)


def test_a_link_defined_far_above_is_known_to_the_end() -> None:
    text = "a\n\n" * 20 + "[x]: https://e.com\n\n" + "b\n\n" * 20 + "[x]\n\n" + "c\n\n[x]"
    assert "href" in grown(text)
    assert grown(text) == render(text, LABELS)


def test_a_link_defined_later_stays_text_until_the_answer_is_drawn_as_a_whole() -> None:
    text = "see [x]\n\nmore\n\n[x]: https://e.com\n"
    assert "href" not in grown(text)
    assert "href" in render(text, LABELS)


def test_long_open_code_is_coloured_as_it_will_be_at_the_end() -> None:
    text = "```python\n" + 'def f(x):\n    """Why."""\n    return x + 1\n    y\n\n' * 200
    for end in (3_000, 5_000, len(text)):
        part = text[: text.rindex("    y\n", 0, end) + 5]
        finished, tail = AnswerRenderer(LABELS).update(part)
        assert finished + tail == render(part, LABELS)


def test_open_code_is_shown_as_code_with_colours_and_without_its_fence() -> None:
    finished, tail = AnswerRenderer(LABELS).update("Look:\n\n  ```python\n  import x\n    y < 1")
    assert finished == "<p>Look:</p>\n"
    assert "<span>Python</span>" in tail
    assert '<code><span class="w">import</span> x\n  y &lt; 1</code>' in tail


def test_marks_that_may_close_open_code_are_not_shown_as_code() -> None:
    renderer = AnswerRenderer(LABELS)
    for text in ("```\nx\n", "```\nx\n ", "```\nx\n  `", "```\nx\n  ```"):
        assert "<code>x</code>" in renderer.update(text)[1]
    assert "<code>x\n  ```y</code>" in renderer.update("```\nx\n  ```y")[1]


def test_a_code_block_is_finished_the_moment_its_fence_closes() -> None:
    renderer = AnswerRenderer(LABELS)
    assert renderer.update("```\nx\n``")[0] == ""
    finished, tail = renderer.update("```\nx\n```\n")
    assert finished == render("```\nx\n```\n", LABELS)
    assert tail == ""


def test_a_whole_answer_at_once_is_its_sync_frame() -> None:
    text = "\n\n".join(DOCUMENTS.values())
    renderer = AnswerRenderer(LABELS)
    finished, _ = renderer.update(text)
    assert finished + renderer.close() == render(text, LABELS)
