"""Connecting a provider: the form, the ladder, the models, deleting and bringing back."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.house import House
from tests.far_end import FarEnd

KEY = "sk-right-8f2e61d07b94a35c"


def test_a_custom_provider_is_tested_mended_saved_and_asked_for_its_models(
    page: Page, house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    with FarEnd(key=KEY) as far_end:
        house.visit(page, "/providers/new")
        page.get_by_label("Name", exact=True).fill("Workshop")
        page.get_by_label("Base URL").fill(f"{far_end.base_url}/chat/completions")
        expect(page.locator("#address-hint")).to_contain_text(f"Will be saved as {far_end.base_url}.")
        key = page.get_by_label("API key")
        key.fill("sk-wrong-0000000000000000")
        page.get_by_role("button", name="Test connection").click()
        confirm = page.get_by_label("Open this address")
        expect(confirm).to_be_focused()
        expect(key).to_have_value("sk-wrong-0000000000000000")
        confirm.check()
        page.get_by_role("button", name="Test connection").click()
        ladder = page.locator("#draft-check")
        expect(ladder.get_by_role("alert")).to_contain_text("The key was refused (HTTP 401)")
        expect(ladder.locator("li.fail")).to_contain_text("Authenticate")
        expect(key).to_have_value("sk-wrong-0000000000000000")
        key.fill(KEY)
        page.get_by_role("button", name="Test connection").click()
        ladder.get_by_role("button", name="Test with ok").click()
        expect(ladder).to_contain_text("Works")
        expect(ladder.locator("li.done")).to_have_count(6)
        expect(ladder).to_contain_text("6 of 6 passed")
        page.get_by_label("Everybody here may use it").uncheck()
        page.get_by_role("button", name="Save provider").click()
        expect(page.get_by_role("heading", name="Workshop", level=1)).to_be_visible()
        page.get_by_role("button", name="Refresh list").click()
        expect(page.get_by_role("row").filter(has_text="text-embedding-3-small")).to_contain_text("embedding")
        page.get_by_role("button", name="Make slow the default").click()
        expect(page.get_by_role("row").filter(has_text="slow")).to_contain_text("Default")
        assert KEY not in page.content()


def test_rungs_appear_while_the_test_runs_and_it_can_be_stopped(page: Page, house: House) -> None:
    provider = house.add("hold")
    house.visit(page, f"/providers/{provider}")
    page.get_by_role("button", name="Test connection").click()
    ladder = page.locator("section[id^=provider-check]")
    expect(ladder.locator("li.now")).to_contain_text("Short answer")
    expect(ladder.locator("li.done").first).to_contain_text("Resolve name")
    ladder.get_by_role("button", name="Stop").click()
    expect(ladder).to_contain_text("Stopped")
    expect(ladder.get_by_role("button", name="Test again")).to_be_visible()


def test_each_test_is_watched_over_one_line(page: Page, house: House) -> None:
    """htmx opens a line again when the element that holds it stays and the line ends a moment later."""
    provider = house.add("ok", base_url=house.far_end.at("401"))
    house.visit(page, f"/providers/{provider}")
    ladder = page.locator("section[id^=provider-check]")
    lines: list[str] = []
    page.on("request", lambda request: lines.append(request.url) if request.url.endswith("/events") else None)
    for button in ("Test connection", *["Test again"] * 4):
        before = ladder.get_attribute("id")
        page.get_by_role("button", name=button).click()
        after = page.locator(f"section[id^=provider-check]:not([id={before}])")
        expect(after.get_by_role("button", name="Test again")).to_be_visible()
    assert len(lines) == len(set(lines)) == 5


def test_a_card_shows_its_test_and_its_result(page: Page, house: House) -> None:
    provider = house.add("ok", base_url=house.far_end.at("500"))
    house.visit(page, "/providers")
    card = page.locator(f"#provider-card-{provider}")
    card.get_by_role("button", name="Test").click()
    expect(card).to_contain_text("Test failed")
    expect(card).to_contain_text("HTTP 500")
    card.get_by_role("link", name="See why").click()
    expect(page.get_by_role("alert").first).to_contain_text("Something broke.")


def test_a_deleted_provider_is_brought_back_from_the_toast(page: Page, house: House) -> None:
    provider = house.add("ok", name="Short-lived")
    house.visit(page, "/providers")
    card = page.locator(f"#provider-card-{provider}")
    card.get_by_role("button", name="More actions for Short-lived").click()
    page.locator(f"#provider-menu-{provider}").get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Short-lived was deleted.")
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(f"#provider-card-{provider}")).to_be_visible()


def test_disabling_and_enabling_swaps_the_card(page: Page, house: House) -> None:
    provider = house.add("ok")
    house.visit(page, "/providers")
    card = page.locator(f"#provider-card-{provider}")
    card.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Disable").click()
    expect(card).to_contain_text("Disabled")
    card.get_by_role("button", name="Enable").first.click()
    expect(card).to_contain_text("Not tested yet")


def test_the_first_wrong_field_has_the_focus_and_the_key_stays(
    page: Page, house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    house.visit(page, "/providers/new")
    page.get_by_label("Base URL").fill("ftp://example.com")
    page.get_by_label("API key").fill(KEY)
    page.get_by_label("Name", exact=True).fill(" ")
    page.get_by_role("button", name="Save provider").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.locator("#base_url-error")).to_contain_text("https://")
    expect(page.get_by_label("API key")).to_have_value(KEY)


def test_a_header_row_is_added_and_kept(page: Page, house: House) -> None:
    provider = house.add("ok")
    house.visit(page, f"/providers/{provider}/edit")
    for number, name in enumerate(("X-Team", "X-Place")):
        page.get_by_role("button", name="Add header").click()
        page.get_by_label("Header name").nth(number).fill(name)
        page.get_by_label("Header value").nth(number).fill("blue")
    page.get_by_role("button", name="Save provider").click()
    expect(page.get_by_text("X-Team, X-Place")).to_be_visible()


def test_cards_are_filtered_while_typing(page: Page, house: House) -> None:
    house.add("ok", name="Quiet corner")
    house.visit(page, "/providers")
    page.get_by_role("searchbox", name="Filter providers").fill("quiet")
    expect(page.locator("article.prov")).to_have_count(1)
    page.get_by_role("searchbox", name="Filter providers").fill("nobody")
    expect(page.locator("#provider-cards")).to_contain_text("No provider matches “nobody”.")
