"""A secret text shows itself to nobody but `reveal`."""

import copy
import json
import pickle
import threading
import traceback
from dataclasses import asdict
from pathlib import Path

import pytest

from webapp.core.config import Settings
from webapp.core.crypto import KeyRing
from webapp.core.redact import redact
from webapp.core.secret import Secret, live_secrets

TEXT = "canary-6fJ2-do-not-show-me"


def test_printing_a_secret_does_not_show_it() -> None:
    secret = Secret(TEXT)
    shown = [repr(secret), str(secret), f"{secret}{secret!r:>40}{secret:x}", f"{[secret]}"]
    assert "canary" not in "".join(shown)


@pytest.mark.parametrize(
    "take", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps], ids=["pickle", "copy", "deepcopy", "json"]
)
def test_a_secret_is_neither_pickled_nor_copied_nor_written_as_json(take: object) -> None:
    assert callable(take)
    with pytest.raises(TypeError) as raised:
        take(Secret(TEXT))
    assert "canary" not in str(raised.value)


def test_a_traceback_through_a_secret_does_not_show_it() -> None:
    def fail(key: Secret) -> None:
        raise ValueError(f"could not use {key}")

    try:
        fail(Secret(TEXT))
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "could not use" in text
    assert "canary" not in text


def test_only_long_secrets_give_a_hint() -> None:
    assert Secret("x" * 16 + "last").mask() == "…last"
    assert Secret("x" * 15 + "last").mask() == "…"


def test_settings_and_key_ring_do_not_show_what_they_hold(tmp_path: Path) -> None:
    ring = KeyRing.from_file(tmp_path / "master.key")
    settings = Settings(
        data_dir=tmp_path,
        database_url="postgresql+psycopg://jack:hunter2@db/x",
        secret_key=Secret(TEXT),
        environment_keys={"OPENAI_API_KEY": Secret(TEXT)},
    )
    shown = f"{ring!r} {settings!r}"
    assert "hunter2" not in shown
    assert "canary" not in shown
    assert all(repr(key)[2:-1] not in shown for key in ring.keys.values())
    with pytest.raises(TypeError):
        asdict(settings)


def test_secrets_may_come_and_go_while_a_text_is_redacted(quick_switches: None) -> None:
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            _ = [Secret(f"short lived {number}") for number in range(50)]

    threads = [threading.Thread(target=churn) for _ in range(4)]
    kept = [Secret(f"kept secret {number}") for number in range(500)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            assert {secret.reveal() for secret in kept} <= live_secrets()
        assert "kept secret 7" not in redact("the kept secret 7.")
    finally:
        done.set()
        for thread in threads:
            thread.join()
