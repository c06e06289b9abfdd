"""Browsers for load: many in one event loop, each a signed-in person who asks, watches, leaves and comes back."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

PARTIAL = re.compile(r'<hx-partial hx-target="#([\w-]+)" hx-swap="(\w+)"[^>]*>(.*?)</hx-partial>', re.DOTALL)
PROSE = re.compile(
    r'<div class="prose" hx-ignore dir="auto">(.*?)</div><div class="raw" id="raw-\d+" hidden>(.*?)</div>', re.DOTALL
)


@dataclass(frozen=True)
class Answer:
    """Status, head and body of one request."""

    status: int
    head: str
    text: str

    @property
    def location(self) -> str:
        match = re.search(r"(?im)^location: (\S+)", self.head)
        assert match, self
        return match[1]

    def found(self, pattern: str) -> str:
        """The first group of a pattern in the body, as text."""
        match = re.search(pattern, self.text)
        assert match, (pattern, self.status, self.text[:2000])
        return unescape(match[1])


@dataclass
class Watched:
    """What one reader was told: blocks that were appended, the open block, and the fragment at the end."""

    run_id: int
    first_text_at: float = 0.0
    done: str = ""
    tail: str = ""
    final: str = ""
    frames: int = 0
    bytes: int = 0

    @property
    def has_text(self) -> bool:
        return bool(self.done) or self.tail not in ("", "<p></p>")

    def take(self, event: str) -> None:
        """Apply one event as the page would."""
        self.frames += 1
        for target, swap, html in PARTIAL.findall(event):
            if target == f"run-{self.run_id}-done":
                self.done = html if swap == "innerHTML" else self.done + html
            elif target == f"run-{self.run_id}-tail":
                self.tail = html
            elif target.startswith("message-"):
                self.final = html
        if self.has_text and not self.first_text_at:
            self.first_text_at = time.monotonic()

    def final_prose(self) -> tuple[str, str]:
        """The answer in the final fragment: as drawn, and as the text that is copied."""
        match = PROSE.search(self.final)
        assert match, self.final[:2000] or f"run {self.run_id} has no end after {self.frames} frames"
        return match[1], unescape(match[2])


@dataclass
class Browser:
    """One person at one server. Every request is a connection of its own."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    async def sign_in(self, email: str, password: str) -> None:
        await self.get("/login")
        answer = await self.post("/login", email=email, password=password)
        assert answer.status == 303, answer
        await self.get("/settings")

    async def get(self, path: str, *, htmx: bool = False) -> Answer:
        return await self._ask("GET", path, headers={"HX-Request": "true"} if htmx else {})

    async def post(self, path: str, *, htmx: bool = False, **fields: str | int) -> Answer:
        headers = {"X-CSRFToken": self.csrf, "Content-Type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", path, urlencode(fields), headers | ({"HX-Request": "true"} if htmx else {}))

    async def watch(self, watched: Watched, *, at_most: int = 0) -> Watched:
        """Follow a run's events to their end, or for so many frames."""
        async for event in self.events(f"/chat/runs/{watched.run_id}/events"):
            watched.bytes += len(event)
            if not event.startswith(":"):
                watched.take("\n".join(line[6:] for line in event.split("\n") if line.startswith("data: ")))
            if watched.final or watched.frames == at_most:
                break
        return watched

    async def size(self, path: str) -> int:
        """The bytes of a body as they travel to a browser."""
        reader, writer, status, head = await self._send("GET", path, headers={"Accept-Encoding": "gzip"})
        try:
            assert status == 200, head
            return sum([len(piece) async for piece in _body(reader, head)])
        finally:
            writer.close()

    async def events(self, path: str, body: str = "") -> AsyncIterator[str]:
        """Yield the events of a stream as they come; with a body it is posted."""
        reader, writer, status, head = await self._send("POST" if body else "GET", path, body)
        try:
            assert status == 200, head
            rest = b""
            async for piece in _body(reader, head):
                *events, rest = (rest + piece).split(b"\n\n")
                for event in events:
                    yield event.decode()
        finally:
            writer.close()

    async def _ask(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> Answer:
        reader, writer, status, head = await self._send(method, path, body, headers or {})
        try:
            text = b"".join([piece async for piece in _body(reader, head)]).decode()
        finally:
            writer.close()
        if found := re.search(r'name="csrf_token" value="([^"]+)"', text):
            self.csrf = found[1]
        return Answer(status, head, text)

    async def _send(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        lines = {
            "Host": f"127.0.0.1:{self.port}",
            "Connection": "close",
            "Content-Length": str(len(body)),
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            **(headers or {}),
        }
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{head}\r\n{body}".encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        for name, value in re.findall(r"(?i)^set-cookie: ([^=]+)=([^;]*)", answer, re.MULTILINE):
            self.cookies[name] = value
        return reader, writer, int(answer.split()[1]), answer


async def _body(reader: asyncio.StreamReader, head: str) -> AsyncIterator[bytes]:
    """Yield the pieces of a body, chunked or to the end of the connection."""
    if "transfer-encoding: chunked" not in head.lower():
        while piece := await reader.read(65_536):
            yield piece
        return
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]
