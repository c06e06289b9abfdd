"""Base addresses as people type them: repaired, refused, and read. No network; `httpx2.URL` is the only parser."""

import functools
import re
from typing import NamedTuple

import httpx2

from webapp.upstream.egress import literal, reach

MAX_LENGTH = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
# People paste the address of an endpoint; wire-quirks section 5.1.
ENDPOINTS = ("/chat/completions", "/chat/completion", "/completions", "/responses", "/messages", "/models")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]|%(?:0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::(?P<port>[^:]*))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")


class AddressError(ValueError):
    """An address that cannot be a base URL. `code` says why:

    empty too_long control bad_character bad_scheme userinfo query fragment empty_host non_ascii_host bad_host bad_port.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Endpoints(NamedTuple):
    """The full URLs that a base URL leads to; `models` is None when the provider has no list."""

    chat: str
    models: str | None


def normalise(base_url: str) -> str:
    """Return the address as it is stored: scheme, host, path; no trailing slash, no endpoint. Raises AddressError."""
    text = base_url.strip(" \t\r\n")
    _refuse_characters(text)
    found = _SCHEME.match(text)
    if not found and re.match(r"//|https?:(?!\d)", text, re.IGNORECASE):
        raise AddressError("bad_scheme")
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("", text)
    if scheme and scheme not in DEFAULT_PORTS:
        raise AddressError("bad_scheme")
    authority, slash, path = rest.partition("/")
    host, port = _host_and_port(authority)
    scheme = scheme or ("http" if _is_local(host) else "https")
    try:
        url = httpx2.URL(f"{scheme}://{host}:{port or DEFAULT_PORTS[scheme]}{slash}{path}")
    except httpx2.InvalidURL as error:
        raise AddressError("bad_character") from error
    return f"{scheme}://{url.netloc.decode('ascii')}{_base_path(url.raw_path.decode('ascii'))}"


@functools.lru_cache(maxsize=256)  # asked for every call; parsing a URL takes longer than opening a key
def origin(url: str) -> str:
    """Return `scheme://host:port`, the port always written; nothing for no address. Stored keys are bound to it."""
    if not url:
        return ""
    host, port = host_port(url)
    return f"{httpx2.URL(url).scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def host_port(url: str) -> tuple[str, int]:
    """Return host (no brackets) and port of a normalised address."""
    parsed = httpx2.URL(url)
    return parsed.raw_host.decode("ascii"), parsed.port or DEFAULT_PORTS[parsed.scheme]


def needs_confirmation(url: str) -> bool:
    """Tell whether the address looks private: an admin then confirms host and port before anything is opened."""
    return _is_local(host_port(url)[0])


def is_denied(url: str) -> bool:
    """Tell whether the host is an address that nobody may open, such as a metadata service."""
    ip = literal(host_port(url)[0])
    return ip is not None and reach(ip) == "denied"


def endpoints(base_url: str, chat_path: str = "/chat/completions", list_path: str | None = "/models") -> Endpoints:
    """Return the URLs that will be called, as the form shows them."""
    models = list_path if list_path is None or "://" in list_path else base_url + list_path
    return Endpoints(base_url + chat_path, models)


def _refuse_characters(text: str) -> None:
    refused = {
        "empty": not text,
        "too_long": len(text) > MAX_LENGTH,
        "control": bool(_CONTROL.search(text)),
        "bad_character": any(character in text for character in "\\ <>\"'{}|^`"),
        "query": "?" in text,
        "fragment": "#" in text,
    }
    for code, is_refused in refused.items():
        if is_refused:
            raise AddressError(code)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    """Host as it is written into a URL (lower case, IPv6 in brackets, IPv4 in its plain notation) and port."""
    if "@" in authority:
        raise AddressError("userinfo")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise AddressError("bad_host")
    host, port = parts["host"].lower().removesuffix("."), parts["port"]
    if not host:
        raise AddressError("empty_host")
    if not host.isascii():
        raise AddressError("non_ascii_host")
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise AddressError("bad_port")
    return _plain_host(host), int(port) if port else None


def _plain_host(host: str) -> str:
    ip = literal(host.strip("[]"))
    if host.startswith("["):
        if ip is None:
            raise AddressError("bad_host")
        return f"[{ip.compressed}]"
    if ip is not None:
        return str(ip)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise AddressError("bad_host")
    return host


def _is_local(host: str) -> bool:
    """Private by its look: an address that is not public, a name without a dot, or a suffix of local networks."""
    ip = literal(host.strip("[]"))
    if ip is not None:
        return reach(ip) != "public"
    return "." not in host or host.endswith(_LOCAL_SUFFIXES)


def _base_path(path: str) -> str:
    path = re.sub(r"/+", "/", path).rstrip("/")
    for endpoint in ENDPOINTS:
        if path.lower().endswith(endpoint):
            return path[: -len(endpoint)].rstrip("/")
    return path
