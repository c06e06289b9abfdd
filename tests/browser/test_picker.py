"""Choosing a model: by keyboard alone, among thousands, in the middle of a conversation."""

import re

from playwright.sync_api import Page, Request, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, answers, ask, expect_over


def test_the_model_is_switched_by_keyboard_in_the_middle_of_a_conversation(page: Page, house: House) -> None:
    house.open_chat(page, "ok", "other-a", "other-b")
    expect_over(ask(page, "Hello"))
    page.keyboard.press("Control+j")
    search = page.get_by_role("combobox", name="Search models")
    expect(search).to_be_focused()
    page.keyboard.type("other")
    expect(page.locator("#picker [role=option]")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    marked = page.locator("#picker .at")
    expect(marked).to_contain_text("other-b")
    assert search.get_attribute("aria-activedescendant") == marked.get_attribute("id")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Model: other-b")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    answer = ask(page, "And you?")
    expect_over(answer)
    expect(answer.locator(".turn")).to_have_text("Switched from ok to other-b")
    assert [call.json["model"] for call in house.far_end.calls] == ["ok", "other-b"]


def test_fast_typing_asks_once_and_enter_waits_for_the_result(page: Page, house: House) -> None:
    house.open_chat(page, "ok", "other-a", "other-b")
    page.keyboard.press("Control+j")
    expect(page.locator("#picker [role=option]").first).to_be_visible()
    searches: list[str] = []

    def note(request: Request) -> None:
        if "/models/picker?" in request.url:
            searches.append(request.url.partition("q=")[2].partition("&")[0])

    page.on("request", note)
    page.keyboard.type("other-b")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Model: other-b")).to_be_visible()
    assert searches == ["other-b"]


def test_two_thousand_models_load_as_they_are_scrolled_to(page: Page, house: House) -> None:
    house.open_chat(page, *(f"vendor/model-{number:04d}" for number in range(2000)))
    page.keyboard.press("Control+j")
    options = page.locator("#picker [role=option]")
    mine = options.filter(has_text="vendor/model")
    expect(page.locator("#picker-status")).to_contain_text("20")
    expect(mine).to_have_count(50)
    mine.last.scroll_into_view_if_needed()
    expect(mine).to_have_count(100)
    page.keyboard.type("1234")
    expect(mine).to_have_count(1)
    expect(mine).to_have_text("vendor/model-1234")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_model_without_its_key_is_listed_but_not_taken(page: Page, house: House) -> None:
    house.open_chat(page, "ok")
    page.get_by_role("button", name="Model: ok").click()
    page.keyboard.type("openai gpt")
    keyless = page.locator("#picker [role=option][aria-disabled=true]")
    expect(keyless.first).to_contain_text("Needs a key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Model: ok")).to_be_focused()


def test_nothing_found_is_said(page: Page, house: House) -> None:
    house.open_chat(page, "ok")
    page.keyboard.press("Control+j")
    page.keyboard.type("no such thing")
    expect(page.locator("#picker")).to_contain_text("No model matches “no such thing”.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(answers(page)).to_have_count(0)


def test_stars_filters_and_a_closer_look_by_keyboard(page: Page, house: House) -> None:
    house.open_chat(page, "ok", "other-a", "other-b")
    page.keyboard.press("Control+j")
    search = page.get_by_role("combobox", name="Search models")
    page.keyboard.type("other")
    expect(page.locator("#picker .at")).to_contain_text("other-a")
    expect(page.locator("#picker-preview-name")).to_have_text("other-a")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#picker-preview-name")).to_have_text("other-b")
    page.keyboard.press("Alt+f")
    expect(page.locator("#picker-star")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#picker .at")).to_contain_text("other-b")
    expect(search).to_be_focused()
    search.fill("")
    favourites = page.get_by_role("group", name="Favourites")
    expect(favourites.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Home")
    expect(page.locator("#picker .at")).to_contain_text("other-b")
    page.keyboard.press("Control+ArrowDown")
    expect(favourites.locator(".at")).to_have_count(0)
    expect(page.locator("#picker-preview-name")).not_to_have_text("other-b")
    page.keyboard.press("Control+ArrowUp")
    expect(favourites.locator(".at")).to_have_count(1)
    expect(page.locator("#picker-preview-name")).to_have_text("other-b")
    page.get_by_role("button", name="Favourite").click()
    expect(favourites).to_have_count(0)
    page.get_by_role("checkbox", name="Local").check()
    expect(page.locator("#picker-status")).to_have_text("3 models")
    page.get_by_role("checkbox", name="Audio").check()
    expect(page.locator("#picker")).to_contain_text("No model has all of this.")
    assert_accessible(page)


def test_a_model_is_asked_once(page: Page, house: House) -> None:
    house.open_chat(page, "ok", "other-a")
    page.keyboard.press("Control+j")
    page.keyboard.type("other-a")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Model: other-a")).to_contain_text("once")
    expect_over(ask(page, "Hello"))
    expect(page.get_by_role("button", name="Model: ok")).to_be_visible()
    expect_over(ask(page, "And now?"))
    assert [call.json["model"] for call in house.far_end.calls] == ["other-a", "ok"]


def test_a_method_editor_keeps_its_keys(page: Page, house: House) -> None:
    house.open_chat(page, "ok", "other-a")
    page.keyboard.press("Control+j")
    search = page.get_by_role("combobox", name="Search models")
    expect(page.locator("#picker .at")).to_be_visible()
    search.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    search.dispatch_event("keydown", {"key": "ArrowDown", "isComposing": True, "bubbles": True})
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#picker .at")).to_contain_text("ok")


def test_new_chats_begin_with_the_model_that_is_chosen_in_the_settings(page: Page, house: House) -> None:
    house.add("ok", "other-a", "other-b")
    house.visit(page, "/settings")
    card = page.get_by_role("region", name="New chats begin with")
    card.get_by_role("button", name="Choose").click()
    page.get_by_role("combobox", name="Search models").fill("other-b")
    expect(page.locator("#picker [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(card.get_by_label("Model", exact=True)).to_have_value(re.compile("/other-b$"))
    assert_accessible(page)
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_role("status")).to_have_text("Saved.")
    house.visit(page, "/")
    expect(page.get_by_role("button", name="Model: other-b")).to_be_visible()
