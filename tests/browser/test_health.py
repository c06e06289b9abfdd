"""How a provider is doing, as its page and the list tell it, from calls that people made."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, ask, expect_over
from tests.serving import free_port


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("ok", "Healthy"),
        ("500", "Some calls fail"),
        ("429", "Rests for a while"),
        ("nobody", "Down for"),
    ],
)
def test_the_health_of_a_provider_is_told_after_a_call(page: Page, house: House, script: str, told: str) -> None:
    away = f"http://127.0.0.1:{free_port()}/v1" if script == "nobody" else ""
    provider = house.add(script, base_url=away, name="Trạm 健康")
    house.visit(page, f"/providers/{provider}")
    card = page.get_by_role("region", name="Health")
    expect(card).to_contain_text("Not asked yet")
    expect(card).to_contain_text("no calls in 24 hours")
    house.visit(page)
    expect_over(ask(page, "Xin chào"))
    house.visit(page, f"/providers/{provider}")
    expect(card).to_contain_text(told)
    assert_accessible(page)
    house.visit(page, "/providers")
    expect(page.get_by_role("article", name="Trạm 健康")).to_contain_text(told)


def test_a_provider_that_is_down_needs_attention_and_says_since_when_and_why(page: Page, house: House) -> None:
    port = free_port()
    provider = house.add("ok", base_url=f"http://127.0.0.1:{port}/v1", name="Mất liên lạc")
    house.visit(page)
    expect_over(ask(page, "Có ai không?"))
    house.visit(page, "/providers?tab=attention")
    card = page.get_by_role("article", name="Mất liên lạc")
    expect(card).to_contain_text("Down for")
    expect(card).to_contain_text(f"Nothing answers at 127.0.0.1:{port}")
    assert_accessible(page)
    house.visit(page, f"/providers/{provider}")
    health = page.get_by_role("region", name="Health")
    health.get_by_text("What changed").click()
    expect(health).to_contain_text("is down; tried again after")
    assert_accessible(page)
