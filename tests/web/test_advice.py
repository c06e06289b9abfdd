"""Every failure is explained: what, why, and what to do now, also when little is known about it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from flask import Flask, render_template_string
from flask_babel import force_locale

from tests.upstream.corpus_cases import Case, cases
from webapp.core import clock
from webapp.core.paths import STATIC, TEMPLATES
from webapp.providers.failure import failure_record, own_failure
from webapp.upstream import failures
from webapp.upstream.failures import CATEGORIES, Exchange
from webapp.web.advice import Advice, advise
from webapp.web.advice_cases import CASES
from webapp.web.advice_entry import Action
from webapp.web.advice_texts import TEXTS
from webapp.web.assets import install_assets
from webapp.web.i18n import install_languages

# What a page offers for the recovery steps that a button can take; other steps are words.
BUTTONS = {
    "edit_key": "edit_key",
    "fix_base_url": "edit_address",
    "try_sibling_endpoint": "edit_address",
    "open_billing": "open_key_page",
    "pick_model": "pick_model",
    "retry": "retry",
    "continue_answer": "continue",
}
KNOWN = {"provider": "Qwen", "model": "qwen9", "host": "10.0.0.9:8000", "key_page": "https://keys.example/"}
NOTICE = """{% from "ui/failure.html" import failure_notice %}
{% call failure_notice(advice, failure, "failure-7") %}{{ button }}{% endcall %}"""
HOSTILE = '<img src=x onerror=alert(1)> & "quoted"'


@pytest.fixture(autouse=True)
def app() -> Iterator[Flask]:
    app = Flask("webapp", template_folder=str(TEMPLATES), static_folder=str(STATIC))
    install_languages(app)
    install_assets(app)
    with app.test_request_context():
        yield app


def failure(category: str, **known: Any) -> dict[str, Any]:
    """Return a failure as it is stored, with the usual recovery step of its category."""
    return failure_record(failures.failure(category, **known))


def assert_is_whole(advice: Advice) -> None:
    assert advice.title
    assert advice.cause
    assert 1 <= len(advice.steps) <= 3
    assert advice.action is None or advice.action in get_args(Action)
    texts = " ".join([advice.title, advice.cause, *advice.steps])
    assert "%" not in texts
    assert not re.search(r"!|\b[Pp]lease\b|\b[Oo]ops\b|\bNone\b", texts)


def test_the_texts_are_those_of_the_known_categories() -> None:
    assert set(TEXTS) == CATEGORIES
    assert {category for category, _ in CASES} <= CATEGORIES


@pytest.mark.parametrize("category", sorted(CATEGORIES))
@pytest.mark.parametrize("retry_after_seconds", [None, 18.0])
@pytest.mark.parametrize("status", [None, 418])
@pytest.mark.parametrize("known", [{"provider": "Qwen"}, KNOWN], ids=["little", "all"])
def test_every_category_is_explained(
    category: str, retry_after_seconds: float | None, status: int | None, known: dict[str, str]
) -> None:
    found = failure(category, status=status, retry_after_seconds=retry_after_seconds)
    for rights in ({}, {"is_admin": False}, {"is_admin": False, "may_change": False}):
        assert_is_whole(advise(found, **known, **rights))


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_failure_of_our_own_is_explained(category: str) -> None:
    assert_is_whole(advise(own_failure(category), provider="Qwen"))


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_special_case_is_explained(case: tuple[str, str]) -> None:
    category, word = case
    hosts = {"loopback": "localhost:11434", "container": "host.docker.internal:11434"}
    found = own_failure(category) if word == "own" else failure(category, action=word)
    advice = advise(found, provider="Qwen", host=hosts.get(word, ""), is_admin=word != "member")
    assert_is_whole(advice)
    assert advice.cause == str(CASES[case].cause) % {"provider": "Qwen", "model": "this model", "host": "Qwen"}


@pytest.mark.parametrize("case", cases("errors"))
def test_every_error_of_the_corpus_is_explained(case: Case) -> None:
    expect = case["expect"]
    found = failure(
        expect["category"],
        status=case["status"] or None,
        action=expect["action"],
        retry_after_seconds=expect["retry_after_s"],
    )
    advice = advise(found, **KNOWN)
    assert_is_whole(advice)
    assert advice.action == BUTTONS.get(expect["action"], advice.action)


def test_an_unknown_category_gets_general_words() -> None:
    for found in ({"category": "solar_flare", "status": 599}, {}):
        assert_is_whole(advise(found, provider="Qwen"))


def test_the_title_names_the_status_of_a_refusal() -> None:
    assert advise(failure("auth_invalid", status=401), provider="Qwen").title == "The key was refused (HTTP 401)"


def test_the_title_does_not_name_the_status_of_an_error_inside_a_stream() -> None:
    assert advise(failure("server_error", status=200), provider="Qwen").title == "Qwen failed"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (18, "18 s"), (90, "90 s"), (91, "2 min"), (5400, "90 min"), (57_600, "16 h"), (604_800, "7 d")],
)
def test_a_wait_that_the_provider_named_comes_first_and_is_never_too_short(seconds: float, text: str) -> None:
    advice = advise(failure("rate_limit", retry_after_seconds=seconds), provider="Qwen")
    assert advice.steps[0] == f"Wait {text}: the provider asked for that."


def test_a_long_wait_is_told_by_the_clock_and_ends() -> None:
    found = failure("quota_window", retry_after_seconds=7200)
    soon = advise(found, provider="Qwen", at=clock.now()).steps[0]
    assert re.fullmatch(r"Wait 2 h, until .*\d:\d\d.*: the provider asked for that\.", soon)
    over = advise(found, provider="Qwen", at=clock.now() - timedelta(hours=3)).steps[0]
    assert over == "Try again: the wait that the provider asked for is over."
    named = failure("quota_window", details={"reset_at": "2026-11-20 15:30:00"})
    assert "2026-11-20 15:30:00" in advise(named, provider="Qwen").steps[0]


@pytest.mark.parametrize(
    ("model", "command"),
    [("qwen3:8b", "ollama pull qwen3:8b"), ("x; rm -rf ~", ""), ("$(id)", ""), ("-h", ""), ("a\nb", ""), (None, "")],
)
def test_a_command_holds_only_a_harmless_name(model: str | None, command: str) -> None:
    found = failure("model_not_found", action="pull_model")
    assert advise(found, provider="Ollama", model=model).command == command
    assert advise(failure("model_not_found"), provider="Ollama", model=model).command == ""


def test_localhost_brings_up_the_container() -> None:
    for host in ("localhost:11434", "127.0.0.1", "[::1]:8080"):
        steps = advise(failure("network_refused"), provider="Ollama", host=host).steps
        assert any("host.docker.internal" in step for step in steps)
    steps = advise(failure("network_refused"), provider="Ollama", host="localhost.example.com").steps
    assert not any("host.docker.internal" in step for step in steps)


def test_a_private_address_is_opened_by_an_admin_and_asked_for_by_others() -> None:
    admins = advise(failure("blocked_address"), **KNOWN)
    assert admins.action == "open_address"
    assert "10.0.0.9:8000" in admins.steps[0]
    members = advise(failure("blocked_address"), **KNOWN, is_admin=False)
    assert members.action == "pick_model"
    assert members.steps[0].startswith("Ask an admin to open 10.0.0.9:8000")


def test_nobody_is_sent_to_a_provider_that_they_may_not_change() -> None:
    advice = advise(failure("auth_invalid"), **KNOWN, may_change=False)
    assert advice.action == "pick_model"
    assert not any("replace" in step for step in advice.steps)


def test_without_a_page_of_the_provider_no_link_to_it_is_offered() -> None:
    assert advise(failure("billing"), **KNOWN).action == "open_key_page"
    assert advise(failure("billing"), provider="Qwen").action == "pick_model"


def test_the_language_is_that_of_the_reader() -> None:
    with force_locale("vi"):
        assert_is_whole(advise(failure("rate_limit", status=429), provider="Qwen"))


def test_a_notice_holds_everything_and_escapes_it() -> None:
    exchange = Exchange(request=f"POST / HTTP/1.1\n\n{HOSTILE}", response=HOSTILE)
    found = failure("auth_invalid", status=401, message=HOSTILE, code=HOSTILE, exchange=exchange)
    notice = draw(found, HOSTILE, "a button")
    assert {"id": "failure-7", "role": "alert"}.items() <= notice.attrib.items()
    assert notice.find(".//img") is None
    assert notice.findtext("ol/li") == f"Copy the key again at {HOSTILE} and replace it here."
    assert notice.findtext("p/q") == notice.findtext("p/code") == HOSTILE
    assert notice.findtext("div[@class='acts']") == "a button"
    assert [raw.text for raw in notice.findall("details/pre")] == [exchange.request, exchange.response]


def test_a_notice_shows_nothing_that_is_not_there() -> None:
    notice = draw(own_failure("overloaded"), "Qwen", " ")
    assert [element.tag for element in notice] == ["svg", "b", "p", "ol"]


def draw(found: dict[str, Any], provider: str, button: str) -> ElementTree.Element:
    """Return the notice; a parser of XML takes one element, properly closed, and nothing beside it."""
    advice = advise(found, provider=provider)
    return ElementTree.fromstring(render_template_string(NOTICE, advice=advice, failure=found, button=button).strip())
