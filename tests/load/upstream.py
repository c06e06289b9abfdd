"""A scripted LLM server in a process of its own. Every answer follows from its question and ends with its own hash.

`python -m tests.load.upstream` prints the port. The model says how it speaks: `80-tokens-20-a-second`. What it wrote
when (CLOCK_MONOTONIC) is told at /sent, once. Below /hanging nothing is ever answered, below /failing all with 500,
below /busy all with 503.
"""

import asyncio
import functools
import hashlib
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parents[2]
TOKEN_CHARACTERS = 5
FIRST_TOKEN_SECONDS = 0.05
WORDS = "the answer belongs to its run — *not* to the **request** `ask()` jämpft 🦊 漢字 1 < 2 & 3 [a](https://b.example)".split()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE_HEAD = b"HTTP/1.1 %d Told\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1770000000,"model":"paced",'
    b'"system_fingerprint":null,"choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]}\n\n'
)
USAGE = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":%b}\n\ndata: [DONE]\n\n'


def model_name(tokens: int, rate: int) -> str:
    """The model that speaks so many tokens, so many a second."""
    return f"{tokens}-tokens-{rate}-a-second"


def answer_to(question: str, tokens: int) -> str:
    """The one answer to a question: paragraphs, lists, code and tables, at last the SHA-256 of all before."""
    chance = random.Random(question)
    length = tokens * TOKEN_CHARACTERS
    parts = [f"# {question}\n\n"]
    while sum(map(len, parts)) < length:
        parts.append(chance.choice(_sections()))
    text = "".join(parts)[: length - 66] + "\n\n"
    return text + hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def running_upstream(*before: str) -> Iterator[str]:
    """Run the server, by a command such as `taskset -c 1` if given; yield its base URL."""
    command = [*before, sys.executable, "-m", "tests.load.upstream"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


@functools.cache
def _sections() -> list[str]:
    chance = random.Random(0)
    return [_section(chance) for _ in range(200)]


def _section(chance: random.Random) -> str:
    words = " ".join(chance.choices(WORDS, k=12))
    return chance.choice(
        (
            f"{words} {words} {words}\n\n",
            "".join(f"- {word} and {word}\n" for word in chance.choices(WORDS, k=5)) + "\n",
            f'```python\ndef answer(x: int) -> str:\n    return f"{{x}}"  # {words}\n```\n\n',
            "| a | b |\n|---|--:|\n" + "".join(f"| {word} | {len(word)} |\n" for word in WORDS[:4]) + "\n",
        )
    )


class _Connection(asyncio.Protocol):
    """One connection; a request comes after the answer to the one before."""

    def __init__(self, sent: dict[str, list[float]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sent, self._came = sent, b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._write = transport.write

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, end, body = self._came.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            self._came = b""
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/v1/chat/completions":
            request = orjson.loads(body)
            self._tokens, self._rate = map(int, re.findall(r"\d+", request["model"]))
            self._question = request["messages"][-1]["content"]
            self._text = answer_to(self._question, self._tokens)
            self._begin() if request.get("stream") else self._tell()
        elif path == b"/sent":
            self._tell_whole(200, self._sent)
            self._sent.clear()
        elif path.startswith(b"/failing"):
            self._tell_whole(500, {"error": {"message": "It broke.", "type": "server_error"}})
        elif path.startswith(b"/busy"):
            self._tell_whole(503, {"error": {"message": "Come back later.", "type": "server_error"}})
        elif not path.startswith(b"/hanging"):
            self._tell_whole(404, {"error": {"message": "Nothing is here.", "type": "invalid_request_error"}})

    def _begin(self) -> None:
        self._write(HEAD)
        self._times = self._sent[self._question] = []
        self._first_at = self._loop.time() + FIRST_TOKEN_SECONDS
        self._timer = self._loop.call_at(self._first_at, self._speak)

    def _speak(self) -> None:
        number = len(self._times) + 1
        piece = orjson.dumps(self._text[(number - 1) * TOKEN_CHARACTERS : number * TOKEN_CHARACTERS])
        self._times.append(self._loop.time())
        self._write(_chunk(EVENT % (b'{"content":%b}' % piece, b"null")))
        if number < self._tokens:
            self._timer = self._loop.call_at(self._first_at + number / self._rate, self._speak)
        else:
            end = EVENT % (b"{}", b'"stop"') + USAGE % orjson.dumps(self._usage())
            self._write(_chunk(end) + b"0\r\n\r\n")

    def _tell(self) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": self._text}, "finish_reason": "stop"}
        whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_770_000_000, "model": "paced"}
        self._tell_whole(200, whole | {"choices": [choice], "usage": self._usage()})

    def _tell_whole(self, status: int, data: object) -> None:
        body = orjson.dumps(data)
        self._write(WHOLE_HEAD % (status, len(body), body))

    def _usage(self) -> dict[str, int]:
        return {"prompt_tokens": 9, "completion_tokens": self._tokens, "total_tokens": self._tokens + 9}


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _main() -> None:
    sent: dict[str, list[float]] = {}
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(sent), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    _sections()
    asyncio.run(_main())
