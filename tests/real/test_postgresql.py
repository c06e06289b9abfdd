"""The same product on PostgreSQL: from an empty database to an answer, and with two processes at once."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import select, text

from tests import far_end_lists
from tests.far_end import FarEnd
from tests.models.refresh_apart import ask_twice_at_once
from tests.real.postgresql import Cluster, postgresql
from tests.real.processes import lack
from tests.real.visitor import Visitor
from tests.serving import Server, serving
from webapp.chat.conversation import Conversation
from webapp.chat.message import Message
from webapp.chat.run import Run
from webapp.core import clock
from webapp.core.config import Settings
from webapp.core.database import db, reading, writing
from webapp.models.listed import store_list
from webapp.models.model import Model
from webapp.monitor import sweep
from webapp.providers.provider import UNDO_TIME, Provider
from webapp.upstream.messages import ModelInfo, ModelList
from webapp.usage.event import OK, Call, UsageEvent
from webapp.usage.recorder import KEPT, record, write_waiting

NUL = "a\0b"
_numbers = count(1)


@dataclass
class House:
    """A server on PostgreSQL that has its admin; `address` is its database."""

    server: Server
    address: str


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if importlib.util.find_spec("psycopg") is None:
        lack("psycopg is not installed")
    with postgresql() as cluster:
        yield cluster


@pytest.fixture
def address(cluster: Cluster) -> str:
    """Where an empty database is."""
    return cluster.new_database(f"jackfield_{next(_numbers)}")


@pytest.fixture(scope="module")
def house(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    address = cluster.new_database("house")
    with serving() as start:
        server = start(tmp_path_factory.mktemp("house"), JACKFIELD_DATABASE_URL=address)
        with Visitor(server.url) as visitor:
            visitor.set_up(server)
        yield House(server, address)


@pytest.fixture
def admin(house: House) -> Iterator[Visitor]:
    with Visitor(house.server.url) as visitor:
        visitor.sign_in()
        yield visitor


@pytest.fixture
def model(admin: Visitor, far_end: FarEnd) -> str:
    """What the picker chooses the far end's model by; it takes its time to answer."""
    far_end.pace = 0.08
    return admin.add_model(admin.add_provider(far_end.base_url, f"Far End {far_end.port}"), f"model-{far_end.port}")


def test_the_migrations_make_the_schema_that_the_code_expects(
    make_app: Callable[[Settings], Flask], address: str, tmp_path: Path
) -> None:
    app = make_app(Settings(data_dir=tmp_path / "data", database_url=address))
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_answers_are_stored_and_seen_at_another_process(
    house: House, admin: Visitor, model: str, far_end: FarEnd, serve: Callable[..., Server]
) -> None:
    page = admin.ask("First question", model)
    assert "over the lazy dog" in admin.watch(page)
    other = serve(house.server.data_dir, JACKFIELD_DATABASE_URL=house.address)
    with Visitor(other.url) as visitor:
        visitor.sign_in()
        admin.ask("Second question", model, page)
        assert "over the lazy dog" in visitor.watch(page)
        story = visitor.get(page).text
    assert story.count("over the lazy dog") == 4  # drawn, and as copied, of both answers
    told = [message["content"] for message in far_end.calls[-1].json["messages"]]
    assert told == ["First question", far_end.text, "Second question"]


def test_a_connection_test_and_the_list_it_found_are_stored(admin: Visitor, far_end: FarEnd) -> None:
    page = admin.add_provider(far_end.base_url, "Tested")
    check = admin.post(f"{page}/checks", model="ok").headers["Location"]
    while 'aria-busy="true"' in (shown := admin.get(check).text):
        assert admin.watch(check)
    assert "The test passed." in shown
    assert re.findall(r'data-name="([^"]+)"', admin.picked("tested")) == ["ok", "slow", "stall"]


def test_two_questions_at_once_begin_one_answer(house: House, admin: Visitor, model: str) -> None:
    page = admin.ask("First question", model)
    assert admin.watch(page)
    key = "0123456789abcdef"

    def send(number: int) -> int:
        with Visitor(house.server.url) as visitor:
            visitor.http.cookies.update(admin.http.cookies)
            visitor.csrf = admin.csrf
            fields = {"text": f"Question {number}", "model": model, "send_key": f"{key}{number}"}
            return visitor.post(f"{page}/messages", **fields).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(send, range(4)))
    assert sorted(statuses) == [303, 409, 409, 409]


def test_two_processes_may_start_at_once_on_an_empty_database(
    serve: Callable[..., Server], address: str, tmp_path: Path
) -> None:
    def start(_: int) -> Server:
        return serve(tmp_path / "data", JACKFIELD_DATABASE_URL=address)

    with ThreadPoolExecutor(2) as pool:
        for server in list(pool.map(start, range(2))):
            with Visitor(server.url) as visitor:
                assert visitor.get("/readyz").json()["status"] == "ready"


