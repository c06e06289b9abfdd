"""The journey of an alias: made, put in order, chosen in a chat where it fails over, and explained; then a rule."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, ask, expect_over
from tests.browser.test_presets import slug_of


@pytest.fixture
def house(own_house: House) -> House:
    """Aliases, rules and what they lead to are there for everybody."""
    return own_house


def test_an_alias_is_made_put_in_order_used_in_a_chat_and_explained(page: Page, house: House) -> None:
    first = slug_of(house, house.add("503", name="Trạm đầu – một nhà cung cấp có tên rất dài", is_shared=True))
    second = slug_of(house, house.add("ok", name="第二服务商", is_shared=True))
    house.visit(page, "/routes")
    page.get_by_role("link", name="New alias").first.click()
    page.get_by_label("Name", exact=True).fill("tốt-nhất")
    page.get_by_label("Model 1", exact=True).fill(f"{second}/ok")
    page.get_by_role("button", name="Add target").click()
    page.get_by_label("Model 2", exact=True).fill(f"{first}/503")
    page.locator("#target-up-1").click()
    expect(page.get_by_label("Model 1", exact=True)).to_have_value(f"{first}/503")
    expect(page.get_by_label("Model 2", exact=True)).to_have_value(f"{second}/ok")
    assert_accessible(page)
    page.get_by_role("button", name="Save alias").last.click()

    card = page.get_by_role("article", name="tốt-nhất")
    expect(card.get_by_role("listitem")).to_have_count(2)
    assert_accessible(page)
    house.visit(page, "/")
    page.keyboard.press("Control+j")
    page.get_by_role("combobox", name="Search models").fill("tot-nhat")
    expect(page.get_by_role("option", name="tốt-nhất")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Model: tốt-nhất")).to_be_visible()
    answer = ask(page, "Xin chào")
    expect_over(answer)
    expect(answer).to_contain_text("第二服务商")

    house.visit(page, "/routes")
    page.get_by_role("article", name="tốt-nhất").get_by_role("link", name="Why this route?").click()
    decision = page.get_by_role("region", name="Decision")
    expect(decision).to_contain_text(f"The alias asks in its own order: {first}/503, {second}/ok.")
    tools = page.get_by_role("checkbox", name="Tools")
    tools.check()
    page.get_by_role("button", name="Show the decision").click()
    expect(tools).to_be_checked()
    expect(decision.get_by_role("listitem").filter(has_text=f"{second}/ok").last).to_be_visible()
    assert_accessible(page)


def test_why_this_route_explains_a_rule_that_sends_a_question_elsewhere(page: Page, house: House) -> None:
    old = slug_of(house, house.add("ok", name="旧的", is_shared=True))
    new = slug_of(house, house.add("ok", name="Trạm mới", is_shared=True))
    house.visit(page, "/routes")
    page.get_by_role("link", name="New rule").click()
    page.get_by_label("Name", exact=True).fill("Cũ sang mới")
    page.get_by_label("Provider optional").fill(f"{old[:1]}*")
    page.get_by_label("Needs").select_option("Images")
    page.get_by_label("Send it to", exact=True).fill(f"{new}/ok")
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_role("row").filter(has_text="Cũ sang mới")).to_be_visible()

    page.get_by_role("link", name="Why this route?").click()
    page.get_by_label("Model or alias", exact=True).fill(f"{old}/ok")
    page.get_by_role("button", name="Show the decision").click()
    decision = page.get_by_role("region", name="Decision")
    expect(decision).to_contain_text("No rule matches, and there is no choice")
    page.get_by_role("checkbox", name="Images").check()
    page.get_by_role("button", name="Show the decision").click()
    expect(decision).to_contain_text(f"The rule “Cũ sang mới” matches and sends it to {new}/ok.")
    assert_accessible(page)


def test_rules_are_made_moved_and_deleted_with_the_way_back(page: Page, house: House) -> None:
    slug = slug_of(house, house.add("ok", name="Trạm", is_shared=True))
    for name in ("Cũ sang mới", "图片都给它"):
        house.visit(page, "/routes/rules/new")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Model optional").fill("gpt-3*")
        page.get_by_label("Send it to", exact=True).fill(f"{slug}/ok")
        assert_accessible(page)
        page.get_by_role("button", name="Save rule").click()
        expect(page.get_by_role("row").filter(has_text=name)).to_be_visible()
    page.get_by_role("button", name="Move 图片都给它 up").click()
    rows = page.get_by_role("region", name="Rules").last.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("图片都给它")
    switch = page.get_by_role("switch", name="Use the rule 图片都给它")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    assert_accessible(page)
    page.get_by_role("button", name="Delete 图片都给它").click()
    expect(page.get_by_text("图片都给它 was deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row").filter(has_text="图片都给它")).to_be_visible()
