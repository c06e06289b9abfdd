"""What a model refuses is remembered from the answer, and forgotten on the model's own page."""

from collections.abc import Callable

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
    expect(page.locator("aside").get_by_text("Default", exact=True)).to_be_visible()


def test_capabilities_are_checked_while_the_page_stays_usable(page: Page, house: House) -> None:
    house.add("able")
    house.visit(page, "/models?q=able")
    page.get_by_role("row").filter(has_text="Far End").get_by_role("link", name="able", exact=True).click()
    page.get_by_role("button", name="Check all").click()
    facts = page.locator("#model-facts")
    expect(facts.get_by_text("checked by a real call")).to_have_count(5)
    expect(page.locator("#check-all")).to_be_focused()
    facts.get_by_text("Raw exchange").first.click()
    expect(facts.get_by_label("Request").first).to_contain_text("POST /v1/chat/completions")
    assert_accessible(page)


def test_what_people_say_is_saved_refused_and_taken_back_in_place(
    page: Page, house: House, allow: Callable[[str], None]
) -> None:
    allow("status of 422")
    house.add("ok")
    house.visit(page, "/models?q=ok")
    page.get_by_role("row").filter(has_text="Far End").get_by_role("link", name="ok", exact=True).click()
    form = page.locator("#model-overlay")
    form.get_by_label("Name", exact=True).fill("Mô hình tốt 好模型")
    form.get_by_label("Context, tokens").fill("plenty")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("A whole number of tokens, for example 32768.")).to_have_count(1)
    expect(form.get_by_label("Name", exact=True)).to_have_value("Mô hình tốt 好模型")
    assert_accessible(page)
    form.get_by_label("Context, tokens").fill("32768")
    form.get_by_label("Vision").select_option("Yes")
    form.get_by_label("Price of input").fill("0")
    form.get_by_label("Price of input").press("Enter")
    expect(page.get_by_role("heading", name="Mô hình tốt 好模型", level=1)).to_be_visible()
    facts = page.locator("#model-facts")
    expect(facts.get_by_role("row").filter(has_text="Context")).to_contain_text("32,768 tokens")
    expect(facts.get_by_role("row").filter(has_text="Price of input")).to_contain_text("free")
    form.get_by_role("button", name="Take back: Vision").click()
    expect(facts.get_by_role("row").filter(has_text="Vision")).to_contain_text("unknown")
    page.locator("#model-star").click()
    expect(page.locator("#model-star")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#model-usage")).to_contain_text("No calls yet.")
    assert_accessible(page)
