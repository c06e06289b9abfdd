"""Each shape of an answer is drawn the way the design draws it."""

import subprocess
import sys

import pytest

from webapp.chat.elements import Labels
from webapp.chat.markdown import render
from webapp.chat.sanitizer import clean

LABELS = Labels(icon_url="/static/icons.svg#copy", copy_code="Chép mã", code="Mã", table="Bảng")


def html(text: str) -> str:
    return str(render(text, LABELS)).strip()


def test_prose_is_plain_commonmark() -> None:
    assert html("a **b** *c* ~~d~~ `e`") == "<p>a <strong>b</strong> <em>c</em> <s>d</s> <code>e</code></p>"


def test_an_empty_text_is_empty() -> None:
    assert html("") == html(" \n\n") == ""


def test_headings_start_below_those_of_the_page() -> None:
    tags = [html(f"{'#' * level} x")[:4] for level in range(1, 7)]
    assert tags == ["<h3>", "<h3>", "<h4>", "<h5>", "<h6>", "<h6>"]
    assert html("x\n===") == "<h3>x</h3>"


def test_a_numbered_list_keeps_its_first_number() -> None:
    assert html("7. a\n8. b") == '<ol start="7">\n<li>a</li>\n<li>b</li>\n</ol>'


def test_code_is_the_figure_of_the_design() -> None:
    assert html("```python\nimport x\n\nf(2)  # <b>\n```") == (
        '<figure class="code"><figcaption><span>Python</span><button type="button" class="btn icon quiet sm"'
        ' data-copy="" aria-label="Chép mã" title="Chép mã"><svg class="i" aria-hidden="true">'
        '<use href="/static/icons.svg#copy"></use></svg></button></figcaption>'
        '<pre tabindex="0" role="region" aria-label="Python"><code><span class="w">import</span> x\n\n'
        '<span class="f">f</span>(<span class="d">2</span>)  <span class="c"># &lt;b&gt;</span></code></pre></figure>'
    )


def test_the_five_colours_are_words_strings_numbers_functions_and_comments() -> None:
    drawn = html("```js\nconst a = f('s', 1); // c\n```")
    for span in ("w>const", "f>f", "s>'s'", "d>1", "c>// c"):
        colour, text = span.split(">")
        assert f'<span class="{colour}">{text}</span>' in drawn


@pytest.mark.parametrize(
    ("info", "caption"),
    [("", "Mã"), ("py title=x", "Python"), ("Rust", "Rust"), ("mermaid", "mermaid"), ("x" * 99, "x" * 40)],
)
def test_the_caption_names_the_language(info: str, caption: str) -> None:
    drawn = html(f"```{info}\nx\n```")
    assert f"<figcaption><span>{caption}</span>" in drawn
    assert f'aria-label="{caption}"' in drawn


def test_code_in_an_unknown_language_and_indented_code_stay_plain() -> None:
    assert "<code>import x</code>" in html("```brainfuck\nimport x\n```")
    assert "<code>import x</code>" in html("    import x")


@pytest.mark.parametrize("code", ["\tx\n  y", "\n\nx\n\n", "a\xa0b\u200b", "'unclosed", "\x0c\x0b", "x  "])
def test_colouring_never_changes_the_code(code: str) -> None:
    plain = html(f"```none\n{code}\n```").replace(">none<", ">Python<").replace('"none"', '"Python"')
    coloured = html(f"```python\n{code}\n```")
    for colour in "wsdfc":
        coloured = coloured.replace(f'<span class="{colour}">', "")
    assert coloured.replace("</span>", "") == plain.replace("</span>", "")


def test_a_table_scrolls_by_itself_and_marks_its_number_columns() -> None:
    assert html("|a|b|c|\n|-|-:|:-:|\n|x|1|y|").replace("\n", "") == (
        '<div class="table-wrap" tabindex="0" role="region" aria-label="Bảng"><table class="table">'
        '<thead><tr><th scope="col">a</th><th scope="col" class="num">b</th><th scope="col">c</th></tr></thead>'
        '<tbody><tr><td>x</td><td class="num">1</td><td>y</td></tr></tbody></table></div>'
    )


def test_br_breaks_a_line_even_in_a_table_cell() -> None:
    assert "<td>x<br>" in html("|a|\n|-|\n|x<br>y|")
    assert "<br>" in html("a<BR />b")


