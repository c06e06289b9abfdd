"""The journey of a preset: made, tried in a chat, tuned there, flagged when its model goes, mended with one click."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, ask, expect_over
from webapp.core import clock
from webapp.core.database import reading, writing
from webapp.models.model import Model
from webapp.providers.provider import Provider

NAME = "Trả lời khách hàng"


def slug_of(house: House, provider_id: int) -> str:
    """What begins the names of its models."""
    with house.app.app_context(), reading() as session:
        return session.get_one(Provider, provider_id).slug


def vanish(house: House, provider_id: int, model_id: str) -> None:
    """The list holds it no more."""
    with house.app.app_context(), writing() as session:
        session.query(Model).filter_by(provider_id=provider_id, model_id=model_id).update({"vanished_at": clock.now()})


def make(page: Page, house: House) -> int:
    """Fill the form of a new preset and try it in a chat; return the provider of its model."""
    provider = house.add("ok", "ok-2")
    house.visit(page, "/presets")
    page.get_by_role("link", name="New preset").first.click()
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("System prompt").fill("Lịch sự, ngắn gọn. Hôm nay là {{date}}.")
    expect(page.locator("#prompt-size")).to_contain_text("8 words")
    page.get_by_label("Model", exact=True).fill(f"{slug_of(house, provider)}/ok")
    page.get_by_label(re.compile("^Temperature")).fill("0.4")
    page.get_by_role("button", name="Try in a chat").click()
    expect(page.locator("#settings-button")).to_contain_text(NAME)
    return provider


def test_a_mistake_in_the_form_is_told_beside_its_field(page: Page, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 422")
    house.visit(page, "/presets/new")
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label(re.compile("^Temperature")).fill("9")
    page.get_by_role("button", name="Save preset").click()
    expect(page.get_by_text("This must be a number from 0 to 2.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value(NAME)
    assert_accessible(page)


def test_a_preset_is_made_tried_and_tuned_in_a_chat(page: Page, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 422")
    make(page, house)
    expect_over(ask(page, "Xin chào"))
    said = house.far_end.calls[-1].json
    assert said["messages"][0]["content"] == f"Lịch sự, ngắn gọn. Hôm nay là {clock.now():%Y-%m-%d}."
    assert said["temperature"] == 0.4

    page.locator("#settings-button").click()
    popover = page.locator("#params")
    temperature = popover.get_by_label(re.compile("^Temperature"))
    expect(temperature).to_have_attribute("placeholder", "0.4 – from the preset")
    popover.get_by_text("Effective settings").click()
    row = popover.get_by_role("row").filter(has_text="Temperature")
    popover.locator(".slider").first.fill("1.5")  # as if it was drawn
    expect(temperature).to_have_value("1.5")
    expect(row).to_contain_text("1.5")
    temperature.fill("1.1")
    temperature.press("Tab")
    expect(row).to_contain_text("1.1")  # what was opened stays open
    expect(row).to_contain_text("Conversation")
    expect(popover.locator(".slider").first).to_have_value("1.1")
    popover.get_by_text("More parameters").click()
    top_p = popover.get_by_label(re.compile("^Top P"))
    top_p.fill("7")
    top_p.press("Tab")
    expect(popover.get_by_text("This must be a number from 0 to 1.")).to_be_visible()
    top_p.fill("")
    top_p.press("Tab")
    expect(popover.get_by_label("Seed")).to_be_focused()
    expect(popover.locator(".err")).to_have_count(0)
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.reload()
    answer = ask(page, "Lần nữa")
    expect_over(answer)
    assert house.far_end.calls[-1].json["temperature"] == 1.1
    expect(answer.get_by_title("Preset")).to_have_text(NAME)


def test_a_preset_whose_model_vanished_is_flagged_and_mended_with_one_click(page: Page, house: House) -> None:
    provider = make(page, house)
    expect_over(ask(page, "Xin chào"))
    vanish(house, provider, "ok")
    page.reload()
    expect(page.locator("#chat-trouble")).to_contain_text("ok cannot answer")
    assert_accessible(page)
    page.locator("#chat-trouble").get_by_role("button", name="ok-2").click()
    expect(page.locator("#chat-trouble")).to_be_empty()
    expect_over(ask(page, "Và bây giờ"))
    assert house.far_end.calls[-1].json["model"] == "ok-2"

    house.visit(page, "/presets")
    card = page.get_by_role("article", name=NAME)
    expect(card).to_contain_text("used 2 times")
    expect(card).to_contain_text("Its provider does not list it any more.")
    assert_accessible(page)
    card.get_by_role("button", name="ok-2").click()
    expect(card).not_to_contain_text("cannot answer")
    card.get_by_role("button", name="Actions for").click()
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(card).to_be_visible()
