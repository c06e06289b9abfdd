"""Every call leaves one row, whoever made it and however it ended."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import delete, update

from tests import far_end_chat
from tests.conftest import Person
from tests.far_end import FarEnd
from tests.usage.conftest import Chat, Ledger
from webapp.core.database import reading, writing
from webapp.providers.check import Check
from webapp.providers.checks import run_check
from webapp.providers.provider import Provider
from webapp.providers.vendors import vendors
from webapp.upstream.messages import Usage
from webapp.usage.event import UsageEvent
from webapp.usage.prices import cost_nano_usd

OUTPUT = 13  # tokens that the far end counts for its usual text, streamed
TELLS_COST = {"prompt_tokens": 9, "completion_tokens": 3, "cost": 0.0034, "total_tokens": 12}
BOASTS = {"prompt_tokens": 10**30, "completion_tokens": 3}


def told(usage: dict[str, object]) -> Callable[..., None]:
    """A script: an answer with that usage."""

    def play(call: object) -> None:
        call.head(200)  # type: ignore[attr-defined]
        for frame in (far_end_chat.delta("Hi"), far_end_chat.finish(), far_end_chat.event({"usage": usage})):
            call.chunk(frame)  # type: ignore[attr-defined]
        call.end()  # type: ignore[attr-defined]

    return play


def test_a_whole_answer_leaves_its_figures(chat: Chat, far_end: FarEnd, ledger: Ledger) -> None:
    far_end.pace = 0.02
    asked = chat.answer()
    row, run = ledger.row(), chat.run(asked)
    assert (row.outcome, row.source, row.kind, row.route, row.attempts) == ("ok", "chat", "chat", "direct", 1)
    assert (row.user_id, row.token_id, row.provider_id) == (chat.person.user_id, None, chat.provider_id)
    assert (row.provider_slug, row.provider_name, row.model_id) == ("far-end", "Far End", "ok")
    assert (row.input_tokens, row.output_tokens) == (9, OUTPUT) == (run.input_tokens, run.output_tokens)
    assert (row.cached_tokens, row.reasoning_tokens, row.cost_nano_usd) == (None, None, None)
    # The reader waits a little longer: until the provider is asked, too.
    assert 0 < row.first_token_ms <= run.first_token_ms
    assert row.first_token_ms + (OUTPUT - 1) * far_end.pace * 900 < row.latency_ms <= run.duration_ms
    assert run.started_at <= row.at


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("401", "auth_invalid"),
        ("402", "billing"),
        ("429", "rate_limit"),
        ("503", "overloaded"),
        ("cut", "incomplete"),
        ("error-mid", "incomplete"),
        ("silent", "stream_cut"),
        ("length", "ok"),
    ],
)
def test_each_outcome_leaves_one_row(chat: Chat, ledger: Ledger, script: str, outcome: str) -> None:
    chat.answer(model=script)
    row = ledger.row()
    assert (row.outcome, row.model_id, row.cost_nano_usd) == (outcome, script, None)
    assert (row.input_tokens, row.output_tokens) == (None, None)
    assert row.latency_ms
    assert (row.first_token_ms is None) == (outcome not in ("ok", "incomplete"))
    assert ledger.rows()[0].id == row.id  # asking once more writes nothing once more


def test_an_answer_that_was_stopped_says_so(chat: Chat, ledger: Ledger) -> None:
    asked = chat.ask(model="stall-mid")
    with chat.watch(asked) as events:
        assert any("Half" in event for event in events)
        chat.person.post(f"{asked.at}/stop")
    chat.wait(asked)
    assert (ledger.row().outcome, ledger.row().first_token_ms is None) == ("stopped", False)


def test_retries_and_continuations_are_calls_of_their_own(chat: Chat, ledger: Ledger) -> None:
    asked = chat.answer(model="cut")
    chat.wait(chat.again(asked, "continuations"))
    chat.wait(chat.again(asked, "retries", model="ok"))
    assert [row.outcome for row in ledger.rows()] == ["incomplete", "incomplete", "ok"]


def test_a_request_that_was_repaired_took_two_attempts(chat: Chat, ledger: Ledger) -> None:
    chat.answer(model="refuse:stream_options")
    assert (ledger.row().outcome, ledger.row().attempts) == ("ok", 2)


def test_where_no_call_was_made_there_is_no_row(chat: Chat, ledger: Ledger) -> None:
    asked = chat.answer(model="401")
    with chat.app.app_context(), writing() as session:
        session.execute(update(Provider).where(Provider.id == chat.provider_id).values(is_enabled=False))
    chat.wait(chat.again(asked))
    assert [row.outcome for row in ledger.rows()] == ["auth_invalid"]


def test_a_cost_that_the_provider_told_is_shown_under_the_answer(
    chat: Chat, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(far_end_chat.SCRIPTS, "costs", told(TELLS_COST))
    asked = chat.answer(model="costs")
    assert ledger.row().cost_nano_usd == 3_400_000 == chat.run(asked).cost_nano_usd
    assert "$0.0034" in chat.person.get(asked.page).text


def test_a_known_price_makes_the_cost(
    chat: Chat, far_end: FarEnd, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vendors(), "openai", replace(vendors()["openai"], base_url=far_end.base_url))
    with chat.app.app_context(), writing() as session:
        session.execute(update(Provider).where(Provider.id == chat.provider_id).values(vendor_id="openai"))
    chat.answer(model="gpt-4o")
    assert ledger.row().cost_nano_usd == cost_nano_usd("openai", "gpt-4o", Usage(9, OUTPUT)) == 152_500


def test_a_count_beyond_all_reason_is_as_good_as_not_told(
    chat: Chat, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(far_end_chat.SCRIPTS, "boasts", told(BOASTS))
    asked = chat.answer(model="boasts")
    assert chat.run(asked).status == "done"
    assert (ledger.row().input_tokens, ledger.row().output_tokens) == (0, 3)


def test_the_figures_outlive_the_provider(chat: Chat, ledger: Ledger) -> None:
    chat.answer()
    assert ledger.row().provider_id == chat.provider_id
    with chat.app.app_context(), writing() as session:
        session.execute(delete(Provider).where(Provider.id == chat.provider_id))
    assert (ledger.row().provider_id, ledger.row().provider_slug) == (None, "far-end")


def check(app: Flask, person: Person, provider_id: int | None, target_of: int, model: str | None) -> list[str]:
    """Run a connection test to its end; return the names of the rungs that asked a model."""
    with app.app_context():
        with writing() as session:
            provider = session.get_one(Provider, target_of)
            target = provider.target(session)
            made = Check(provider_id=provider_id, user_id=person.user_id, name="Far End", model=model)
            made.rungs = []
            session.add(made)
            session.flush()
            check_id = made.id
        run_check(check_id, target, model)
        with reading() as session:
            rungs = session.get_one(Check, check_id).rungs
    return [rung["name"] for rung in rungs if rung["name"] in ("answer", "stream") and rung["verdict"] != "skipped"]


def test_a_connection_test_leaves_a_row_for_each_question(
    app: Flask, owner: Person, far_end: FarEnd, add_provider: Callable[..., int], ledger: Ledger
) -> None:
    provider = add_provider(far_end.base_url)
    assert check(app, owner, provider, provider, "ok") == ["answer", "stream"]
    whole, streamed = ledger.rows()
    for row in (whole, streamed):
        assert (row.outcome, row.source, row.kind, row.user_id) == ("ok", "check", "probe", owner.user_id)
        assert (row.provider_id, row.model_id, row.input_tokens) == (provider, "ok", 9)
        assert row.latency_ms
    assert (whole.output_tokens, streamed.output_tokens) == (14, OUTPUT)
    assert (whole.first_token_ms, streamed.first_token_ms is None) == (None, False)


def test_a_failed_connection_test_names_the_category_and_what_was_not_asked_has_no_row(
    app: Flask, owner: Person, far_end: FarEnd, add_provider: Callable[..., int], ledger: Ledger
) -> None:
    provider = add_provider(far_end.base_url)
    assert check(app, owner, None, provider, "401") == ["answer"]
    row: UsageEvent = ledger.row()
    assert (row.outcome, row.provider_id, row.provider_name, row.model_id) == ("auth_invalid", None, "Far End", "401")
