"""Keys: bound to one record and one origin, sent nowhere else, seen by nobody."""

import base64
import logging
import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY, SECRET_HEADER
from webapp.accounts.user import User
from webapp.core.crypto import KeyRing
from webapp.core.database import db, writing
from webapp.core.errors import CryptoError
from webapp.core.logs import LineFormatter
from webapp.core.secret import Secret
from webapp.models.model import Model, id_hash
from webapp.providers.check import Check
from webapp.providers.provider import Provider

Form = dict[str, Any]
HEADERS = {"headers-0-name": "X-Team-Secret", "headers-0-value": SECRET_HEADER}
KEPT_HEADERS = {"headers-0-name": "X-Team-Secret", "headers-0-value": ""}


def target_of(app: Flask, provider_id: int) -> tuple[str | None, dict[str, str]]:
    """The key and the headers that a call would carry."""
    with app.app_context():
        target = db.session.get_one(Provider, provider_id).target(db.session)
        return target.api_key.reveal() if target.api_key else None, dict(target.headers)


@pytest.mark.parametrize(
    "base_url", ["https://api.example.com/v2/other", "https://api.example.com:443/v1", "https://API.example.com./v1/"]
)
def test_another_path_of_the_same_origin_keeps_key_and_headers(
    app: Flask, admin: Person, create: Callable[..., int], form: Callable[..., Form], base_url: str
) -> None:
    provider = create(admin, **HEADERS)
    admin.post(f"/providers/{provider}", form(base_url=base_url, api_key="", **KEPT_HEADERS))
    assert target_of(app, provider) == (KEY, {"X-Team-Secret": SECRET_HEADER})


@pytest.mark.parametrize(
    "base_url", ["http://api.example.com/v1", "https://api.example.com:8443/v1", "https://example.com/v1"]
)
def test_another_origin_drops_key_and_headers(
    app: Flask, admin: Person, create: Callable[..., int], form: Callable[..., Form], base_url: str
) -> None:
    provider = create(admin, **HEADERS)
    admin.post(f"/providers/{provider}", form(base_url=base_url, api_key="", **KEPT_HEADERS))
    assert target_of(app, provider) == (None, {})
    admin.post(f"/providers/{provider}", form(api_key="", **KEPT_HEADERS))  # and back: they stay lost
    assert target_of(app, provider) == (None, {})


def test_a_new_key_with_a_new_origin_is_the_only_one_that_is_sent(
    app: Flask, admin: Person, create: Callable[..., int], form: Callable[..., Form], far_end: FarEnd
) -> None:
    provider = create(admin, **HEADERS)
    changed = form(base_url=far_end.base_url, allow_private="y", api_key="sk-quite-another-key", **KEPT_HEADERS)
    admin.post(f"/providers/{provider}", changed)
    assert target_of(app, provider) == ("sk-quite-another-key", {})
    with app.app_context():
        assert db.session.execute(db.text("SELECT count(*) FROM credentials")).scalar() == 1


def test_a_header_is_replaced_kept_or_removed_as_the_form_says(
    app: Flask, admin: Person, create: Callable[..., int], form: Callable[..., Form]
) -> None:
    provider = create(admin, **HEADERS)
    renamed = {"headers-0-name": "x-team-secret", "headers-0-value": ""}
    admin.post(f"/providers/{provider}", form(api_key="", **renamed))
    assert target_of(app, provider)[1] in ({"x-team-secret": SECRET_HEADER}, {"X-Team-Secret": SECRET_HEADER})
    admin.post(f"/providers/{provider}", form(api_key="", **KEPT_HEADERS | {"headers-0-value": "new"}))
    assert target_of(app, provider) == (KEY, {"X-Team-Secret": "new"})
    admin.post(f"/providers/{provider}", form(api_key="", **{"headers-0-name": "", "headers-0-value": ""}))
    assert target_of(app, provider) == (KEY, {})


