"""`jackfield serve` as a process: how it starts, refuses to start, and ends."""

import base64
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from flask import Flask

from tests.conftest import PASSWORD
from tests.far_end import FarEnd
from tests.serving import ROOT, Server, free_port
from webapp.core.database import writing
from webapp.core.upgrade import head
from webapp.models.model import Model, id_hash

Serve = Callable[..., Server]


def command(*words: str, data_dir: Path, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `jackfield …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "webapp", *words],
        cwd=ROOT,
        env={**os.environ, "JACKFIELD_DATA_DIR": str(data_dir), "JACKFIELD_PORT": str(free_port()), **environment},
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
    )


def refusal(data_dir: Path, **environment: str) -> str:
    """Return the one line with which a start is refused."""
    result = command("serve", data_dir=data_dir, **environment)
    lines = (result.stdout + result.stderr).strip().splitlines()
    assert result.returncode not in (0, None)
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    return lines[0]


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=20) as client:
        yield client


def test_the_first_start_prints_its_address_and_a_link_that_opens_the_set_up(
    serve: Serve, client: httpx2.Client, tmp_path: Path
) -> None:
    server = serve(tmp_path / "new")
    assert f"Jackfield is at {server.url}\n" in server.output
    link = setup_link(server)
    page = client.get(link)
    assert page.status_code == 200
    assert link.partition("token=")[2] in page.text
    assert server.stop() == 0


def test_a_second_start_prints_another_link(serve: Serve, tmp_path: Path) -> None:
    first = serve(tmp_path / "new")
    old = setup_link(first)
    assert first.stop() == 0
    assert setup_link(serve(tmp_path / "new")).partition("token=")[2] != old.partition("token=")[2]


def test_no_link_is_printed_once_an_admin_exists(serve: Serve, client: httpx2.Client, data_dir: Path) -> None:
    server = serve(data_dir)
    assert client.get(f"{server.url}/setup?token=whatever").status_code == 404
    assert server.stop() == 0
    assert not any("/setup?token" in line for line in server.output)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_the_server_quickly_and_quietly(serve: Serve, data_dir: Path, number: signal.Signals) -> None:
    server = serve(data_dir)
    began = time.monotonic()
    assert server.stop(number) == 0
    assert time.monotonic() - began < 3
    assert "Traceback" not in "".join(server.output)


def test_ctrl_c_reaches_the_whole_group_as_in_a_terminal(data_dir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp", "serve"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        env={**os.environ, "JACKFIELD_DATA_DIR": str(data_dir), "JACKFIELD_PORT": str(free_port())},
    )
    with process:
        assert process.stdout
        assert any("Jackfield is at" in line for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(3) == 0
    assert "Traceback" not in rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_streams_end_with_the_server(
    serve: Serve, client: httpx2.Client, app: Flask, add_provider: Callable[..., int], number: signal.Signals
) -> None:
    with FarEnd() as far_end:
        model = _add_model(app, add_provider(far_end.base_url), "stall-mid")
        server = serve(app.extensions["jackfield"].settings.data_dir)
        watched, ended = _ask(client, server.url, model), threading.Event()

        def watch() -> None:
            with client.stream("GET", watched) as answer:
                for _ in answer.iter_bytes():
                    begun.set()
            ended.set()

        begun = threading.Event()
        threading.Thread(target=watch, daemon=True).start()
        assert begun.wait(10)
        began = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - began < 3
        assert ended.wait(1)
    assert "Traceback" not in "".join(server.output)


def test_a_port_in_use_is_named_in_one_line(serve: Serve, data_dir: Path, tmp_path: Path) -> None:
    port = serve(data_dir).url.rpartition(":")[2]
    line = refusal(tmp_path / "other", JACKFIELD_PORT=port)
    assert "127.0.0.1" in line
    assert port in line


def test_a_second_server_on_the_same_database_is_refused(serve: Serve, client: httpx2.Client, data_dir: Path) -> None:
    server = serve(data_dir)
    assert str(data_dir) in refusal(data_dir)
    assert client.get(f"{server.url}/healthz").status_code == 200


def test_a_server_that_was_killed_does_not_keep_the_next_one_out(
    serve: Serve, client: httpx2.Client, data_dir: Path
) -> None:
    assert serve(data_dir).stop(signal.SIGKILL) == -signal.SIGKILL
    assert client.get(f"{serve(data_dir).url}/healthz").status_code == 200


@pytest.mark.parametrize("change", ["lost", "another", "environment", "short"])
def test_a_wrong_master_key_refuses_the_start_and_changes_nothing(data_dir: Path, change: str) -> None:
    key, database = data_dir / "master.key", data_dir / "jackfield.db"
    other = f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    before = database.read_bytes()
    more = {}
    if change == "lost":
        key.unlink()
    elif change == "another":
        key.write_text(other)
    else:
        more["JACKFIELD_ENCRYPTION_KEYS"] = other if change == "environment" else "k1:c2hvcnQ="
    line = refusal(data_dir, **more)
    assert "key" in line
    assert other not in line
    assert database.read_bytes() == before


def test_a_master_key_that_others_can_read_refuses_the_start(data_dir: Path) -> None:
    (data_dir / "master.key").chmod(0o644)
    assert "chmod 600" in refusal(data_dir)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JACKFIELD_PORT", "http"),
        ("JACKFIELD_DATABASE_URL", "nonsense"),
        ("JACKFIELD_DATABASE_URL", "sqlite:////nowhere/at/all.db"),
        ("JACKFIELD_DATABASE_URL", "nosuchdb://jack:hunter2@127.0.0.1/x"),
        ("JACKFIELD_SECRET_KEY", "hunter2"),
        ("JACKFIELD_HOST", "999.1.1.1"),
        ("JACKFIELD_DATA_DIR", "/proc/nowhere"),
    ],
)
def test_a_wrong_setting_refuses_the_start_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    line = refusal(tmp_path, **{name: value})
    assert name in line or value in line
    assert "hunter2" not in line


def test_a_newer_database_refuses_the_start(data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "jackfield.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9998'")
    connection.close()
    line = refusal(data_dir)
    assert "9998" in line
    assert head() in line


def setup_link(server: Server) -> str:
    """The link is printed after the address, with which `serve` is content."""
    assert wait_for(lambda: any("/setup?token=" in line for line in server.output))
    return server.setup_url


def wait_for(condition: Callable[[], bool]) -> bool:
    """Look until something holds that nobody can announce."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def _add_model(app: Flask, provider_id: int, name: str) -> int:
    with app.app_context(), writing() as session:
        model = Model(provider_id=provider_id, model_id=name, id_hash=id_hash(name), search_text=name)
        session.add(model)
        session.flush()
        return model.id


def _ask(client: httpx2.Client, url: str, model: int) -> str:
    """Sign in, ask something; return the address of the answer's events."""

    def post(path: str, form: dict[str, str]) -> httpx2.Response:
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(f"{url}/login", follow_redirects=True).text)
        assert token
        return client.post(url + path, data={"csrf_token": token[1], **form}, follow_redirects=True)

    post("/login", {"email": "owner", "password": PASSWORD})
    page = post("/chat", {"text": "Hello", "model": str(model), "send_key": "12345678"})
    events = re.search(r"/chat/runs/\d+/events", page.text)
    assert events, page.text
    return url + events[0]
