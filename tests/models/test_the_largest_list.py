"""Ten thousand models in 32 MB, from the wire into the database, in a process whose memory is measured."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests import far_end_lists
from tests.far_end import FarEnd
from tests.serving import ROOT
from webapp.core.database import db
from webapp.models.model import Model
from webapp.providers.provider import Provider

COUNT, BYTES = 10_000, 31_900_000
MOST_MB = 150

ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "icons": lambda size: {"info": {"meta": {"profile_image_url": "data:image/png;base64," + "A" * (size - 80)}}},
    "descriptions": lambda size: {"description": "Plain words. " * (size // 26), "summary": "More \n words. " * 100},
    "many fields": lambda size: {f"field_{number:02d}": f"value {number:02d}" for number in range(size // 25)},
}


@pytest.mark.parametrize("shape", ROWS)
def test_the_largest_list_is_read_and_stored_in_little_memory(
    shape: str,
    app: Flask,
    data_dir: Path,
    add_provider: Callable[..., int],
    far_end: FarEnd,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = ROWS[shape](BYTES // COUNT - 60)
    body = json.dumps({"data": [{"id": f"vendor/model-{number:05d}", **row} for number in range(COUNT)]}).encode()
    assert 25_000_000 < len(body) < 32_000_000
    monkeypatch.setitem(far_end_lists.SCRIPTS, "largest", lambda play: play.send(200, body))
    provider = add_provider(far_end.at("largest"))
    command = [sys.executable, "-m", "tests.models.read_list_apart", str(data_dir), str(provider)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    before, peak = (int(text) // 1024 for text in done.stdout.split())
    with app.app_context():
        assert db.session.get_one(Provider, provider).refresh_failure is None
        assert db.session.query(Model).filter_by(provider_id=provider, vanished_at=None).count() == COUNT
    assert peak < MOST_MB, f"{before} MB before, {peak} MB at most"
