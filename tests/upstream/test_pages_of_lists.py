"""A model list that comes in pages is read to its end, whoever's way of paging it is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import far_end_lists
from tests.far_end import FarEnd
from webapp.upstream import list_models
from webapp.upstream.target import AuthStyle, Target

NAMES = [f"model-{number}" for number in range(25)]
PAGE = 10

Query = dict[str, list[str]]


def anthropic(query: Query) -> dict[str, Any]:
    start = NAMES.index(query["after_id"][0]) + 1 if "after_id" in query else 0
    shown = NAMES[start : start + PAGE]
    data = [{"type": "model", "id": name} for name in shown]
    return {"data": data, "has_more": start + PAGE < len(NAMES), "last_id": shown[-1]}


def cohere(query: Query) -> dict[str, Any]:
    start = int(query.get("page_token", ["0"])[0])
    more = {"next_page_token": str(start + PAGE)} if start + PAGE < len(NAMES) else {"next_page_token": ""}
    return {"models": [{"name": name} for name in NAMES[start : start + PAGE]], **more}


def gemini(query: Query) -> dict[str, Any]:
    start = int(query.get("pageToken", ["0"])[0])
    more = {"nextPageToken": str(start + PAGE)} if start + PAGE < len(NAMES) else {}
    return {"models": [{"name": name} for name in NAMES[start : start + PAGE]], **more}


def cloudflare(query: Query) -> dict[str, Any]:
    page = int(query.get("page", ["1"])[0])
    rows = [{"id": "0", "name": f"@cf/{name}"} for name in NAMES[(page - 1) * PAGE : page * PAGE]]
    return {"success": True, "result": rows, "result_info": {"page": page, "total_pages": 3}}


@pytest.mark.parametrize("way", [anthropic, cohere, gemini, cloudflare])
def test_every_page_is_fetched_and_the_list_is_whole(
    way: Callable[[Query], dict[str, Any]], far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        far_end_lists.SCRIPTS, "paged", lambda play: play.send(200, json.dumps(way(play.call.query)).encode())
    )
    found = list_models(Target("openai", far_end.at("paged"), auth_style=AuthStyle.NONE, allow_private=True))
    assert [info.id.removeprefix("@cf/") for info in found.models] == NAMES
    assert (found.complete, found.next, found.error, len(far_end.calls)) == (True, None, None, 3)
