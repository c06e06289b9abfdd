"""The whole journey of a new owner, from the set-up link to the second answer, in Chromium and with a LiteLLM proxy."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import PASSWORD
from tests.real.litellm_proxy import Proxy, litellm_proxy
from tests.serving import Server

ALPHA = "The first model says hello. " * 40 + "That was all of it."
BETA = "The second model agrees with the first."
TEST_MS = 30_000


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with litellm_proxy(tmp_path, {"alpha": ALPHA, "beta": BETA}) as proxy:
        yield proxy


@pytest.mark.timeout(420)
def test_a_new_owner_connects_litellm_and_chats_with_two_models(
    proxy: Proxy, serve: Callable[..., Server], page: Page, tmp_path: Path, allow: Callable[[str], None]
) -> None:
    allow("status of 422")  # the private address has to be confirmed
    server = serve(tmp_path / "data")
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if request.url.endswith("/events") else None)

    set_up(page, server)
    fill_in_the_template(page, proxy, key="sk-wrong")
    page.get_by_role("button", name="Save provider").click()
    expect(page.get_by_text("This address is on your own machine or network")).to_be_visible()
    page.get_by_label("Open this address").check()
    page.get_by_role("button", name="Save provider").click()
    page.wait_for_url(re.compile(r"/providers/\d+(\?new=1)?$"))  # the form has a button "Test connection", too

    check = run_the_test(page, "Test connection")
    expect(check).to_contain_text("Failed")
    expect(check.get_by_role("alert")).to_contain_text("The key was refused")
    check.get_by_role("link", name="Replace key").click()
    page.get_by_label("API key").fill(proxy.key)
    page.get_by_role("button", name="Save provider").click()
    page.wait_for_url(re.compile(r"/providers/\d+(\?new=1)?$"))
    run_the_test(page, "Test again")
    check = run_the_test(page, "Test with alpha")
    expect(check).to_contain_text("Works")
    expect(check).to_contain_text("2 models")
    for name in ("alpha", "beta"):
        expect(page.get_by_role("row", name=name)).to_be_visible()

    page.get_by_role("link", name="Chat", exact=True).click()
    pick(page, "alpha")
    ask(page, "Who are you?")
    expect(answers(page).last).to_have_text(ALPHA)
    pick(page, "beta")
    ask(page, "And who are you?")
    expect(answers(page).last).to_have_text(BETA)
    expect(page.get_by_text("Switched from alpha to beta")).to_be_visible()
    assert len(streams) == len(set(streams)), streams  # none was opened again
    page.reload()
    expect(answers(page)).to_have_text([ALPHA, BETA])


def set_up(page: Page, server: Server) -> None:
    page.goto(server.setup_url)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Email or user name").fill("ada@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account and continue").click()
    expect(page.get_by_role("heading", name="Connect your first model")).to_be_visible()
    expect(page.get_by_role("button", name="Ada")).to_be_visible()


def fill_in_the_template(page: Page, proxy: Proxy, key: str) -> None:
    page.get_by_role("link", name="Providers", exact=True).click()
    page.get_by_role("link", name="Add provider").click()
    page.get_by_role("link", name="LiteLLM proxy").click()
    page.get_by_label("Base URL").fill(proxy.base_url)
    page.get_by_label("API key").fill(key)


def run_the_test(page: Page, button: str) -> Locator:
    """Run a test to its end and return its ladder."""
    page.get_by_role("button", name=button).click()
    check = page.locator("section", has=page.get_by_role("heading", name="Connection test"))
    expect(check).not_to_have_attribute("aria-busy", "true", timeout=TEST_MS)
    expect(check.get_by_role("button", name="Test again")).to_be_visible(timeout=TEST_MS)
    return check


def pick(page: Page, model: str) -> None:
    page.get_by_role("button", name=re.compile("^Model:")).click()
    page.get_by_role("combobox", name="Search models").fill(model)
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^Model:"))).to_contain_text(model)


def ask(page: Page, text: str) -> None:
    count = answers(page).count()
    page.get_by_role("textbox", name="Message").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("article.msg.ai:not([aria-busy])")).to_have_count(count + 1)


def answers(page: Page) -> Locator:
    return page.locator("article.msg.ai .prose")
