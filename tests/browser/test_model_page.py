"""What a model refuses is remembered from the answer, and forgotten on the model's own page."""

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, ask, expect_over

MODEL = "refuse:stream_options"


def refused(house: House) -> int:
    """How many chat calls carried what the model refuses."""
    return sum("stream_options" in call.json for call in house.far_end.calls if call.method == "POST")


def test_a_refusal_is_remembered_under_the_answer_and_undone_on_the_page_of_the_model(page: Page, house: House) -> None:
    house.open_chat(page, MODEL)
    answer = ask(page, "First")
    expect_over(answer)
    note = answer.locator(".quirk")
    expect(note).to_contain_text("Far End refused stream_options; the question was sent again without it.")
    assert (len(house.far_end.calls), refused(house)) == (2, 1)
    note.get_by_role("button", name="Do not send stream_options to this model any more").click()
    expect(note).to_contain_text("From now on: stream_options is not sent.")
    expect(note.get_by_role("button", name="Undo")).to_be_focused()
    assert_accessible(page)

    second = ask(page, "Second")
    expect_over(second)
    expect(second.locator(".quirk")).to_have_count(0)
    assert (len(house.far_end.calls), refused(house)) == (3, 1)

    note.get_by_role("link", name="See all of this model").click()
    expect(page.get_by_role("heading", name=MODEL, level=1)).to_be_visible()
    known = page.locator("#model-known")
    expect(known).to_contain_text("stream_options is not sent")
    assert_accessible(page)
    known.get_by_role("button", name="Undo: stream_options is not sent").click()
    expect(known).to_contain_text("Nothing. When it refuses a parameter")

    page.get_by_role("link", name="Chat with it").click()
    third = ask(page, "Third")
    expect_over(third)
    expect(third.locator(".quirk")).to_be_visible()
    assert (len(house.far_end.calls), refused(house)) == (5, 2)


def test_the_page_of_a_model_tests_just_this_model(page: Page, house: House) -> None:
    house.add("ok", "slow")
    house.visit(page, "/models?q=slow")
    page.get_by_role("row").filter(has_text="Far End").get_by_role("link", name="slow", exact=True).click()
    page.get_by_role("button", name="Test this model").click()
    check = page.locator("#model-check")
    expect(check.locator("li.done").filter(has_text="Stream")).to_contain_text("slow")
    page.get_by_role("button", name="Make default").click()
    expect(page.locator("aside").get_by_text("Default")).to_be_visible()
