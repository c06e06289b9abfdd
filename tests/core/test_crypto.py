"""The key ring seals for one context and opens nothing else."""

import base64
import secrets
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.core.crypto import KeyRing, private_file
from webapp.core.errors import ConfigError, CryptoError
from webapp.core.secret import Secret

CONTEXT = "provider 7|credential 3|https://api.example.com"


GOOD = base64.b64encode(bytes(range(32))).decode()


def entry(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def ring(*entries: str) -> KeyRing:
    return KeyRing.parse(Secret(",".join(entries or (entry("k1"),))))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.text(alphabet=st.characters(codec="utf-8")))
def test_what_is_sealed_opens_in_its_own_context(text: str, context: str) -> None:
    keys = ring()
    assert keys.open(keys.seal(Secret(text), context), context).reveal() == text


@pytest.mark.parametrize(
    "context",
    [
        "provider 8|credential 3|https://api.example.com",
        "provider 7|credential 4|https://api.example.com",
        "provider 7|credential 3|http://api.example.com",
        "provider 7|credential 3|https://api.example.com:444",
        "",
    ],
)
def test_a_sealed_value_does_not_open_for_another_row_or_origin(context: str) -> None:
    keys = ring()
    sealed = keys.seal(Secret("canary"), CONTEXT)
    with pytest.raises(CryptoError) as raised:
        keys.open(sealed, context)
    assert "canary" not in str(raised.value)


def test_another_master_key_of_the_same_name_does_not_open_it() -> None:
    with pytest.raises(CryptoError):
        ring().open(ring().seal(Secret("canary"), CONTEXT), CONTEXT)


def test_every_changed_byte_is_noticed() -> None:
    keys = ring()
    head, _, encoded = keys.seal(Secret("canary"), CONTEXT).rpartition(".")
    data = base64.b64decode(encoded)
    for place, byte in enumerate(data):
        changed = data[:place] + bytes([byte ^ 1]) + data[place + 1 :]
        with pytest.raises(CryptoError):
            keys.open(f"{head}.{base64.b64encode(changed).decode()}", CONTEXT)


@pytest.mark.parametrize("sealed", ["", "v1", "v1.k1", "v1.k1.", "v1.k1.AAAA", "v1.k1.é", "v2.k1.AAAA", "v1.k9.AAAA"])
def test_a_broken_value_is_an_error_of_ours(sealed: str) -> None:
    with pytest.raises(CryptoError):
        ring().open(sealed, CONTEXT)


def test_the_same_secret_is_never_sealed_alike() -> None:
    keys = ring()
    assert len({keys.seal(Secret("same"), CONTEXT) for _ in range(50)}) == 50


def test_the_first_key_seals_and_all_keys_open() -> None:
    old, new = entry("old"), entry("new")
    sealed = ring(old).seal(Secret("canary"), CONTEXT)
    both = ring(new, old)
    assert both.open(sealed, CONTEXT).reveal() == "canary"
    assert both.seal(Secret("canary"), CONTEXT).startswith("v1.new.")
    with pytest.raises(CryptoError):
        ring(new).open(sealed, CONTEXT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        "k1:",
        "k1:c2hvcnQ=",
        f"k1:{base64.b64encode(bytes(32)).decode()}",
        f"k1:{base64.b64encode(b'changeme' * 4).decode()}",
        f"k1:{base64.b64encode(b'x' * 33).decode()}",
        "k1:" + "é" * 44,
        "k1:" + "!" * 44,
        f"k.1:{GOOD}",
        f"same:{GOOD},same:{GOOD}",
        f"k1:{GOOD},",
    ],
)
def test_a_short_known_or_malformed_master_key_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        KeyRing.parse(Secret(text))
    assert len(text) < 8 or text[3:] not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = KeyRing.from_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyRing.from_file(path) == made
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused_and_says_what_to_do(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    KeyRing.from_file(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        KeyRing.from_file(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"k1:short", b"\xff" * 60])
def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"master\.key"):
        KeyRing.from_file(path)
    assert path.read_bytes() == content


def test_processes_that_start_together_end_up_with_the_same_file(tmp_path: Path, quick_switches: None) -> None:
    start, found = threading.Barrier(8), []

    def begin() -> None:
        start.wait()
        found.append(private_file(tmp_path / "secret.key", lambda: secrets.token_hex(32)))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