@pytest.mark.parametrize("source", ["$$\nx^2\n$$", "$$x^2$$", "\\[\nx^2\n\\]", "\\[ x^2 \\]"])
def test_a_formula_on_its_own_is_a_block(source: str) -> None:
    assert html(source) == (
        '<math aria-label="x^2" display="block"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    )


@pytest.mark.parametrize("source", ["a $x_1$ b", "a \\(x_1\\) b", "a \\( x_1 \\) b"])
def test_a_formula_in_a_sentence_is_inline(source: str) -> None:
    assert html(source) == (
        '<p>a <math aria-label="x_1" display="inline"><mrow><msub><mi>x</mi><mn>1</mn></msub></mrow></math> b</p>'
    )


def test_a_display_formula_inside_a_sentence_is_still_displayed() -> None:
    assert html("so \\[ x \\] holds").count('display="block"') == 1
    assert html("so $$x$$ holds").count('display="block"') == 1


@pytest.mark.parametrize(
    "text", ["It costs $5 and $10.", "US$5–US$10", "a $ b $ c", "\\$x\\$", "`$x$`", "see \\[1\\]", "$ 5", "1$2$"]
)
def test_money_and_escapes_are_not_formulas(text: str) -> None:
    assert "<math" not in html(text)


@pytest.mark.parametrize("latex", ["\\frac{", "x^2^3", "\\begin{matrix}", "\\left(", "{" * 900])
def test_a_formula_that_cannot_be_converted_shows_its_source(latex: str) -> None:
    assert html(f"$${latex}$$") == f"<p><code>{latex}</code></p>"
    assert html(f"a \\({latex}\\) b") == f"<p>a <code>{latex}</code> b</p>"


def test_a_formula_without_end_is_a_paragraph_up_to_the_blank_line() -> None:
    assert html("$$\nx\n\ny") == "<p>$$\nx</p>\n<p>y</p>"
    assert html("> $$\n> x\ny") == "<blockquote>\n<p>$$\nx</p>\n</blockquote>\n<p>y</p>"


def test_line_ends_of_every_system_mean_the_same() -> None:
    text = "# a\n\n```\nx\ny\n```\n- b\n- c\n"
    assert html(text) == html(text.replace("\n", "\r\n")) == html(text.replace("\n", "\r"))


def test_other_scripts_come_through_unchanged() -> None:
    assert html("Đừng chờ **đúng** 2 giây。请*不要*重放 👩‍💻") == (
        "<p>Đừng chờ <strong>đúng</strong> 2 giây。请<em>不要</em>重放 👩‍💻</p>"
    )


def test_drawing_is_repeatable_and_what_is_drawn_passes_the_sanitizer_unchanged() -> None:
    text = "# a\n\n[x](https://e.com 't')\n\n```py\nf(1)\n```\n\n|a|\n|-:|\n|1|\n\n$$\nx\n$$\n\n- a\n\n  > b"
    assert render(text, LABELS) == render(text, LABELS)
    assert clean(str(render(text, LABELS)), LABELS.icon_url) == render(text, LABELS)


def test_lexers_and_formula_tables_are_loaded_only_when_needed() -> None:
    program = """if True:
        import sys
        from webapp.chat.answer import AnswerRenderer, Labels
        AnswerRenderer(Labels()).update("# a\\n\\n- **b** [c](https://d.e)\\n\\n```\\nx\\n```\\n")
        assert not {"pygments.lexers", "latex2mathml"} & set(sys.modules), "loaded too early"
    """
    subprocess.run([sys.executable, "-c", program], check=True)


def test_many_threads_may_draw_their_first_answer_at_once() -> None:
    program = """if True:
        import sys, threading
        from webapp.chat.answer import AnswerRenderer, Labels
        sys.setswitchinterval(1e-6)
        text = "# a\\n\\n- **b** $x$ [c](https://d.e)\\n\\n```py\\nf(1)\\n```\\n"
        drawn, start = [], threading.Barrier(8)
        def draw():
            start.wait()
            drawn.append(AnswerRenderer(Labels()).update(text))
        threads = [threading.Thread(target=draw) for _ in range(8)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        assert len(drawn) == 8 and len(set(drawn)) == 1, drawn
    """
    subprocess.run([sys.executable, "-c", program], check=True)
