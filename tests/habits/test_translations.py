"""Every text of the interface is there in every language."""

import re
import subprocess
import sys
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from tests.habits.tree import ROOT

LANGUAGES = ("vi", "zh")
EXTRACT = "--quiet extract --mapping-file pyproject.toml --keywords lazy_gettext"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Every text that the code and the templates ask for."""
    path = tmp_path_factory.mktemp("texts") / "messages.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", *EXTRACT.split(), "--output-file", str(path), "."]
    subprocess.run(command, cwd=ROOT, check=True)
    return read_po(BytesIO(path.read_bytes()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(source: Catalog, language: str) -> None:
    translated = _catalogue(language)
    missing = [message.id for message in source if message.id and not all(_translations(translated, message))]
    assert missing == [], "bin/translate brings the catalogues up to date"


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_survive_translation(source: Catalog, language: str) -> None:
    translated = _catalogue(language)
    broken = [
        text
        for message in source
        for text in _translations(translated, message)
        # The plural is the form that names the number; languages without a plural use it for one, too.
        if text and message.id and _placeholders(text) != _placeholders(_forms(message.id)[-1])
    ]
    assert broken == []


def _catalogue(language: str) -> Catalog:
    path = ROOT / "webapp/translations" / language / "LC_MESSAGES/messages.po"
    return read_po(BytesIO(path.read_bytes()), locale=language)


def _translations(catalogue: Catalog, message: Message) -> list[str]:
    """Return every form of a text in that language; an empty one where it is missing or only guessed."""
    found = catalogue.get(message.id, message.context)
    return _forms(found.string or "") if found and not found.fuzzy else [""]


def _forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def _placeholders(text: str) -> list[str]:
    return sorted(set(PLACEHOLDER.findall(text)))
