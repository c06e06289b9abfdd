"""Everything that matters works when scripts are switched off: forms are posted, pages are reloaded."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.house import House, answers
from tests.conftest import PASSWORD
from tests.far_end import FarEnd
from tests.serving import Server

MOST_RELOADS = 100


def test_from_set_up_to_an_answer_without_javascript(
    new_context: Callable[..., BrowserContext],
    serve: Callable[..., Server],
    tmp_path: Path,
    far_end: FarEnd,
    allow: Callable[[str], None],
) -> None:
    allow("status of 422")
    server = serve(tmp_path / "new")
    page = new_context(java_script_enabled=False).new_page()
    page.goto(server.setup_url)
    page.get_by_label("Your name").fill("Linh")
    page.get_by_label("Email or user name").fill("linh")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account and continue").click()

    page.goto(server.url + "/providers/new")
    page.get_by_label("Name", exact=True).fill("Workshop")
    page.get_by_label("Base URL").fill(far_end.base_url)
    page.get_by_text("None", exact=True).click()
    page.get_by_role("button", name="Save provider").click()
    page.get_by_label("Open this address").check()
    page.get_by_role("button", name="Save provider").click()
    page.get_by_role("button", name="Test connection").click()
    _reload_until(page, "Test with ok")
    page.get_by_role("button", name="Test with ok").click()
    _reload_until(page, "6 of 6 passed")
    expect(page.locator("li.done")).to_have_count(6)

    page.get_by_role("link", name="Workshop").click()
    page.get_by_role("link", name="Show the models of this provider").click()
    page.get_by_role("button", name="Make ok the default").click()
    page.goto(server.url)
    expect(page.get_by_role("link", name="Model: ok")).to_be_visible()
    page.get_by_role("textbox", name="Message").fill("Hello")
    page.get_by_role("button", name="Send").click()
    _reload_until(page, "quick brown fox")
    expect(answers(page)).to_have_count(1)


def test_stop_and_continue_without_javascript(new_context: Callable[..., BrowserContext], house: House) -> None:
    page = house.enter(new_context(java_script_enabled=False))
    house.add("stall-mid")
    page.goto(house.url)
    page.get_by_role("textbox", name="Message").fill("Hello")
    page.get_by_role("button", name="Send").click()
    house.far_end.wait_for_calls(1)
    page.get_by_role("button", name="Stop", exact=True).click()
    _reload_until(page, "Stopped by you")
    page.get_by_role("button", name="Retry with stall-mid").first.click()
    expect(answers(page)).to_have_count(2)
    page.get_by_role("button", name="Stop", exact=True).click()


def test_signing_in_and_a_draft_test_without_javascript(
    new_context: Callable[..., BrowserContext], house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    page = new_context(java_script_enabled=False).new_page()
    page.goto(house.url)
    for password in ("not the password", PASSWORD):
        page.get_by_label("Email or user name").fill(house.email)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()
    page.goto(house.url + "/providers/new")
    page.get_by_label("Name", exact=True).fill("Draft")
    page.get_by_label("Base URL").fill(house.far_end.base_url)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("heading", name="Add a provider")).to_be_visible()
    page.get_by_label("Open this address").check()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("heading", name="Testing Draft")).to_be_visible()
    _reload_until(page, "passed")


def _reload_until(page: Page, text: str) -> None:
    """Reload, as the page asks its reader to, until the text is there."""
    for _ in range(MOST_RELOADS):
        if page.get_by_text(text).count():
            break
        page.reload()
    expect(page.get_by_text(text).first).to_be_visible()
