"""Every setting: its environment variable, its default and its meaning. Nothing else reads the environment."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from webapp.core.errors import ConfigError
from webapp.core.paths import default_data_dir
from webapp.core.secret import Secret

VERSION = "0.1.0"
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")  # of Docker and of Podman


@dataclass(frozen=True, slots=True)
class Settings:
    """The frozen settings of one process. `from_environment` is how they are made outside tests."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    database_url: str = field(default="", repr=False)  # may hold a password
    threads: int = 1024
    trusted_hosts: frozenset[str] = frozenset()
    proxy_hops: int = 0
    allowed_private: frozenset[tuple[str, int]] = frozenset()
    in_container: bool = False  # "localhost" then means the container itself
    log_format: str = "console"
    secret_key: Secret | None = None
    encryption_keys: Secret | None = None
    environment_keys: Mapping[str, Secret] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings; raise ConfigError that names the variable when one is wrong."""
        env = os.environ if environment is None else environment
        return cls(
            data_dir=Path(env.get("JACKFIELD_DATA_DIR") or default_data_dir()),
            host=env.get("JACKFIELD_HOST") or "127.0.0.1",
            port=_number(env, "JACKFIELD_PORT", 8000, 1, 65535),
            database_url=env.get("JACKFIELD_DATABASE_URL", ""),
            threads=_number(env, "JACKFIELD_THREADS", 1024, 16, 4096),
            trusted_hosts=frozenset(_host_names(env, "JACKFIELD_TRUSTED_HOSTS")),
            proxy_hops=_number(env, "JACKFIELD_PROXY_HOPS", 0, 0, 8),
            allowed_private=frozenset(_host_ports(env, "JACKFIELD_ALLOWED_PRIVATE")),
            in_container=any(Path(mark).exists() for mark in CONTAINER_MARKS),
            log_format=_choice(env, "JACKFIELD_LOG_FORMAT", ("console", "json")),
            secret_key=_strong_secret(env, "JACKFIELD_SECRET_KEY"),
            encryption_keys=_secret(env, "JACKFIELD_ENCRYPTION_KEYS"),
            environment_keys={
                name: Secret(text.strip()) for name, text in env.items() if name.endswith("_API_KEY") and text.strip()
            },
        )

    @property
    def sqlalchemy_url(self) -> str:
        """The database to use: the one given, else SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'jackfield.db'}"

    @property
    def stream_places(self) -> int:
        """How many threads streams may hold, so that pages always find one."""
        return self.threads - max(8, min(32, self.threads // 4))


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not (text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        raise ConfigError(f"{name} is {text[:40]!r}; it takes a number from {low} to {high}.")
    return int(text)


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = env.get(name, "").strip() or choices[0]
    if text not in choices:
        raise ConfigError(f"{name} is {text!r}; it takes {' or '.join(choices)}.")
    return text


def _words(env: Mapping[str, str], name: str) -> list[str]:
    return [word.strip().lower() for word in env.get(name, "").split(",") if word.strip()]


def _host_names(env: Mapping[str, str], name: str) -> list[str]:
    names = _words(env, name)
    for word in names:
        if not re.fullmatch(r"\.?[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?", word):
            raise ConfigError(f"{name} holds {word!r}; it takes names without scheme and port: a.example.org,.lan.")
    return names


def _host_ports(env: Mapping[str, str], name: str) -> list[tuple[str, int]]:
    pairs = []
    for word in _words(env, name):
        host, _, port = word.rpartition(":")
        host = host.strip("[]")
        is_port = port.isdecimal() and len(port) < 6 and 1 <= int(port) <= 65535
        if not is_port or not host or "/" in host:
            raise ConfigError(f"{name} holds {word!r}; it takes host:port,host:port.")
        pairs.append((_canonical_host(host), int(port)))
    return pairs


def _canonical_host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _secret(env: Mapping[str, str], name: str) -> Secret | None:
    text = env.get(name, "").strip()
    return Secret(text) if text else None


def _strong_secret(env: Mapping[str, str], name: str) -> Secret | None:
    secret = _secret(env, name)
    if secret and (len(secret.reveal()) < 32 or len(set(secret.reveal())) < 8):
        raise ConfigError(f"{name} is too weak; it takes 32 random characters or more (openssl rand -base64 32).")
    return secret
