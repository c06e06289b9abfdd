"""The address of a provider: odd forms that are pasted, the search for the right one, the sibling, the wrong key."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House
from tests.far_end import FarEnd
from tests.serving import Server
from webapp.upstream.classify.vendors import HOSTS, SIBLINGS

KEY = "sk-right-8f2e61d07b94a35c"


@pytest.fixture
def near_house(app: Any, far_end: FarEnd) -> Iterator[House]:
    """A server in this process, so that a test may add to the data on vendors."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    yield House(app, cast(Server, SimpleNamespace(url=url)), far_end, "admin")
    server.shutdown()
    server.server_close()


def test_odd_forms_are_recognised_while_they_are_pasted(page: Page, house: House) -> None:
    house.visit(page, "/providers/new")
    hint, field = page.locator("#address-hint"), page.get_by_label("Base URL")
    for pasted in (
        ' "https://api.example.com//v1/chat/completions/", ',
        "export OPENAI_BASE_URL='https://api.example.com/v1'",
        "curl https://api.example.com/v1/models?limit=9",
    ):
        field.fill(pasted)
        expect(hint).to_contain_text("Chats go to https://api.example.com/v1/chat/completions.")
        expect(hint).to_contain_text("The list of models comes from https://api.example.com/v1/models.")
        field.fill("")
        expect(hint).not_to_contain_text("Chats go to")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    field.fill(f'curl https://api.example.com/v1/messages -H "x-api-key: {KEY}" -H "anthropic-version: 1"')
    expect(hint).to_contain_text("the key …a35c; sign-in by x-api-key; the Anthropic protocol")
    expect(page.locator("#key-hint")).to_contain_text("…a35c")
    assert [url for url in addresses if "sk-" in url] == []
    assert KEY not in page.locator("main").inner_html()


def test_the_right_address_is_found_from_the_form_and_the_typed_key_stays(
    page: Page, house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    with FarEnd(key=KEY) as far_end:
        house.visit(page, "/providers/new")
        page.get_by_label("Base URL").fill(f"{far_end.root}/mount/odd/path")
        key = page.get_by_label("API key")
        key.fill(KEY)
        page.get_by_role("button", name="Find the right address").click()
        page.get_by_label("Open this address").check()
        page.get_by_role("button", name="Find the right address").click()
        found = page.locator("#form-search")
        expect(found.locator("li.done")).to_contain_text("/mount/odd/path/v1")
        found.get_by_role("button", name="Use this address").click()
        expect(page.get_by_label("Base URL")).to_have_value(f"{far_end.root}/mount/odd/path/v1")
        expect(key).to_have_value(KEY)
        page.get_by_label("Name", exact=True).fill("Odd path")
        page.get_by_role("button", name="Save provider").click()
        expect(page.get_by_role("heading", name="Odd path", level=1)).to_be_visible()
        expect(page.locator(".page-head")).to_contain_text("/mount/odd/path/v1")


def test_a_failed_test_finds_the_address_and_saves_it(page: Page, house: House) -> None:
    with FarEnd(key=KEY) as far_end:
        provider = house.add("ok", base_url=f"{far_end.root}/mount/odd/path", key=KEY)
        house.visit(page, f"/providers/{provider}")
        page.get_by_role("button", name="Test connection").click()
        page.get_by_role("button", name="Find the right address").first.click()
        page.get_by_role("button", name="Use this address").click()
        expect(page.locator(".page-head")).to_contain_text("/mount/odd/path/v1")
        page.get_by_role("button", name="Test again").click()
        expect(page.locator("section[id^=provider-check]")).to_contain_text("Works")


def test_a_refused_key_is_sent_to_the_sibling_after_a_click_and_saved_there(
    page: Page, new_context: Any, near_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FarEnd(key="sk-of-the-first-platform") as first, FarEnd(key=KEY) as second:
        sibling = f"http://localhost:{second.port}/v1"
        monkeypatch.setitem(HOSTS, "127.0.0.1", "twins")
        monkeypatch.setitem(SIBLINGS, ("twins", "auth_invalid"), (sibling,))
        provider = near_house.add("ok", base_url=first.base_url, key=KEY)
        tab = near_house.enter(new_context())
        near_house.visit(tab, f"/providers/{provider}")
        tab.get_by_role("button", name="Test connection").click()
        button = tab.get_by_role("button", name=f"Send the key to localhost:{second.port} and test there").first
        expect(button).to_be_visible()
        assert second.calls == []
        button.click()
        tab.get_by_role("button", name="Save this address with the key").click()
        expect(tab.locator(".page-head")).to_contain_text(sibling)
        tab.get_by_role("button", name="Test again").click()
        expect(tab.locator("section[id^=provider-check]")).to_contain_text("Works")


def test_a_key_of_another_vendor_is_warned_about_and_saved_all_the_same(page: Page, house: House) -> None:
    house.visit(page, "/providers/new?vendor=groq")
    page.get_by_label("API key").fill("sk-ant-api03-8f2e61d07b94a35c")
    page.get_by_label("Name", exact=True).fill("Groq of mine")
    expect(page.locator("#key-hint")).to_contain_text("This key begins like one of Anthropic:")
    page.get_by_role("button", name="Save provider").click()
    expect(page.get_by_role("heading", name="Groq of mine", level=1)).to_be_visible()


def test_the_search_works_without_javascript(new_context: Any, house: House, allow: Callable[[str], None]) -> None:
    allow("status of 422")
    with FarEnd(key=KEY) as far_end:
        page = house.enter(new_context(java_script_enabled=False))
        page.goto(f"{house.url}/providers/new")
        page.get_by_label("Name", exact=True).fill("Plain")
        page.get_by_label("Base URL").fill(f"{far_end.root}/mount")
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Save provider").click()
        page.get_by_label("Open this address").check()
        page.get_by_role("button", name="Find the right address").click()
        page.get_by_role("button", name="Use this address").click()
        expect(page.get_by_label("Base URL")).to_have_value(f"{far_end.root}/mount/v1")
        page.get_by_role("button", name="Save provider").click()
        expect(page.get_by_role("heading", name="Plain", level=1)).to_be_visible()
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_role("heading", name="Testing Plain")).to_be_visible()
        far_end.wait_for_calls(2)
        assert f"Bearer {KEY}" in {call.headers.get("authorization") for call in far_end.calls}


def test_hints_searches_and_ways_out_are_accessible(page: Page, house: House) -> None:
    with FarEnd(key=KEY) as far_end:
        provider = house.add("ok", base_url=f"{far_end.root}/mount/" + "very-long-path/" * 9 + "end", key=KEY)
        house.visit(page, f"/providers/{provider}")
        page.get_by_role("button", name="Test connection").click()
        page.get_by_role("button", name="Find the right address").first.click()
        expect(page.get_by_role("button", name="Use this address")).to_be_visible()
        assert_accessible(page)
        house.visit(page, "/providers/new?vendor=groq")
        page.get_by_label("Base URL").fill(f'curl http://localhost:{far_end.port}/mount -H "X-Team: blue"')
        page.get_by_label("API key").fill("sk-ant-api03-8f2e61d07b94a35c")
        page.get_by_label("Name", exact=True).click()
        expect(page.locator("#key-hint")).to_contain_text("Anthropic")
        assert_accessible(page)
