"""The jackfield command."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from webapp.core.config import VERSION, Settings
from webapp.core.errors import JackfieldError

if TYPE_CHECKING:
    from flask import Flask

Result = TypeVar("Result")


@click.group()
@click.version_option(VERSION)
def main() -> None:
    """Jackfield: one panel for every model."""


@main.command()
@click.option("--host", help="Address to listen at (JACKFIELD_HOST, 127.0.0.1).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen at (JACKFIELD_PORT, 8000).")
def serve(host: str | None, port: int | None) -> None:
    """Serve until interrupted."""
    from webapp.serving import Server

    settings = _settings()
    server = Server(replace(settings, host=host or settings.host, port=port or settings.port))
    _or_fail(server.run)


@main.group()
def user() -> None:
    """People."""


@user.command("create")
@click.option("--email", required=True, help="Email or user name to sign in with.")
@click.option("--name", default="", help="Name to show.")
@click.option("--role", type=click.Choice(["admin", "member"]), default="member", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def create_user(email: str, name: str, role: str, password_stdin: bool) -> None:
    """Make an account."""
    from webapp.accounts.user import EMAIL_LONGEST, PASSWORD_LONGEST, PASSWORD_SHORTEST, Role
    from webapp.accounts.user import create_user as add_user
    from webapp.core.database import writing

    if not 1 <= len(email.strip()) <= EMAIL_LONGEST:
        raise click.ClickException(f"The email or user name must have 1 to {EMAIL_LONGEST} characters.")
    password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_for_password()
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST:
        raise click.ClickException(f"The password must have {PASSWORD_SHORTEST} to {PASSWORD_LONGEST} characters.")
    with _app().app_context(), writing() as session:
        made = _or_fail(lambda: add_user(session, email=email, name=name, password=password, role=Role(role)))
        click.echo(f"Made {made.role} {made.email}.")


@main.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.option("--email", required=True, help="Whose token it is.")
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(["chat", "manage"]), help="Default: chat.")
def create_token(email: str, name: str, scopes: tuple[str, ...]) -> None:
    """Make an API token and print it, once."""
    from webapp.accounts.api_token import create_token as add_token
    from webapp.accounts.user import find_user
    from webapp.core.database import writing

    with _app().app_context(), writing() as session:
        owner = find_user(session, email)
        if owner is None:
            raise click.ClickException(f"There is no account {email}.")
        click.echo(add_token(session, owner, name, scopes or ("chat",)))


def _settings() -> Settings:
    return _or_fail(Settings.from_environment)


def _app() -> "Flask":
    from webapp.factory import create_app

    return _or_fail(lambda: create_app(_settings()))


def _or_fail(call: Callable[[], Result]) -> Result:
    try:
        return call()
    except (JackfieldError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _ask_for_password() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
