"""What every response and request must satisfy: headers, host names, origin of writes, body sizes."""

import functools
import ipaddress
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, abort, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_babel import gettext
from flask_wtf.csrf import CSRFProtect

from webapp.core.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 8_000_000
MAX_FIELDS = 1000  # a body full of tiny fields takes 70 times its size in memory
# No inline script or style anywhere, so no nonce and no `unsafe-*` is needed.
HEADERS = list(
    {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "object-src 'none'; manifest-src 'self'; worker-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        "X-DNS-Prefetch-Control": "off",
        "X-Frame-Options": "DENY",
    }.items()
)
NOT_STORED = [("Cache-Control", "no-store")]
ONLY_HTTPS = [("Strict-Transport-Security", "max-age=31536000")]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

csrf = CSRFProtect()


class SessionCookie(SecureCookieSessionInterface):
    """The signed cookie. What was given over https never goes over http."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether this request came over https."""
        return request.is_secure

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the cookie; a program's request has none, and reading it costs more than the rest of the way here."""
        return None if request.path.startswith("/v1/") else super().open_session(app, request)

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether to renew it; never with a static file, which caches keep for everybody."""
        return request.endpoint != "static" and super().should_set_cookie(app, session)


def install_security(app: Flask, settings: Settings) -> None:
    """Register the checks before, and the headers after, every request."""
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        MAX_FORM_PARTS=MAX_FIELDS,
        SESSION_COOKIE_NAME="jackfield",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,  # the referrer that it looks for is never sent; SameSite and the token guard
    )
    app.session_interface = SessionCookie()
    known_hosts = settings.trusted_hosts | {"localhost", socket.gethostname().lower(), settings.host.lower()}

    @app.before_request
    def refuse_strangers() -> None:
        if not is_known_host(request.host, known_hosts):
            abort(400, gettext("This host name is not known here. Name it in JACKFIELD_TRUSTED_HOSTS."))
        if request.method not in SAFE_METHODS and request.headers.get("Sec-Fetch-Site") == "cross-site":
            abort(403, gettext("This request came from another site."))
        form = request.get_data() if request.mimetype == "application/x-www-form-urlencoded" else b""
        # A body without a length is cut at the limit without a word, so one that reaches it is too large.
        if len(form) >= MAX_BODY_BYTES or form.count(b"&") >= MAX_FIELDS:
            abort(413)

    csrf.init_app(app)  # after our own checks: it reads the form

    app.wsgi_app = _WithHeaders(app.wsgi_app)  # type: ignore[method-assign]


class _WithHeaders:
    """Adds the headers to whatever the app answers; around it, because nothing in it does that as cheaply."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            added = HEADERS if environ["PATH_INFO"].startswith("/static/") else HEADERS + NOT_STORED
            if environ["wsgi.url_scheme"] == "https":
                added = added + ONLY_HTTPS
            present = {name.lower() for name, _ in headers}
            return start_response(status, headers + [pair for pair in added if pair[0].lower() not in present], *error)

        return self._app(environ, start)


@functools.lru_cache(maxsize=256)
def is_known_host(host: str, known: frozenset[str]) -> bool:
    """Whether a Host header is one of ours. Addresses pass: DNS rebinding needs a name."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and not host.endswith("]") else host
    name = name.strip("[]").lower()
    if name in known:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return any(entry.startswith(".") and name.endswith(entry) for entry in known)
    return True
