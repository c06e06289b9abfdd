"""What programs wish for by headers, their account's longest wait, and the route of a preset."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.openai_api.conftest import House
from webapp.accounts.user import find_user
from webapp.core.database import writing
from webapp.models.names import find_named
from webapp.models.preset import PresetInput, add_preset
from webapp.routing.alias import AliasInput, add_alias

ASKED = [{"role": "user", "content": "Hello"}]


def ask(house: House, model: str, **headers: str) -> TestResponse:
    """Call /v1; `wait="5"` is sent as x-jackfield-wait."""
    assert house.app
    sent = {f"x-jackfield-{name}": value for name, value in headers.items()}
    sent["Authorization"] = f"Bearer {house.tokens['owner']}"
    body: dict[str, Any] = {"model": model, "messages": ASKED}
    return house.app.test_client().post("/v1/chat/completions", json=body, headers=sent)


def allow(app: Flask | None, seconds: int) -> None:
    """Let the owner's programs wait so long."""
    assert app
    with app.app_context(), writing() as session:
        user = find_user(session, "owner")
        assert user
        user.program_wait_seconds = seconds


@pytest.mark.parametrize(
    ("allowed", "headers", "calls"),
    [(0, {}, 1), (1, {}, 3), (0, {"wait": "1"}, 3), (60, {"wait": "0"}, 1)],
    ids=["as usual", "by the account", "by the header", "the header goes before"],
)
def test_a_busy_provider_is_asked_again_after_the_wait_that_it_named(
    furnished: House, allowed: int, headers: dict[str, str], calls: int
) -> None:
    allow(furnished.app, allowed)
    answer = ask(furnished, "far-end/soon", **headers)
    assert answer.status_code == 503
    assert len(furnished.far_end.calls) == calls
    assert answer.headers["x-jackfield-attempts"] == str(calls)


def test_a_wait_beyond_the_limit_is_told_instead(furnished: House) -> None:
    allow(furnished.app, 6)
    answer = ask(furnished, "far-end/503")
    assert (answer.headers["Retry-After"], len(furnished.far_end.calls)) == ("7", 1)


@pytest.mark.parametrize("wait", ["soon", "-1", "61", "1.5", "", "٣"])
def test_a_wait_that_is_none_is_refused_before_anybody_is_asked(furnished: House, wait: str) -> None:
    answer = ask(furnished, "far-end/ok", wait=wait.encode().decode("latin-1"))
    assert answer.status_code == 400
    assert answer.json["error"]["message"] == "The header x-jackfield-wait takes whole seconds from 0 to 60."
    assert furnished.far_end.calls == []


def preset(house: House, route: str) -> str:
    assert house.app
    with house.app.app_context(), writing() as session:
        user = find_user(session, "owner")
        assert user
        model = find_named(session, user, "far-end/ok")
        add_preset(session, user, PresetInput("Calm", "", model, "far-end/ok", {}, False, route))
    return "preset/calm"


def test_a_preset_insists_on_its_route_and_the_programs_header_goes_before_it(furnished: House) -> None:
    name = preset(furnished, "office")
    answer = ask(furnished, name)
    assert (answer.status_code, furnished.far_end.calls) == (404, [])
    assert answer.json["error"]["message"] == "No way leads to far-end/ok by the route office."
    answer = ask(furnished, name, route="direct")
    assert (answer.status_code, answer.headers["x-jackfield-route"]) == (200, "direct")


def test_an_alias_whose_targets_have_no_usable_key_says_which(furnished: House) -> None:
    assert furnished.app
    with furnished.app.app_context(), writing() as session:
        user = find_user(session, "admin")
        assert user
        model = find_named(session, user, "second/fine")
        add_alias(session, AliasInput("best", "ordered", ((model, 1),), "stop", True))
        model.provider.credentials[0].is_enabled = False
    answer = ask(furnished, "best")
    assert answer.json["error"]["code"] == "auth_missing"
    told = "No usable key for second/fine: each is switched off or has expired."
    assert answer.json["error"]["message"] == told
    assert furnished.far_end.calls == []


@pytest.mark.parametrize("after_first", ["continue", "restart"])
def test_a_program_gets_what_came_and_an_error_whatever_the_alias_says_of_answers_that_break_off(
    furnished: House, after_first: str
) -> None:
    assert furnished.app
    with furnished.app.app_context(), writing() as session:
        user = find_user(session, "admin")
        assert user
        targets = tuple((find_named(session, user, f"far-end/{name}"), 1) for name in ("cut", "ok"))
        add_alias(session, AliasInput("best", "ordered", targets, after_first, True))
    headers = {"Authorization": f"Bearer {furnished.tokens['owner']}"}
    body = {"model": "best", "messages": ASKED, "stream": True}
    answer = furnished.app.test_client().post("/v1/chat/completions", json=body, headers=headers)
    assert '"content"' in answer.text
    assert answer.text.rstrip().endswith("}}")
    assert "event: error" in answer.text
    assert "[DONE]" not in answer.text
    assert [call.json["model"] for call in furnished.far_end.calls] == ["cut"]
