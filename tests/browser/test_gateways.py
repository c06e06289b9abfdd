"""The journey of a gateway: connected, tested, a provider put on it and taken back, refused, deleted while in use."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, ask, expect_over
from tests.far_end import TEXT, FarEnd

KEY = "sk-virtual-0123456789abcdef"
NAME = "Cổng văn phòng 办公室"


@pytest.fixture
def house(own_house: House) -> House:
    """A gateway is there for everybody."""
    return own_house


@pytest.fixture
def proxy() -> Iterator[FarEnd]:
    """What a LiteLLM server shows of itself, with a key of its own."""
    with FarEnd(key=KEY) as proxy:
        yield proxy


@pytest.fixture
def office(page: Page, house: House, proxy: FarEnd, allow: Callable[[str], None]) -> FarEnd:
    """Connect it in the browser; its address is of this machine, which has to be confirmed."""
    allow("status of 422")
    house.visit(page, "/gateways")
    page.get_by_role("link", name="Connect a gateway").click()
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Address", exact=True).fill(proxy.root)
    page.get_by_label("Virtual key").fill(KEY)
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("Confirm that Jackfield may connect")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value(NAME)
    assert_accessible(page)
    page.get_by_role("checkbox", name="Open this address").check()
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_role("article", name=NAME)).to_contain_text("Answers")
    return proxy


def test_a_provider_goes_through_a_gateway_and_back_with_one_click(page: Page, house: House, office: FarEnd) -> None:
    provider = house.add("ok", name="Trạm 一")
    card = page.get_by_role("article", name=NAME)
    card.get_by_text("5 models offered").click()
    expect(card.get_by_text("text-embedding-3-small")).to_be_visible()
    assert_accessible(page)

    house.visit(page, "/gateways")
    row = page.locator(f"#route-row-{provider}")
    page.get_by_label("Route of Trạm 一").select_option(NAME)
    expect(row).to_contain_text("Gateway")
    house.visit(page)
    answer = ask(page, "Xin chào")
    expect_over(answer)
    expect(answer).to_contain_text(TEXT)
    assert [call.path for call in office.calls][-1] == "/v1/chat/completions"
    assert house.far_end.calls == []

    house.visit(page, f"/providers/{provider}")
    route = page.get_by_role("region", name="Route")
    route.get_by_role("button", name="Back to direct").click()
    expect(route.get_by_label("Route of Trạm 一")).to_have_value("direct")
    expect(route.get_by_role("button", name="Back to direct")).to_have_count(0)
    house.visit(page)
    expect_over(ask(page, "Còn bây giờ?"))
    assert [call.path for call in house.far_end.calls] == ["/v1/chat/completions"]


def test_a_gateway_that_fails_its_test_says_why_and_keeps_its_buttons(page: Page, house: House, office: FarEnd) -> None:
    card = page.get_by_role("article", name=NAME)
    office.key = "sk-another-one"
    card.get_by_role("button", name="Test").click()
    expect(card).to_contain_text("Test failed")
    expect(card).to_contain_text("The key was refused")
    assert_accessible(page)
    office.key = KEY
    card.get_by_role("button", name="Test").click()
    expect(card).to_contain_text("Answers")


def test_a_gateway_deleted_while_in_use_sends_its_providers_direct_and_comes_back_with_them(
    page: Page, house: House, office: FarEnd
) -> None:
    provider = house.add("ok", name="Trạm 二")
    house.visit(page, "/gateways")
    row = page.locator(f"#route-row-{provider}")
    page.get_by_label("Route of Trạm 二").select_option(NAME)
    expect(row).to_contain_text("Gateway")
    page.get_by_role("article", name=NAME).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Who went through it goes direct.")).to_be_visible()
    expect(page.get_by_label("Route of Trạm 二")).to_have_value("direct")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("article", name=NAME)).to_be_visible()
    expect(row).to_contain_text("Gateway")
