"""The first minutes: set-up, signing in and out, the language and the look."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.house import House, answers, ask, expect_over
from tests.conftest import PASSWORD
from tests.serving import Server


def test_the_printed_link_leads_to_the_first_answer(
    context: BrowserContext, serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(tmp_path / "new")
    page = context.new_page()
    page.goto(server.setup_url)
    page.get_by_label("Your name").fill("Linh")
    page.get_by_label("Email or user name").fill("linh@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account and continue").click()
    expect(page.get_by_role("heading", name="Connect your first model")).to_be_visible()
    answer = ask(page, "What can you do?")
    expect_over(answer)
    expect(answer).to_contain_text("Hello from the demo")


def test_a_wrong_password_is_refused_and_the_right_one_opens(
    context: BrowserContext, house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    page = context.new_page()
    page.goto(house.url + "/settings")
    expect(page).to_have_url(re.compile("/login"))
    _sign_in(page, house.email, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("Wrong user name or password")
    _sign_in(page, house.email, PASSWORD)
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_signing_out_ends_the_other_tab_too(page: Page, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 400")
    house.open_chat(page, "ok")
    other = page.context.new_page()
    house.visit(other)
    page.get_by_role("button", name="Guest").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    other.get_by_role("textbox", name="Message").fill("Still there?")
    other.keyboard.press("Enter")
    expect(other.get_by_role("alert")).to_contain_text("you signed in elsewhere")
    expect(other.get_by_role("textbox", name="Message")).to_have_value("Still there?")


@pytest.mark.parametrize(("code", "name"), [("vi", "Tiếng Việt"), ("zh", "简体中文")])
def test_another_language_works_as_well(page: Page, house: House, code: str, name: str) -> None:
    house.add("ok")
    house.visit(page, "/settings")
    page.locator("#language").select_option(label=name)
    page.locator("form:has(#language) button[type=submit]").click()
    expect(page.locator("html")).to_have_attribute("lang", code)
    house.visit(page)
    expect(page.locator("html")).to_have_attribute("lang", code)
    page.locator("#text").fill("Xin chào 你好")
    page.keyboard.press("Enter")
    expect_over(answers(page).last)
    expect(answers(page).last).to_contain_text("quick brown fox")


def test_the_theme_is_kept(page: Page, house: House) -> None:
    house.visit(page, "/settings")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_text("Dark", exact=True).click()
    page.get_by_role("button", name="Save language and look").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    house.visit(page, "/providers")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light


def _sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email or user name").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
