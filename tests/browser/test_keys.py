"""The journey of a provider's keys: a second one added, the first refused three times, replaced by a new one."""

import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, ask, expect_over
from tests.far_end import TEXT
from webapp.core.database import reading
from webapp.providers.provider import Provider

FIRST, SECOND, THIRD = "sk-first-0c1d94e07c3f28aa", "sk-second-91be04d3a7f65c02", "sk-third-77be04d3a7f65c03"


def wait_until_refused(house: House, provider_id: int) -> None:
    """The server writes down what it learned of keys once a second."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with house.app.app_context(), reading() as session:
            if any(row.disabled_because for row in session.get_one(Provider, provider_id).credentials):
                return
        time.sleep(0.05)
    raise AssertionError("nothing was written")


def test_a_key_that_was_refused_three_times_is_disabled_and_replaced(
    page: Page, house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    provider = house.add("ok", key=FIRST, name="Hai chìa 两把钥匙")
    house.visit(page, f"/providers/{provider}")
    keys = page.get_by_role("region", name="Keys")
    keys.get_by_text("Add a key", exact=True).click()
    adding = keys.locator("details[open]")
    adding.get_by_role("button", name="Add key").click()
    expect(adding.get_by_text("Type the key.")).to_be_visible()
    adding.get_by_label("API key").fill(SECOND)
    adding.get_by_label("Label").fill("Dự phòng")
    adding.get_by_label("Weight").fill("0")
    adding.get_by_role("button", name="Add key").click()
    expect(keys).to_contain_text("stands in")
    assert_accessible(page)

    house.far_end.plays = {FIRST: "401"}
    house.visit(page)
    for text in ("một", "hai", "ba"):
        answer = ask(page, text)
        expect_over(answer)
        expect(answer).to_contain_text(TEXT)
    wait_until_refused(house, provider)
    house.visit(page, f"/providers/{provider}")
    first = keys.get_by_role("listitem").first
    expect(first).to_contain_text("last used")
    expect(first).to_contain_text("The provider refused it three times in a row")
    assert_accessible(page)
    house.visit(page, "/providers?tab=attention")
    card = page.get_by_role("article", name="Hai chìa 两把钥匙")
    expect(card).to_contain_text("refused")
    assert_accessible(page)

    card.get_by_role("link", name="Hai chìa 两把钥匙").click()
    first.get_by_text("Replace this key", exact=True).click()
    first.get_by_label("New key").fill(THIRD)
    first.get_by_role("button", name="Let the new key take over").click()
    expect(keys).to_contain_text("…5c03")
    house.visit(page)
    expect_over(ask(page, "bốn"))
    assert house.far_end.calls[-1].headers["authorization"] == f"Bearer {THIRD}"
