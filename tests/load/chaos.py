"""Three targets that fail at random, each question in its own way at each of them, and a log of who was asked what."""

import json
import random
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TARGETS = ("north", "east", "south")
# What each does to a question; at least one of the three answers it.
FAULTS = ("503", "500", "429", "reset", "nonsense", "empty", "late-error")
CATEGORIES = {
    "503": "server_error",
    "500": "server_error",
    "429": "rate_limit",
    "reset": "stream_cut",
    "nonsense": "wrong_path",  # a page of HTML is what a wrong address gives
    "empty": "bad_response",
    "late-error": "server_error",
}


def fate(target: str, question: str) -> str:
    """Return what this target does to this question: `ok` or a word of FAULTS."""
    lot = random.Random(f"{question}")
    healthy = lot.choice(TARGETS)
    if target == healthy:
        return "ok"
    return random.Random(f"{target} {question}").choice((*FAULTS, "ok"))


class Chaos:
    """The far end; `asked` is question -> targets, in the order of their calls."""

    def __init__(self) -> None:
        self.asked: dict[str, list[str]] = defaultdict(list)
        self.lock = threading.Lock()
        self.port = 0

    def base_url(self, target: str) -> str:
        return f"http://127.0.0.1:{self.port}/{target}/v1"


@contextmanager
def chaos() -> Iterator[Chaos]:
    far = Chaos()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            target, question = self.path.split("/")[1], body["messages"][-1]["content"]
            with far.lock:
                far.asked[question].append(target)
            _play(self, fate(target, question), question, bool(body.get("stream")))

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        far.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield far
        server.shutdown()


def answer_to(question: str) -> str:
    return f"You asked {question}, and here is one answer."


def _play(handler: BaseHTTPRequestHandler, word: str, question: str, is_stream: bool) -> None:
    match word:
        case "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
        case "nonsense":
            _send(handler, 200, b"<html>Welcome</html>", "text/html")
        case "empty":
            _send(handler, 200, b"", "text/event-stream" if is_stream else "application/json")
        case "late-error" if is_stream:
            _send(handler, 200, b'data: {"error": {"message": "broken", "code": 500}}\n\n', "text/event-stream")
        case "ok":
            _answer(handler, question, is_stream)
        case _:
            status = int(word) if word.isdigit() else 500
            _send(handler, status, json.dumps({"error": {"message": "no", "type": "x"}}).encode(), "application/json")


def _answer(handler: BaseHTTPRequestHandler, question: str, is_stream: bool) -> None:
    text = answer_to(question)
    if not is_stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return _send(handler, 200, json.dumps({"choices": [choice]}).encode(), "application/json")
    pieces = [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None} for word in text.split()]
    pieces.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    frames = [f"data: {json.dumps({'id': 'c', 'choices': [piece]})}\n\n" for piece in pieces]
    return _send(handler, 200, "".join([*frames, "data: [DONE]\n\n"]).encode(), "text/event-stream")


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
