"""Where and how to call one provider: everything a dialect and the transport need, and nothing of the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from webapp.core.secret import Secret


class AuthStyle(StrEnum):
    """How the key travels."""

    BEARER = "bearer"  # Authorization: Bearer KEY
    HEADER = "header"  # NAME: KEY
    QUERY = "query"  # ?NAME=KEY
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one exchange. Times in seconds, sizes in bytes. Times: as slow providers need them."""

    connect_seconds: float = 5.0
    first_byte_seconds: float = 120.0
    idle_seconds: float = 60.0  # silence: no byte at all
    progress_seconds: float = 120.0  # no useful content, although bytes (comments, pings) arrive
    grace_seconds: float = 2.0  # after a finish reason
    total_seconds: float = 1800.0
    list_seconds: float = 30.0
    body_bytes: int = 8_000_000  # a JSON answer
    list_bytes: int = 32_000_000  # a model list
    stream_bytes: int = 32_000_000
    line_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """One provider as the wire sees it.

    `base_url` is normalised (no trailing slash, no query), empty for the demo dialect. `headers` are extra request
    headers, already validated. `allow_private` says that an admin has confirmed this very host and port.
    `vendor` is a word of vendors.toml; it selects data (code tables, hints), never a branch of the code path.
    `in_container` says that "localhost" is a container, not the machine that people think of.
    `litellm` is LiteLLM's word for the provider when the call goes through the one in this process (embedded.py).
    `quirks` says, by model id, how every request is mended before it goes: words of upstream/repair.py.
    """

    dialect: str
    base_url: str
    api_key: Secret | None = None
    auth_style: AuthStyle = AuthStyle.BEARER
    auth_name: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    list_path: str | None = "/models"
    allow_private: bool = False
    vendor: str = "custom"
    in_container: bool = False
    limits: Limits = field(default_factory=Limits)
    litellm: str = ""
    quirks: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
