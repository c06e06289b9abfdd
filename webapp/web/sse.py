"""The one encoder for server-sent events."""

from collections.abc import Iterable, Iterator

from flask import Response, stream_with_context

HEARTBEAT = ": still here\n\n"


def event(html: str, number: int | None = None, name: str = "") -> str:
    """Encode one event. Every line becomes a `data:` line (CR counts as a line end), so content cannot make fields."""
    lines = html.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = (f"event: {name}\n" if name else "") + (f"id: {number:d}\n" if number is not None else "")
    return head + "".join(f"data: {line}\n" for line in lines) + "\n"


def event_stream(events: Iterable[str]) -> Response:
    """Answer with a stream that no proxy buffers."""
    return Response(
        stream_with_context(_encoded(events)),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _encoded(events: Iterable[str]) -> Iterator[bytes]:
    for item in events:
        yield item.encode("utf-8", "replace")
