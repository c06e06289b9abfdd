"""What people say of a model counts, can be taken back field by field, and survives all that happens to a provider."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core.database import db, reading, writing
from webapp.models.mark import Mark
from webapp.models.model import Model
from webapp.providers.provider import Provider, delete_provider

SAID = {
    "display_name": "Mô hình của ta 我们",
    "kind": "completion",
    "context_length": "4096",
    "max_output_tokens": "512",
    "vision": "yes",
    "tools": "no",
    "reasoning": "yes",
    "structured_output": "no",
    "streaming": "no",
    "audio_input": "yes",
    "input_price": "0.5",
    "output_price": "0",
    "cached_price": "0.05",
    "is_offered": "y",
}
LISTED = {"display_name": "Listed", "context_length": 8192, "capabilities": {"tools": True, "vision": None}}


@pytest.fixture
def model_pk(app: Flask, add_provider: Callable[..., int], far_end: FarEnd, offer: Callable[..., None]) -> int:
    """A model that its provider tells some of; everybody may use it and only the admin may change it."""
    provider = add_provider(far_end.base_url)
    offer(provider, "ok", **LISTED)
    with app.app_context():
        return db.session.query(Model.id).filter_by(provider_id=provider, model_id="ok").one()[0]


def state(app: Flask, model_pk: int) -> dict[str, Any]:
    """What counts of a model."""
    with app.app_context(), reading() as session:
        row = session.get_one(Model, model_pk)
        return {
            "display_name": row.display_name,
            "kind": row.kind,
            "sizes": (row.context_length, row.max_output_tokens),
            "prices": (row.input_price, row.output_price),
            **row.capabilities,
            "is_enabled": row.is_enabled,
        }


def save(person: Person, model_pk: int, **changes: str) -> None:
    form = {name: value for name, value in {**SAID, **changes}.items() if value is not None}
    answer = person.post(f"/models/{model_pk}/overlay", form, htmx=True)
    assert answer.status_code == 200, answer.text


EXPECTED = {
    "display_name": SAID["display_name"],
    "kind": "completion",
    "sizes": (4096, 512),
    "prices": (0.5, 0.0),
    "vision": True,
    "tools": False,
    "reasoning": True,
    "structured_output": False,
    "streaming": False,
    "audio_input": True,
    "is_enabled": True,
}


def test_what_is_said_counts_at_once_and_the_page_tells_what_others_say(
    app: Flask, admin: Person, model_pk: int
) -> None:
    answer = admin.post(f"/models/{model_pk}/overlay", SAID, htmx=True)
    assert state(app, model_pk) == EXPECTED
    for target in ("#model-head", "#model-facts", "#model-about"):
        assert f'<hx-partial hx-target="{target}"' in answer.text
    shown = admin.get(f"/models/{model_pk}").text
    assert "Without you: 8,192 tokens (the provider’s list)" in shown
    assert "Mô hình của ta 我们" in shown
    assert "$0.50 for 1M tokens" in shown
    assert "free" in shown


def _refresh(app: Flask, admin: Person, provider: int, offer: Callable[..., None]) -> None:
    offer(provider, "ok", **LISTED)


def _vanish_and_come_back(app: Flask, admin: Person, provider: int, offer: Callable[..., None]) -> None:
    offer(provider, "other")
    offer(provider, "ok", **LISTED)


def _switch_off_and_on(app: Flask, admin: Person, provider: int, offer: Callable[..., None]) -> None:
    for is_enabled in (False, True):
        with app.app_context(), writing() as session:
            session.get_one(Provider, provider).is_enabled = is_enabled
        offer(provider, "ok", **LISTED)


def _rename(app: Flask, admin: Person, provider: int, offer: Callable[..., None]) -> None:
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).name = "Other"
    offer(provider, "ok", **LISTED)


def _delete_and_restore(app: Flask, admin: Person, provider: int, offer: Callable[..., None]) -> None:
    with app.app_context(), writing() as session:
        delete_provider(session.get_one(Provider, provider))
    assert admin.post(f"/providers/{provider}/restore").status_code in (200, 303)


@pytest.mark.parametrize(
    "happening", [_refresh, _vanish_and_come_back, _switch_off_and_on, _rename, _delete_and_restore]
)
def test_all_of_it_survives(
    app: Flask, admin: Person, model_pk: int, offer: Callable[..., None], happening: Callable[..., None]
) -> None:
    save(admin, model_pk)
    admin.post(f"/models/{model_pk}/favourite", {"favourite": "1"})
    with app.app_context():
        provider = db.session.get_one(Model, model_pk).provider_id
        before = dict(db.session.get_one(Model, model_pk).overrides)
    happening(app, admin, provider, offer)
    assert state(app, model_pk) == EXPECTED
    with app.app_context():
        assert db.session.get_one(Model, model_pk).overrides == before
        assert db.session.get_one(Mark, (admin.user_id, model_pk)).is_favourite


@pytest.mark.parametrize(
    ("field", "before"),
    [
        ("display_name", ("display_name", "Listed")),
        ("kind", ("kind", "chat")),
        ("context_length", ("sizes", (8192, 512))),
        ("max_output_tokens", ("sizes", (4096, None))),
        ("tools", ("tools", True)),
        ("vision", ("vision", None)),
        ("streaming", ("streaming", None)),
        ("input_price", ("prices", (None, 0.0))),
    ],
)
@pytest.mark.parametrize("is_emptied", [True, False])
def test_each_field_can_be_taken_back(
    app: Flask, admin: Person, model_pk: int, field: str, before: tuple[str, object], is_emptied: bool
) -> None:
    save(admin, model_pk)
    shown = admin.get(f"/models/{model_pk}").text
    assert re.search(f'name="take_back" value="{field}"', shown)
    if is_emptied:
        save(admin, model_pk, **{field: ""})
    else:
        admin.post(f"/models/{model_pk}/overlay", {**SAID, "context_length": "nonsense", "take_back": field}, htmx=True)
    name, value = before
    assert state(app, model_pk) == {**EXPECTED, name: value}
    assert f'name="take_back" value="{field}"' not in admin.get(f"/models/{model_pk}").text


def test_when_all_is_taken_back_nothing_is_left(app: Flask, admin: Person, model_pk: int) -> None:
    save(admin, model_pk)
    save(admin, model_pk, **dict.fromkeys((name for name in SAID if name != "is_offered"), ""))
    with app.app_context():
        assert db.session.get_one(Model, model_pk).overrides == {}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("context_length", "many", "A whole number of tokens"),
        ("context_length", "0", "A whole number of tokens"),
        ("max_output_tokens", "99999999999", "A whole number of tokens"),
        ("input_price", "-1", "US dollars for a million tokens"),
        ("input_price", "nan", "US dollars for a million tokens"),
        ("output_price", "1e300", "US dollars for a million tokens"),
        ("cached_price", "two", "US dollars for a million tokens"),
        ("display_name", "x" * 201, "200"),
        ("kind", "toaster", "Not a valid choice"),
        ("vision", "perhaps", "Not a valid choice"),
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_bad_input_comes_back_beside_its_field(
    app: Flask, admin: Person, model_pk: int, field: str, value: str, words: str, htmx: bool
) -> None:
    before = state(app, model_pk)
    answer = admin.post(f"/models/{model_pk}/overlay", {**SAID, field: value}, htmx=htmx)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert words in answer.text
    if field not in ("kind", "vision"):
        assert f'value="{value}"' in answer.text
    assert state(app, model_pk) == before


def test_a_model_that_was_added_by_hand_is_edited_and_removed(app: Flask, admin: Person, model_pk: int) -> None:
    with app.app_context():
        provider = db.session.get_one(Model, model_pk).provider_id
    assert admin.post(f"/models/{model_pk}/delete").status_code == 409
    admin.post(f"/providers/{provider}/models", {"model_id": "my-tune"})
    with app.app_context():
        tune = db.session.query(Model.id).filter_by(model_id="my-tune").one()[0]
    assert "Remove this model" not in admin.get(f"/models/{model_pk}").text
    assert "Remove this model" in admin.get(f"/models/{tune}").text
    save(admin, tune)
    assert state(app, tune) == EXPECTED
    removed = admin.post(f"/models/{tune}/delete")
    assert (removed.status_code, removed.location) == (303, f"/providers/{provider}")
    assert admin.get(f"/models/{tune}").status_code == 404


def test_what_was_said_before_dates_were_kept_still_counts(app: Flask, admin: Person, model_pk: int) -> None:
    with app.app_context(), writing() as session:
        row = session.get_one(Model, model_pk)
        row.overrides = {"context_length": 100, "capabilities": {"vision": True}}
        row.settle()
    assert state(app, model_pk)["vision"] is True
    save(admin, model_pk, **{**dict.fromkeys(SAID, ""), "is_offered": "y", "vision": "yes", "context_length": "100"})
    with app.app_context():
        assert db.session.get_one(Model, model_pk).overrides == {"context_length": 100, "vision": True}
