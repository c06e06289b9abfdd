"""Nothing is lost when a page is reloaded, hidden, opened twice, cut off, or left without a server."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.house import QUICK, SLOW, House, answers, ask, expect_over, words
from tests.browser.line import Line
from tests.serving import Server
from webapp.chat.message import Message
from webapp.core.database import db

LONG = "The first words. " + "And one more sentence after them. " * 14
SHOW = """hidden => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_reload_and_a_second_tab_show_the_whole_answer(page: Page, house: House) -> None:
    _begin_long_answer(page, house)
    second = page.context.new_page()
    second.goto(page.url)
    page.reload()
    for tab in (page, second):
        expect(tab.locator("article.live")).to_contain_text("The first words.")
    house.far_end.pace = QUICK
    for tab in (page, second):
        expect_over(answers(tab).last)
        expect(answers(tab).last.locator(".prose")).to_have_text(words(LONG))
        expect(answers(tab)).to_have_count(1)


def test_a_hidden_tab_rests_and_catches_up(page: Page, house: House) -> None:
    _begin_long_answer(page, house)
    second = page.context.new_page()
    second.goto(page.url)
    page.evaluate(SHOW, True)
    house.far_end.pace = QUICK
    expect_over(answers(second).last)
    shown = " ".join(page.locator("article.live .prose").all_inner_texts())
    assert len(shown) < len(LONG) * 0.9
    page.evaluate(SHOW, False)
    expect_over(answers(page).last)
    expect(answers(page).last.locator(".prose")).to_have_text(words(LONG))


def test_a_cut_line_loses_nothing(page: Page, house: House, allow: Callable[[str], None]) -> None:
    allow("net::ERR_")
    allow("network error")
    with Line(int(house.url.rpartition(":")[2])) as line:
        far_house = replace(house, server=replace(house.server, url=line.url))
        _begin_long_answer(page, far_house)
        line.cut()
        house.far_end.pace = QUICK
        expect_over(answers(page).last)
        expect(answers(page).last.locator(".prose")).to_have_text(words(LONG))
        expect(answers(page)).to_have_count(1)


def test_a_page_outlives_its_server(
    context: BrowserContext, own_house: House, serve: Callable[..., Server], allow: Callable[[str], None]
) -> None:
    allow("net::ERR_")
    allow("network error")
    allow("Failed to fetch")
    page = own_house.enter(context)
    own_house.open_chat(page, "stall-mid")
    answer = ask(page, "Hello")
    expect(page.locator("article.live")).to_contain_text("Half")
    _wait_until_kept(page, own_house, "Half")
    _kill(own_house.server)
    serve(own_house.server.data_dir, JACKFIELD_PORT=own_house.url.rpartition(":")[2])
    expect(answer).to_contain_text("The server was restarted while this was written", timeout=40_000)
    expect(answer.locator(".prose")).to_have_text("Half")
    expect(answer.get_by_role("button", name="Continue")).to_be_visible()


def test_a_server_that_does_not_answer_is_said_and_the_text_stays(
    context: BrowserContext, own_house: House, allow: Callable[[str], None]
) -> None:
    allow("net::ERR_")
    allow("Failed to fetch")
    page = own_house.enter(context)
    own_house.open_chat(page, "ok")
    expect_over(ask(page, "Hello"))
    _kill(own_house.server)
    page.get_by_role("textbox", name="Message").fill("Anybody there?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Anybody there?")


def _begin_long_answer(page: Page, house: House) -> None:
    """Show the first words of an answer that takes its time until its pace is changed."""
    house.far_end.text, house.far_end.pace = LONG, SLOW
    house.open_chat(page, "ok")
    ask(page, "Hello")
    expect(page.locator("article.live")).to_contain_text("The first words.")


def _wait_until_kept(page: Page, house: House, text: str) -> None:
    """Return when the database has what the page shows: a second later, of which nobody is told."""
    kept = 0
    while not kept:
        page.wait_for_timeout(50)
        with house.app.app_context():
            kept = db.session.query(Message).filter(Message.role == "assistant", Message.text.contains(text)).count()


def _kill(server: Server) -> None:
    """As a power cut would: the master and its worker at once."""
    master = server.process.pid
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for pid in (master, *map(int, workers)):
        os.kill(pid, signal.SIGKILL)
    server.process.wait(20)
