"""The table of all models in a browser: filters while typing, many rows at once, the way back, switches."""

import re

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House
from webapp.core.database import writing
from webapp.models.model import Model

LONG = "Nous: Hermes 4 405B, a model with a rather long display name that goes on and on"


def rows(page: Page) -> list[str]:
    """The names in the table, from the first to the last."""
    return page.locator("#model-table .named a").all_text_contents()


def shelf(page: Page, house: House, *models: str, query: str = "") -> int:
    """Open the page with the models of one provider."""
    provider = house.add(*models)
    house.visit(page, f"/models?provider={provider}{query}")
    return provider


def test_typing_filters_and_the_address_keeps_it(page: Page, house: House) -> None:
    shelf(page, house, "vendor/alpha", "vendor/beta", "vendor/beta-two")
    page.get_by_role("searchbox", name="Search models").fill("beta")
    expect(page.locator("#model-count")).to_have_text("1 to 2 of 2")
    expect(page).to_have_url(re.compile(r"\?q=beta&provider=\d+$"))
    expect(page.locator("#model-search")).to_be_focused()
    page.get_by_role("checkbox", name="Vision").check()
    expect(page.get_by_text("No model fits all of that")).to_be_visible()
    expect(page).to_have_url(re.compile(r"only=vision"))
    page.reload()
    expect(page.get_by_role("checkbox", name="Vision")).to_be_checked()
    page.get_by_role("checkbox", name="Vision").uncheck()
    expect(page.locator("#model-count")).to_have_text("1 to 2 of 2")
    page.get_by_role("link", name="Model").first.focus()
    page.locator("#sort-name").press("Enter")
    expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    assert rows(page) == ["vendor/beta-two", "vendor/beta"]
    expect(page.locator("#sort-name")).to_be_focused()
    page.locator("#model-sort").select_option("newest")
    expect(page.locator("th[aria-sort]")).to_have_count(0)
    page.go_back()
    expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")


def test_all_that_match_are_hidden_and_brought_back(page: Page, house: House) -> None:
    provider = shelf(page, house, *(f"vendor/model-{number:04d}" for number in range(2_000)), query="&q=model")
    first, second = page.locator(".sel").nth(0), page.locator(".sel").nth(1)
    bar = page.get_by_role("form", name="Bulk actions")
    expect(bar).to_be_hidden()
    first.check()
    second.check()
    expect(bar).to_contain_text("2 selected")
    second.uncheck()
    expect(bar).to_contain_text("1 selected")
    expect(second).to_be_focused()
    page.get_by_label("Select all on this page").check()
    expect(bar).to_contain_text("60 selected")
    expect(page.locator(".sel:checked")).to_have_count(60)
    expect(page.locator("#select-page")).to_be_focused()
    bar.get_by_role("link", name="Select all 2,000 that match").click()
    expect(bar).to_contain_text("All 2,000 selected")
    bar.get_by_role("button", name="Hide").click()
    toast = page.locator("#models-told")
    expect(toast).to_contain_text("2,000 models are hidden.")
    expect(bar).to_be_hidden()
    expect(page.get_by_role("switch", checked=False)).to_have_count(60)
    assert hidden(house, provider) == 2_000
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_contain_text("2,000 models are offered.")
    expect(page.get_by_role("switch", checked=True)).to_have_count(60)
    assert hidden(house, provider) == 0


def test_a_switch_acts_at_once_by_keyboard_and_keeps_the_focus(page: Page, house: House) -> None:
    provider = shelf(page, house, "one", "two")
    switch = page.get_by_role("switch", name="Offer one")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(switch).to_be_focused()
    expect(page.locator("tr", has_text="one").locator(".changes .badge")).to_have_text("hidden")
    assert hidden(house, provider) == 1
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "true")


def test_rows_that_are_checked_are_overridden_on_a_page_of_their_own(page: Page, house: House) -> None:
    shelf(page, house, "one", "two", "three")
    page.get_by_label("Select one").check()
    page.get_by_label("Select two").check()
    expect(page.locator("#model-bulk")).to_contain_text("2 selected")
    page.get_by_role("button", name="Override…").click()
    expect(page.get_by_role("heading", name="Override 2 models")).to_be_visible()
    page.get_by_label("Context, tokens").fill("4096")
    page.get_by_role("button", name="Change 2 models").click()
    expect(page.get_by_role("heading", name="2 models changed.")).to_be_visible()
    page.get_by_role("link", name="Back to the models").click()
    expect(page.locator("tr", has_text="two").locator(".changes .badge")).to_have_text("context")
    expect(page.locator("tr", has_text="three").locator(".changes .badge")).to_have_count(0)


def test_reading_all_lists_ends_with_what_was_read(page: Page, house: House) -> None:
    shelf(page, house, "never-listed")
    page.get_by_role("button", name="Refresh all").click()
    expect(page.locator("#alerts")).to_contain_text("read")
    expect(page.get_by_role("button", name="Refresh all")).to_be_enabled()


def test_the_table_is_accessible_with_long_and_foreign_names(page: Page, house: House) -> None:
    provider = house.add("plain", "vendor/" + "long-" * 20, "trợ-lý", "通义千问", "embedder", name=LONG[:60])
    with house.app.app_context(), writing() as session:
        found = {row.model_id: row for row in session.query(Model).filter_by(provider_id=provider)}
        found["plain"].display_name, found["plain"].parameters = LONG, {"temperature": 0.6, "top_p": 1, "seed": 1}
        found["trợ-lý"].source, found["通义千问"].is_enabled, found["embedder"].kind = "user", False, "embedding"
    house.visit(page, f"/models?provider={provider}")
    assert_accessible(page)
    page.locator(".sel").first.check()
    expect(page.locator("#model-bulk")).to_contain_text("1 selected")
    assert_accessible(page)
    house.visit(page, "/models/new")
    assert_accessible(page)
    house.visit(page, f"/models?provider={provider}&only=audio_input")
    assert_accessible(page)


def hidden(house: House, provider: int) -> int:
    """How many models of the provider are not offered."""
    with house.app.app_context(), writing() as session:
        return session.query(Model).filter_by(provider_id=provider, is_enabled=False).count()
