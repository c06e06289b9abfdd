"""create_app(): wires settings, database, checks, features and error pages together."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy.exc import ArgumentError, DatabaseError
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp.core.background import Background
from webapp.core.config import Settings
from webapp.core.crypto import KeyRing, private_file
from webapp.core.database import db, prepare_engine
from webapp.core.errors import ConfigError
from webapp.core.ids import random_text
from webapp.core.paths import STATIC, TEMPLATES
from webapp.core.runtime import Runtime, install_runtime
from webapp.core.upgrade import upgrade
from webapp.features import install_features
from webapp.web.assets import install_assets
from webapp.web.errors import install_errors
from webapp.web.filters import install_filters
from webapp.web.i18n import install_languages
from webapp.web.requests import install_request_log
from webapp.web.security import install_security

KEPT, MOST = 8, 32  # connections to the database: that stay open, that are open at once


class App(Flask):
    """Flask, without the look at every function whether it is a coroutine: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """Make the WSGI application: the database is brought up to date, the keys are checked, jobs may start."""
    settings = settings or Settings.from_environment()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = App("webapp", template_folder=str(TEMPLATES), static_folder=str(STATIC))
    app.secret_key = (
        settings.secret_key.reveal()
        if settings.secret_key
        else private_file(settings.data_dir / "secret.key", lambda: random_text(64))
    )
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url, SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings)
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    install_runtime(app, Runtime(settings, _key_ring(settings), Background(app, settings.threads), random_text(12)))
    _open_database(app)
    install_request_log(app)
    install_languages(app)
    install_security(app, settings)
    install_filters(app)
    install_assets(app)
    install_errors(app)
    with app.app_context():
        install_features(app)
    return app


def _key_ring(settings: Settings) -> KeyRing:
    if settings.encryption_keys:
        return KeyRing.parse(settings.encryption_keys)
    return KeyRing.from_file(settings.data_dir / "master.key")


def _open_database(app: Flask) -> None:
    try:
        db.init_app(app)
        with app.app_context():
            prepare_engine(db.engine)
            upgrade(app)
    except (ArgumentError, DatabaseError, ModuleNotFoundError) as error:
        reason = getattr(error, "orig", None) or error
        raise ConfigError(f"The database cannot be used: {reason}. See JACKFIELD_DATABASE_URL.") from error


def _engine_options(settings: Settings) -> dict[str, object]:
    """Enough connections for short transactions of many threads: a request has one at most, nobody waits with one.

    An error quotes no parameters: they are what people wrote, and errors are logged.
    """
    return {
        "pool_size": KEPT,
        "max_overflow": MOST - KEPT,
        "pool_timeout": 30,
        "pool_pre_ping": not settings.sqlalchemy_url.startswith("sqlite"),
        "hide_parameters": True,
    }
