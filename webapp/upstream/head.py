"""The head of a request: allowed headers only, and the one place where a key leaves its Secret for the wire."""

import functools
import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import httpx2

from webapp.core.redact import REMOVED
from webapp.upstream.addresses import AddressError, host_port, normalise, origin
from webapp.upstream.brake import Fault
from webapp.upstream.connection import Origin
from webapp.upstream.dialects.call import Call
from webapp.upstream.redact import redact
from webapp.upstream.target import AuthStyle, Target

# What a dialect may send of its own; everything else is written here or is an extra header of the provider.
DIALECT_HEADERS = frozenset(
    {"accept", "content-type", "if-none-match", "if-modified-since", "anthropic-version", "anthropic-beta"}
)
RESERVED_HEADERS = frozenset(
    {"host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
    | {"content-length", "content-type", "content-encoding", "accept-encoding", "proxy-connection"}
    | {"cookie", "authorization", "proxy-authorization"}
)
MAX_HEADER_VALUE = 4096

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(r"[\x20-\x7e]*")
_LATIN_1 = re.compile(r"[\x20-\x7e\xa0-\xff]*")
_REQUEST_TARGET = re.compile(r"/[\x21-\x7e]*")
_SECRET_NAME = re.compile(r"auth|key|token|secret|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and headers, secrets included."""

    origin: Origin
    request_line: str = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    hidden: frozenset[str] = frozenset()  # names of the provider's own headers, in small letters

    def encode(self) -> bytes:
        """Return the bytes for the wire."""
        lines = [self.request_line, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def readable(self) -> str:
        """Return a text for people, without the secrets."""
        shown = [
            (name, REMOVED if name.lower() in self.hidden or _SECRET_NAME.search(name) else value)
            for name, value in self.headers
        ]
        return redact("\n".join([self.request_line, *(f"{name}: {value}" for name, value in shown)]), self.secrets)


def head_of(target: Target, call: Call) -> Head:
    """Write the head of a call. Raises Fault when the key, a header or the path cannot be sent."""
    called, netloc, base_path = _route(target.base_url, target.allow_private)
    path = _path(target, base_path, call)
    key = _sendable_key(target)
    own = [("Host", netloc), ("User-Agent", "Jackfield"), ("Accept-Encoding", "identity")]
    if call.body:
        own.append(("Content-Length", str(len(call.body))))
    dialect = [(name, value) for name, value in call.headers.items() if name.lower() in DIALECT_HEADERS]
    extra = [_sendable(name, value) for name, value in target.headers]
    headers = list({name.lower(): (name, value) for name, value in [*own, *dialect, *extra]}.values())
    if key and target.auth_style is AuthStyle.BEARER:
        headers.append(("Authorization", f"Bearer {key}"))
    elif key and target.auth_style is AuthStyle.HEADER:
        headers.append((_token(target.auth_name), key))
    elif key and target.auth_style is AuthStyle.QUERY:
        path += f"{'&' if '?' in path else '?'}{quote(target.auth_name, safe='')}={quote(key, safe='')}"
    if not _REQUEST_TARGET.fullmatch(path):
        raise Fault("bad_request", "The path of the address has characters that cannot be sent.")
    secrets = tuple(value for name, value in target.headers if _SECRET_NAME.search(name)) + ((key,) if key else ())
    hidden = frozenset(name.lower() for name, _ in target.headers)
    return Head(called, f"{call.method} {path} HTTP/1.1", headers, secrets, hidden)


def origin_of(target: Target) -> Origin:
    """Return who is called for this target. Raises Fault when its address is not a base URL."""
    return _route(target.base_url, target.allow_private)[0]


@functools.lru_cache(maxsize=256)
def _route(base_url: str, allow_private: bool) -> tuple[Origin, str, str]:
    """Origin, Host header and path of a base URL. Cached because parsing costs as much as the rest of a head."""
    try:
        is_normal = normalise(base_url) == base_url
    except AddressError:
        is_normal = False
    if not is_normal:
        raise Fault("bad_request", "The address is not a base URL.")
    url = httpx2.URL(base_url)
    host, port = host_port(base_url)
    path = url.raw_path.decode("ascii").rstrip("/")  # httpx2 writes an empty path as "/"
    return Origin(url.scheme, host, port, allow_private), url.netloc.decode("ascii"), path


def _path(target: Target, base_path: str, call: Call) -> str:
    """Path and query. A dialect may name a whole URL, but a key goes only to the origin it was saved for."""
    path = base_path + call.path
    if "://" in call.path:
        try:
            is_same = origin(call.path) == origin(target.base_url)
        except (httpx2.InvalidURL, KeyError):
            is_same = False
        if not is_same:
            raise Fault("bad_request", "The address is not on the provider's own host.")
        path = httpx2.URL(call.path).raw_path.decode("ascii")
    return f"{path}{'&' if '?' in path else '?'}{urlencode(call.query)}" if call.query else path


def _sendable_key(target: Target) -> str:
    """The key, or nothing when there is none: an empty `Bearer` is an illegal header."""
    key = target.api_key.reveal() if target.api_key and target.auth_style is not AuthStyle.NONE else ""
    if not _LATIN_1.fullmatch(key):
        raise Fault("auth_missing", "The key contains a line break or a character that cannot be sent.")
    return key


def _sendable(name: str, value: str) -> tuple[str, str]:
    if _token(name).lower() in RESERVED_HEADERS:
        raise Fault("bad_request", f"The extra header {name} is not allowed.")
    if len(value) > MAX_HEADER_VALUE or not _VISIBLE.fullmatch(value):
        raise Fault("bad_request", f"The value of the extra header {name} cannot be sent.")
    return name, value


def _token(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise Fault("bad_request", "The name of a header has characters that cannot be sent.")
    return name
