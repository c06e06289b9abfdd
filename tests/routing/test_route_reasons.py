"""The choice of a provider's route and its reason, as pages tell them."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.chat.conftest import Chat
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core.database import writing
from webapp.providers.provider import Provider
from webapp.routing.gateway import Gateway
from webapp.routing.health import Call, health
from webapp.upstream.failures import failure

OFFICE = "Văn phòng 办公室"


@pytest.fixture
def chat(app: Flask, admin: Person, far_end: FarEnd, add_provider: Callable[..., int]) -> Iterator[Chat]:
    """A provider with the model `ok`, and a gateway that offers it."""
    with app.app_context(), writing() as session:
        session.add(Gateway(slug="office", name=OFFICE, base_url="https://office.example/v1", models=["ok"]))
    chat = Chat(app, admin, add_provider(far_end.base_url))
    chat.model("ok")
    yield chat
    health.forget()


def put(chat: Chat, route: str, **gateway: object) -> None:
    with chat.app.app_context(), writing() as session:
        session.get_one(Provider, chat.provider_id).route = route
        for name, value in gateway.items():
            setattr(session.query(Gateway).one(), name, value)


def told(chat: Chat) -> str:
    """What the card says, without markup."""
    text = chat.person.get(f"/providers/{chat.provider_id}/route").text
    return " ".join(re.sub("<select.*?</select>|<[^>]+>", " ", text, flags=re.DOTALL).split())


def break_direct(chat: Chat) -> None:
    health.note_failure(Call(chat.provider_id, chat.model("ok")), failure("network_refused"))


def test_what_somebody_chose_is_told_as_their_choice(chat: Chat) -> None:
    assert "Now Direct Why Chosen: calls go straight to it." in told(chat)
    put(chat, "office")
    assert f"Now Gateway Why Chosen: calls go through {OFFICE}, whatever happens. Explain" in told(chat)


def test_automatic_says_which_way_it_takes_and_why(chat: Chat) -> None:
    put(chat, "automatic")
    assert "Now Automatic: Direct Why Nothing speaks against direct. Explain" in told(chat)
    break_direct(chat)
    assert f"Now Automatic: {OFFICE} Why Direct is out: Nothing answers at" in told(chat)
    put(chat, "automatic", is_enabled=False)
    assert "Now Automatic: Direct Why Direct is out, and no gateway is better: Nothing answers at" in told(chat)


def test_a_model_that_is_out_alone_goes_by_the_gateway(chat: Chat) -> None:
    put(chat, "automatic")
    for _ in range(3):
        health.note_failure(Call(chat.provider_id, chat.model("ok")), failure("server_error"))
    assert f"Now Automatic: {OFFICE} Why Direct is out: " in told(chat)


def test_a_way_that_leads_nowhere_is_told_before_anybody_asks(chat: Chat) -> None:
    put(chat, "office", models=["another"])
    assert "Now Not offered there Why far-end/ok cannot be reached through it, so calls fail" in told(chat)
    page = chat.person.get(chat.answer("Xin chào", "ok").page).text
    assert "No way leads to ok" in page
    put(chat, "office", is_enabled=False)
    assert "Now Gateway is off Why Its gateway is off, so calls fail" in told(chat)


def test_automatic_without_any_model_goes_direct(app: Flask, admin: Person, add_provider: Callable[..., int]) -> None:
    chat = Chat(app, admin, add_provider("https://empty.example/v1"))
    with app.app_context(), writing() as session:
        session.get_one(Provider, chat.provider_id).route = "automatic"
    assert "It has no model yet." in told(chat)


def test_the_page_of_all_gateways_tells_it_of_every_provider(chat: Chat) -> None:
    put(chat, "automatic")
    break_direct(chat)
    assert "It is tried again by itself." in chat.person.get("/gateways").text


def test_a_gateway_is_called_by_its_name_wherever_a_route_is_shown(chat: Chat) -> None:
    put(chat, "office")
    assert OFFICE in chat.person.get("/providers").text
