"""Whoever asks for a list, and however often: the provider is asked once, and people are told."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests import far_end_lists
from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.lists import join, near, row_of
from tests.models.refresh_apart import ask_twice_at_once
from tests.program import Program
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.core.secret import Secret
from webapp.models.discovery import refresh_all
from webapp.providers.provider import Provider, visible_providers
from webapp.providers.schedule import COOL_DOWN, LONGEST_BLOCK, due_providers, note_change
from webapp.upstream.addresses import origin

Add = Callable[..., int]
Later = Callable[[timedelta], None]
Refresh = Callable[[Person, int], None]

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("asked", "blocked"), [(1200, timedelta(minutes=20)), (7200, LONGEST_BLOCK), (1, COOL_DOWN)])
def test_who_asks_to_wait_is_left_alone_by_people_too(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    admin: Person,
    add_provider: Add,
    far_end: FarEnd,
    later: Later,
    asked: int,
    blocked: timedelta,
) -> None:
    busy = lambda play: play.send(429, b'{"error": {"message": "slow down"}}', Retry_After=str(asked))  # noqa: E731
    monkeypatch.setitem(far_end_lists.SCRIPTS, "busy", busy)
    provider = add_provider(far_end.at("busy"))
    admin.post(f"/providers/{provider}/models/refreshes")
    join("refresh")
    row = row_of(app, provider)
    assert near(row.refresh_blocked_until, blocked)
    assert row.refresh_due_at >= clock.now() + timedelta(seconds=asked - 5)
    later(blocked - timedelta(seconds=5))
    held = admin.post(f"/providers/{provider}/models/refreshes", htmx=True).text
    assert "It can be read again in" in held
    assert len(far_end.calls) == 1
    later(timedelta(seconds=10))
    admin.post(f"/providers/{provider}/models/refreshes")
    join("refresh")
    assert len(far_end.calls) == 2


def test_a_click_within_the_cool_down_costs_nothing_and_says_when(
    owner: Person, add_provider: Add, far_end: FarEnd, later: Later
) -> None:
    provider = add_provider(far_end.base_url)
    place = f"/providers/{provider}/models"
    owner.post(f"{place}/refreshes", htmx=True)
    join("refresh")
    assert "It can be read again" not in owner.get(place).text
    for is_htmx in (True, False):
        answer = owner.post(f"{place}/refreshes", htmx=is_htmx, follow_redirects=True).text
        assert "List read just now" in answer
        assert "It can be read again in" in answer
    assert len(far_end.calls) == 1
    later(COOL_DOWN)
    owner.post(f"{place}/refreshes", htmx=True)
    join("refresh")
    assert len(far_end.calls) == 2


def test_two_processes_that_ask_at_once_cost_one_call(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, add_provider: Add, far_end: FarEnd
) -> None:
    def slow(play: Any) -> None:
        play.hold()
        far_end_lists.ok(play)

    monkeypatch.setitem(far_end_lists.SCRIPTS, "slow-list", slow)
    provider = add_provider(far_end.at("slow-list"))
    assert ask_twice_at_once(far_end, str(data_dir), str(provider)) == ["5", "5"]
    assert len(far_end.calls) == 1


def test_all_lists_are_asked_for_at_once_but_not_those_that_were_just_read(
    app: Flask, owner: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh
) -> None:
    fresh, *_ = [add_provider(far_end.base_url, name=f"Far End {number}") for number in range(6)]
    add_provider(far_end.base_url, name="Secret", by="stranger")
    refresh(owner, fresh)
    with app.app_context():
        user = db.session.get_one(User, owner.user_id)
        begun = refresh_all(db.session, db.session.scalars(visible_providers(user)).all())
        join("_refresh_each")
        assert (len(begun), len(far_end.calls)) == (5, 6)
        assert refresh_all(db.session, db.session.scalars(visible_providers(user)).all()) == []


@pytest.mark.parametrize("page", ["/providers/refreshes", "/models/refreshes"])
def test_many_lists_are_read_four_at_a_time(owner: Person, add_provider: Add, far_end: FarEnd, page: str) -> None:
    many = [add_provider(far_end.at("hold"), name=f"Far End {number}") for number in range(6)]
    owner.post(page, {"provider": many}, htmx=True)
    far_end.wait_for_calls(4)
    assert [thread.name for thread in threading.enumerate()].count("_refresh_each") == 4
    assert owner.get("/providers").text.count("Reading the list") == 6  # those that wait are not for others to read
    owner.post(page, {"provider": many}, htmx=True)
    assert len(far_end.calls) == 4
    far_end.release.set()
    join("_refresh_each")
    assert len(far_end.calls) == 6


def test_what_the_old_key_finds_does_not_count_for_the_new_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch, admin: Person, add_provider: Add, far_end: FarEnd
) -> None:
    def strict(play: Any) -> None:
        if play.call.headers["authorization"] == "Bearer sk-old-12345678":
            play.hold()
            play.send(401, b'{"error": {"message": "no such key"}}')
        else:
            far_end_lists.ok(play)

    monkeypatch.setitem(far_end_lists.SCRIPTS, "strict", strict)
    provider = add_provider(far_end.at("strict"), key="sk-old-12345678")
    place = f"/providers/{provider}/models/refreshes"
    admin.post(place, htmx=True)
    far_end.wait_for_calls(1)
    with app.app_context(), writing() as session:
        row = session.get_one(Provider, provider)
        assert row.credential
        row.credential.seal(Secret("sk-new-12345678"), row.owner_id, origin(row.base_url))
        note_change(row)
    admin.post(place, htmx=True)
    far_end.wait_for_calls(2)
    far_end.release.set()
    join("refresh")
    now = row_of(app, provider)
    assert (now.models_count, now.refresh_failure, now.refresh_failures, now.is_refreshing) == (5, None, 0, False)
    assert now.refresh_due_at
    assert now.refresh_due_at > clock.now() + 2 * HOUR


def test_a_change_during_a_refresh_makes_the_list_due_at_once(
    app: Flask, admin: Person, add_provider: Add, far_end: FarEnd
) -> None:
    provider = add_provider(far_end.at("hold"))
    admin.post(f"/providers/{provider}/models/refreshes", htmx=True)
    far_end.wait_for_calls(1)
    with app.app_context(), writing() as session:
        note_change(session.get_one(Provider, provider))
    far_end.release.set()
    join("refresh")
    with app.app_context():
        assert [row.id for row in due_providers(db.session)] == [provider]


def test_an_unchanged_list_is_fresh_and_nothing_else_changes(
    app: Flask, monkeypatch: pytest.MonkeyPatch, admin: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh
) -> None:
    def tagged(play: Any) -> None:
        if play.call.headers.get("if-none-match") == '"one"':
            play.send_response(304)
            play.end_headers()
        else:
            play.send(200, b'{"data": [{"id": "one"}]}', ETag='"one"')

    monkeypatch.setitem(far_end_lists.SCRIPTS, "tagged", tagged)
    provider = add_provider(far_end.at("tagged"))
    refresh(admin, provider)
    first = row_of(app, provider)
    refresh(admin, provider)
    second = row_of(app, provider)
    assert [call.headers.get("if-none-match") for call in far_end.calls] == [None, '"one"']
    assert second.refreshed_at != first.refreshed_at
    assert (second.models_count, second.list_etag, second.refresh_failure) == (1, '"one"', None)


def test_the_old_list_is_shown_with_its_age_while_the_provider_is_down(
    app: Flask, admin: Person, add_provider: Add, far_end: FarEnd, refresh: Refresh, later: Later
) -> None:
    provider = add_provider(far_end.base_url)
    refresh(admin, provider)
    later(3 * HOUR)
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider).base_url = far_end.at("500")
    refresh(admin, provider)
    section = admin.get(f"/providers/{provider}/models").text
    assert "The list could not be read again. This is the one from 3 hours ago." in section
    assert "Next time in" in section
    assert f'id="refresh-failure-{provider}"' in section
    assert "whisper-1" in section


def test_discovery_of_drafts_counts_as_a_connection_test(manager: Program) -> None:
    draft = {"type": "custom", "base_url": "http://127.0.0.1:9/v1", "allow_private": True, "auth": "none"}
    answers = [manager.post("/api/models/discover", draft).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