def test_processes_that_ask_for_a_list_at_once_cost_one_call(
    house: House, admin: Visitor, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(play: Any) -> None:
        play.hold()
        far_end_lists.ok(play)

    monkeypatch.setitem(far_end_lists.SCRIPTS, "slow-list", slow)
    provider_id = admin.add_provider(far_end.at("slow-list"), "Slow").rpartition("/")[2]
    assert ask_twice_at_once(far_end, str(house.server.data_dir), provider_id, house.address) == ["5", "5"]
    assert len(far_end.calls) == 1


def test_what_a_check_shows_while_a_list_is_stored_is_kept(
    make_app: Callable[[Settings], Flask], address: str, tmp_path: Path
) -> None:
    app = make_app(Settings(data_dir=tmp_path / "data", database_url=address))
    with app.app_context(), ThreadPoolExecutor(1) as pool:
        with writing() as session:
            provider = Provider(
                slug="p", name="P", vendor_id="custom", dialect="openai", base_url="http://127.0.0.1:9/v1"
            )
            session.add(provider)
        found = ModelList([ModelInfo("mine", kind="chat")], complete=True)
        store_list(provider.id, found)

        def store() -> None:
            with app.app_context():
                store_list(provider.id, found)

        with writing() as session:
            model = session.scalars(select(Model).filter_by(provider_id=provider.id)).one()
            model.prove("vision", True)
            session.flush()
            storing = pool.submit(store)
            while not storing.done() and not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                pass
        storing.result(30)
        with reading() as session:
            assert session.scalars(select(Model.capabilities).filter_by(provider_id=provider.id)).one()["vision"]


def test_what_was_deleted_goes_with_all_that_hangs_on_it(
    house: House, admin: Visitor, model: str, make_app: Callable[[Settings], Flask]
) -> None:
    page = admin.ask("First question", model)
    assert admin.watch(page)
    app = make_app(Settings(data_dir=house.server.data_dir, database_url=house.address))
    past, conversation_id = clock.now() - 2 * UNDO_TIME, page.rpartition("/")[2]
    with app.app_context(), writing() as session:
        conversation = session.get_one(Conversation, conversation_id)
        run = session.scalars(select(Run).filter_by(conversation_id=conversation_id)).one()
        row = session.get_one(Model, int(model))
        row.provider.deleted_at = past
        sweep(session)
        session.expire_all()
        assert session.get(Model, int(model)) is None
        assert run.model_pk is None
        conversation.deleted_at = past
        sweep(session)
        session.expire_all()
        assert session.scalars(select(Run).filter_by(conversation_id=conversation_id)).all() == []
        assert session.scalars(select(Message).filter_by(conversation_id=conversation_id)).all() == []


def test_usage_is_written_without_owners_that_are_gone_and_pruned_when_it_is_old(
    make_app: Callable[[Settings], Flask], address: str, tmp_path: Path
) -> None:
    app = make_app(Settings(data_dir=tmp_path / "data", database_url=address))
    for model_id, at in {"old": clock.now() - KEPT * 2, "new": clock.now()}.items():
        call = Call(999, "gone", "Gone", model_id, 999, "api", token_id=999, at=at)
        call.end(OK, latency_ms=1.5)
        call.cost_nano_usd = 2**40
        record(call)
    with app.app_context():
        write_waiting()
        with writing() as session:
            ours = UsageEvent.provider_slug == "gone"  # of this process, other tests may have left calls to be written
            rows = session.scalars(select(UsageEvent).where(ours).order_by(UsageEvent.id)).all()
            kept = {row.model_id for row in rows}
            assert (kept, {row.provider_id for row in rows}, rows[-1].cost_nano_usd) == ({"old", "new"}, {None}, 2**40)
            sweep(session)
            assert session.scalars(select(UsageEvent).filter_by(model_id="old")).all() == []


def test_nul_is_refused_wherever_it_comes(admin: Visitor, model: str) -> None:
    page = admin.ask("First question", model)
    assert admin.watch(page)
    question = {"text": "Hello", "model": model, "send_key": "0123456789"}
    answers = {
        "message": admin.post("/chat", **{**question, "text": NUL}),
        "send key": admin.post("/chat", **{**question, "send_key": NUL * 8}),
        "title": admin.post(f"{page}/title", title=NUL),
        "conversation": admin.post("/chat/model", model=model, conversation=NUL),
        "path": admin.get("/chat/a%00b"),
        "user name": admin.post("/login", email=NUL, password="wrong wrong wrong"),
        "provider": admin.post("/providers", vendor="custom", name=NUL, base_url="https://example.com/v1"),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 422)
    assert all("characters that cannot be stored" in answer.text for answer in answers.values())
    assert admin.get(page).status_code == 200


def test_an_answer_that_holds_nul_is_stored_with_a_sign_in_its_place(
    admin: Visitor, model: str, far_end: FarEnd
) -> None:
    far_end.text = "before\0after, \\u0000 spelled out"
    page = admin.ask("Say something odd", model)
    assert admin.watch(page)
    assert "before�after, \\u0000 spelled out" in admin.get(page).text
