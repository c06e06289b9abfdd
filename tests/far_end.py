"""A scripted LLM server on loopback: what it does is chosen by the model's name or by the base path.

`FarEnd().base_url` speaks OpenAI; `.at("anthropic")` speaks Anthropic; `.at("401")`, `.at("models:2000")` play that
script for every path below. The scripts of chat calls are in tests/far_end_chat.py, those of lists in far_end_lists.py.
"""

import contextlib
import json
import select
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests import far_end_abilities, far_end_chat, far_end_lists

WAIT_SECONDS = 10.0
TEXT = "The quick brown fox — jämpft 🦊 over the lazy dog, and 1 < 2 & 3."


@dataclass
class Call:
    """One request as it arrived. `gone` is set when the client closes before the answer is whole."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    script: str
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    @property
    def is_anthropic(self) -> bool:
        return self.script.startswith("anthropic") or "/anthropic/" in self.path


class FarEnd:
    """Context manager around the server. With a `key`, calls without it are refused; `pace` is seconds a chunk."""

    def __init__(
        self,
        *,
        key: str | None = None,
        text: str = TEXT,
        pace: float = 0.0,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ):
        self.key, self.text, self.pace = key, text, pace
        self.refusal = "401"  # the script that plays for another key
        self.plays: dict[str, str] = {}  # key -> the script that plays for it, whatever is asked
        self.calls: list[Call] = []
        self.client_gone = threading.Event()
        self.release = threading.Event()  # lets `hold` and `stall` go on
        self.closing, self.connections = threading.Event(), 0
        self._changed = threading.Condition()
        self._sockets: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.far_end, self._server.tls = self, tls
        self.port = int(self._server.server_address[1])
        self.root = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.base_url = f"{self.root}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name="far end").start()

    def at(self, script: str) -> str:
        """Base URL below which every call plays this script."""
        return f"{self.root}/{quote(script, safe=':')}/v1"

    def wait_for_calls(self, count: int, seconds: float = WAIT_SECONDS) -> list[Call]:
        """Return the calls as soon as there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.calls) >= count, seconds), f"{len(self.calls)} calls"
            return list(self.calls)

    def wait_for_open_sockets(self, count: int) -> None:
        """Return when exactly so many connections are open."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._sockets) == count, WAIT_SECONDS), (
                f"{len(self._sockets)} open"
            )

    def hang_up(self) -> None:
        """Close every connection from this side, as a server does with idle ones."""
        with self._changed:
            for sock in self._sockets:
                _shut(sock)
        self.wait_for_open_sockets(0)

    def close(self) -> None:
        self.closing.set()
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def record(self, call: Call) -> None:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()

    def opened(self, sock: socket.socket) -> None:
        with self._changed:
            self.connections += 1
            self._sockets.add(sock)
            self._changed.notify_all()

    def closed(self, sock: socket.socket) -> None:
        with self._changed:
            self._sockets.discard(sock)
            self._changed.notify_all()


class ClientGone(Exception):
    """The client closed its side: the script ends here."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    far_end: FarEnd
    tls: ssl.SSLContext | None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    """Plays a script; scripts use `send`, `head`, `chunk`, `end`, `wait_gone` and `hold`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    call: Call

    def setup(self) -> None:
        self.far_end = self.server.far_end
        if self.server.tls:
            self.request.settimeout(WAIT_SECONDS)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.far_end.opened(self.request)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.far_end.closed(self.request)
            _shut(self.request)
            self.request.close()

    def do_GET(self) -> None:
        self._play()

    do_POST = do_GET

    def _play(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = urlsplit(self.path)
        first = unquote(parts.path.split("/")[1])
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.call = Call(self.command, parts.path, parse_qs(parts.query), headers, body, "" if first == "v1" else first)
        self.far_end.record(self.call)
        try:
            self._script()(self)
        except (OSError, ClientGone):
            self.close_connection = True
            self.call.gone.set()
            self.far_end.client_gone.set()

    def _script(self) -> Callable[[Any], None]:
        for key in self._keys() & self.far_end.plays.keys():
            return far_end_chat.script(self.far_end.plays[key])
        is_list = self.command == "GET"
        is_public = self.far_end.key is None or (is_list and self.call.script == "public-list")
        if not is_public and self.far_end.key not in self._keys():
            return far_end_chat.script(self.far_end.refusal)
        if is_list:
            return far_end_lists.script(self.call.script)
        name = self.call.script or str(self.call.json.get("model", "ok"))
        return far_end_abilities.SCRIPTS.get(name) or far_end_chat.script(name)

    def _keys(self) -> set[str]:
        headers = self.call.headers
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        named = [
            value
            for name in ("x-api-key", "api-key")
            for value in (headers.get(name, ""), *self.call.query.get(name, []))
        ]
        return {bearer, *named, *self.call.query.get("key", [])}

    def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        """A whole answer. Header names are written with underscores."""
        self.head(status, kind, content_length=str(len(body)), **headers)
        self.wfile.write(body)

    def head(self, status: int, kind: str = "text/event-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "content_length" not in headers:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        """One chunk of a body without a length, at the pace of the far end."""
        if self.far_end.pace and self.gone_within(self.far_end.pace):
            raise ClientGone
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def hold(self) -> None:
        """Say nothing until `release` is set. Raises ClientGone when the client leaves meanwhile."""
        while not self.far_end.release.is_set():
            if self.gone_within(0.02):
                raise ClientGone

    def gone_within(self, seconds: float) -> bool:
        """A client that has sent its request and becomes readable has closed."""
        return bool(select.select([self.request], [], [], seconds)[0]) and not self.far_end.closing.is_set()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
