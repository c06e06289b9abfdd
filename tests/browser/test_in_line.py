"""A provider takes one call at once: in the browser the others see their place in line, and it moves."""

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.house import House, ask, expect_over

WAITING = "Waiting for a free place at Far End: number {} in line."


def test_the_line_moves_before_ones_eyes_and_can_be_left(page: Page, context: BrowserContext, house: House) -> None:
    provider_id = house.add("hold")
    house.visit(page, f"/providers/{provider_id}/parameters")
    page.get_by_label("Calls at once").fill("1")
    page.get_by_role("button", name="Save defaults").click()
    expect(page.get_by_text("Saved. It counts from the next call on.")).to_be_visible()
    expect(page.get_by_label("Calls at once")).to_have_value("1")

    tabs = [page, house.enter(context), house.enter(context)]
    for number, tab in enumerate(tabs):
        house.visit(tab)
        ask(tab, "Hello")
        if number:
            expect(tab.locator("article.live .tail")).to_have_text(WAITING.format(number))
            expect(tab.locator("article.live .status")).to_have_text("Waiting")
            expect(tab.locator("#status")).to_have_text(WAITING.format(number))
        else:
            house.far_end.wait_for_calls(1)
    first, second, third = (tab.locator("article.ai").last for tab in tabs)
    tabs[2].reload()
    expect(third).to_contain_text(WAITING.format(2))

    tabs[1].get_by_role("button", name="Stop", exact=True).click()
    expect_over(second)
    expect(second).to_contain_text("Stopped by you")
    expect(third).to_contain_text(WAITING.format(1))
    house.far_end.release.set()
    expect_over(first)
    expect_over(third)
    expect(third.locator(".prose")).to_have_text(house.far_end.text)
    assert len(house.far_end.calls) == 2
