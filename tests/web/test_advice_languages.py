"""Each category and each recovery step of the corpus, in each language: title, cause, numbered steps, no English."""

import json
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from flask import Flask, render_template_string
from flask_babel import force_locale, gettext

from tests.upstream.corpus_cases import CORPUS
from webapp.core.paths import STATIC, TEMPLATES
from webapp.providers.failure import failure_record
from webapp.upstream.failures import failure
from webapp.web.advice import Advice, advise
from webapp.web.assets import install_assets
from webapp.web.i18n import LANGUAGES, install_languages

CONTRACT = json.loads((CORPUS / "index.json").read_text())["errors_contract"]
NOTICE = """{% from "ui/failure.html" import failure_notice %}{{ failure_notice(advice, failure, "failure-7") }}"""
READERS = ({}, {"is_admin": False}, {"is_admin": False, "may_change": False})


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    app = Flask("webapp", template_folder=str(TEMPLATES), static_folder=str(STATIC))
    install_languages(app)
    install_assets(app)
    app.jinja_env.globals["csrf_token"] = str
    return app


def texts(advice: Advice) -> list[str]:
    return [advice.title, advice.cause, *advice.steps]


@pytest.mark.parametrize("action", sorted(CONTRACT["actions"]))
@pytest.mark.parametrize("category", sorted(CONTRACT["categories"]))
def test_it_is_explained_in_every_language(app: Flask, category: str, action: str) -> None:
    found = failure_record(failure(category, action=action))
    with app.test_request_context():
        for reader in READERS:
            spoken = {}
            for language in LANGUAGES:
                with force_locale(language):
                    advice = advise(found, provider="QX", model="m1", host="h:1", **reader)
                    spoken[language] = texts(advice)
                    html = render_template_string(NOTICE, advice=advice, failure=found)
                notice = ElementTree.fromstring(html.strip())
                assert [item.text for item in notice.findall("ol/li")] == list(advice.steps)
                assert notice.findtext("b") == advice.title
                assert notice.findtext("p") == advice.cause
                assert advice.steps
            for language in ("vi", "zh"):
                assert len(spoken[language]) == len(spoken["en"])
                assert [text for text in spoken[language] if text in spoken["en"]] == []


def test_the_lists_are_those_of_the_corpus(app: Flask) -> None:
    assert len(CONTRACT["categories"]) >= 29
    assert len(CONTRACT["actions"]) >= 31
    with app.test_request_context(), force_locale("vi"):
        assert gettext("Try again.") != "Try again."
