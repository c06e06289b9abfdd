"""What load needs in the database: some people, and models of the paced upstream that all of them may use."""

from flask import Flask
from sqlalchemy.orm import Session

from tests.conftest import PASSWORD
from tests.load.upstream import model_name
from webapp.accounts.user import Role, User, create_user
from webapp.core.database import writing
from webapp.models.model import Model, id_hash, searchable
from webapp.providers.editing import ProviderInput, create_provider
from webapp.providers.private_address import open_address
from webapp.upstream.addresses import host_port

PEOPLE = [f"person{number}" for number in range(5)]


def set_stage(app: Flask, base_url: str, speeds: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Add people and a provider with a model for each (tokens, tokens a second); return the models' row ids."""
    with app.app_context(), writing() as session:
        admin = create_user(session, email="load-admin", name="Load", password=PASSWORD, role=Role.ADMIN)
        for name in PEOPLE:
            create_user(session, email=name, name=name, password=PASSWORD, role=Role.MEMBER)
        provider_id = _provider(session, admin, base_url)
        return {speed: _model(session, provider_id, model_name(*speed)) for speed in speeds}


def _provider(session: Session, admin: User, base_url: str) -> int:
    open_address(session, *host_port(base_url), admin.id)
    wanted = ProviderInput(
        vendor_id="custom",
        name="Paced",
        base_url=base_url,
        dialect="openai",
        auth_style="none",
        auth_name="",
        key=None,
        headers=(),
        is_shared=True,
    )
    return create_provider(session, admin, wanted).id


def _model(session: Session, provider_id: int, model_id: str) -> int:
    row = Model(provider_id=provider_id, model_id=model_id, id_hash=id_hash(model_id), search_text=searchable(model_id))
    session.add(row)
    session.flush()
    return row.id
