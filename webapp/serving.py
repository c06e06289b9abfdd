"""Serves the app with gunicorn: one process, many threads; Ctrl-C and SIGTERM end it cleanly."""

import contextlib
import fcntl
import gc
import os
import resource
import select
import signal
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import FrameType
from typing import IO, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError
from gunicorn.glogging import Logger
from gunicorn.workers import gthread
from gunicorn.workers.base import Worker as AnyWorker

from webapp.core.config import Settings
from webapp.core.errors import ConfigError, JackfieldError
from webapp.core.handover import Parked, parking
from webapp.core.paths import MIGRATIONS, newest_revision

CLOSING_SECONDS = 5.0  # for jobs to write down where they stood
SLOW_SECONDS = 60  # for a reader to take what was written for it
LINGER_MS = 2  # that a thread waits for its reader's next request before it gives the connection back
SPARE_FILES = 128  # for all but the streams, which need two each: to the reader and to the provider
gthread.STOP_KEEPALIVE_LINGER = 0.5  # instead of 2 s: every open page keeps a connection, and Ctrl-C waits for it


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up for one `gthread` worker. The app is loaded in the worker, so the master stays small."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def run(self) -> None:
        """Serve; raise ConfigError when the address or the SQLite database is taken."""
        expect_free(self.settings.host, self.settings.port)
        if not self.settings.sqlalchemy_url.startswith("sqlite"):
            super().run()
            return
        with only_server(self.settings.data_dir) as lock:
            prepare(self.settings)
            # The master alone holds the lock: a worker that outlives it must not keep the next start out.
            self.cfg.set("post_fork", lambda _arbiter, _worker: lock.close())
            super().run()

    def load_config(self) -> None:
        """Set gunicorn's options (sources and reasons: README, Serving)."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        for name, value in {
            "bind": [f"{host}:{self.settings.port}"],
            "worker_class": "webapp.serving.Worker",
            "workers": 1,
            "threads": self.settings.threads,
            "worker_connections": min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - SPARE_FILES),
            "timeout": 60,
            "graceful_timeout": 10,
            "keepalive": 5,
            "limit_request_line": 8190,  # the most there is: ids of models are part of addresses
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": Lines,
            "proc_name": "jackfield",
            "post_worker_init": announce,
            "worker_exit": close,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the app, in the worker; a refusal ends the master, too."""
        from gunicorn.http.errors import ParseException
        from werkzeug.exceptions import BadRequest

        from webapp.core.logs import set_up_logs
        from webapp.factory import create_app

        set_up_logs(self.settings.log_format)
        try:
            app = create_app(self.settings)
        except (JackfieldError, OSError) as error:
            raise AppImportError(f"Error: {error}") from error
        # A malformed body is found when the app reads it; that is no mistake of ours.
        app.register_error_handler(ParseException, lambda _error: app.handle_http_exception(BadRequest()))
        return app


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    """gunicorn's own, with two additions: a stream may take its connection along, and threads linger for a moment.

    A program that asks again at once finds the same thread: two switches of threads less for each call.
    """

    def init_process(self) -> None:
        """Make room for as many sockets as the system allows, and begin."""
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        parking.is_open = True
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """Serve the requests of a connection that come one close after the other."""
        if not conn.initialized:  # the system's own clock: Python's would ask it before each byte
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SLOW_SECONDS, 0))
        while True:
            result = super().handle(conn)
            if parked := parking.noted(conn.sock):
                return parked
            if result is not True or not self.alive or not _has_more(conn):
                return result

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Leave a connection alone while a stream has it."""
        result = None if fs.cancelled() or fs.exception() else fs.result()
        if isinstance(result, Parked):
            result.when_back(lambda is_reusable: self._take_back(conn, is_reusable))
        else:
            super().finish_request(conn, fs)

    def _take_back(self, conn: Any, is_reusable: bool) -> None:
        done: Future[bool] = Future()
        done.set_result(is_reusable)
        self.method_queue.defer(self.finish_request, conn, done)


class Lines(Logger):  # type: ignore[misc]
    """gunicorn's own log, without what follows a refused start: the reason was printed already."""

    has_refused = False

    def error(self, msg: str, *args: Any, **more: Any) -> None:
        """Write the line, unless the worker has just ended because the app cannot be made."""
        self.has_refused |= args[-1:] == (Arbiter.APP_LOAD_ERROR,)
        if not self.has_refused:
            super().error(msg, *args, **more)


def expect_free(host: str, port: int) -> None:
    """Raise ConfigError when nobody can listen there; gunicorn would try again and again."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise ConfigError(f"Cannot listen at {host}, port {port}: {error.strerror}.") from None


@contextlib.contextmanager
def only_server(folder: Path) -> Iterator[IO[str]]:
    """Keep a second server off an SQLite database: it would take the first one's running answers for dead."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "serving.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"Another Jackfield serves {folder}. Stop it, or use another data folder.") from None
        yield lock


def prepare(settings: Settings) -> None:
    """Make or upgrade an SQLite database in a process of its own: what that loads stays out of the server's memory.

    What fails here fails in the server once more, which says why.
    """
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        if _is_outdated(Path(settings.sqlalchemy_url.removeprefix("sqlite:///"))):
            from webapp.factory import create_app

            create_app(settings)
    finally:
        os._exit(0)


def announce(worker: AnyWorker) -> None:
    """Print where to go, and let the signals that end the worker end its streams first."""
    from webapp.accounts.setup import setup_path
    from webapp.monitor import watch

    app = worker.wsgi
    parts = app.extensions["jackfield"]
    with app.app_context():
        path = setup_path()
        parts.background.start(watch)
    gc.collect()
    gc.freeze()  # what is there now stays: looking through it again and again would stop all streams for a while
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


def close(_arbiter: object, worker: AnyWorker) -> None:
    """Wait until the jobs have written down where they stood, and write what they used."""
    from webapp.usage.recorder import write_waiting

    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["jackfield"].background.close(CLOSING_SECONDS)
        with app.app_context():
            write_waiting()


def _has_more(conn: Any) -> bool:
    if conn.parser.unreader.buf.getvalue():
        return True
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(LINGER_MS))


def _is_outdated(database: Path) -> bool:
    import sqlite3

    if not database.exists():
        return database.parent.is_dir()
    try:
        with contextlib.closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return False
    return found is not None and found[0] < newest_revision(MIGRATIONS)
