"""A real server that is killed, ended or started again in the middle of an answer loses next to nothing."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.chat.conftest import Asked, Chat
from tests.far_end import FarEnd
from tests.serving import Server
from webapp.chat.run import INTERRUPTED, RUNNING, Run
from webapp.core.database import db

LONG = " ".join(f"word{number:04d}" for number in range(2_000))

Serve = Callable[..., Server]


def browser(server: Server, chat: Chat) -> httpx2.Client:
    """The owner's browser at the real server; sessions and keys are in the data folder that both share."""
    cookie = chat.person.client.get_cookie("jackfield")
    assert cookie
    headers = {"Cookie": f"jackfield={cookie.value}", "X-CSRFToken": chat.person.csrf}
    return httpx2.Client(base_url=server.url, headers=headers, timeout=20)


def ask(client: httpx2.Client, chat: Chat, model: str) -> Asked:
    response = client.post("/chat", data=chat.form("Tell me all", model))
    assert response.status_code == 303, response.text
    return chat.latest(response.headers["Location"].removeprefix("/chat/"))


def kill(server: Server) -> None:
    """Kill every process of the server, as a power cut would."""
    master = server.process.pid
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for pid in (master, *map(int, workers)):
        os.kill(pid, signal.SIGKILL)
    server.process.wait(10)


def wait_for_saved_text(chat: Chat, asked: Asked, characters: int) -> int:
    """Return how much the checkpoint holds, once it holds so much."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if (saved := len(chat.run(asked).message.text)) >= characters:
            return saved
        time.sleep(0.05)
    raise AssertionError("no checkpoint")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_after_a_kill_the_text_is_kept_and_can_be_continued_or_asked_again(
    chat: Chat, far_end: FarEnd, serve: Serve, data_dir: Path
) -> None:
    far_end.text, far_end.pace = LONG, 0.02
    server = serve(data_dir)
    with browser(server, chat) as client:
        asked = ask(client, chat, "ok")
        wait_for_saved_text(chat, asked, 300)
        time.sleep(0.7)  # somewhere between two checkpoints
        call = far_end.calls[0]
        kill(server)
        killed = time.monotonic()
    assert call.gone.wait(2)
    assert chat.run(asked).status == RUNNING
    saved = chat.run(asked).message.text
    assert LONG.startswith(saved)
    with browser(serve(data_dir), chat) as client:
        over = client.get(f"{asked.at}/events").text
        assert time.monotonic() - killed < 20
        page = client.get(asked.page).text
        for text in (over, page):
            assert "The server was restarted while this was written" in text
            assert f'action="{asked.at}/retries"' in text
            assert f'action="{asked.at}/continuations"' in text
            assert saved[-20:] in text
        assert (chat.run(asked).status, chat.run(asked).message.text) == (INTERRUPTED, saved)
        with chat.app.app_context():
            assert db.session.query(Run).filter_by(status=RUNNING).count() == 0
        far_end.text, far_end.pace = "and the rest.", 0
        client.post(f"{asked.at}/continuations")
        again = chat.latest(asked.conversation)
        assert "and the rest." in client.get(f"{again.at}/events").text
        assert far_end.calls[-1].json["messages"][1] == {"role": "assistant", "content": saved}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_kill_costs_at_most_what_came_in_two_seconds(
    chat: Chat, far_end: FarEnd, serve: Serve, data_dir: Path
) -> None:
    far_end.text, far_end.pace = LONG, 0.02
    server = serve(data_dir)
    seen: list[tuple[float, int]] = []  # when the reader was told of how many characters
    with browser(server, chat) as client:
        asked = ask(client, chat, "ok")
        with contextlib.suppress(httpx2.TransportError), client.stream("GET", f"{asked.at}/events") as events:
            for line in events.iter_lines():
                if told := re.search(r"<span>([\d,]+) characters", line):
                    seen.append((time.monotonic(), int(told[1].replace(",", ""))))
                    if seen[-1][1] > 1_000 and server.process.poll() is None:
                        kill(server)
    saved = len(chat.run(asked).message.text)
    assert saved >= max(characters for moment, characters in seen if moment < seen[-1][0] - 2)


@pytest.mark.parametrize(("model", "text"), [("stall-mid", "Half "), ("ok", LONG)])
def test_a_server_that_is_told_to_end_stores_what_has_come(
    chat: Chat, far_end: FarEnd, serve: Serve, data_dir: Path, model: str, text: str
) -> None:
    far_end.text, far_end.pace = LONG, 0.02
    server = serve(data_dir)
    with browser(server, chat) as client:
        asked = ask(client, chat, model)
        far_end.wait_for_calls(1)
        with client.stream("GET", f"{asked.at}/events") as events:
            pieces = events.iter_text()
            assert any(text[:4] in piece for piece in pieces)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            list(pieces)  # the reader is let go
        assert server.process.wait(20) == 0
        assert time.monotonic() - began < 8
    run = chat.run(asked)
    assert run.status == INTERRUPTED
    assert run.message.text
    assert text.startswith(run.message.text)
