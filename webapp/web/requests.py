"""What is noted about every request: its id, and how long it took."""

import logging
import re

from flask import Flask, Response, g, request
from werkzeug.routing import IntegerConverter, PathConverter

from webapp.core import clock
from webapp.core.ids import random_text
from webapp.core.logs import request_id

log = logging.getLogger("webapp.requests")
QUIET_ENDPOINTS = frozenset({"static", "health.show_liveness", "health.show_readiness"})


def record_id(text: str) -> int:
    """Read an id or a count from an address or a form; raise ValueError for what no column of a database can hold."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError
    return int(text)


class RecordId(IntegerConverter):
    """An id in a path; one that cannot be is read as 0, which no record has: not found, whatever the method."""

    def to_python(self, value: str) -> int:
        """Return the id."""
        try:
            return record_id(value)
        except ValueError:
            return 0


class AnyText(PathConverter):
    """The rest of a path, whatever it holds, as ids of models do: slashes at its beginning, too."""

    regex, part_isolating = ".+?", False


def install_request_log(app: Flask) -> None:
    """Give each request an id, echoed in `x-request-id`, and write one log line when it is answered."""
    app.url_map.converters |= {"int": RecordId, "text": AnyText}

    @app.before_request
    def begin() -> None:
        request_id.set(random_text(12))
        g.started = clock.monotonic()

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        request_id.set("")  # what this thread logs until its next request belongs to none

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id.get()
        # What programs ask and get is kept as usage; a line for each would be a tenth of what a call costs.
        is_quiet = request.path.startswith("/v1/") and response.status_code < 400
        if not is_quiet and request.endpoint not in QUIET_ENDPOINTS:
            log.info(
                "answered",
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "ms": round((clock.monotonic() - g.get("started", clock.monotonic())) * 1000, 1),
                },
            )
        return response
