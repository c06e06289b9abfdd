"""Models of a real LiteLLM proxy: listed with what it says of them, read again, a capability checked by a call."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask

from tests.conftest import Person
from tests.models.conftest import later
from tests.models.lists import join, row_of
from tests.real.litellm_proxy import Proxy, litellm_proxy
from webapp.core.database import db
from webapp.models.facts import LISTED, PROBED, Fact, merged
from webapp.models.model import Model
from webapp.providers.schedule import COOL_DOWN

__all__ = ["later"]

ANSWERS = {"gpt-4o": "Red and blue.", "text-embedding-3-small": "", "house/own-model": "Hello."}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with litellm_proxy(tmp_path_factory.mktemp("litellm"), ANSWERS) as proxy:
        yield proxy


@pytest.fixture
def provider(add_provider: Callable[..., int], proxy: Proxy) -> int:
    return add_provider(proxy.base_url, vendor_id="litellm", key=proxy.key)


@pytest.mark.timeout(240)
def test_the_list_of_a_litellm_proxy_is_read_with_contexts_and_kinds_and_held_for_a_moment(
    app: Flask, admin: Person, provider: int, later: Callable[[timedelta], None]
) -> None:
    press(admin, provider)
    told = {model_id: facts for model_id, (_, facts) in models(app, provider).items()}
    assert set(told) == set(ANSWERS)
    said = {name: told["gpt-4o"][name] for name in ("kind", "context_length", "max_output_tokens")}
    assert {name: (fact.value, fact.source) for name, fact in said.items()} == {
        "kind": ("chat", LISTED),
        "context_length": (128_000, LISTED),
        "max_output_tokens": (16_384, LISTED),
    }
    assert told["text-embedding-3-small"]["kind"].value == "embedding"
    assert told["text-embedding-3-small"]["context_length"].value == 8_191
    first = row_of(app, provider).refreshed_at
    assert "It can be read again in" in press(admin, provider)
    assert row_of(app, provider).refreshed_at == first
    later(COOL_DOWN)
    press(admin, provider)
    again = row_of(app, provider)
    assert (again.refresh_failure, again.refreshed_at > first, again.models_count) == (None, True, len(ANSWERS))
    page = admin.get(f"/models?provider={provider}").text
    assert '<td class="num p3">128k</td>' in page


@pytest.mark.timeout(240)
def test_a_capability_is_checked_through_a_litellm_proxy(app: Flask, admin: Person, provider: int) -> None:
    press(admin, provider)
    key, _ = models(app, provider)["gpt-4o"]
    answer = admin.post(f"/models/{key}/capability-checks", {"capability": "streaming"}, htmx=True)
    assert answer.status_code == 200, answer.text
    join("run_checks")
    fact = models(app, provider)["gpt-4o"][1]["streaming"]
    assert (fact.value, fact.source) == (True, PROBED)
    assert "checked by a real call" in admin.get(f"/models/{key}").text


def press(person: Person, provider: int) -> str:
    """Refresh the list as the button does, to its end."""
    section = person.post(f"/providers/{provider}/models/refreshes", htmx=True).text
    join("refresh")
    return section


def models(app: Flask, provider: int) -> dict[str, tuple[int, dict[str, Fact]]]:
    """By id: the number of the model in addresses, and what is known of it."""
    with app.app_context():
        rows = db.session.query(Model).filter_by(provider_id=provider)
        return {row.model_id: (row.id, merged(row.facts, row.overrides)) for row in rows}
