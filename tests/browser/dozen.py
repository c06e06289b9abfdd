"""Twelve providers with ten thousand models: what their far ends list, and reading it through a serving process."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import far_end_lists
from tests.browser.house import House
from tests.upstream.corpus import make_big_list
from webapp.core.database import writing
from webapp.models.model import Model
from webapp.providers.provider import Provider

MODELS, USUAL, USUAL_SIZE = 10_000, 6, 1_000
HANGS, FAILS, STORE, ODD = "Hangs", "Fails", "Kho tạm", "通义工作室"
LONG_NAME = "Xưởng mô hình ngôn ngữ lớn Đà Nẵng – chi nhánh thứ mười hai"
FAMILY = "Mô hình tiếng Việt đặc biệt"
PRICED = {"prompt": "0.000001", "completion": "0.000002"}
SEEING = {"input_modalities": ["text", "image"], "output_modalities": ["text"]}

Row = dict[str, Any]

ODD_IDS = (
    "two words",
    " framed ",
    "tab\tinside",
    "a/b/c/../d",
    "/leading//slashes/",
    "通义千问-最大",
    "نموذج-اللغة",
    "🦙🦙",
    "x" * 2_000,
    "<b>bold</b>&amp;",
    "per%2Fcent?q=1#part",
)


@dataclass
class Dozen:
    """The house with all of them. `lists` is what far ends will send the next time, `ids` are providers, by name."""

    house: House
    lists: dict[str, list[Row]]
    ids: dict[str, int]

    def let_rest(self) -> None:
        """The pause after each list is over."""
        with self.house.app.app_context(), writing() as session:
            session.query(Provider).update({"refresh_blocked_until": None, "refresh_started_at": None})

    def count(self, name: str, **of: object) -> int:
        """How many models of the provider are stored."""
        with self.house.app.app_context(), writing() as session:
            return session.query(Model).filter_by(provider_id=self.ids[name], **of).count()

    def key_of(self, name: str, model_id: str) -> int:
        """The number of a model in addresses."""
        with self.house.app.app_context(), writing() as session:
            return session.query(Model).filter_by(provider_id=self.ids[name], model_id=model_id).one().id


@contextlib.contextmanager
def dozen(house: House) -> Iterator[Dozen]:
    """Add the providers, none of whose lists was read yet; their far ends serve `lists` while the block lasts."""
    lists = {LONG_NAME: _atelier(), STORE: _storehouse(), ODD: _odd(), "Corpus": make_big_list.build()["data"]}
    scripts = {HANGS: "hold", FAILS: "503", **{name: f"rows-{place}" for place, name in enumerate(lists)}}
    rest = MODELS - sum(len({row["id"] for row in rows}) for rows in lists.values())
    sizes = [*[USUAL_SIZE] * (USUAL - 1), rest - USUAL_SIZE * (USUAL - 1)]
    scripts |= {f"Usual {place}": f"models:{size}" for place, size in enumerate(sizes)}
    with pytest.MonkeyPatch.context() as patch:
        for name, rows in lists.items():
            patch.setitem(far_end_lists.SCRIPTS, scripts[name], lambda play, rows=rows: _send(play, rows))
        ids = {name: house.add(base_url=house.far_end.at(script), name=name) for name, script in scripts.items()}
        with house.app.app_context(), writing() as session:
            for name, key in ids.items():  # what tests ask
                session.get_one(Provider, key).default_model = lists[name][-1]["id"] if name in lists else "any"
        yield Dozen(house, lists, ids)


def _send(play: Any, rows: list[Row]) -> None:
    play.send(200, json.dumps({"object": "list", "data": rows}).encode())


def _atelier() -> list[Row]:
    """Names of one family that differ in what can be filtered."""
    rows: list[Row] = [
        {"id": "vn-plain", "name": f"{FAMILY} – thường"},
        {"id": "vn-seer", "name": f"{FAMILY} – biết nhìn", "architecture": SEEING},
        {"id": "steady", "name": "Steady", "context_length": 8_192, "pricing": PRICED},
    ]
    return [{"context_length": 32_768, "supported_parameters": ["max_tokens", "tools"], **row} for row in rows]


def _storehouse() -> list[Row]:
    return [{"id": name} for name in ("keeper-1", "keeper-2", "sparrow")]


def _odd() -> list[Row]:
    return [{"id": name} for name in (*ODD_IDS, *ODD_IDS, "twice", "twice")]
