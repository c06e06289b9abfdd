"""What one running installation consists of; jobs and nouns reach it without knowing Flask."""

from dataclasses import dataclass

from flask import Flask, current_app

from webapp.core.background import Background
from webapp.core.config import Settings
from webapp.core.crypto import KeyRing


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts that are made once for each process. `boot_id` names this process in leases."""

    settings: Settings
    key_ring: KeyRing
    background: Background
    boot_id: str


def install_runtime(app: Flask, parts: Runtime) -> None:
    """Attach the parts to the app."""
    app.extensions["jackfield"] = parts


def runtime() -> Runtime:
    """Return the parts of the app whose context is active."""
    parts: Runtime = current_app.extensions["jackfield"]
    return parts
