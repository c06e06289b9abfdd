"""`jackfield user` and `jackfield token`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import PASSWORD, Person
from tests.serving import ROOT
from webapp.accounts.api_token import ApiToken
from webapp.accounts.user import User
from webapp.core.database import reading
from webapp.core.ids import is_checked_token

Run = Callable[..., subprocess.CompletedProcess[str]]
USER = ("user", "create", "--password-stdin")


@pytest.fixture
def run(data_dir: Path) -> Run:
    """Runs `jackfield …` on the data folder of the test."""

    def start(*words: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "webapp", *words],
            cwd=ROOT,
            env={**os.environ, "JACKFIELD_DATA_DIR": str(data_dir), **environment},
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return start


def test_an_account_made_by_command_can_sign_in(run: Run, app: Flask, visitor: Person) -> None:
    made = run(*USER, "--email", " New@Example.org", "--role", "admin", text=f"{PASSWORD}\n")
    assert (made.returncode, made.stdout) == (0, "Made admin new@example.org.\n")
    assert PASSWORD not in made.stdout + made.stderr
    visitor.sign_in("new@example.org")
    assert visitor.get("/settings/workspace").status_code == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("owner", PASSWORD),
        ("OWNER ", PASSWORD),
        ("new", "short"),
        ("new", "x" * 257),
        (" ", PASSWORD),
        ("x" * 201, PASSWORD),
    ],
    ids=["taken", "taken-otherwise", "short", "long", "nameless", "long-name"],
)
def test_an_account_that_cannot_be_is_refused_in_one_line(run: Run, app: Flask, email: str, password: str) -> None:
    made = run(*USER, "--email", email, text=f"{password}\n")
    assert made.returncode == 1
    assert made.stderr.startswith("Error: ")
    assert len(made.stderr.splitlines()) == 1
    assert password not in made.stderr
    with app.app_context(), reading() as session:
        assert len(session.scalars(select(User)).all()) == 3


def test_a_token_is_shown_once_and_kept_as_a_hash(run: Run, app: Flask) -> None:
    made = run("token", "create", "--email", "owner", "--name", "editor", "--scope", "chat")
    token = made.stdout.strip()
    assert is_checked_token("jf", token)
    with app.app_context(), reading() as session:
        row = session.scalars(select(ApiToken)).one()
    assert token not in str(vars(row))
    assert (row.name, row.scopes, row.hint) == ("editor", ["chat"], f"jf_…{token[-4:]}")


def test_what_is_wrong_is_said_in_one_line(run: Run) -> None:
    for words, environment in (
        (("token", "create", "--email", "nobody", "--name", "x"), {}),
        (("token", "create", "--email", "owner", "--name", "x"), {"JACKFIELD_PORT": "http"}),
        (("token", "create", "--email", "owner", "--name", "x"), {"JACKFIELD_DATABASE_URL": "nonsense"}),
    ):
        result = run(*words, **environment)
        assert result.returncode == 1
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.splitlines()) == 1
