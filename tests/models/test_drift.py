"""What a refresh changed is told; what points to a vanished model is flagged, and nothing of it is deleted."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests import far_end_lists
from tests.conftest import Person
from tests.far_end import FarEnd
from tests.program import Program
from webapp.accounts.user import User
from webapp.core.database import db, writing
from webapp.models.drift import KEPT, LONGEST_ID, NAMED, Drift, drifts_of
from webapp.models.model import SEED, Model, id_hash
from webapp.models.preset import PresetInput, add_preset
from webapp.monitor import sweep
from webapp.providers.provider import Provider

Add = Callable[..., int]
Later = Callable[[timedelta], None]
Read = Callable[..., Drift | None]


@pytest.fixture
def read(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    admin: Person,
    add_provider: Add,
    far_end: FarEnd,
    refresh: Callable[[Person, int], None],
) -> Read:
    """Lets the provider of the test serve this list and reads it; returns what is new in the book of changes."""
    provider = add_provider(far_end.at("mine"))

    def serve(*entries: Any, **envelope: Any) -> Drift | None:
        rows = [entry if isinstance(entry, dict) else {"id": entry} for entry in entries]
        body = json.dumps({"data": rows, **envelope}).encode()
        monkeypatch.setitem(far_end_lists.SCRIPTS, "mine", lambda play: play.send(200, body))
        with app.app_context():
            before = len(drifts_of(db.session, provider))
        refresh(admin, provider)
        with app.app_context():
            after = drifts_of(db.session, provider)
            return after[0] if len(after) > before else None

    return serve


@pytest.fixture
def provider(app: Flask, read: Read) -> int:
    with app.app_context():
        return db.session.query(Provider).filter_by(name="Far End").one().id


def test_new_vanished_and_returned_models_are_told_and_the_first_list_is_no_news(read: Read) -> None:
    assert read("one", "two") is None
    assert read("one", "two") is None
    first = read("one", "three")
    assert first
    assert (first.details["new"], first.details["vanished"], first.details["changed"]) == (["three"], ["two"], [])
    assert (first.new_count, first.vanished_count, first.changed_count) == (1, 1, 0)
    second = read("two", "one", "three")
    assert second
    assert (second.details["new"], second.details["vanished"]) == (["two"], [])


def test_what_changed_is_what_the_provider_says_and_not_what_people_say(
    app: Flask, read: Read, provider: int, manager: Program
) -> None:
    priced = {"prompt": "0.000001", "completion": "0.000002"}
    model = {"id": "gpt-4o", "name": "Four", "context_length": 1000, "pricing": priced}
    read(model, "b")
    said = {"display_name": "Ours", "context_length": 7, "capabilities": {"vision": True}}
    assert manager.patch(f"/api/providers/{provider}/models/gpt-4o", said).status_code == 200
    assert read(model, "b") is None
    drift = read(
        {**model, "context_length": 2000, "pricing": priced | {"prompt": "0.000003"}}, {"id": "b", "name": "Bee"}
    )
    assert drift
    assert drift.changed_count == 2
    assert drift.details["changed"] == [
        {"id": "gpt-4o", "what": {"context_length": [1000, 2000], "input_price": [1.0, 3.0]}},
        {"id": "b", "what": {"display_name": [None, "Bee"]}},
    ]


def test_a_list_that_is_not_whole_says_nothing_of_what_vanished(app: Flask, read: Read, provider: int) -> None:
    read("one", "two")
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).vendor_id = "zai"  # serves more than it lists
    assert read("one", "three") is None
    with app.app_context():
        assert db.session.query(Model).filter(Model.vanished_at.is_not(None)).count() == 0


def test_only_the_first_of_many_are_named_and_all_are_counted(app: Flask, read: Read) -> None:
    read("one")
    drift = read(*[f"{'x' * 400}{number:04}" for number in range(700)])
    assert drift
    assert (drift.new_count, drift.vanished_count) == (700, 1)
    assert [len(model_id) for model_id in drift.details["new"]] == [LONGEST_ID] * NAMED


def test_what_changed_is_shown_to_those_who_see_the_provider_with_links(
    app: Flask, admin: Person, stranger: Person, visitor: Person, read: Read, provider: int, add_provider: Add
) -> None:
    assert "Nothing changed yet" in admin.get("/models/drift").text
    read("one", {"id": "<b>two</b>", "context_length": 1})
    read({"id": "<b>two</b>", "context_length": 8192}, "three")
    with app.app_context():
        gone = db.session.query(Model).filter_by(model_id="one").one().id
    for path in (f"/providers/{provider}/models", "/models/drift"):
        page = stranger.get(path).text
        assert "1 new" in page
        assert "1 vanished" in page
        assert f'href="/models/{gone}">one</a>' in page
        assert "&lt;b&gt;two&lt;/b&gt;" in page
        assert "8,192" in page
    assert stranger.get(f"/models/{gone}").status_code == 200
    with app.app_context(), writing() as session:
        row = session.get_one(Provider, provider)
        row.is_shared, row.owner_id = False, admin.user_id
    assert "1 vanished" not in stranger.get("/models/drift").text
    assert visitor.get("/models/drift").status_code == 303


def test_changes_are_kept_for_ninety_days(app: Flask, read: Read, later: Later) -> None:
    read("one")
    read("two")
    later(KEPT - timedelta(days=1))
    for count in (1, 0):
        with app.app_context(), writing() as session:
            sweep(session)
            assert session.query(Drift).count() == count
        later(timedelta(days=2))


def test_a_default_that_vanished_is_flagged_with_its_nearest_relatives(
    app: Flask, admin: Person, owner: Person, read: Read, provider: int
) -> None:
    family = ["claude-opus-4-5", "claude-sonnet-4-6", "claude-sonnet-4-5-20250929", "gpt-5", "claude-haiku-4-5"]
    read("claude-sonnet-4-5", *family)
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).default_model = "claude-sonnet-4-5"
    assert "lost-default" not in admin.get(f"/providers/{provider}/models").text
    read(*family)
    page = admin.get(f"/providers/{provider}/models").text
    notice = page.partition(f'id="lost-default-{provider}"')[2].partition('class="table')[0]
    buttons = [text.partition(" the default")[0] for text in notice.split("Make ")[1:]]
    assert buttons == ["claude-sonnet-4-5-20250929", "claude-sonnet-4-6", "claude-opus-4-5"]
    theirs = owner.get(f"/providers/{provider}/models").text
    assert f'id="lost-default-{provider}"' in theirs
    assert "Make claude-sonnet-4-6 the default" not in theirs.partition('class="table')[0]
    with app.app_context():
        key = db.session.query(Model).filter_by(provider_id=provider, model_id="claude-sonnet-4-6").one().id
    assert "lost-default" not in admin.post(f"/models/{key}/default", htmx=True).text
    with app.app_context():
        gone = db.session.query(Model).filter_by(provider_id=provider, model_id="claude-sonnet-4-5").one()
        assert gone.vanished_at is not None


def test_a_model_to_begin_with_vanishes_only_after_the_list_had_it(app: Flask, read: Read, provider: int) -> None:
    with app.app_context(), writing() as session:
        for position, name in ((-2, "alias"), (-1, "real")):
            row = Model(provider_id=provider, model_id=name, id_hash=id_hash(name), source=SEED, position=position)
            row.search_text = name
            session.add(row)
    read("real", "other")
    read("other")
    with app.app_context():
        rows = db.session.query(Model).filter_by(provider_id=provider).order_by(Model.position)
        assert [(row.model_id, row.vanished_at is None) for row in rows] == [
            ("alias", True),
            ("real", False),
            ("other", True),
        ]


def test_what_points_to_a_model_that_is_gone_is_listed_beside_what_changed(
    app: Flask, admin: Person, owner: Person, read: Read, provider: int
) -> None:
    read("one", "two")
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).default_model = "one"
        gone = session.query(Model).filter_by(provider_id=provider, model_id="one").one()
        for name, by in (("Mine", owner), ("Theirs", admin)):
            wanted = PresetInput(name, "", gone, "far-end/one", {}, False)
            add_preset(session, session.get_one(User, by.user_id), wanted)
    assert 'id="flagged"' not in owner.get("/models/drift").text
    read("two")
    page = owner.get("/models/drift").text
    flags = page.partition('id="flagged"')[2].partition("</ul>")[0]
    assert flags.count("<li>") == 2
    assert "its default, one, is not offered any more." in flags
    assert "Mine</a>: this preset goes with far-end/one, which is not offered any more." in flags
    assert "Theirs" not in flags
