"""Log lines: one line a record, with the request's id, without secrets."""

import json
import logging
import sys
from collections.abc import Callable

import pytest

from webapp.core.logs import LineFormatter, request_id
from webapp.core.redact import REMOVED, redact
from webapp.core.secret import Secret

HOSTILE = "Eve\r\nINFO admin signed in\x1b[2J\x9b31m\x85\u2028\u202eend\ud800"
KEY = "canary/with+odd=chars 6fJ2"


@pytest.fixture(params=["json", "console"])
def form(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Formats one record with the given message and fields."""

    def draw(message: str, *arguments: object, error: BaseException | None = None, **fields: object) -> str:
        info = (type(error), error, error.__traceback__) if error else None
        record = logging.LogRecord("jack", logging.INFO, "x.py", 1, message, arguments, info)
        vars(record).update(fields)
        return LineFormatter(as_json=request.param == "json").format(record)

    return draw


def test_user_text_stays_on_one_line_and_cannot_drive_a_terminal(form: Callable[..., str]) -> None:
    for line in (form("hello", user=HOSTILE), form(HOSTILE), form("%s", HOSTILE)):
        assert line.isprintable()
        assert "admin signed in" in line
        line.encode()


def test_a_json_line_gives_the_fields_back_as_they_were() -> None:
    record = logging.makeLogRecord({"msg": "hello", "name": "jack", "levelname": "INFO", "user": HOSTILE + "🦊"})
    fields = json.loads(LineFormatter(as_json=True).format(record))
    assert (fields["user"], fields["message"], fields["level"]) == (HOSTILE + "🦊", "hello", "INFO")
    assert fields["time"].endswith("+00:00")


def test_the_request_id_is_on_the_line(form: Callable[..., str]) -> None:
    token = request_id.set("abc123")
    try:
        assert "abc123" in form("hello")
    finally:
        request_id.reset(token)
    assert "request_id" not in form("hello")


@pytest.mark.parametrize(
    "quoted",
    [
        KEY,
        "canary%2Fwith%2Bodd%3Dchars%206fJ2",
        "Y2FuYXJ5L3dpdGgrb2RkPWNoYXJzIDZmSjI=",
        "Y2FuYXJ5L3dpdGgrb2RkPWNoYXJzIDZmSjI",
    ],
)
def test_a_live_secret_is_taken_out_of_message_fields_and_traceback(form: Callable[..., str], quoted: str) -> None:
    secret = Secret(KEY)
    try:
        raise ValueError(f"the far end said {quoted}")
    except ValueError:
        error = sys.exc_info()[1]
    line = form(f"call with {quoted}", answer={"text": [quoted]}, key=secret, error=error)
    assert quoted not in line
    assert line.count(REMOVED) == 3
    assert "Secret(…)" in line


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghijklmnop1234",
        "sk-ant-api03-abcdefghijklmnop",
        "gsk_abcdefghijklmnop",
        "AIzaSyA-abcdefghijklmnopqrstuvwxyz12345",
        "hf_abcdefghijklmnopqrst",
        "jf_abcdefghijklmnopqrstuvwxyz1234567890",
    ],
)
def test_what_looks_like_a_key_is_taken_out_though_nobody_here_holds_it(key: str) -> None:
    assert key not in redact(f"Incorrect API key provided: {key}. You can find …")
    assert "abcd1234efgh" not in redact("Authorization: Bearer abcd1234efgh")


def test_a_short_placeholder_does_not_blank_ordinary_words() -> None:
    kept = Secret("none")
    assert redact("there are none") == "there are none"
    assert kept


def test_a_traceback_cannot_forge_a_line_of_its_own() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        record = logging.LogRecord("jack", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())
    first, *rest = LineFormatter(as_json=False).format(record).splitlines()
    assert first.endswith("failed")
    assert rest
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
