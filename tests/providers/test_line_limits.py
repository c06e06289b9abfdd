"""How often a provider may be called is set on its page and over /api, checked, and counts at once for who waits."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from tests.chat.conftest import Chat
from tests.conftest import Person
from tests.far_end import FarEnd
from tests.program import Program

BAD = ["0", "-1", "1.5", "many", "100001", "9" * 5000]


@pytest.mark.parametrize("name", ["requests_per_minute", "concurrent"])
@pytest.mark.parametrize("typed", BAD)
def test_a_bad_number_comes_back_with_what_is_wrong(
    admin: Person, far_end: FarEnd, add_provider: Callable[..., int], name: str, typed: str
) -> None:
    url = f"/providers/{add_provider(far_end.base_url)}/parameters"
    admin.get(url)
    answer = admin.post(url, {name: typed})
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert f'id="{name}-error"' in answer.text


@pytest.mark.parametrize("name", ["requests_per_minute", "concurrent"])
@pytest.mark.parametrize("sent", [0, -1, 1.5, "many", True, 100_001])
def test_a_bad_number_of_a_program_is_refused_by_name(
    manager: Program, far_end: FarEnd, add_provider: Callable[..., int], name: str, sent: object
) -> None:
    answer = manager.patch(f"/api/providers/{add_provider(far_end.base_url)}", {"limits": {name: sent}})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [f"limits.{name}"]


def test_who_waits_goes_on_when_the_limit_is_lifted(
    app: Flask, admin: Person, far_end: FarEnd, add_provider: Callable[..., int]
) -> None:
    provider_id = add_provider(far_end.base_url)
    url = f"/providers/{provider_id}/parameters"
    chat = Chat(app, admin, provider_id)
    chat.model("hold")
    admin.get(url)
    assert admin.post(url, {"concurrent": "1"}).status_code == 303
    asked = [chat.ask(model="hold") for _ in range(2)]
    far_end.wait_for_calls(1)
    assert not threading.Event().wait(0.2)
    assert len(far_end.calls) == 1
    assert admin.post(url, {"concurrent": ""}).status_code == 303
    far_end.wait_for_calls(2)
    far_end.release.set()
    for one in asked:
        chat.wait(one)
