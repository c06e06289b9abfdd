"""Who is asked, in which order, and why: for any world, question and throw of the dice."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from webapp.routing.choose import choose
from webapp.routing.terms import AUTOMATIC, Alias, Decision, Key, Place, Question, Rule, State


@dataclass
class Now:
    """How things stand, as a test says."""

    states: dict[tuple[str, str], State] = field(default_factory=dict)  # place's provider and route
    keys: dict[int, State] = field(default_factory=dict)
    speeds: dict[int, float] = field(default_factory=dict)

    def state(self, provider_id: int, model_pk: int, route: str) -> State:
        return self.states.get((NAMES[provider_id], route), "unknown")

    def key_state(self, key_id: int) -> State:
        return self.keys.get(key_id, "unknown")

    def first_token_ms(self, model_pk: int, route: str) -> float | None:
        return self.speeds.get(model_pk)


NAMES = {1: "groq", 2: "openai", 3: "zai"}
GROQ, OPENAI, ZAI = (Place(number, name, number * 10, f"{name}-model") for number, name in NAMES.items())


def alias(*places: Place, **more: object) -> Alias:
    return Alias("best", tuple((place, 1) for place in places), **more)  # type: ignore[arg-type]


def order(decision: Decision) -> list[str]:
    return [f"{option.place.provider} {option.route}" for option in decision.options]


def words(decision: Decision) -> list[str]:
    return [step.word for step in decision.steps]


def test_a_model_by_its_name_is_asked_direct() -> None:
    decision = choose(Question(GROQ), (), Now(), 1)
    assert order(decision) == ["groq direct"]
    assert decision.steps == ()


def test_an_ordered_alias_is_asked_in_its_order_whatever_the_dice() -> None:
    for dice in range(20):
        assert order(choose(Question(alias(ZAI, GROQ, OPENAI)), (), Now(), dice)) == [
            "zai direct",
            "groq direct",
            "openai direct",
        ]


def test_what_is_out_comes_last_but_is_not_forgotten() -> None:
    now = Now({("zai", "direct"): "down", ("groq", "direct"): "resting"})
    decision = choose(Question(alias(ZAI, GROQ, OPENAI)), (), now, 1)
    assert order(decision) == ["openai direct", "zai direct", "groq direct"]
    assert decision.steps[-1].values == {"names": ["groq/groq-model", "zai/zai-model"], "all": False}


def test_when_all_are_out_all_are_tried_in_their_order() -> None:
    now = Now({(name, "direct"): "down" for name in NAMES.values()})
    decision = choose(Question(alias(OPENAI, ZAI)), (), now, 1)
    assert order(decision) == ["openai direct", "zai direct"]
    assert decision.steps[-1].values["all"] is True


def test_weights_say_how_often_each_comes_first() -> None:
    weighted = Alias("mix", ((GROQ, 3), (OPENAI, 1), (ZAI, 0)), "weighted")
    firsts = Counter(order(choose(Question(weighted), (), Now(), dice))[0] for dice in range(4000))
    assert 0.70 < firsts["groq direct"] / 4000 < 0.80
    assert firsts["zai direct"] == 0
    assert all(order(choose(Question(weighted), (), Now(), dice))[-1] == "zai direct" for dice in range(50))


def test_the_cheapest_comes_first_and_what_has_no_price_last() -> None:
    cheap = alias(ZAI, replace(GROQ, price=2.0), replace(OPENAI, price=0.0), strategy="cheapest")
    assert order(choose(Question(cheap), (), Now(), 1)) == ["openai direct", "groq direct", "zai direct"]


def test_the_fastest_of_late_comes_first() -> None:
    fast = alias(ZAI, GROQ, OPENAI, strategy="fastest")
    now = Now(speeds={GROQ.model_pk: 900, OPENAI.model_pk: 200})
    assert order(choose(Question(fast), (), now, 1)) == ["openai direct", "groq direct", "zai direct"]


def test_what_cannot_do_it_is_asked_after_those_that_can() -> None:
    blind = replace(ZAI, capabilities={"vision": False})
    small = replace(OPENAI, context_length=1000)
    decision = choose(Question(alias(blind, small, GROQ), needs=frozenset({"vision"}), input_tokens=5000), (), Now(), 1)
    assert order(decision) == ["groq direct", "zai direct", "openai direct"]
    assert [step.values["what"] for step in decision.steps if step.word == "lacks"] == [["vision"], ["context_length"]]


def test_automatic_begins_direct_and_leaves_it_while_it_is_out() -> None:
    both = replace(ZAI, route=AUTOMATIC, routes=("direct", "office"))
    assert order(choose(Question(both), (), Now(), 1)) == ["zai direct", "zai office"]
    away = Now({("zai", "direct"): "down"})
    assert order(choose(Question(both), (), away, 1)) == ["zai office", "zai direct"]
    worse = Now({("zai", "direct"): "down", ("zai", "office"): "down"})
    assert order(choose(Question(both), (), worse, 1)) == ["zai direct", "zai office"]


def test_a_route_that_is_insisted_on_is_the_only_one() -> None:
    both = replace(ZAI, route=AUTOMATIC, routes=("direct", "office"))
    assert order(choose(Question(both, route="office"), (), Now(), 1)) == ["zai office"]
    decision = choose(Question(GROQ, route="office"), (), Now(), 1)
    assert decision.options == ()
    assert words(decision) == ["insisted", "no_such_route"]


def test_keys_are_drawn_by_weight_and_those_that_rest_come_last() -> None:
    many = replace(GROQ, keys=(Key(1, 3), Key(2, 1), Key(3, 1)))
    firsts = Counter(choose(Question(many), (), Now(), dice).options[0].key.id for dice in range(2000))
    assert 0.52 < firsts[1] / 2000 < 0.68
    now = Now(keys={1: "resting"})
    assert all(choose(Question(many), (), now, dice).options[-1].key.id == 1 for dice in range(50))


def test_a_gateway_of_others_is_asked_once_whatever_keys_there_are() -> None:
    many = replace(GROQ, keys=(Key(1), Key(2)), routes=("direct", "office"), route="office")
    assert order(choose(Question(many), (), Now(), 1)) == ["groq office"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("a", provider="groq", to=OPENAI), ["openai direct"]),
        (Rule("b", model="GROQ-*", to=alias(ZAI, OPENAI)), ["zai direct", "openai direct"]),
        (Rule("c", model="gpt-*", to=OPENAI), ["groq direct"]),
        (Rule("d", capability="vision", to=OPENAI), ["openai direct"]),
        (Rule("e", capability="tools", to=OPENAI), ["groq direct"]),
        (Rule("f", project="work", to=OPENAI), ["groq direct"]),
    ],
)
def test_a_rule_speaks_when_all_that_it_names_matches(rule: Rule, expected: list[str]) -> None:
    assert order(choose(Question(GROQ, needs=frozenset({"vision"})), [rule], Now(), 1)) == expected


def test_the_first_rule_of_each_kind_counts() -> None:
    gated = replace(OPENAI, routes=("direct", "office"))
    rules = [
        Rule("one", provider="groq", to=gated),
        Rule("two", provider="*", to=ZAI),
        Rule("three", model="groq*", route="office"),
        Rule("four", route="direct"),
    ]
    decision = choose(Question(GROQ), rules, Now(), 1)
    assert order(decision) == ["openai office"]
    assert [step.values["rule"] for step in decision.steps] == ["one", "three"]


def test_what_the_caller_insists_on_is_stronger_than_a_rule_about_routes() -> None:
    both = replace(ZAI, routes=("direct", "office"))
    assert order(choose(Question(both, route="direct"), [Rule("r", route="office")], Now(), 1)) == ["zai direct"]


def test_a_conversation_stays_with_who_answered_before_unless_they_are_out() -> None:
    weighted = Alias("mix", ((GROQ, 1), (OPENAI, 1)), "weighted")
    question = Question(weighted, last=(OPENAI.model_pk, "direct"))
    assert all(order(choose(question, (), Now(), dice))[0] == "openai direct" for dice in range(50))
    away = Now({("openai", "direct"): "down"})
    assert all(order(choose(question, (), away, dice))[0] == "groq direct" for dice in range(50))
    wandering = replace(question, subject=replace(weighted, is_sticky=False))
    assert {order(choose(wandering, (), Now(), dice))[0] for dice in range(50)} == {"groq direct", "openai direct"}


def test_the_same_dice_give_the_same_decision() -> None:
    weighted = Alias("mix", ((GROQ, 1), (OPENAI, 1), (ZAI, 1)), "weighted")
    assert choose(Question(weighted), (), Now(), 7) == choose(Question(weighted), (), Now(), 7)


def test_two_hundred_rules_are_looked_through_and_none_is_missed() -> None:
    rules = [Rule(f"r{n}", provider=f"p{n}-*", model=f"m{n}*", capability="vision", to=ZAI) for n in range(199)]
    rules.append(Rule("last", model="groq-model", to=OPENAI))
    assert order(choose(Question(GROQ, needs=frozenset({"vision"})), rules, Now(), 1)) == ["openai direct"]


def test_what_is_no_chat_goes_direct_where_the_gateway_in_this_process_is_set() -> None:
    place = replace(GROQ, route="embedded", routes=("direct", "embedded", "office"))
    assert order(choose(Question(place), (), Now(), 1)) == ["groq embedded"]
    assert order(choose(Question(place, is_chat=False), (), Now(), 1)) == ["groq direct"]
    assert order(choose(Question(place, route="office", is_chat=False), (), Now(), 1)) == ["groq office"]
    place = replace(place, route="automatic")
    assert order(choose(Question(place, is_chat=False), (), Now(), 1)) == ["groq direct", "groq office"]
