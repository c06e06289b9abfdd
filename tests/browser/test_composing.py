"""Writing and sending: keys, method editors, double clicks, long texts, and where the focus goes."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.house import SLOW, House, answers, ask, expect_over


def test_a_double_click_on_send_sends_once(page: Page, house: House) -> None:
    house.open_chat(page, "ok")
    for turn in (1, 2):
        page.get_by_role("textbox", name="Message").fill("Hello")
        page.get_by_role("button", name="Send").dblclick()
        expect(answers(page)).to_have_count(turn)
        expect_over(answers(page).last)
        expect(page.locator("article.me")).to_have_count(turn)
    assert len([call for call in house.far_end.calls if call.method == "POST"]) == 2


def test_enter_inside_a_method_editor_does_not_send(page: Page, house: House) -> None:
    house.open_chat(page, "ok")
    message = page.get_by_role("textbox", name="Message")
    message.focus()
    keyboard = page.context.new_cdp_session(page)
    keyboard.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "windowsVirtualKeyCode": 13})
    keyboard.send("Input.insertText", {"text": "你好"})
    expect(message).to_have_value("你好")
    expect(answers(page)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("article.me .text")).to_have_text("你好")


def test_shift_enter_makes_a_line_and_nothing_is_not_sent(
    page: Page, house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    house.open_chat(page, "ok")
    message = page.get_by_role("textbox", name="Message")
    message.press("Enter")
    expect(page.locator("#text-error")).to_contain_text("Write something first.")
    expect(message).to_be_focused()
    page.keyboard.type("One")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(message).to_have_value("One\ntwo")
    page.keyboard.press("Enter")
    expect(page.locator("article.me .text")).to_have_text("One\ntwo")


def test_the_focus_is_in_the_field_before_and_after_sending(page: Page, house: House) -> None:
    house.open_chat(page, "ok")
    for text in ("First", "Second"):
        expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.locator("article.me", has_text=text)).to_be_visible()
        expect_over(answers(page).last)
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("")


def test_a_text_of_a_megabyte_is_sent_whole(page: Page, house: House) -> None:
    text = "sixteen letters " * 65_536 + "."
    house.open_chat(page, "ok")
    expect_over(ask(page, text))
    assert page.locator("article.me .text").evaluate("element => element.textContent.length") == len(text)
    assert house.far_end.calls[-1].json["messages"][-1]["content"] == text
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_growing_answer_keeps_the_end_in_sight_but_not_from_a_reader_above(page: Page, house: House) -> None:
    house.far_end.text = "A line of the answer.\n\n" * 40
    house.open_chat(page, "ok")
    answer = ask(page, "Hello")
    expect_over(answer)
    expect(answer.locator("p").last).to_be_in_viewport()
    house.far_end.pace = SLOW
    answer = ask(page, "Once more")
    expect(answer).to_contain_text("A line of the answer.")
    expect(answer).to_be_in_viewport()
    page.evaluate("document.documentElement.scrollTop = 0")
    house.far_end.pace = 0
    expect_over(answer)
    assert page.evaluate("document.documentElement.scrollTop") == 0
