"""Programs that call /v1: many streams at once, requests one after another, and calls of providers that do not work.

Plain reads and writes, so that one core has room for the upstream, too.
"""

import asyncio
import contextlib
import math
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson

from tests.load.heard import Heard, Judged, judge_stream, judge_whole
from tests.load.upstream import model_name

END = b"\r\n0\r\n\r\n"
GIVE_UP_SECONDS = 60.0
HANGING_CALLS, FAILING_CALLS_A_SECOND = 50, 20
Speed = tuple[int, int]  # tokens, tokens a second


@dataclass(frozen=True)
class Door:
    """Where to ask: at the upstream itself, or at the app, which wants a token and the name of a provider.

    Of the app an alias can be asked instead, and a route insisted on.
    """

    port: int
    token: str = ""
    provider: str = ""
    alias: str = ""
    route: str = ""

    def request(self, question: str, speed: Speed, *, is_stream: bool, provider: str = "") -> bytes:
        """Encode a request."""
        model = self.alias or "/".join(filter(None, (provider or self.provider, model_name(*speed))))
        body = {"model": model, "stream": is_stream, "messages": [{"role": "user", "content": question}]}
        return self._encoded("POST /v1/chat/completions", orjson.dumps(body))

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator["Line"]:
        """A connection, for as long as the block."""
        line = (await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", self.port))[1]
        try:
            yield line
        finally:
            await line.close()

    async def sent(self) -> dict[str, list[float]]:
        """Return when the upstream wrote each token, by question. Only the upstream knows; it forgets what it told."""
        async with self.line() as line:
            heard = await line.ask(self._encoded("GET /sent", b""))
        found: dict[str, list[float]] = orjson.loads(heard.body)
        return found

    def _encoded(self, call: str, body: bytes) -> bytes:
        head = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.token}",
        }
        if self.route:
            head["X-Jackfield-Route"] = self.route
        lines = [f"{call} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Line(asyncio.Protocol):
    """One connection of a program; it asks again when it has its answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        self._heard, self._size, self._whole_size = Heard("", 0.0), 0, 0.0
        self.begun = asyncio.Event()  # an answer, or the end of the connection
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._lost.set()
        self.begun.set()
        self._settle()

    def data_received(self, data: bytes) -> None:
        self._heard.times.append(time.monotonic())
        reads = self._heard.reads
        reads.append(data)
        self.begun.set()
        self._size += len(data)
        self._whole_size = self._whole_size or _whole_size(b"".join(reads))
        is_chunked = self._whole_size == math.inf
        if self._size == self._whole_size or (
            is_chunked and (data if len(data) >= len(END) else b"".join(reads)).endswith(END)
        ):
            self._settle()

    @property
    def is_open(self) -> bool:
        """Whether it may ask again."""
        return not self._lost.is_set()

    async def ask(self, request: bytes, question: str = "") -> Heard:
        """Send a request; return what came until the end of the answer, or of the connection."""
        self._over, self._size, self._whole_size = self._loop.create_future(), 0, 0.0
        self._heard = heard = Heard(question, time.monotonic())
        self._transport.write(request)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await self._over
        return heard

    async def close(self) -> None:
        """Hang up."""
        self._transport.abort()
        await self._lost.wait()

    def _settle(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


@dataclass
class BadCompany:
    """What calls of bad providers came to: statuses of the failing one, and how many calls of the other still hang."""

    statuses: Counter[int] = field(default_factory=Counter)
    hanging: int = 0


async def ask_streams(
    door: Door, speed: Speed, count: int, a_second: float = math.inf, starting: int = 10_000
) -> list[Judged]:
    """Ask for streams, each on a connection of its own: so many a second, or as long as so many wait for a head."""
    few = asyncio.Semaphore(starting)

    async def one(number: int) -> Heard:
        question = f"Stream {number}"
        request = door.request(question, speed, is_stream=True)
        await asyncio.sleep(number / a_second)
        async with door.line() as line:
            async with few:
                call = asyncio.create_task(line.ask(request, question))
                await line.begun.wait()
            return await call

    return [judge_stream(heard, speed[0]) for heard in await asyncio.gather(*map(one, range(count)))]


async def ask_wholes(door: Door, speed: Speed, workers: int, seconds: float) -> list[Judged]:
    """Ask without streams for so many seconds: each worker again as soon as it has its answer."""
    end = time.monotonic() + seconds

    async def work(worker: int) -> list[Heard]:
        heard: list[Heard] = []
        async with door.line() as line:
            while line.is_open and time.monotonic() < end:
                question = f"Request {len(heard)} of {worker}"
                heard.append(await line.ask(door.request(question, speed, is_stream=False), question))
        return heard

    works = await asyncio.gather(*map(work, range(workers)))
    return [judge_whole(heard, speed[0]) for work in works for heard in work]


@contextlib.asynccontextmanager
async def bad_company(door: Door, speed: Speed) -> AsyncIterator[BadCompany]:
    """Meanwhile call the provider `hanging`, all calls open at once, and again and again the provider `failing`."""
    company = BadCompany()
    request = door.request("Hang", speed, is_stream=True, provider="hanging")
    hanging = [asyncio.create_task(_call(door, request)) for _ in range(HANGING_CALLS)]
    failing = asyncio.create_task(_call_failing(door, speed, company))
    try:
        yield company
        company.hanging = sum(not call.done() for call in hanging)
    finally:
        for call in (*hanging, failing):
            call.cancel()
        await asyncio.gather(*hanging, failing, return_exceptions=True)


async def _call(door: Door, request: bytes) -> Heard:
    async with door.line() as line:
        return await line.ask(request)


async def _call_failing(door: Door, speed: Speed, company: BadCompany) -> None:
    while True:
        is_stream = company.statuses.total() % 2 == 0
        heard = await _call(door, door.request("Fail", speed, is_stream=is_stream, provider="failing"))
        company.statuses[heard.status] += 1
        await asyncio.sleep(1 / FAILING_CALLS_A_SECOND)


def _whole_size(data: bytes) -> float:
    """The size of an answer with its head; 0 when the head is not whole yet, infinite when only the body tells."""
    head, end, _ = data.partition(b"\r\n\r\n")
    if not end:
        return 0
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return len(head) + 4 + int(length[1]) if length else math.inf
