"""Answers as they are written: they grow, are drawn, can be stopped, fail with a reason, and are asked for again."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.house import QUICK, SLOW, House, answers, ask, expect_over, words

MARKDOWN = (
    """Some **bold** words and $e^{i\\pi} + 1 = 0$.

```python
def greet(name):
    return f"Hello, {name}!"
```

| Name | Size |
|---|---:|
| one | 1 |

And then a last paragraph that goes on for quite a while, """
    + "so that there is time to look, " * 40
)


def test_an_answer_grows_and_ends_as_it_was_written_far_away(page: Page, house: House) -> None:
    house.far_end.text = "First words. " + "Then many more of them. " * 12
    house.far_end.pace = SLOW
    house.open_chat(page, "ok")
    answer = ask(page, "Hello")
    expect(page.locator("article.live")).to_contain_text("First words.")
    expect(answer.get_by_text("Writing")).to_be_visible()
    house.far_end.pace = QUICK
    expect_over(answer)
    expect(answer.locator(".prose")).to_have_text(words(house.far_end.text))
    expect(answer).to_contain_text("9 in")
    expect(page.locator("#status")).to_contain_text("Answer complete")


def test_code_tables_and_formulas_are_drawn_while_the_rest_is_written(page: Page, house: House) -> None:
    house.far_end.text = MARKDOWN
    house.far_end.pace = QUICK
    house.open_chat(page, "ok")
    answer = ask(page, "Show me")
    for part in (".live strong", ".live math", ".live figure.code .k, .live figure.code [class]", ".live table td"):
        expect(page.locator(part).first).to_be_visible()
    expect_over(answer)
    expect(answer.locator("td").nth(1)).to_have_text("1")
    expect(answer.locator("figure.code pre")).to_contain_text('return f"Hello, {name}!"')


def test_a_stopped_answer_keeps_its_text_and_can_go_on(page: Page, house: House) -> None:
    house.open_chat(page, "stall-mid")
    answer = ask(page, "Hello")
    expect(page.locator("article.live")).to_contain_text("Half")
    page.keyboard.press("Escape")
    expect_over(answer)
    expect(answer.locator(".prose")).to_have_text("Half")
    expect(answer).to_contain_text("Stopped by you")
    expect(answer.get_by_role("button", name="Retry with stall-mid")).to_be_visible()
    answer.get_by_role("button", name="Continue").click()
    expect(answers(page)).to_have_count(2)
    expect(answers(page).last).to_contain_text("Continued with stall-mid")
    answers(page).last.get_by_role("button", name="Stop").click()
    expect_over(answers(page).last)
    expect(answer).to_contain_text("Stopped by you")


def test_a_failed_answer_says_why_and_when_to_retry(page: Page, house: House) -> None:
    house.open_chat(page, "429")
    answer = ask(page, "Hello")
    notice = answer.get_by_role("alert")
    expect(notice).to_contain_text("The rate limit is reached (HTTP 429)")
    expect(notice).to_contain_text("Wait 7 s")
    expect(notice).to_contain_text("Please slow down.")
    notice.get_by_role("button", name="Retry with 429").click()
    expect(answers(page)).to_have_count(2)
    expect(answers(page).last).to_contain_text("Retried with 429")


def test_another_model_answers_after_a_failure(page: Page, house: House) -> None:
    house.open_chat(page, "500", "ok")
    failed = ask(page, "Hello")
    failed.get_by_role("button", name="Retry with another model").click()
    page.locator("#picker [role=option]", has_text="ok").click()
    expect(answers(page)).to_have_count(2)
    retried = answers(page).last
    expect_over(retried)
    expect(retried).to_contain_text("Retried with ok")
    expect(retried.locator(".prose")).to_have_text(words(house.far_end.text))
    expect(failed).to_contain_text("HTTP 500")


def test_a_refusal_keeps_what_was_typed(page: Page, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 409")
    house.open_chat(page, "stall-mid")
    ask(page, "Hello")
    other = page.context.new_page()
    house.visit(other, page.url.removeprefix(house.url))
    page.keyboard.press("Escape")
    expect_over(answers(page).last)
    expect_over(answers(other).last)
    answers(page).last.get_by_role("button", name="Continue").click()
    expect(page.locator("article.live")).to_have_count(1)
    other.get_by_role("textbox", name="Message").fill("In between")
    other.keyboard.press("Enter")
    expect(other.locator("#text-error")).to_contain_text("still being written")
    expect(other.get_by_role("textbox", name="Message")).to_have_value("In between")
    page.keyboard.press("Escape")
