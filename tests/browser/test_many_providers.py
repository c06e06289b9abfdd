"""Twelve providers, ten thousand models: one list hangs, one fails, one is odd; all the rest stays quick and whole."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.conftest import DESK
from tests.browser.dozen import FAILS, FAMILY, HANGS, LONG_NAME, MODELS, ODD, ODD_IDS, STORE, Dozen, dozen
from tests.browser.house import House, ask, expect_over
from tests.far_end import FarEnd
from tests.serving import serving
from webapp import create_app
from webapp.core.config import Settings
from webapp.core.database import db

PAGES = ("/", "/providers", "/models", "/models/drift", "/presets", "/models/new", "/models?q=vendor", "/providers/{}")
AT_ONCE_MS = 2_000  # a page that waited for the list that hangs would take half a minute


@pytest.fixture(scope="module")
def twelve(chromium: Browser, first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dozen]:
    """A server of its own for this file; all lists but two were read with the button."""
    folder = tmp_path_factory.mktemp("twelve") / "data"
    shutil.copytree(first_start, folder)
    app = create_app(Settings(data_dir=folder))
    with FarEnd() as far_end, serving() as start, dozen(House(app, start(folder), far_end, "admin")) as made:
        context = chromium.new_context(**DESK)
        page = made.house.enter(context)
        made.house.visit(page, "/models")
        page.get_by_role("button", name="Refresh all").click()
        expect(page.locator("#refresh-all")).to_have_text("Reading 12 of 12")
        context.close()
        yield made
        far_end.release.set()
        app.extensions["jackfield"].background.close(10)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def house(twelve: Dozen) -> House:
    """The server of this file, for `page` too."""
    return twelve.house


def read_again(page: Page, twelve: Dozen, name: str) -> None:
    """Press the provider's button and wait until its list was read."""
    twelve.let_rest()
    twelve.house.visit(page, f"/providers/{twelve.ids[name]}")
    calls, refresh = len(twelve.house.far_end.calls), page.get_by_role("button", name="Refresh list")
    refresh.click()
    twelve.house.far_end.wait_for_calls(calls + 1)
    page.reload()
    expect(refresh).to_be_visible()


def read_in_vain(page: Page, twelve: Dozen) -> None:
    """Let both lists be read that cannot be."""
    twelve.let_rest()
    calls = len(twelve.house.far_end.calls)
    twelve.house.visit(page, "/providers")
    for name in (HANGS, FAILS):
        page.get_by_label(f"Select {name}").check()
    page.get_by_role("button", name="Refresh lists").click()
    twelve.house.far_end.wait_for_calls(calls + 2)


def test_pages_are_drawn_and_used_while_one_list_hangs(page: Page, twelve: Dozen) -> None:
    read_in_vain(page, twelve)
    hanging = page.locator("article.prov").filter(has_text=HANGS)
    expect(hanging).to_contain_text("Reading the list")
    for path in PAGES:
        page.goto(twelve.house.url + path.format(twelve.ids[HANGS]))
        times = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        assert (times["responseStatus"], times["domContentLoadedEventEnd"] < AT_ONCE_MS) == (200, True), (path, times)
    twelve.house.visit(page, "/providers")
    expect(hanging).to_contain_text("Reading the list")
    expect(page.locator("article.prov").filter(has_text=FAILS)).to_contain_text("Fails is busy (HTTP 503)")
    page.get_by_role("searchbox", name="Filter providers").fill("usual")
    expect(page.locator("article.prov")).to_have_count(6)
    twelve.house.visit(page, f"/providers/{twelve.ids[FAILS]}")
    expect(page.locator(f"#refresh-failure-{twelve.ids[FAILS]}")).to_contain_text("503")


def test_every_list_is_stored_once_whatever_its_ids_are(page: Page, twelve: Dozen) -> None:
    twelve.house.visit(page, "/models")
    found = page.get_by_role("searchbox", name="Search models").get_attribute("placeholder")
    assert found
    assert int(re.sub(r"\D", "", found)) >= MODELS
    assert twelve.count(ODD) == len({model_id.strip() for model_id in ODD_IDS}) + 1
    twelve.house.visit(page, f"/models?provider={twelve.ids[ODD]}")
    expect(page.locator("#model-table tbody tr")).to_have_count(twelve.count(ODD))
    assert_accessible(page)
    links = page.locator("#model-table .named a")
    for path in [link.get_attribute("href") for link in links.all()]:
        response = page.goto(f"{twelve.house.url}{path}")
        assert response
        assert response.status == 200