@pytest.mark.parametrize("style", ["header", "query", "none"])
def test_the_key_travels_as_the_form_says(
    admin: Person, create: Callable[..., int], far_end: FarEnd, finished: Callable[..., Check], style: str
) -> None:
    more = {"auth_style": style, "auth_name": "" if style == "none" else "x-my-key"}
    provider = create(admin, base_url=far_end.base_url, allow_private="y", **more)
    admin.post(f"/providers/{provider}/checks", {"model": "ok"})
    assert finished(admin).status == "good"
    sent = [far_end.calls[0].headers.get("x-my-key"), *far_end.calls[0].query.get("x-my-key", [])]
    assert sent == {"header": [KEY], "query": [None, KEY], "none": [None]}[style]
    assert not any("authorization" in call.headers for call in far_end.calls)
    assert all(("x-my-key" in call.query) == (style == "query") for call in far_end.calls)


def test_a_draft_uses_the_stored_key_only_at_its_own_origin(
    admin: Person,
    create: Callable[..., int],
    form: Callable[..., Form],
    far_end: FarEnd,
    finished: Callable[..., Check],
) -> None:
    provider = create(admin, base_url=far_end.base_url, allow_private="y", **HEADERS)
    with FarEnd() as other:
        for server in (far_end, other):
            draft = form(base_url=server.base_url, allow_private="y", api_key="", provider_id=provider, **KEPT_HEADERS)
            assert admin.post("/providers/checks", draft).status_code == 303
            finished(admin)
        assert {call.headers.get("authorization") for call in other.calls} == {None}
        assert {call.headers.get("x-team-secret") for call in other.calls} == {None}
    sent = [call.headers.get("authorization") for call in far_end.calls]
    assert sent.count(f"Bearer {KEY}") == len(sent) - 1  # one is the control with an invented key
    assert {call.headers.get("x-team-secret") for call in far_end.calls} == {SECRET_HEADER}


def test_a_draft_without_a_header_is_tested_without_it(
    admin: Person,
    create: Callable[..., int],
    form: Callable[..., Form],
    far_end: FarEnd,
    finished: Callable[..., Check],
) -> None:
    provider = create(admin, base_url=far_end.base_url, allow_private="y", **HEADERS)
    draft = form(base_url=far_end.base_url, allow_private="y", api_key="", provider_id=provider)
    admin.post("/providers/checks", draft)
    finished(admin)
    assert far_end.calls
    assert {call.headers.get("x-team-secret") for call in far_end.calls} == {None}


def _swap(session: Any, one: int, other: int) -> None:
    first, second = (session.get_one(Provider, number).credential for number in (one, other))
    first.sealed, second.sealed = second.sealed, first.sealed


def _move(session: Any, one: int, other: int) -> None:
    session.get_one(Provider, one).base_url = session.get_one(Provider, other).base_url


def _garble(session: Any, one: int, other: int) -> None:
    session.get_one(Provider, one).credential.sealed = "v1.k1.AAAA"


def _give_away(session: Any, one: int, other: int) -> None:
    session.get_one(Provider, one).owner_id = session.query(User.id).filter_by(email="owner").scalar()


