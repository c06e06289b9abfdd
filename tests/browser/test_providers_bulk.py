"""Twelve providers at once, one that hangs and one that fails among them: ticked, tested, switched, deleted, undone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House

SCRIPTS = ("hold", "401", *["ok"] * 10)


@pytest.fixture
def twelve(page: Page, house: House) -> list[Locator]:
    """Their cards, on the page of providers."""
    names = [f"Workshop {place:02}" for place in range(len(SCRIPTS))]
    for name, script in zip(names, SCRIPTS, strict=True):
        house.add("ok", base_url=house.far_end.at(script), name=name)
    house.visit(page, "/providers?q=Workshop")
    return [page.locator("article.prov").filter(has_text=name) for name in names]


def tick(page: Page, *places: int) -> None:
    for place in places:
        page.get_by_label(f"Select Workshop {place:02}").check()


def test_all_are_tested_while_one_hangs_and_one_fails(page: Page, house: House, twelve: list[Locator]) -> None:
    page.get_by_role("button", name="Select all").first.click()
    expect(page.locator(".sel:checked")).to_have_count(12)
    page.get_by_role("button", name="Test", exact=True).last.click()
    progress = page.locator("#batch-progress")
    expect(progress).to_contain_text("10 good · 1 failed")
    expect(progress).to_contain_text("Testing 12 of 12")
    expect(twelve[0]).to_contain_text("Testing")
    expect(twelve[1]).to_contain_text("Test failed")
    expect(twelve[11]).to_contain_text("Healthy")
    expect(page.locator("#providers-attention")).to_have_text("1 needs attention")
    expect(page.locator("#tab-count-attention")).to_have_text("1")
    assert_accessible(page)
    tick(page, 5)
    second = house.enter(page.context)
    house.visit(second, "/providers")  # reloading does not lose it, and another tab sees the same
    expect(second.locator("#batch-progress")).to_contain_text("Testing 12 of 12")
    second.get_by_role("button", name="Stop").click()
    expect(second.locator("#batch-progress")).to_contain_text("1 stopped")
    expect(progress).to_contain_text("11 tested")
    expect(twelve[0]).to_contain_text("Test stopped")
    expect(page.locator("#status")).to_contain_text("The tests are over. 10 good, 1 failed.")
    expect(page.get_by_label("Select Workshop 05")).to_be_checked()


def test_a_selection_takes_the_place_of_the_filters_and_nothing_moves(page: Page, twelve: list[Locator]) -> None:
    before = twelve[3].bounding_box()
    expect(page.get_by_role("form", name="Selected providers")).to_be_hidden()
    tick(page, 3, 4)
    expect(page.get_by_role("form", name="Selected providers")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Filter providers")).to_be_hidden()
    assert twelve[3].bounding_box() == before
    assert_accessible(page)
    page.locator("#select-all-too").click()
    expect(page.locator(".sel:checked")).to_have_count(12)
    twelve[3].get_by_role("button", name="Test").click()  # one of them alone: the selection stays
    expect(twelve[3]).to_contain_text("Healthy")
    expect(page.locator(".sel:checked")).to_have_count(12)
    for place in (0, 1, 2, *range(5, 12)):
        page.get_by_label(f"Select Workshop {place:02}").uncheck()
    page.get_by_role("button", name="Disable").last.click()
    expect(page.locator("#bulk-told")).to_have_text("2 disabled")
    expect(page.locator("#bulk-told")).to_be_focused()
    expect(page.locator("#tab-count-disabled")).to_have_text("2")
    expect(page.locator("#provider-filter")).to_have_value("Workshop")
    expect(page.locator(".sel:checked")).to_have_count(0)
    tick(page, 3)
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.locator(".sel:checked")).to_have_count(0)


def test_deleting_is_asked_told_and_undone_at_once(page: Page, twelve: list[Locator]) -> None:
    tick(page, 2, 3, 4)
    delete = page.get_by_role("button", name="Delete…")
    delete.click()
    dialog = page.get_by_role("dialog", name="Delete providers?")
    expect(dialog).to_contain_text("Workshop 03")
    expect(dialog.get_by_role("button", name="Keep them")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(delete).to_be_focused()
    delete.click()
    dialog.get_by_role("button", name="Delete 3 providers").click()
    expect(page.locator("article.prov")).to_have_count(9)
    toast = page.locator(".toast")
    expect(toast).to_contain_text("3 providers deleted")
    toast.get_by_role("button", name="Undo").click()
    for place in (2, 3, 4):
        expect(page.get_by_label(f"Select Workshop {place:02}")).to_be_visible()


def test_it_works_without_scripts(new_context: Callable[..., BrowserContext], house: House) -> None:
    for place in range(3):
        house.add("ok", name=f"Workshop {place:02}")
    page = house.enter(new_context(java_script_enabled=False))
    page.goto(f"{house.url}/providers?q=Workshop")
    page.get_by_role("button", name="Select all").first.click()
    expect(page.locator(".sel:checked")).to_have_count(3)
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete 3 providers").click()
    expect(page.locator("#deleted-notice")).to_contain_text("3 providers deleted")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Workshop 02")).to_be_visible()
