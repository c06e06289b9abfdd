"""Many providers at once: switched, refreshed, deleted and brought back; what was left out is told, and why."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.providers.check import Check
from webapp.providers.provider import Provider

Add = Callable[..., int]
ADDRESS = "http://127.0.0.1:9/v1"


@pytest.fixture
def change(app: Flask) -> Callable[..., None]:
    """Writes columns of a provider."""

    def write(provider_id: int, **values: Any) -> None:
        with app.app_context(), writing() as session:
            for name, value in values.items():
                setattr(session.get_one(Provider, provider_id), name, value)

    return write


@pytest.fixture
def tested(app: Flask) -> Callable[..., None]:
    """Writes down that a test ended so."""

    def write(provider_id: int, status: str, user_id: int) -> None:
        with app.app_context(), writing() as session:
            session.add(Check(provider_id=provider_id, user_id=user_id, name="P", status=status))

    return write


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/providers/\d+" title="([^"]+)"', page)


def told(page: str) -> str:
    found = re.search(r'id="bulk-told"[^>]*>([^<]*)<', page)
    assert found
    return found[1]


def attention(page: str) -> int:
    """The number in the rail."""
    found = re.search(r'id="providers-attention"([^>]*)>(\d+)<', page)
    assert found
    assert ("hidden" in found[1]) == (found[2] == "0")
    return int(found[2])


def test_those_that_are_ticked_are_switched_and_those_of_an_admin_are_left_out(
    owner: Person, add_provider: Add, stored: Callable[[int], Provider]
) -> None:
    mine = [add_provider(ADDRESS, by="owner", name=f"Mine {number}") for number in range(3)]
    shared, hidden = add_provider(ADDRESS, name="Shared"), add_provider(ADDRESS, by="stranger", name="Hidden")
    page = owner.post("/providers/switches", {"provider": [*mine[:2], shared, hidden, "x"]}).text
    assert told(page) == "2 disabled · 1 belongs to an admin"
    assert [stored(one).is_enabled for one in (*mine, shared, hidden)] == [False, False, True, True, True]
    page = owner.post("/providers/switches?on=1", {"provider": mine}).text
    assert told(page) == "2 enabled · 1 was so already"
    assert all(stored(one).is_enabled for one in mine)


@pytest.mark.parametrize("action", ["switches", "batches", "refreshes", "restorations"])
def test_nothing_ticked_is_told(owner: Person, action: str) -> None:
    assert told(owner.post(f"/providers/{action}").text) == "Choose providers first."


def test_what_htmx_gets_is_the_list_and_what_follows_it(owner: Person, add_provider: Add) -> None:
    mine = add_provider(ADDRESS, by="owner", name="Mine")
    answer = owner.post("/providers/switches", {"provider": mine, "tab": "disabled", "q": "mi"}, htmx=True).text
    assert answer.lstrip().startswith('<div id="provider-list">')
    assert "<!doctype" not in answer
    assert names(answer) == ["Mine"]
    assert 'value="mi"' in answer
    assert 'hx-target="#providers-attention"' in answer


def test_providers_are_found_whatever_the_accents(owner: Person, add_provider: Add) -> None:
    add_provider(ADDRESS, by="owner", name="Xưởng Đà Nẵng")
    add_provider(ADDRESS, by="owner", name="Elsewhere")
    for words in ("da+nang", "DA+xuong", "%C4%91%C3%A0+nang"):
        assert names(owner.get(f"/providers?q={words}").text) == ["Xưởng Đà Nẵng"]


def test_deleting_asks_first_and_all_come_back_at_once(
    admin: Person, add_provider: Add, stored: Callable[[int], Provider]
) -> None:
    mine = [add_provider(ADDRESS, name=f"Mine {number}") for number in range(3)]
    earlier = add_provider(ADDRESS, name="Earlier")
    admin.post(f"/providers/{earlier}/delete")
    builtin = next(number for number in range(1, 9) if stored(number).is_builtin)
    asked = admin.post("/providers/deletions", {"provider": [*mine, builtin]}).text
    assert "Delete 3 providers</button>" in asked
    assert "1 is built in and stays" in asked
    assert all(stored(one).deleted_at is None for one in mine)
    done = admin.post("/providers/deletions", {"provider": [*mine, builtin], "confirmed": "1"}).text
    assert "3 providers deleted" in done
    assert names(done)[:1] != ["Mine 0"]
    assert all(stored(one).deleted_at for one in mine)
    assert stored(builtin).deleted_at is None
    undo = re.search(r'action="/providers/restorations">.*?</form>', done, re.DOTALL)
    assert undo
    ids = re.findall(r'name="provider" value="(\d+)"', undo[0])
    assert [int(one) for one in ids] == mine
    assert admin.post("/providers/restorations", {"provider": ids}).status_code == 200
    assert all(stored(one).deleted_at is None for one in mine)
    assert stored(earlier).deleted_at  # exactly those that were deleted together


def test_the_dialog_gets_the_names_and_a_button_that_counts(admin: Person, add_provider: Add) -> None:
    mine = add_provider(ADDRESS, name="Mine <b>")
    asked = admin.post("/providers/deletions", {"provider": mine}, htmx=True).text
    assert asked.lstrip().startswith('<form id="delete-form"')
    assert "Mine &lt;b&gt;" in asked
    assert "Delete 1 provider</button>" in asked
    done = admin.post("/providers/deletions", {"provider": mine, "confirmed": "1"}, htmx=True).text
    assert 'hx-target="#toasts"' in done
    assert "1 provider deleted" in done


def test_nobody_deletes_or_brings_back_what_is_not_theirs(
    owner: Person, admin: Person, add_provider: Add, stored: Callable[[int], Provider]
) -> None:
    shared, hidden = add_provider(ADDRESS, name="Shared"), add_provider(ADDRESS, by="stranger", name="Hidden")
    page = owner.post("/providers/deletions", {"provider": [shared, hidden], "confirmed": "1"}).text
    assert told(page) == "1 belongs to an admin"
    assert stored(shared).deleted_at is None
    assert stored(hidden).deleted_at is None
    admin.post("/providers/deletions", {"provider": shared, "confirmed": "1"})
    assert told(owner.post("/providers/restorations", {"provider": shared}).text) == "1 is gone for good"
    assert stored(shared).deleted_at


def test_lists_are_read_again_and_not_twice_at_once(
    owner: Person, add_provider: Add, far_end: FarEnd, change: Callable[..., None]
) -> None:
    read, off = add_provider(far_end.at("hold"), name="Read"), add_provider(far_end.base_url, name="Off")
    change(off, is_enabled=False)
    assert told(owner.post("/providers/refreshes", {"provider": [read, off]}).text) == "Reading 1 list · 1 is disabled"
    far_end.wait_for_calls(1)
    page = owner.post("/providers/refreshes", {"provider": [read]}).text
    assert told(page) == "1 was read just now"
    assert "Reading the list" in page
    assert len(far_end.calls) == 1


def test_the_rail_of_every_page_counts_what_needs_attention(
    owner: Person, stranger: Person, add_provider: Add, tested: Callable[..., None], change: Callable[..., None]
) -> None:
    mine = [add_provider(ADDRESS, by="owner", name=f"Mine {number}") for number in range(4)]
    assert attention(owner.get("/settings").text) == 0
    for provider_id, status in zip(mine, ("bad", "bad", "good", "bad"), strict=True):
        tested(provider_id, status, owner.user_id)
    change(mine[3], is_enabled=False)
    assert attention(owner.get("/settings").text) == 2
    assert " need attention" in owner.get("/").text
    assert attention(stranger.get("/").text) == 0
    tested(mine[0], "waiting", owner.user_id)  # it stays among them until a test says otherwise
    page = owner.get("/providers?tab=attention").text
    assert attention(page) == 2
    assert names(page) == ["Mine 0", "Mine 1"]
    tested(mine[0], "good", owner.user_id)
    assert attention(owner.get("/").text) == 1


def test_a_list_that_is_old_tells_its_age(owner: Person, add_provider: Add, change: Callable[..., None]) -> None:
    provider = add_provider(ADDRESS)
    change(provider, refreshed_at=clock.now() - timedelta(hours=3))
    assert "list from" not in owner.get("/providers").text
    change(provider, refresh_failure={"category": "server_error"})
    assert "list from 3 hours ago" in owner.get("/providers").text
    change(provider, refresh_failure=None, refreshed_at=clock.now() - timedelta(days=2))
    assert "list from" in owner.get("/providers").text


@pytest.mark.parametrize("act", ["checks", "switch"])
def test_a_card_that_is_drawn_again_keeps_its_tick(admin: Person, add_provider: Add, act: str) -> None:
    provider = add_provider(ADDRESS)
    card = {"HX-Target": f"article#provider-card-{provider}"}
    for ticked in (True, False):
        form = {"provider": str(provider)} if ticked else {}
        drawn = admin.post(f"/providers/{provider}/{act}", form, htmx=True, headers=card).text
        assert bool(re.search(rf'id="select-{provider}"[^>]* checked>', drawn)) is ticked


def test_all_that_are_shown_can_be_ticked_without_a_script(owner: Person, add_provider: Add) -> None:
    add_provider(ADDRESS, name="Café")
    page = owner.get("/providers?select=all&q=caf").text
    assert names(page) == ["Café"]
    assert page.count(" checked>") == 1
    assert " checked>" not in owner.get("/providers").text


def test_sixty_providers_cost_a_handful_of_queries(
    app: Flask, owner: Person, add_provider: Add, tested: Callable[..., None]
) -> None:
    for number in range(60):
        provider_id = add_provider(ADDRESS, by="owner", name=f"Mine {number}", key="sk-of-mine")
        if number < 50:
            tested(provider_id, "bad" if number % 5 == 0 else "good", owner.user_id)
    owner.get("/settings")  # once a minute it is written down that they were seen: here, if now
    with counted(app) as statements:
        page = owner.get("/providers").text
    assert page.count('class="sel"') > 60
    # Who asks, the providers, their keys, their newest tests, a batch that runs, and the lines of the day.
    assert len(statements) == 6, statements


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)
