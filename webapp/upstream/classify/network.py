"""Faults without an HTTP answer: told apart by the text of the exception, since every client words them alike."""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from webapp.core.redact import redact
from webapp.upstream.failures import UpstreamError, failure

Phase = Literal["", "connect", "read"]

RULES: Final = tuple(
    (category, re.compile(pattern), action)
    for category, pattern, action in (
        ("network_cors", r"failed to fetch|networkerror when|^load failed|mixed content|\bcors\b", None),
        (
            "auth_missing",
            r"illegal header|codec can't encode|invalid (?:header value|character in header)|non-latin|latin-1",
            None,
        ),
        (
            "wrong_path",
            r"missing an? '?http|no scheme|unsupported protocol|unknown url type|invalid url|parse url|redirect",
            None,
        ),
        ("blocked_address", r"blocked address|address is not allowed", None),
        ("network_tls", r"wrong version number|wrong_version_number|record layer failure|http_request", "fix_base_url"),
        (
            "network_tls",
            r"certificat|cert_|_cert\b|self.signed|\bssl\b|sslerror|\btls\b|handshake|unable_to_verify|\beproto\b",
            None,
        ),
        ("network_refused", r"refused", None),
        (
            "network_dns",
            r"getaddrinfo|gaierror|enotfound|eai_again|name or service|nodename|name resolution|no address associated"
            r"|\bdns\b|(?:could not|failed to) resolve|nameresolution|name_not_resolved",
            None,
        ),
        (
            "network_timeout",
            r"connect(?:ion)?[ _]?time|connecttimeout|etimedout|no route to host|unreachable|hostunreach",
            None,
        ),
        (
            "stream_cut",
            r"peer closed|incomplete|connection ?reset|econnreset|broken ?pipe|closed connection|disconnected|hang up"
            r"|\baborted|unexpected eof|premature|terminated",
            None,
        ),
        ("timeout", r"time[d ]?[ -]?out", "raise_timeout"),
        (
            "bad_response",
            r"badstatusline|illegal status|invalid http|protocolerror|linetoolong|not http",
            "fix_base_url",
        ),
    )
)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - names a host, binds nothing


def error_from_transport(
    fault: BaseException | str, phase: Phase = "", base_url: str = "", in_container: bool = False
) -> UpstreamError:
    """Classify an exception (or its text) of the connection. `phase` tells a bare time-out's two meanings apart."""
    text = fault if isinstance(fault, str) else f"{type(fault).__name__}: {fault}"
    category, action = _match(text.lower(), phase)
    error = failure(category, redact(text)[:300])
    error.action = action or error.action
    if category == "network_refused" and in_container:
        _explain_container(error, base_url)
    return error


def _match(text: str, phase: Phase) -> tuple[str, str | None]:
    for category, pattern, action in RULES:
        if pattern.search(text):
            if category == "timeout" and phase == "connect":
                return "network_timeout", None
            return category, action
    return ("stream_cut" if phase == "read" else "network_refused"), None


def _explain_container(error: UpstreamError, base_url: str) -> None:
    """Inside a container "localhost" is the container; any other refusal means the server listens on loopback only."""
    host = urlsplit(base_url).hostname or ""
    if host not in LOOPBACK:
        error.action = "server_bind"
        return
    error.action = "fix_base_url"
    written = f"[{host}]" if ":" in host else host
    error.details["suggest"] = re.sub(re.escape(written), "host.docker.internal", base_url, count=1, flags=re.I)
