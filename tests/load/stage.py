"""What load needs in the database: some people, and models of the paced upstream that all of them may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask
from sqlalchemy.orm import Session

from tests.conftest import PASSWORD
from tests.load.upstream import model_name
from webapp import create_app
from webapp.accounts.api_token import create_token
from webapp.accounts.user import Role, User, create_user
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.core.words import findable
from webapp.models.model import Model, id_hash
from webapp.providers.editing import ProviderInput, create_provider
from webapp.providers.private_address import open_address
from webapp.upstream.addresses import host_port

PEOPLE = [f"person{number}" for number in range(5)]


@dataclass(frozen=True)
class Stage:
    """Row ids of the models by (tokens, tokens a second), and a program's token."""

    models: dict[tuple[int, int], int]
    token: str


@contextmanager
def filling(settings: Settings) -> Iterator[Flask]:
    """An app in this process, while its database is filled."""
    app = create_app(settings)
    with app.app_context():
        yield app
        db.engine.dispose()
    app.extensions["jackfield"].background.close(10)


def set_stage(app: Flask, base_url: str, speeds: list[tuple[int, int]]) -> Stage:
    """Add people, and the providers `paced`, `hanging` and `failing`, each with a model for each speed."""
    with app.app_context(), writing() as session:
        admin = add_people(session)
        open_address(session, *host_port(base_url), admin.id)
        models = {}
        for name in ("hanging", "failing", "paced"):
            address = base_url if name == "paced" else base_url.replace("/v1", f"/{name}/v1")
            provider_id = add_provider(session, admin, name, address)
            models = {speed: add_model(session, provider_id, model_name(*speed)).id for speed in speeds}
        return Stage(models, create_token(session, admin, "Load"))


def add_people(session: Session) -> User:
    """Add PEOPLE, and return an admin beside them."""
    for name in PEOPLE:
        create_user(session, email=name, name=name, password=PASSWORD, role=Role.MEMBER)
    return create_user(session, email="load-admin", name="Load", password=PASSWORD, role=Role.ADMIN)


def add_provider(session: Session, admin: User, name: str, base_url: str) -> int:
    """Add a provider for everybody; return its id."""
    wanted = ProviderInput(
        vendor_id="custom",
        name=name,
        base_url=base_url,
        dialect="openai",
        auth_style="none",
        auth_name="",
        key=None,
        headers=(),
        is_shared=True,
    )
    return create_provider(session, admin, wanted).id


def add_model(session: Session, provider_id: int, model_id: str) -> Model:
    """Add a model of which nothing but the id is known."""
    row = Model(provider_id=provider_id, model_id=model_id, id_hash=id_hash(model_id), search_text=findable(model_id))
    session.add(row)
    session.flush()
    return row
