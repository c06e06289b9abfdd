"""What the layers say together: every combination of them, and of what a program says itself."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.models.parameters import BINDING, LAYERS, PARAMETERS, Layer, applied, effective, sent
from webapp.upstream.messages import ChatMessage, ChatRequest

ASKED = ChatRequest("ok", (ChatMessage("user", "Hello"),))
names = st.sampled_from(["temperature", "max_tokens", "stop", "verbosity", "seed"])
values = st.integers(0, 3)


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Layer]:
    """Layers that hold, drop, or do not mention each of a few names."""
    found: dict[str, Layer] = {}
    for name in draw(st.sets(st.sampled_from(LAYERS))):
        said = draw(st.dictionaries(names, values))
        layer: dict[str, Any] = {key: value for key, value in said.items() if key in PARAMETERS}
        if extra := {key: value for key, value in said.items() if key not in PARAMETERS}:
            layer["extra_body"] = extra
        if dropped := sorted(draw(st.sets(names)) - said.keys()):
            layer["drop"] = dropped
        found[name] = layer
    return found


def fields(request: ChatRequest) -> dict[str, Any]:
    """What a request would send beyond its messages."""
    own = {"temperature": request.temperature, "max_tokens": request.max_tokens} | request.extra
    return {name: value for name, value in own.items() if value is not None}


@given(layers())
def test_a_call_without_words_of_its_own_sends_what_the_layers_say(found: dict[str, Layer]) -> None:
    assert fields(applied(ASKED, found)) == sent(found)


@given(layers(), st.dictionaries(names, values))
def test_what_a_program_says_wins_unless_provider_or_model_drop_it(
    found: dict[str, Layer], own: dict[str, Any]
) -> None:
    request = ChatRequest("ok", (), own.get("max_tokens"), own.get("temperature"), _rest(own))
    result = fields(applied(request, found))
    state = {name: _decided(found, name) for name in own}
    for name, value in own.items():
        assert result.get(name) == (None if state[name] == "dropped for all" else value)
    others = {name: value for name, value in sent(found).items() if name not in own}
    assert {name: value for name, value in result.items() if name not in own} == others


@given(layers())
def test_each_setting_names_the_last_layer_that_spoke_of_it_and_all_that_it_overruled(found: dict[str, Layer]) -> None:
    for setting in effective(found):
        spoke = [layer for layer in LAYERS if _says(found.get(layer, {}), setting.name)]
        assert [one.layer for one in (setting, *setting.earlier)] == spoke[::-1]
        for one in (setting, *setting.earlier):
            assert _says(found[one.layer], setting.name) == ("drop" if one.is_dropped else ("value", one.value))


@pytest.mark.parametrize("said", list(product((None, "value", "drop"), repeat=4)))
def test_every_combination_of_four_layers_for_one_parameter(said: tuple[str | None, ...]) -> None:
    found = {
        layer: {"seed": number} if word == "value" else {"drop": ["seed"]} if word else {}
        for number, (layer, word) in enumerate(zip(LAYERS, said, strict=True))
    }
    last = next((number for number in (3, 2, 1, 0) if said[number]), None)
    expected = {"seed": last} if last is not None and said[last] == "value" else {}
    assert fields(applied(ASKED, found)) == expected


def test_what_stands_for_the_same_thing_is_not_sent_twice() -> None:
    found: dict[str, Layer] = {"provider": {"max_tokens": 10, "stop": ["x"], "reasoning_effort": "low"}}
    own = {"max_completion_tokens": 5, "stop_sequences": ["y"], "thinking": {"type": "disabled"}}
    assert fields(applied(ChatRequest("ok", (), extra=own), found)) == own


def test_a_dropped_length_is_dropped_under_its_other_name_too() -> None:
    found: dict[str, Layer] = {"model": {"drop": ["max_tokens", "tools"]}}
    own = {"max_completion_tokens": 5, "tools": [{}], "tool_choice": "auto", "user": "me"}
    assert fields(applied(ChatRequest("ok", (), extra=own), found)) == {"user": "me"}


def test_extra_fields_are_joined_by_name() -> None:
    found: dict[str, Layer] = {
        "provider": {"extra_body": {"verbosity": "low", "thinking": {"type": "disabled"}}},
        "preset": {"extra_body": {"verbosity": "high"}},
    }
    assert sent(found) == {"verbosity": "high", "thinking": {"type": "disabled"}}


def test_settings_come_in_the_order_of_the_form() -> None:
    found: dict[str, Layer] = {"provider": {"seed": 1, "extra_body": {"b": 1, "a": 1}, "temperature": 0}}
    assert [setting.name for setting in effective(found)] == ["temperature", "seed", "a", "b"]


def _rest(own: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if name not in ("temperature", "max_tokens")}


def _says(layer: Layer, name: str) -> object:
    if name in layer.get("drop", ()):
        return "drop"
    known = {**layer, **layer.get("extra_body", {})}
    return ("value", known[name]) if name in known else None


def _decided(found: dict[str, Layer], name: str) -> str:
    state = ""
    for layer in LAYERS:
        said = _says(found.get(layer, {}), name)
        if said == "drop":
            state = "dropped for all" if layer in BINDING else state or "dropped"
        elif said:
            state = "set"
    return state
