"""A paced LLM server in a process of its own. Every answer follows from its question and ends with its own hash.

`python -m tests.load.upstream` prints the port. The model says how it speaks: `80-tokens-20-a-second`.
"""

import asyncio
import hashlib
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOKEN_CHARACTERS = 5
FIRST_TOKEN_SECONDS = 0.05
WORDS = "the answer belongs to its run — *not* to the **request** `ask()` jämpft 🦊 漢字 1 < 2 & 3 [a](https://b.example)".split()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def model_name(tokens: int, rate: int) -> str:
    """The model that speaks so many tokens, so many a second."""
    return f"{tokens}-tokens-{rate}-a-second"


def answer_to(question: str, tokens: int) -> str:
    """The one answer to a question: paragraphs, lists, code and tables, at last the SHA-256 of all before."""
    chance = random.Random(question)
    length = tokens * TOKEN_CHARACTERS
    parts = [f"# {question}\n\n"]
    while sum(map(len, parts)) < length:
        parts.append(_section(chance))
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


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            await _speak(json.loads(await reader.readexactly(int(length[1]))) if length else {}, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _speak(request: dict[str, object], writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    tokens, rate = map(int, re.findall(r"\d+", str(request["model"])))
    messages = request["messages"]
    assert isinstance(messages, list)
    text = answer_to(messages[-1]["content"], tokens)
    writer.write(HEAD)
    for number in range(tokens):
        moment = began + FIRST_TOKEN_SECONDS + number / rate
        await asyncio.sleep(max(0.0, moment - loop.time()))
        piece = text[number * TOKEN_CHARACTERS : (number + 1) * TOKEN_CHARACTERS]
        writer.write(_event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}))
        await writer.drain()
    writer.write(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": tokens + 9}
    writer.write(_event({"choices": [], "usage": usage}) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def _event(data: object) -> bytes:
    line = f"data: {json.dumps(data)}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(line), line)


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
