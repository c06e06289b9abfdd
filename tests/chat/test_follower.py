"""Any number of readers follow one answer: whoever leaves, comes back or never reads sees the same or harms none."""

import re
import threading
from collections.abc import Iterable
from contextlib import ExitStack

import pytest

from tests.chat.conftest import Asked, Chat
from tests.conftest import Person
from tests.far_end import TEXT, FarEnd
from webapp.chat import follower
from webapp.chat.run import DONE, Run
from webapp.core.config import Settings
from webapp.core.database import db, writing

LONG = "\n\n".join(
    f"Paragraph {number}: *näive* text, `code` & <more>.\n\n- item one\n- item two" for number in range(12)
)
PARTIAL = re.compile(r'<hx-partial hx-target="#run-\d+-(done|tail)" hx-swap="(\w+)"[^>]*>(.*?)</hx-partial>', re.DOTALL)
CSRF = re.compile(r'name="csrf_token" value="[^"]*"')


class Reader:
    """A browser: puts the frames of its connections together."""

    def __init__(self) -> None:
        self.done = self.tail = self.final = ""
        self.firsts: list[str] = []

    def read(self, events: Iterable[str], most: int = 10_000) -> None:
        """Take up to `most` events of one connection."""
        is_first = True
        for _, event in zip(range(most), events, strict=False):
            html = "\n".join(line.removeprefix("data: ") for line in event.split("\n") if line.startswith("data: "))
            if 'id="final-button-' in html:
                self.final = CSRF.sub("", html)
            for part, swap, content in PARTIAL.findall(html):
                if part == "tail":
                    self.tail = content
                    continue
                if is_first:
                    self.firsts.append(swap)
                    is_first = False
                self.done = content if swap == "innerHTML" else self.done + content

    def read_in_thread(self, chat: Chat, asked: Asked) -> threading.Thread:
        tab = chat.twin()

        def read() -> None:
            with chat.watch(asked, tab) as events:
                self.read(events)

        thread = threading.Thread(target=read)
        thread.start()
        return thread


def test_a_reader_who_is_cut_twenty_times_sees_what_a_steady_one_sees(chat: Chat, far_end: FarEnd) -> None:
    far_end.text, far_end.pace = LONG, 0.01
    asked = chat.ask()
    steady, cut = Reader(), Reader()
    thread = steady.read_in_thread(chat, asked)
    tab = chat.twin()
    for _ in range(20):
        with chat.watch(asked, tab) as events:
            cut.read(events, 1)
    assert not cut.final
    with chat.watch(asked, tab) as events:
        cut.read(events)
    thread.join(20)
    assert len(far_end.calls) == 1
    assert (len(cut.firsts), set(cut.firsts), set(steady.firsts)) == (21, {"innerHTML"}, {"innerHTML"})
    assert cut.final == steady.final
    assert "Paragraph 11" in cut.final
    assert steady.done.startswith(cut.done) or cut.done.startswith(steady.done)
    assert cut.done in cut.final
    assert "Paragraph 9" in cut.done
    assert chat.run(asked).message.text == LONG


def test_two_tabs_see_the_same(chat: Chat, far_end: FarEnd) -> None:
    far_end.text, far_end.pace = LONG, 0.002
    asked = chat.ask()
    one, other = Reader(), Reader()
    for thread in [one.read_in_thread(chat, asked), other.read_in_thread(chat, asked)]:
        thread.join(20)
    assert one.final
    assert one.final == other.final
    assert len(far_end.calls) == 1


@pytest.mark.parametrize("last_id", ["1\r\nX: y", "-1", "9e99", "abc", "0", "999999", "x" * 10_000, "☃"])
def test_whatever_id_a_reader_claims_it_gets_the_whole(chat: Chat, last_id: str) -> None:
    asked = chat.answer()
    environment = {"HTTP_LAST_EVENT_ID": last_id.encode().decode("latin-1")}
    response = chat.person.client.get(f"{asked.at}/events", environ_overrides=environment, buffered=True)
    assert response.status_code == 200
    assert "The quick brown fox" in response.text
    assert "X" not in response.headers