@pytest.mark.parametrize("tamper", [_swap, _move, _garble, _give_away])
def test_a_key_that_was_tampered_with_is_not_opened_and_nobody_is_called(
    app: Flask,
    admin: Person,
    create: Callable[..., int],
    form: Callable[..., Form],
    far_end: FarEnd,
    tamper: Callable[[Any, int, int], None],
) -> None:
    one = create(admin, base_url=far_end.base_url, allow_private="y")
    with FarEnd() as second:
        other = create(admin, base_url=second.base_url, allow_private="y")
        with app.app_context(), writing() as session:
            tamper(session, one, other)
            model = Model(provider_id=one, model_id="ok", id_hash=id_hash("ok"), search_text="ok")
            session.add(model)
            session.flush()
            pk, base_url = model.id, session.get_one(Provider, one).base_url
        response = admin.post(f"/providers/{one}/checks", htmx=True)
        assert response.status_code == 409
        assert "stored key cannot be opened" in response.text
        draft = form(base_url=base_url, api_key="", provider_id=one)
        assert admin.post("/providers/checks", draft).status_code == 409
        admin.post(f"/providers/{one}/models/refreshes")
        place = admin.post("/chat", {"text": "Hi", "model": pk, "send_key": "k" * 20}).headers["Location"]
        admin.client.get("/chat/runs/1/events", buffered=True)
        assert "The saved key does not open" in admin.get(place).text
        assert second.connections == 0
    assert far_end.connections == 0
    assert admin.get(f"/providers/{one}").status_code == 200
    assert admin.get(f"/providers/{one}/edit").status_code == 200
    admin.post(f"/providers/{one}", form(base_url=base_url, api_key="sk-typed-again-1234567"))
    assert target_of(app, one)[0] == "sk-typed-again-1234567"


def test_a_draft_with_a_newly_typed_key_is_tested_although_the_stored_one_is_unreadable(
    app: Flask,
    admin: Person,
    create: Callable[..., int],
    form: Callable[..., Form],
    far_end: FarEnd,
    finished: Callable[..., Check],
) -> None:
    provider = create(admin, base_url=far_end.base_url, allow_private="y")
    with app.app_context(), writing() as session:
        _garble(session, provider, provider)
    admin.post("/providers/checks", form(base_url=far_end.base_url, provider_id=provider, model="ok"))
    assert finished(admin).status == "good"


def test_a_key_does_not_open_under_another_master_key(app: Flask, admin: Person, create: Callable[..., int]) -> None:
    provider = create(admin)
    other = KeyRing.parse(Secret("k1:" + base64.b64encode(bytes(range(32))).decode()))
    with app.app_context():
        row = db.session.get_one(Provider, provider)
        assert row.credential
        with pytest.raises(CryptoError):
            other.open(row.credential.sealed, row.credential._context(row.owner_id, row.credential.origin))


@pytest.mark.parametrize(("key", "hint"), [("sk-short", "…"), ("x" * 47 + "tail", "…tail")])
def test_only_the_end_of_a_long_key_is_ever_shown(
    admin: Person, create: Callable[..., int], key: str, hint: str
) -> None:
    page = admin.get(f"/providers/{create(admin, api_key=key)}").text
    assert f'<code class="muted">{hint}</code>' in page
    assert key not in page


def test_the_canary_is_in_no_page_no_log_and_no_file(
    app: Flask,
    admin: Person,
    owner: Person,
    create: Callable[..., int],
    far_end: FarEnd,
    finished: Callable[..., Check],
    data_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    paths = ["/", "/providers", "/models", "/providers/private-addresses", "/settings"]
    for script in ("", "401", "echo-key", "html"):
        base_url = far_end.at(script) if script else far_end.base_url
        provider = create(admin, base_url=base_url, allow_private="y", **HEADERS)
        admin.post(f"/providers/{provider}/checks", {"model": "ok"})
        check = finished(admin)
        paths += [f"/providers/{provider}{path}" for path in ("", "/edit", "/card")] + [f"/providers/{provider}/models"]
        paths += [f"/providers/checks/{check.id}", f"/providers/checks/{check.id}/events"]
    assert len(far_end.calls) >= 4
    texts = [person.client.get(path, buffered=True).text for path in paths for person in (admin, owner)]
    texts += [LineFormatter(as_json=True).format(record) for record in caplog.records]
    with app.app_context():
        db.session.execute(db.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    texts += [path.read_bytes().decode("latin-1") for path in data_dir.rglob("*") if path.is_file()]
    for secret in (KEY, SECRET_HEADER):
        spellings = {secret, urllib.parse.quote(secret), base64.b64encode(secret.encode()).decode().rstrip("=")}
        found = [text for text in texts for spelling in spellings if re.search(re.escape(spelling), text)]
        assert found == []
