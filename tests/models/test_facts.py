"""What several sources say of one model becomes what counts."""

from webapp.models.facts import CATALOGUE, GUESS, LISTED, OBSERVED, Facts, merged, with_source


def facts(**told: dict[str, object]) -> Facts:
    found: Facts = {}
    for source, known in told.items():
        found = with_source(found, source, known)
    return found


def test_the_provider_counts_before_the_catalogue_and_the_catalogue_before_a_guess() -> None:
    found = merged(facts(guess={"tools": True, "vision": True, "reasoning": True},
                         catalogue={"tools": True, "vision": False}, provider={"tools": False}), {})  # fmt: skip
    assert {name: (fact.value, fact.source) for name, fact in found.items()} == {
        "tools": (False, LISTED),
        "vision": (False, CATALOGUE),
        "reasoning": (True, GUESS),
    }
    assert found["tools"].other
    assert (found["tools"].other.value, found["tools"].other.source) == (True, CATALOGUE)


def test_of_two_context_lengths_the_smaller_counts_unless_it_is_a_guess() -> None:
    both = {"context_length": 200_000}
    for provider, catalogue, guess, source in (
        (1_000_000, both, {}, CATALOGUE),
        (8_192, both, {}, LISTED),
        (200_000, both, {}, LISTED),
        (8_192, {}, {"context_length": 4_096}, LISTED),
    ):
        found = merged(facts(provider={"context_length": provider}, catalogue=catalogue, guess=guess), {})
        assert found["context_length"].source == source


def test_what_was_seen_counts_before_what_was_told_and_people_before_all() -> None:
    seen = facts(provider={"tools": True, "context_length": 5}, observed={"tools": False})
    assert (merged(seen, {})["tools"].value, merged(seen, {})["tools"].source) == (False, OBSERVED)
    by_hand = merged(seen, {"context_length": 9, "capabilities": {"tools": True}})
    assert (by_hand["tools"].value, by_hand["tools"].at, by_hand["context_length"].value) == (True, None, 9)


def test_a_date_stays_while_nothing_changes_and_a_source_without_facts_goes() -> None:
    first = facts(provider={"tools": True, "vision": None})
    assert with_source(first, LISTED, {"tools": True}) is first
    assert with_source(first, LISTED, {"tools": None}) == {}
