"""A serving house with providers of every dialect, tokens of the cast, and OpenAI's own client to call it with."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import openai
import pytest
from flask import Flask

from tests.far_end import FarEnd
from tests.openai_api import scripts
from tests.serving import Server, serving
from webapp import create_app
from webapp.accounts.api_token import create_token
from webapp.accounts.user import find_user
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.core.secret import Secret
from webapp.models.model import Model, id_hash
from webapp.providers.editing import ProviderInput, create_provider
from webapp.providers.private_address import open_address
from webapp.upstream.addresses import host_port

__all__ = ["scripts"]

KEY = "sk-canary-5b1d94e07c3f28aa"
MODELS = (
    "ok exact tools tools-held reasons beyond echo-beyond refuses several slow hold stall stall-mid comments-mid "
    "endless length cut error-mid echo-key 400 401 402 403 404 409 422 429 500 503 soon refuse:max_tokens "
    "vendor/with-slash embed-small embed-plain embed-deep"
).split()


@dataclass
class House:
    """A server, what it may call, and who may call it: `tokens` by name."""

    far_end: FarEnd
    tokens: dict[str, str]
    server: Server | None = None
    app: Flask | None = None
    clients: list[openai.OpenAI] = field(default_factory=list)

    @property
    def url(self) -> str:
        assert self.server
        return f"{self.server.url}/v1"

    def client(self, who: str = "owner", **options: object) -> openai.OpenAI:
        """OpenAI's client with somebody's token. It does not ask again by itself."""
        options = {"base_url": self.url, "api_key": self.tokens.get(who, who), "max_retries": 0} | options
        self.clients.append(openai.OpenAI(**options))  # type: ignore[arg-type]
        return self.clients[-1]

    def direct(self, **options: object) -> openai.OpenAI:
        """The same client at the far end itself."""
        return self.client(KEY, base_url=self.far_end.base_url, **options)


@pytest.fixture(scope="module")
def house(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for a file of tests: `far-end`, `claude` (Anthropic), `private` (the owner's own) and the demo."""
    with opened(first_start, tmp_path_factory.mktemp("house") / "data") as house:
        yield house


@pytest.fixture
def own_house(first_start: Path, tmp_path: Path) -> Iterator[House]:
    """The same for one test that ends it."""
    with opened(first_start, tmp_path / "own") as house:
        yield house


@pytest.fixture
def furnished(app: Flask, far_end: FarEnd) -> House:
    """The same without a server: for requests that Flask's test client can make."""
    with app.app_context():
        return House(far_end, furnish(far_end), app=app)


@pytest.fixture
def client(house: House) -> openai.OpenAI:
    return house.client()


@contextmanager
def opened(first_start: Path, folder: Path, threads: int = 24) -> Iterator[House]:
    shutil.copytree(first_start, folder)
    with FarEnd() as far_end, serving() as start:
        app = create_app(Settings(data_dir=folder))
        with app.app_context():
            house = House(far_end, furnish(far_end), app=app)
            db.engine.dispose()
        house.server = start(folder, JACKFIELD_THREADS=str(threads))
        yield house
        for client in house.clients:
            client.close()


def furnish(far_end: FarEnd) -> dict[str, str]:
    """Add providers, models and tokens; return the tokens by whose they are."""
    add_provider("far-end", far_end.base_url, MODELS)
    add_provider("second", far_end.base_url, ["fine", "hold"])
    add_provider("claude", far_end.at("anthropic"), ["haiku", "length"], dialect="anthropic")
    add_provider("acting", far_end.at("anthropic-acts"), ["sonnet"], dialect="anthropic")
    add_provider("private", far_end.base_url, ["ok", "secret"], by="owner")
    with writing() as session:
        tokens = {}
        for name, email, scopes in (
            ("owner", "owner", ("chat",)),
            ("stranger", "stranger", ("chat",)),
            ("manager", "owner", ("manage",)),
        ):
            user = find_user(session, email)
            assert user
            tokens[name] = create_token(session, user, name, scopes)
    return tokens


def add_provider(slug: str, base_url: str, models: list[str], *, by: str = "admin", dialect: str = "openai") -> None:
    wanted = ProviderInput(
        vendor_id="custom",
        name=slug,
        base_url=base_url,
        dialect=dialect,
        auth_style="bearer",
        auth_name="",
        key=Secret(KEY),
        headers=(),
        is_shared=by == "admin",
    )
    with writing() as session:
        user = find_user(session, by)
        assert user
        open_address(session, *host_port(base_url), user.id)
        provider = create_provider(session, user, wanted)
        provider.refresh_hours = 0  # never: its list does not hold these models
        for name in models:
            kind = "embedding" if name.startswith("embed") else "chat"
            session.add(
                Model(provider_id=provider.id, model_id=name, id_hash=id_hash(name), search_text=name, kind=kind)
            )
