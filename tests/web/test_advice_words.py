"""Our own words about a call that failed on the way, in the reader's language."""

import ast
from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import force_locale

from tests.conftest import Person
from webapp.core.paths import ROOT
from webapp.upstream import answer
from webapp.web.advice_words import PATTERNS, own_words

FAULTS = ("Fault", "_Full")
TEXTS = [text.format(3.0) for text in answer._OVERDUE.values()]


def faults() -> Iterator[str]:
    """Every sentence that a fault is raised with; what is filled in becomes `x`."""
    for path in sorted((ROOT / "webapp/upstream").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FAULTS:
                text = call.args[-1] if call.func.id == "_Full" else call.args[1]
                if isinstance(text, ast.Constant):
                    yield str(text.value)
                elif isinstance(text, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in text.values)


@pytest.mark.parametrize("text", sorted({*faults(), *TEXTS}))
@pytest.mark.parametrize("language", ["vi", "zh"])
def test_every_fault_of_the_way_there_is_translated(app: Flask, text: str, language: str) -> None:
    with app.test_request_context():
        assert own_words(text) == text
        with force_locale(language):
            assert own_words(text) != text


def test_what_is_filled_in_stays_and_what_others_say_is_left_alone(app: Flask) -> None:
    with app.test_request_context(), force_locale("vi"):
        assert "8443" in own_words("No connection to port 8443: Connection refused.")
        assert "Connection refused" in own_words("No connection to port 8443: Connection refused.")
        for text in ("", "Incorrect API key provided.", "%(x)s %s", "This address is not allowed. Or is it?"):
            assert own_words(text) == text


def test_every_pattern_finds_its_own_text() -> None:
    for text, pattern in PATTERNS.items():
        filled = dict.fromkeys(pattern.groupindex, "x")
        found = pattern.fullmatch(text % filled)
        assert found
        assert found.groupdict() == filled


@pytest.mark.parametrize("language", ["vi", "zh"])
def test_refusals_at_the_door_speak_the_readers_language(owner: Person, visitor: Person, language: str) -> None:
    headers = {"Accept-Language": language}
    cross = visitor.client.post("/login", headers={**headers, "Sec-Fetch-Site": "cross-site"})
    strange = visitor.client.get("/login", headers={**headers, "Host": "evil.example"})
    token = visitor.client.get("/api/providers", headers=headers)
    owner.post("/language", {"language": language})
    admins = owner.client.get("/providers/private-addresses", headers=headers)
    for refused, status, english in (
        (cross, 403, "another site"),
        (strange, 400, "not known here"),
        (token, 401, "Send a valid"),
        (admins, 403, "Only an admin"),
    ):
        assert refused.status_code == status
        assert english not in refused.text
    assert "JACKFIELD_TRUSTED_HOSTS" in strange.text
    assert "Authorization: Bearer jf_" in token.json["error"]
