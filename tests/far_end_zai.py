"""Z.ai as it behaves: two plans at two paths, its own codes, thinking unless told otherwise, arguments held back.

Sources: docs.z.ai/api-reference/api-code and the reports that the vendor tables of webapp/upstream/classify quote.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PAYG_KEY, PLAN_KEY = "payg.0123456789abcdef", "plan.0123456789abcdef"
PAYG_PATH, PLAN_PATH = "/api/paas/v4", "/api/coding/paas/v4"
LISTED = ("glm-5", "glm-5.3")
SERVED = (*LISTED, "glm-5.1", "glm-busy", "glm-window")  # more than it lists
THOUGHTS = "Let me think about this. " * 20
TEXT = "The answer is 42."
ARGUMENTS = json.dumps({"city": "Hà Nội", "days": 3}, ensure_ascii=False)
REFUSALS = {
    1000: (401, "Authentication Failed"),
    1001: (401, "Authentication parameter not received in Header"),
    1113: (429, "Insufficient balance or no resource package. Please recharge."),
    1210: (400, "Invalid API parameter, please check the documentation."),
    1211: (400, "Unknown Model, please check the model code."),
    1213: (400, "The prompt parameter was not received properly."),
    1214: (400, "Incorrect role information"),
    1220: (403, "You do not have permission to access glm-5.3"),
    1305: (429, "The service may be temporarily overloaded, please try again later"),
    1308: (429, "Usage limit reached for 5 hour. Your limit will reset at 2026-11-21 02:00:00"),
}


class Zai:
    """Context manager around the server; `asked` holds path and body of each chat call."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.zai = self  # type: ignore[attr-defined]
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name="zai").start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self._may_call():
            self._send(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in LISTED]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.zai.asked.append((self.path, body))  # type: ignore[attr-defined]
        if not self._may_call():
            return
        thinking = (body.get("thinking") or {}).get("type", "enabled")
        messages = body["messages"]
        for is_wrong, code in (
            (body["model"] not in SERVED, 1211),
            (body["model"] == "glm-busy", 1305),
            (body["model"] == "glm-window", 1308),
            (body["model"] == "glm-5.3" and PLAN_PATH not in self.path, 1220),
            (body["model"] == "glm-5.3" and thinking == "disabled", 1210),
            (any(turn["role"] == "developer" for turn in messages), 1214),
            (any(turn["content"] == "" for turn in messages), 1213),
        ):
            if is_wrong:
                self._refuse(code)
                return
        (self._stream if body.get("stream") else self._answer)(body, thinking == "enabled")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _may_call(self) -> bool:
        path, key = self.path, self.headers.get("authorization", "").removeprefix("Bearer ")
        if not path.startswith((f"{PAYG_PATH}/chat/", f"{PLAN_PATH}/chat/", f"{PAYG_PATH}/mod", f"{PLAN_PATH}/mod")):
            self._send(404, {"error": {"code": "500", "message": "404 NOT_FOUND"}})
        elif key not in (PAYG_KEY, PLAN_KEY):
            self._refuse(1000 if key else 1001)
        elif key == PLAN_KEY and path.startswith(PAYG_PATH):
            self._refuse(1113)
        else:
            return True
        return False

    def _refuse(self, code: int) -> None:
        status, message = REFUSALS[code]
        self._send(status, {"error": {"code": str(code), "message": message}})

    def _answer(self, body: dict[str, Any], thinks: bool) -> None:
        is_short = thinks and body.get("max_tokens", 4096) < 100
        message = {"role": "assistant", "content": "" if is_short else TEXT}
        if thinks:
            message["reasoning_content"] = THOUGHTS
        choice = {"index": 0, "finish_reason": "length" if is_short else "stop", "message": message}
        self._send(200, {"id": "1", "created": 1, "model": body["model"], "choices": [choice], "usage": _usage()})

    def _stream(self, body: dict[str, Any], thinks: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        deltas: list[dict[str, Any]] = [{"role": "assistant", "reasoning_content": THOUGHTS}] if thinks else []
        if body.get("tools"):
            call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
            deltas.append({"tool_calls": [call]})
            if not body.get("tool_stream"):
                self._events(body, deltas)
                self.close_connection = True  # the front's limit on silence, before the arguments are whole
                return
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ARGUMENTS]
        else:
            deltas += [{"content": word} for word in TEXT.partition(" ")]
        self._events(body, deltas)
        end = {"index": 0, "delta": {"content": ""}, "finish_reason": "tool_calls" if body.get("tools") else "stop"}
        self._event({"id": "1", "created": 1, "model": body["model"], "choices": [end], "usage": _usage()})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _events(self, body: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
        for delta in deltas:
            choice = {"index": 0, "delta": delta}
            self._event({"id": "1", "created": 1, "model": body["model"], "choices": [choice]})

    def _event(self, data: dict[str, Any]) -> None:
        self.wfile.write(b"data: %b\n\n" % json.dumps(data, ensure_ascii=False).encode())

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _usage() -> dict[str, int]:
    return {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}