def test_a_model_is_found_by_keyboard_without_accents_and_answers(page: Page, twelve: Dozen) -> None:
    twelve.house.visit(page, "/")
    page.keyboard.press("Control+j")
    options = page.locator("#picker [role=option]")
    page.keyboard.type("dac biet mo hinh")
    expect(options).to_have_count(2)
    page.keyboard.press("Tab")  # the cross, then the filters
    vision = page.locator("#picker").get_by_role("checkbox", name="Vision")
    for _ in range(4):
        if vision.evaluate("box => box === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(vision).to_be_checked()
    expect(options).to_have_count(1)
    expect(page.locator("#picker-status")).to_have_text("1 model")
    expect(page.locator("#picker-preview-name")).to_have_text(f"{FAMILY} – biết nhìn")
    assert_accessible(page)
    page.get_by_role("combobox", name="Search models").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Model: {FAMILY} – biết nhìn")).to_be_visible()
    expect_over(ask(page, "Xin chào"))
    assert twelve.house.far_end.calls[-1].json["model"] == "vn-seer"
    expect(page.locator("article.ai .prose")).to_contain_text("The quick brown fox")


def test_a_thousand_are_hidden_by_a_filter_and_brought_back(page: Page, twelve: Dozen) -> None:
    name = "Usual 3"
    twelve.house.visit(page, f"/models?provider={twelve.ids[name]}&q=model+vendor")
    page.get_by_label("Select all on this page").check()
    bar = page.get_by_role("form", name="Bulk actions")
    bar.get_by_role("link", name="Select all 1,000 that match").click()
    expect(bar).to_contain_text("All 1,000 selected")
    bar.get_by_role("button", name="Hide").click()
    toast = page.locator("#models-told")
    expect(toast).to_contain_text("1,000 models are hidden.")
    assert (twelve.count(name, is_enabled=False), twelve.count("Usual 2", is_enabled=False)) == (1_000, 0)
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_contain_text("1,000 models are offered.")
    assert twelve.count(name, is_enabled=False) == 0


def test_what_people_say_of_a_model_outlives_the_next_list(page: Page, twelve: Dozen) -> None:
    address = f"/models/{twelve.key_of(LONG_NAME, 'steady')}"
    twelve.house.visit(page, address)
    page.locator("#model-star").click()
    expect(page.locator("#model-star")).to_have_attribute("aria-pressed", "true")
    form = page.locator("#model-overlay")
    form.get_by_label("Name", exact=True).fill("Ổn định 稳定")
    form.get_by_label("Context, tokens").fill("4096")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ổn định 稳定", level=1)).to_be_visible()
    steady = next(row for row in twelve.lists[LONG_NAME] if row["id"] == "steady")
    steady |= {"name": "Renamed by its provider", "context_length": 1_000_000, "architecture": {"modality": "text"}}
    read_again(page, twelve, LONG_NAME)
    twelve.house.visit(page, address)
    expect(page.get_by_role("heading", name="Ổn định 稳定", level=1)).to_be_visible()
    expect(page.locator("#model-star")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#model-facts").get_by_role("row").filter(has_text="Context")).to_contain_text("4,096 tokens")
    twelve.house.visit(page, f"/models?only=favourite&only=overridden&provider={twelve.ids[LONG_NAME]}")
    expect(page.locator("#model-table tbody tr")).to_have_count(1)


def test_what_points_to_a_vanished_model_is_flagged_and_mended_with_one_click(page: Page, twelve: Dozen) -> None:
    twelve.house.visit(page, "/presets/new")
    page.get_by_label("Name", exact=True).fill("Người giữ kho")
    page.get_by_label("Model", exact=True).fill("kho-tam/keeper-1")
    page.get_by_role("button", name="Try in a chat").click()
    expect_over(ask(page, "Who keeps it?"))
    chat = page.url
    twelve.lists[STORE][:] = [row for row in twelve.lists[STORE] if row["id"] != "keeper-1"]
    read_again(page, twelve, STORE)

    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name="What changed").click()
    expect(page.get_by_role("main")).to_contain_text("1 vanished")
    page.locator("main summary").first.click()
    assert_accessible(page)
    flags = page.locator("#flagged")
    expect(flags).to_contain_text("this preset goes with kho-tam/keeper-1, which is not offered any more.")
    twelve.house.visit(page, "/presets")
    card = page.get_by_role("article", name="Người giữ kho")
    card.get_by_role("button", name="keeper-2").click()
    expect(card).not_to_contain_text("Model missing")

    page.goto(chat)
    trouble = page.locator("#chat-trouble")
    expect(trouble).to_contain_text("keeper-1 cannot answer")
    trouble.get_by_role("button", name="keeper-2").click()
    expect(trouble).to_be_empty()
    expect_over(ask(page, "And now?"))
    assert twelve.house.far_end.calls[-1].json["model"] == "keeper-2"


def test_all_are_tested_with_progress_and_stopped(page: Page, twelve: Dozen) -> None:
    read_in_vain(page, twelve)
    twelve.house.visit(page, "/providers?q=127.0.0.1")
    page.get_by_role("button", name="Select all").first.click()
    with page.expect_response(f"**/providers/{twelve.ids[HANGS]}/card*"):
        pass  # its card is drawn again and again
    expect(page.locator(".sel:checked")).to_have_count(12)
    assert_accessible(page)
    page.get_by_role("button", name="Test", exact=True).last.click()
    progress = page.locator("#batch-progress")
    expect(progress).to_contain_text("10 good · 1 failed", timeout=60_000)
    expect(progress).to_contain_text("Testing 12 of 12")
    page.get_by_role("button", name="Stop").click()
    expect(progress).to_contain_text("11 tested")
    expect(progress).to_contain_text("1 stopped")
