"""What a reader sees when who was asked first fails: a trail before the first word, a seam in the middle."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from tests.browser.accessibility import assert_accessible
from tests.browser.house import House, ask, expect_over
from tests.far_end import TEXT
from webapp.core.database import writing
from webapp.models.model import Model
from webapp.routing.alias import AliasInput, add_alias

FIRST, SECOND = "Trạm đầu – một nhà cung cấp có tên rất dài", "第二服务商"


@pytest.fixture
def house(own_house: House) -> House:
    """Aliases, and what they lead to, are there for everybody."""
    return own_house


def alias_of(house: House, page: Page, name: str, scripts: tuple[str, str], after_first: str = "stop") -> None:
    """Give two models of two providers one name, and open a new chat with it."""
    ids = [
        house.add(script, name=title, is_shared=True) for script, title in zip(scripts, (FIRST, SECOND), strict=True)
    ]
    with house.app.app_context(), writing() as session:
        found = session.scalars(select(Model).where(Model.provider_id.in_(ids)).order_by(Model.provider_id)).all()
        add_alias(session, AliasInput(name, "ordered", tuple((row, 1) for row in found), after_first, True))
    house.visit(page)
    page.keyboard.press("Control+j")
    page.get_by_role("combobox", name="Search models").fill(name)
    expect(page.get_by_role("option", name=name)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Model: {name}")).to_be_visible()


def trail(answer: Locator) -> Locator:
    """Unfold who was asked."""
    answer.get_by_text(re.compile("^Asked ")).click()
    return answer.locator(".trail").get_by_role("listitem")


def test_the_answer_tells_who_was_asked_before_and_why_they_did_not_answer(page: Page, house: House) -> None:
    alias_of(house, page, "trước-sau", ("503", "ok"))
    answer = ask(page, "Xin chào")
    expect_over(answer)
    expect(answer).to_contain_text(f"ok at {SECOND}")
    expect(answer).to_contain_text(TEXT)
    asked = trail(answer)
    expect(asked).to_have_count(2)
    expect(asked.first).to_contain_text("is busy (HTTP 503)")
    expect(asked.last).to_contain_text("answered")
    assert_accessible(page)


@pytest.mark.parametrize(
    ("after_first", "told", "text"),
    [
        ("continue", "broke off here.", f"Half of it{TEXT}"),
        ("restart", "began anew.", TEXT),
    ],
)
def test_a_stream_that_dies_is_taken_over_with_a_seam(
    page: Page, house: House, after_first: str, told: str, text: str
) -> None:
    alias_of(house, page, f"đứt-{after_first}", ("cut", "ok"), after_first)
    answer = ask(page, "Xin chào")
    expect_over(answer)
    for _ in ("as it came", "as it is kept"):
        expect(answer.locator(".seam")).to_contain_text(told)
        expect(answer.locator(".seam")).to_contain_text("The answer broke off")
        expect(answer).to_contain_text(f"ok at {SECOND}")
        assert "".join(answer.locator(".prose").all_inner_texts()).strip() == text
        asked = trail(answer)
        expect(asked.first).to_contain_text("The answer broke off")
        expect(asked.last).to_contain_text("answered")
        assert_accessible(page)
        page.reload()
        answer = page.locator("article.ai").last


def test_a_stream_that_dies_stops_where_the_alias_says_so_and_can_be_asked_again(page: Page, house: House) -> None:
    alias_of(house, page, "đứt-stop", ("cut", "ok"))
    answer = ask(page, "Xin chào")
    expect_over(answer)
    expect(answer).to_contain_text("Half of it")
    expect(answer.locator(".seam")).to_have_count(0)
    expect(answer.get_by_text("The answer broke off", exact=True)).to_be_visible()
    assert len(house.far_end.calls) == 1
    assert_accessible(page)
    answer.get_by_role("button", name="Retry with đứt-stop").click()
    expect(page.locator("article.ai")).to_have_count(2)
