"""The OpenAPI document describes every route of /api and /v1, and says nothing that is not so."""

import json
import re
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from flask import Flask

from tests.conftest import Person
from tests.program import program
from webapp.web.openapi import AREAS
from webapp.web.shapes import About, request_schema, violations

PLAIN_POSTS = ("/api/gateways/{gateway_id}/verify",)  # there is nothing to say with them


class Inner(TypedDict, total=False):
    sight: bool | None


class Outer(TypedDict):
    name: Annotated[str, About(least=1, most=3)]
    size: NotRequired[Annotated[int | None, About(least=1, most=9)]]
    kind: NotRequired[Literal["a", "b"]]
    inner: NotRequired[Inner]
    words: NotRequired[Annotated[list[str], About(most=2)]]
    more: NotRequired[dict[str, int]]


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    answer = program(app, "admin").get("/api/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json)


def test_every_route_is_described_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(AREAS)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, operations in document["paths"].items() for method in operations}
    assert described == routes


def test_every_operation_is_whole(document: dict[str, Any]) -> None:
    names = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation["summary"].endswith("."), (method, path)
            assert operation["security"], (method, path)
            assert {"400", "401", "403"} <= operation["responses"].keys()
            assert any(status.startswith("2") for status in operation["responses"])
            arguments = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
            assert arguments == re.findall(r"\{(\w+)\}", path)
            assert ("requestBody" in operation) == (method in ("post", "patch") and path not in PLAIN_POSTS), (
                method,
                path,
            )
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))
    assert references == set(document["components"]["schemas"])
    assert all(document["components"]["schemas"].values())


def test_every_token_and_every_browser_reads_it_but_no_visitor(app: Flask, owner: Person, visitor: Person) -> None:
    for scope in ("chat", "manage"):
        assert program(app, "owner", scope).get("/api/openapi.json").status_code == 200
    assert owner.get("/api/openapi.json").status_code == 200
    refused = visitor.get("/api/openapi.json")
    assert (refused.status_code, refused.json["error"] != "") == (401, True)


def test_what_is_sent_is_checked_against_what_is_shown() -> None:
    schema = request_schema(Outer)
    assert schema["required"] == ["name"]
    assert violations({"name": "abc", "size": None, "kind": "a", "inner": {"sight": None}}, schema) == {}
    assert violations({"name": "a", "words": ["x"], "more": {"y": 1}}, schema) == {}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "abcd"}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": None}, "name"),
        ({"name": "a", "size": 0}, "size"),
        ({"name": "a", "size": 10}, "size"),
        ({"name": "a", "size": True}, "size"),
        ({"name": "a", "size": 1.5}, "size"),
        ({"name": "a", "kind": "c"}, "kind"),
        ({"name": "a", "kind": 1}, "kind"),
        ({"name": "a", "inner": {"sight": 1}}, "inner.sight"),
        ({"name": "a", "inner": {"smell": True}}, "inner.smell"),
        ({"name": "a", "inner": []}, "inner"),
        ({"name": "a", "words": "xy"}, "words"),
        ({"name": "a", "words": ["x", "y", "z"]}, "words"),
        ({"name": "a", "words": [1]}, "words.0"),
        ({"name": "a", "more": {"y": "1"}}, "more.y"),
        ({"name": "a", "else": 1}, "else"),
    ],
)
def test_every_fault_is_told_with_its_field(app: Flask, value: dict[str, Any], field: str) -> None:
    with app.test_request_context():
        found = violations(value, request_schema(Outer))
    assert list(found) == [field]
    assert all(found[field])
