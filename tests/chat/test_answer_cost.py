"""What drawing a growing answer costs, counted in texts parsed and cleaned: never the square of its length."""

import pytest
from markupsafe import Markup

from webapp.chat import answer, highlight, markdown, sanitizer
from webapp.chat.answer import AnswerRenderer
from webapp.chat.elements import Labels

LABELS = Labels()


def test_a_finished_block_is_handed_out_once_and_never_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned = spy(monkeypatch)
    text = "".join(f"Paragraph number {number}.\n\n" for number in range(100))
    renderer, finished = AnswerRenderer(LABELS), Markup("")
    for length in range(0, len(text) + 1, 7):
        html, _ = renderer.update(text[:length])
        finished += html
    assert finished.count("<p>") >= 98
    for number in range(98):
        # At most once for each of its cuts while it was open, and once as finished.
        assert sum(f" {number}.<" in html for html in cleaned) <= 5


def test_the_same_text_again_costs_nothing_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = AnswerRenderer(LABELS)
    _, tail = renderer.update("a\n\n- b\n- **c**")
    cleaned = spy(monkeypatch)
    assert renderer.update("a\n\n- b\n- **c**") == ("", tail)
    assert cleaned == []


@pytest.mark.parametrize("unit", ["- **item** `x`\n", "| a | 1 |\n", "> quoted *text*\n", "word **bold** ", "x + y\n"])
def test_the_work_for_a_long_open_block_grows_with_its_length_not_with_its_square(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = []
    for length in (10_000, 20_000):
        parsed = spy_on_parsing(monkeypatch)
        renderer = AnswerRenderer(LABELS)
        text = "|a|b|\n|-|-:|\n" * unit.startswith("|") + unit * (length // len(unit))
        for end in range(200, len(text), 200):
            renderer.update(text[:end])
        work.append(sum(parsed))
    assert work[1] < 3 * work[0]
    assert work[1] < 40 * 20_000


def test_open_code_is_not_parsed_at_all_and_coloured_a_few_times_over(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "```python\n" + "def f(x):\n    return x + 1  # why\n\n" * 1_800
    renderer = AnswerRenderer(LABELS)
    renderer.update(text[:20])
    parsed, coloured = spy_on_parsing(monkeypatch), []

    def counting(code: str, info: str, deadline: float) -> str:
        coloured.append(len(code))
        return highlight.highlighted(code, info, deadline)

    monkeypatch.setattr(answer, "highlighted", counting)
    for end in range(200, len(text), 200):
        renderer.update(text[:end])
    assert parsed == []
    assert sum(coloured) < 7 * len(text)


def spy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What passes through the sanitizer from now on."""
    cleaned: list[str] = []

    def clean(html: str, icon_url: str) -> Markup:
        cleaned.append(html)
        return sanitizer.clean(html, icon_url)

    monkeypatch.setattr(markdown, "clean", clean)
    return cleaned


def spy_on_parsing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the texts that are parsed from now on."""
    lengths: list[int] = []

    class Source(markdown.Source):
        def __init__(self, text: str, *others: object) -> None:
            lengths.append(len(text))
            super().__init__(text, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(answer, "Source", Source)
    return lengths
