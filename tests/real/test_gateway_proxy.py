"""A real LiteLLM proxy as a gateway: found alive, its models known, calls of programs through it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import Person
from tests.program import program
from tests.real.litellm_proxy import litellm_proxy
from webapp.accounts.api_token import create_token
from webapp.accounts.user import find_user
from webapp.core.database import writing
from webapp.models.model import Model, id_hash

TEXT = "The first model says hello."


@pytest.mark.timeout(420)
def test_programs_are_answered_through_a_litellm_proxy_whole_and_streamed(
    app: Flask, admin: Person, add_provider: Callable[..., int], tmp_path: Path
) -> None:
    provider = add_provider("http://127.0.0.1:9/v1", key="sk-the-providers-own-key")
    with app.app_context(), writing() as session:
        session.add(Model(provider_id=provider, model_id="alpha", id_hash=id_hash("alpha"), search_text="alpha"))
        secret = create_token(session, find_user(session, "admin"), "test")
    with litellm_proxy(tmp_path, {"alpha": TEXT}) as proxy:
        wanted = {"name": "Office", "base_url": proxy.base_url, "api_key": proxy.key, "allow_private": "y"}
        assert admin.post("/gateways", wanted).status_code == 303
        found = admin.get("/api/gateways/1").json
        assert (found["problem"], found["models"]) == (None, ["alpha"])
        admin.post(f"/providers/{provider}/route", {"route": "office"})
        for is_stream in (False, True):
            answer = app.test_client().post(
                "/v1/chat/completions",
                json={"model": "far-end/alpha", "messages": [{"role": "user", "content": "Hi"}], "stream": is_stream},
                headers={"Authorization": f"Bearer {secret}"},
            )
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-jackfield-route"] == "office"
            said = re.findall(r'"content":\s?"([^"]*)"', answer.text)
            assert "".join(said) == TEXT
        both = {"model": "far-end/alpha", "gateway": "office", "prompt": "Hi"}
        told = program(app, "admin").post("/api/comparisons", both).json
        assert (told["direct"]["status"], told["through"]["status"]) == ("failed", "good")
        assert told["through"]["text"] == TEXT
        assert told["through"]["output_tokens"] > 0
        assert told["direct"]["problem"]["category"] == "network_refused"
        admin.post("/gateways/1", wanted | {"api_key": "sk-wrong-0123456789"})
        assert admin.get("/api/gateways/1").json["problem"]["category"] == "auth_invalid"
