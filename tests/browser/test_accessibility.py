"""Every page in every state passes axe, wide and narrow, light and dark, and never scrolls to the side."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, answers, ask, expect_over
from tests.browser.test_answers import MARKDOWN
from tests.serving import Server

LONG = "A provider with a name of sixty characters, not one fewer, ok"


def test_signing_in_is_accessible(context: BrowserContext, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 422")
    page = context.new_page()
    page.goto(house.url + "/login")
    assert_accessible(page)
    page.get_by_label("Email or user name").fill("nobody")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)


def test_setting_up_is_accessible(
    context: BrowserContext,
    serve: Callable[..., Server],
    tmp_path_factory: pytest.TempPathFactory,
    allow: Callable[[str], None],
) -> None:
    allow("status of 422")
    page = context.new_page()
    page.goto(serve(tmp_path_factory.mktemp("new")).setup_url)
    assert_accessible(page)
    page.get_by_label("Email or user name").fill("linh")
    page.get_by_label("Your name").fill("Linh")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Create account and continue").click()
    expect(page.locator(".err").first).to_be_visible()
    assert_accessible(page)


@pytest.mark.parametrize(
    "path", ["/settings", "/settings/workspace", "/models", "/tokens", "/providers/new?vendor=openrouter"]
)
def test_plain_pages_are_accessible(page: Page, house: House, path: str) -> None:
    house.add("ok", "vendor/" + "very-long-" * 12 + "id", name=LONG)
    house.visit(page, path)
    page.wait_for_load_state("networkidle")
    assert_accessible(page)


def test_error_pages_are_accessible(page: Page, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 404")
    house.visit(page, "/nothing-here")
    assert_accessible(page)


def test_chat_is_accessible_in_all_states(page: Page, house: House) -> None:
    house.far_end.text = MARKDOWN
    house.open_chat(page, "ok", "429", "stall-mid", "length")
    assert_accessible(page)
    expect_over(ask(page, "Show me " + "unbroken" * 40))
    for model in ("429", "length", "stall-mid"):
        _choose(page, model)
        ask(page, f"And {model}?")
    expect(page.locator("article.live")).to_contain_text("Half")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(answers(page).last).to_contain_text("Stopped by you")
    page.get_by_role("button", name="More actions").click()
    assert_accessible(page)


def test_the_model_picker_is_accessible(page: Page, house: House) -> None:
    house.open_chat(page, "ok", "vendor/" + "very-long-" * 12 + "id", name=LONG)
    page.keyboard.press("Control+j")
    expect(page.locator("#picker .at")).to_be_visible()
    assert_accessible(page)
    page.keyboard.type("no such thing")
    expect(page.locator("#picker")).to_contain_text("No model matches")
    assert_accessible(page)


def test_providers_are_accessible_in_all_states(page: Page, house: House) -> None:
    house.add("ok", name="Not tested")
    failing = house.add("ok", base_url=house.far_end.at("401"), key="sk-wrong-0123456789", name=LONG)
    off = house.add("ok", name="Switched off")
    house.visit(page, "/providers")
    card = page.locator(f"#provider-card-{failing}")
    card.get_by_role("button", name="Test").click()
    expect(card).to_contain_text("The key was refused")
    page.locator(f"#provider-card-{off}").get_by_role("button", name="More actions").click()
    page.locator(f"#provider-menu-{off}").get_by_role("button", name="Disable").click()
    expect(page.locator(f"#provider-card-{off}")).to_contain_text("Disabled")
    assert_accessible(page)
    card.get_by_role("button", name="More actions").click()
    assert_accessible(page)
    house.visit(page, f"/providers/{failing}")
    page.get_by_text("Raw exchange").first.click()
    assert_accessible(page)
    house.visit(page, f"/providers/{failing}/edit")
    assert_accessible(page)
    house.visit(page, "/providers?tab=attention&q=nobody")
    assert_accessible(page)


def test_the_form_and_its_errors_are_accessible(page: Page, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 422")
    house.visit(page, "/providers/new")
    assert_accessible(page)
    page.get_by_label("Name", exact=True).fill(LONG)
    page.get_by_label("Base URL").fill(house.far_end.base_url)
    page.get_by_role("button", name="Add header").click()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_label("Open this address")).to_be_focused()
    assert_accessible(page)


def test_a_ladder_is_accessible_while_it_runs(page: Page, house: House) -> None:
    house.visit(page, f"/providers/{house.add('hold')}")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("li.now")).to_contain_text("Short answer")
    assert_accessible(page)
    house.far_end.release.set()
    expect(page.get_by_text("Works", exact=True)).to_be_visible()
    assert_accessible(page)


def _choose(page: Page, model: str) -> None:
    page.keyboard.press("Control+j")
    page.keyboard.type(model)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Model: {model}")).to_be_visible()
