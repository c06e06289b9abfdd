"""Schemathesis with the document of a serving Jackfield: nothing breaks, and nothing is otherwise than described."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.far_end import FarEnd
from tests.openai_api import scripts
from tests.program import program
from tests.real.environments import environment
from tests.serving import Server
from webapp.core.database import writing
from webapp.providers.provider import Provider

__all__ = ["scripts"]  # the far end's

WANTED = "schemathesis==4.32.5"
RUN_SECONDS = 240
# What is changed or deleted, by whom; the others use the last. The first have the ids that are tried most.
PROVIDERS = ("DELETE /api/providers/{provider_id}", "spare", "PATCH", "kept")
# A fixed seed: what is found once is found by everybody.
OPTIONS = "--checks all --max-examples 20 --seed 1 --continue-on-failure".split()
# Some of what has the right shape is refused all the same, as by the forms; and tests are limited to some a minute.
CONFIG = """
hooks = "{hooks}"
base-url = "{url}"
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 422, 429]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 413, 415, 422, 429]
"""


@pytest.mark.timeout(600)
def test_schemathesis_finds_no_fault_and_no_contradiction(
    app: Flask,
    far_end: FarEnd,
    add_provider: Callable[..., int],
    serve: Callable[..., Server],
    data_dir: Path,
    tmp_path: Path,
) -> None:
    folder = environment(WANTED, "schemathesis")
    with app.app_context(), writing() as session:
        session.query(Provider).delete()  # so that nothing leads off this machine
    providers = {name: add_provider(far_end.base_url, name=name) for name in PROVIDERS}
    tester = program(app, "admin", "chat", "manage")
    for provider_id in providers.values():
        assert tester.post("/api/models/discover", {"provider_id": provider_id}).json["models"]
    for model_id in ("exact", "embed-small"):
        assert tester.post(f"/api/providers/{providers['kept']}/models", {"model_id": model_id}).status_code == 201
    server = serve(data_dir)
    document, config = tmp_path / "openapi.json", tmp_path / "schemathesis.toml"
    document.write_bytes(tester.get("/api/openapi.json").data)
    config.write_text(CONFIG.format(hooks=Path(__file__).with_name("schemathesis_hooks.py"), url=server.url))
    command = [folder / "bin/st", "--config-file", config, "--no-color", "run", document, *OPTIONS]
    result = subprocess.run(
        [*command, "--header", f"Authorization:{tester.headers['Authorization']}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        env={**os.environ, "FAR_END": far_end.base_url, "PROVIDERS": json.dumps(providers)},
    )
    assert result.returncode == 0, result.stdout[-12_000:] + result.stderr[-2_000:]
    assert {call.path for call in far_end.calls} >= {"/v1/models", "/v1/chat/completions", "/v1/embeddings"}
