"""Static files: addresses that change with the content, kept for a year by the browser, sent compressed."""

import functools
import gzip
import hashlib
from pathlib import Path

from flask import Flask, Response, g, request, url_for

from webapp.core.paths import STATIC

COMPRESSED_TYPES = (
    "text/html",
    "text/css",
    "text/javascript",
    "application/javascript",
    "image/svg+xml",
    "application/json",
)
SMALLEST_BYTES = 1000
ONE_YEAR = 31_536_000


def install_assets(app: Flask) -> None:
    """Add `asset()` to templates and compression to answers."""
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["icon_sprite"] = icon_sprite

    @app.after_request
    def compress(response: Response) -> Response:
        if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
        if request.path.startswith("/v1/"):
            return response  # programs do not ask for it, and it would cost each of their calls
        if response.mimetype not in COMPRESSED_TYPES or response.status_code not in (200, 422):
            return response
        response.vary.add("Accept-Encoding")
        if (response.is_streamed and request.endpoint != "static") or not request.accept_encodings["gzip"]:
            return response
        if request.endpoint == "static":
            path = STATIC / (request.view_args or {})["filename"]
            response.close()  # the opened file is not what is sent
            response.direct_passthrough = False
            body = _gzipped_file(path, path.stat().st_mtime_ns)
        else:
            body = response.get_data()
            if len(body) < SMALLEST_BYTES:
                return response
            body = gzip.compress(body, compresslevel=5)
        response.set_data(body)
        response.headers["Content-Encoding"] = "gzip"
        return response


def asset(name: str) -> str:
    """Return the address of a static file, with a mark of its content."""
    path = STATIC / name
    return url_for("static", filename=name, v=_mark(path, path.stat().st_mtime_ns))


def icon_sprite() -> str:
    """Return the address of the icons; reckoned once for a page, which has dozens of them."""
    if "icon_sprite" not in g:
        g.icon_sprite = asset("icons.svg")
    return str(g.icon_sprite)


@functools.lru_cache(maxsize=64)
def _mark(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


@functools.lru_cache(maxsize=64)
def _gzipped_file(path: Path, _changed: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=9)
