"""Serves the app with gunicorn: one process, many threads; Ctrl-C and SIGTERM end it cleanly."""

import signal
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.base import Worker

from webapp.core.config import Settings

CLOSING_SECONDS = 5.0  # for jobs to write down where they stood


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up for one `gthread` worker. The app is loaded in the worker, so the master stays small."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options (sources and reasons: README, Serving)."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        for name, value in {
            "bind": [f"{host}:{self.settings.port}"],
            "worker_class": "gthread",
            "workers": 1,
            "threads": self.settings.threads,
            "worker_connections": self.settings.threads * 4,
            "timeout": 60,
            "graceful_timeout": 10,
            "keepalive": 5,
            "control_socket_disable": True,
            "loglevel": "warning",
            "proc_name": "jackfield",
            "post_worker_init": announce,
            "worker_exit": close,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the app, in the worker."""
        from webapp.core.logs import set_up_logs
        from webapp.factory import create_app

        set_up_logs(self.settings.log_format)
        return create_app(self.settings)


def announce(worker: Worker) -> None:
    """Print where to go, and let the signals that end the worker end its streams first."""
    from webapp.accounts.setup import setup_path
    from webapp.monitor import watch

    app = worker.wsgi
    parts = app.extensions["jackfield"]
    with app.app_context():
        path = setup_path()
        parts.background.start(watch)
    host = "127.0.0.1" if parts.settings.host in ("0.0.0.0", "::") else parts.settings.host  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{parts.settings.port}"
    print(f"\nJackfield is at {address}\n", flush=True)
    if path:
        print(f"Make the first account here (the link works once):\n{address}{path}\n", flush=True)

    def end(signum: int, frame: FrameType | None) -> None:
        parts.background.is_closing.set()
        worker.handle_exit(signum, frame)

    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        signal.signal(number, end)


def close(_arbiter: object, worker: Worker) -> None:
    """Wait until the jobs have written down where they stood."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["jackfield"].background.close(CLOSING_SECONDS)
