"""The features and their doors: blueprints, start-up steps and background work."""

from flask import Flask

from webapp.accounts.routes import accounts
from webapp.accounts.session import load_user
from webapp.web.guard import install_guard
from webapp.web.health import health


def install_features(app: Flask) -> None:
    """Register every door. Called once, inside the app context, with the database up to date."""
    install_guard(app, load_user)
    for blueprint in (health, accounts):
        app.register_blueprint(blueprint)
