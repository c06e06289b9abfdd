"""What checks and people say has a date of its own, and what is seen counts before what is told."""

from webapp.models.catalogue import Address, look_up
from webapp.models.facts import CATALOGUE, GUESS, LISTED, OBSERVED, PEOPLE, PROBED, Facts, merged, with_one, with_source


def test_what_was_checked_counts_before_what_the_provider_lists_and_after_what_is_refused_now() -> None:
    facts: Facts = {PROBED: with_one({}, "tools", True)}
    facts = with_source(facts, LISTED, {"tools": False})
    found = merged(facts, {})["tools"]
    assert (found.value, found.source, found.other and found.other.source) == (True, PROBED, LISTED)
    found = merged(with_source(facts, OBSERVED, {"tools": False}), {})["tools"]
    assert (found.value, found.source) == (False, OBSERVED)
    said = with_one({}, "tools", True)
    assert (merged(facts, said)["tools"].source, merged(facts, said)["tools"].at is not None) == (PEOPLE, True)


def test_one_thing_is_said_and_taken_back_without_touching_the_others() -> None:
    layer = with_one(with_one({}, "tools", True), "vision", False)
    assert layer["at"].keys() == {"tools", "vision"}
    kept = with_one(layer, "tools", None)
    assert kept == {"vision": False, "at": {"vision": layer["at"]["vision"]}}
    assert with_one(kept, "vision", None) == {}


def test_an_alias_of_a_vendors_address_is_the_vendor() -> None:
    for base_url in ("https://api.z.ai/api/paas/v4", "https://api.z.ai/api/coding/paas/v4"):
        assert look_up({"glm-5.1": False}, Address(base_url=base_url))["glm-5.1"][0] == CATALOGUE


def test_the_same_id_elsewhere_counts_behind_gateways_only_and_case_matters_there() -> None:
    gateway = Address(base_url="https://gate.example/v1", is_gateway=True)
    assert look_up({"gpt-4o": True}, gateway)["gpt-4o"][0] == CATALOGUE
    assert look_up({"GPT-4o": True}, gateway)["GPT-4o"][0] == GUESS
    assert look_up({"gpt-4o": True}, Address(base_url="https://host.example/v1"))["gpt-4o"][0] == GUESS
    assert look_up({"gpt-4o": False}, Address(base_url="https://host.example/v1")) == {}


def test_an_exact_match_is_no_proof_on_ones_own_machine() -> None:
    local = Address("openai", "http://localhost:8080/v1", is_local=True)
    assert look_up({"gpt-4o": True}, local)["gpt-4o"][0] == GUESS
