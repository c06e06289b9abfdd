"""Settings come from the environment; a wrong one is named."""

from pathlib import Path

import pytest

from webapp.core.config import Settings
from webapp.core.errors import ConfigError


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert (settings.host, settings.port, settings.threads, settings.proxy_hops) == ("127.0.0.1", 8000, 1024, 0)
    assert settings.sqlalchemy_url.startswith("sqlite:////")
    assert settings.trusted_hosts == frozenset()
    assert settings.secret_key is None
    assert settings.encryption_keys is None


def test_every_variable_is_read(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "JACKFIELD_DATA_DIR": str(tmp_path),
            "JACKFIELD_HOST": "::1",
            "JACKFIELD_PORT": " 9000 ",
            "JACKFIELD_DATABASE_URL": "postgresql+psycopg://db/x",
            "JACKFIELD_THREADS": "16",
            "JACKFIELD_TRUSTED_HOSTS": "Chat.Example.org, .lan ,,",
            "JACKFIELD_PROXY_HOPS": "1",
            "JACKFIELD_ALLOWED_PRIVATE": "ollama.lan:11434, [::1]:80, 010.example:1",
            "JACKFIELD_LOG_FORMAT": "json",
            "JACKFIELD_SECRET_KEY": "0123456789abcdefghijklmnopqrstuv",
            "OPENAI_API_KEY": " sk-something ",
            "EMPTY_API_KEY": " ",
        }
    )
    assert (settings.data_dir, settings.host, settings.port, settings.threads) == (tmp_path, "::1", 9000, 16)
    assert settings.sqlalchemy_url == "postgresql+psycopg://db/x"
    assert settings.trusted_hosts == {"chat.example.org", ".lan"}
    assert settings.allowed_private == {("ollama.lan", 11434), ("::1", 80), ("010.example", 1)}
    assert (settings.proxy_hops, settings.log_format) == (1, "json")
    assert settings.secret_key
    assert list(settings.environment_keys) == ["OPENAI_API_KEY"]
    assert settings.environment_keys["OPENAI_API_KEY"].reveal() == "sk-something"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JACKFIELD_PORT", "0"),
        ("JACKFIELD_PORT", "65536"),
        ("JACKFIELD_PORT", "-1"),
        ("JACKFIELD_PORT", "80.5"),
        ("JACKFIELD_PORT", "http"),
        ("JACKFIELD_PORT", "9" * 5000),
        ("JACKFIELD_THREADS", "15"),
        ("JACKFIELD_THREADS", "many"),
        ("JACKFIELD_PROXY_HOPS", "9"),
        ("JACKFIELD_PROXY_HOPS", "*"),
        ("JACKFIELD_LOG_FORMAT", "xml"),
        ("JACKFIELD_ALLOWED_PRIVATE", "localhost"),
        ("JACKFIELD_ALLOWED_PRIVATE", "localhost:0"),
        ("JACKFIELD_ALLOWED_PRIVATE", "http://localhost:80"),
        ("JACKFIELD_ALLOWED_PRIVATE", "10.0.0.0/8:80"),
        ("JACKFIELD_ALLOWED_PRIVATE", ":80"),
        ("JACKFIELD_TRUSTED_HOSTS", "https://chat.example.org"),
        ("JACKFIELD_TRUSTED_HOSTS", "chat.example.org:443"),
        ("JACKFIELD_TRUSTED_HOSTS", "*"),
        ("JACKFIELD_TRUSTED_HOSTS", "."),
        ("JACKFIELD_SECRET_KEY", "changeme"),
        ("JACKFIELD_SECRET_KEY", "secret" * 10),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as raised:
        Settings.from_environment({name: value})
    if name == "JACKFIELD_SECRET_KEY":
        assert value not in str(raised.value)


@pytest.mark.parametrize("threads", [16, 32, 64, 320, 4096])
def test_streams_leave_threads_for_pages(threads: int) -> None:
    assert 8 <= threads - Settings(data_dir=Path(), threads=threads).stream_places <= 32