def test_after_the_end_one_frame_comes_and_the_stream_closes(chat: Chat) -> None:
    asked = chat.answer()
    for _ in range(2):
        with chat.watch(asked) as events:
            (only,) = events
        assert 'id="final-button-' in only


def test_the_last_frame_is_what_the_page_shows(chat: Chat) -> None:
    asked = chat.ask()
    reader = Reader()
    with chat.watch(asked) as events:
        reader.read(events)
    page = CSRF.sub("", chat.person.get(asked.page).text)
    article = re.search(r'<article class="msg ai[^"]*".*?</article>', page, re.DOTALL)
    assert article
    assert re.sub(r"\s+", " ", article[0]) in re.sub(r"\s+", " ", reader.final)


def test_headers_of_a_stream_keep_proxies_from_holding_it_back(chat: Chat) -> None:
    asked = chat.answer()
    response = chat.person.client.get(f"{asked.at}/events", buffered=True)
    assert response.mimetype == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_reader_that_never_reads_does_not_hold_up_the_writer(chat: Chat, far_end: FarEnd) -> None:
    far_end.text = LONG * 20
    asked = chat.ask()
    with chat.watch(asked):
        chat.wait(asked)
        assert chat.run(asked).status == DONE


def test_the_stream_of_an_ended_session_ends_even_while_much_is_said(
    chat: Chat, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "HEARTBEAT_SECONDS", 0.2)
    asked = chat.ask(model="endless")
    tab = Person(chat.app.test_client()).sign_in("owner")
    with chat.watch(asked, tab) as events:
        next(events)
        cookie = tab.client.get_cookie("jackfield")
        tab.post("/logout")
        assert not any('id="final-button-' in event for event in events)
        assert cookie
    assert chat.run(asked).is_running
    chat.person.post(f"{asked.at}/stop")


def test_silence_is_bridged_by_heartbeats(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "HEARTBEAT_SECONDS", 0.05)
    asked = chat.ask(model="stall")
    with chat.watch(asked) as events:
        assert any(event.startswith(":") for event in events)
    chat.person.post(f"{asked.at}/stop")


def test_an_answer_that_another_process_wrote_is_followed_by_its_row(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.02)
    asked = chat.answer()
    _set_status(chat, asked, "running")
    end = threading.Timer(0.1, _set_status, (chat, asked, DONE))
    end.start()
    assert "The quick brown fox" in chat.wait(asked)
    end.join()


def _set_status(chat: Chat, asked: Asked, status: str) -> None:
    with chat.app.app_context(), writing() as session:
        session.get_one(Run, asked.run).status = status


def test_streams_beyond_the_places_are_refused_for_a_moment_and_pages_go_on(
    chat: Chat, settings: Settings, far_end: FarEnd
) -> None:
    asked = chat.ask(model="stall")
    with ExitStack() as stack:
        for _ in range(settings.stream_places):
            stack.enter_context(chat.watch(asked))
        for _ in range(3):
            refused = chat.person.client.get(f"{asked.at}/events", buffered=True)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert chat.person.get(asked.page).status_code == 200
    with chat.watch(asked):
        chat.person.post(f"{asked.at}/stop")


def test_asking_for_the_head_alone_takes_no_place(chat: Chat, settings: Settings) -> None:
    asked = chat.ask(model="stall")
    for _ in range(settings.stream_places + 1):
        assert chat.person.client.head(f"{asked.at}/events").status_code == 200
    with chat.watch(asked):
        chat.person.post(f"{asked.at}/stop")


def test_an_answer_whose_conversation_was_deleted_ends_with_a_word_about_it(chat: Chat, far_end: FarEnd) -> None:
    asked = chat.ask(model="hold")
    with chat.watch(asked) as events:
        next(events)
        chat.person.post(f"{asked.page}/delete")
        far_end.release.set()
        assert "This conversation was deleted." in "".join(events)
    assert TEXT not in chat.person.get("/").text
    with chat.app.app_context():
        assert db.session.get_one(Run, asked.run).status == DONE
