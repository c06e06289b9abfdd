"""Jackfield: one panel for every model."""

from typing import TYPE_CHECKING

from webapp.core.config import VERSION as __version__
from webapp.core.config import Settings

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["__version__", "create_app"]


def create_app(settings: Settings | None = None) -> "Flask":
    """Make the WSGI application (imported late: the serving master and `--help` stay small and quick)."""
    from webapp.factory import create_app as make

    return make(settings)
