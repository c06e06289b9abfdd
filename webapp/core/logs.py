"""Log lines, as JSON or for a console, with the request's id and without secrets."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from webapp.core.redact import redact

request_id: ContextVar[str] = ContextVar("request_id", default="")

_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode  # json.dumps would make one for each value
STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class LineFormatter(logging.Formatter):
    """One line a record. What users typed is always a field, never part of the message."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Draw the record; line breaks and control characters of any value are escaped."""
        fields = {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
        if current := request_id.get():
            fields["request_id"] = current
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        if self.as_json:
            line = {"time": time, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
            return redact(_escaped(_encode(line | fields)))
        error = fields.pop("error", "")
        details = " ".join(f"{name}={_encode(value)}" for name, value in fields.items())
        lines = [f"{time} {record.levelname:<7} {record.getMessage()} {details}".rstrip()]
        lines += [f"  {line}" for line in error.splitlines()]
        return redact("\n".join(_escaped(line) for line in lines))


def set_up_logs(log_format: str) -> None:
    """Send all log lines of the process to standard error in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(as_json=log_format == "json"))
    # What no line shows need not be looked up for each (docs.python.org/3/howto/logging.html, Optimization).
    logging._srcfile = None
    logging.logThreads = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _escaped(text: str) -> str:
    """Escape as JSON does, but also what a terminal or a viewer takes for a command or a line end."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
