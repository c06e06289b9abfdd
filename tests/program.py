"""A program with a token, calling the management API."""

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from webapp.accounts.api_token import create_token
from webapp.accounts.user import find_user
from webapp.core.database import writing


@dataclass
class Program:
    """Sends JSON with its token, and no cookie."""

    client: FlaskClient
    headers: dict[str, str]

    def get(self, address: str) -> TestResponse:
        return self.client.get(address, headers=self.headers)

    def post(self, address: str, fields: dict[str, Any] | None = None) -> TestResponse:
        return self.client.post(address, json=fields, headers=self.headers)

    def patch(self, address: str, fields: dict[str, Any]) -> TestResponse:
        return self.client.patch(address, json=fields, headers=self.headers)

    def delete(self, address: str) -> TestResponse:
        return self.client.delete(address, headers=self.headers)


def program(app: Flask, email: str, *scopes: str) -> Program:
    """Return a program of this member of the cast."""
    with app.app_context(), writing() as session:
        user = find_user(session, email)
        assert user
        token = create_token(session, user, "test", scopes or ("manage",))
    return Program(app.test_client(use_cookies=False), {"Authorization": f"Bearer {token}"})


@pytest.fixture
def manager(app: Flask) -> Program:
    """A program that may manage what the admin may."""
    return program(app, "admin")


@pytest.fixture
def member(app: Flask) -> Program:
    """A program that may manage what the owner, a member, may."""
    return program(app, "owner")
