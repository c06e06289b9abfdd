"""What is proposed in place of a model that is gone: always the same, and nothing that could not be used."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Person
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.model import Model
from webapp.models.replacement import nearest, proposals
from webapp.providers.provider import Provider

Add = Callable[..., int]
Offer = Callable[..., None]


@pytest.mark.parametrize(
    ("gone", "offered", "expected"),
    [
        ("gpt-4o-mini", ["gpt-4o", "o3-mini", "gpt-4.1-mini", "gpt-5-mini"], ["gpt-5-mini", "gpt-4.1-mini", "gpt-4o"]),
        ("llama-3.1-70b-instruct", ["llama-3.1-8b", "llama-3.3-70b", "qwen-70b"], ["llama-3.3-70b", "llama-3.1-8b"]),
        ("o3-mini", ["o4-mini", "gpt-5-mini", "o3"], ["o4-mini", "o3"]),
        (
            "vendor/Qwen2.5-7B:free",
            ["qwen3-8b", "qwen2.5-7b-instruct", "vendor/other"],
            ["qwen2.5-7b-instruct", "qwen3-8b"],
        ),
        ("模型-7b", ["模型-8b", "model-7b"], ["模型-8b"]),
        ("123", ["123-b", "4"], []),
        ("", ["a"], []),
    ],
)
def test_the_nearest_by_name_come_first_in_whatever_order_they_are_listed(
    gone: str, offered: list[str], expected: list[str]
) -> None:
    for names in (offered, offered[::-1]):
        rows = [(key, name, 0) for key, name in enumerate(names)]
        assert [names[key] for key in nearest(gone, rows)] == expected


def test_the_same_id_elsewhere_comes_first_then_the_family_then_the_default(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    here, there, off, keyless, secret = (
        add_provider(f"http://127.0.0.1:9/{name}/v1", name=name, by="stranger" if name == "secret" else "admin")
        for name in ("here", "there", "off", "keyless", "secret")
    )
    offer(here, "big", "big-2", "tiny", "hidden")
    for provider in (there, off, keyless, secret):
        offer(provider, "big")
    with app.app_context(), writing() as session:
        session.get_one(Provider, here).default_model = "tiny"
        session.get_one(Provider, off).is_enabled = False
        session.get_one(Provider, keyless).auth_style = "bearer"
        session.query(Model).filter_by(provider_id=here, model_id="big").one().vanished_at = clock.now()
    with app.app_context():
        user = db.session.get_one(User, owner.user_id)
        gone = db.session.query(Model).filter_by(provider_id=here, model_id="big").one()
        found = proposals(db.session, user, gone)
        assert [(row.provider.name, row.model_id) for row in found] == [
            ("there", "big"),
            ("here", "big-2"),
            ("here", "tiny"),
        ]
        with writing() as session:
            session.get_one(Provider, here).is_enabled = False
        db.session.expire_all()
        assert [row.provider.name for row in proposals(db.session, user, gone)] == ["there"]
