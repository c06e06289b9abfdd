"""What the form recognises in a pasted line, and what it warns of beside the address and the key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.providers.conftest import KEY
from tests.providers.test_address_search import kept, key_of
from tests.serving import free_port
from webapp.core.config import Settings
from webapp.core.database import db
from webapp.providers.check import Check
from webapp.providers.provider import Provider
from webapp.providers.vendors import maker_of_key, vendors

Form = dict[str, Any]
CURL = (
    "curl https://api.example.com/v1/messages -H 'x-api-key: {key}' "
    "-H 'anthropic-version: 2023-06-01' -H 'X-Team: blue'"
)


def test_a_pasted_curl_command_is_saved_with_its_key_protocol_and_headers(
    app: Flask, admin: Person, create: Callable[..., int], stored: Callable[[int], Provider]
) -> None:
    row = stored(create(admin, base_url=CURL.format(key=KEY), api_key=""))
    assert (row.base_url, row.dialect) == ("https://api.example.com/v1", "anthropic")
    assert (row.auth_style, row.auth_name) == ("header", "x-api-key")
    assert key_of(app, row) == KEY
    with app.app_context():
        assert [(header["name"], row.open_header(header)) for header in row.headers] == [("X-Team", "blue")]


def test_a_typed_key_wins_over_a_pasted_one(
    app: Flask, admin: Person, create: Callable[..., int], stored: Callable[[int], Provider]
) -> None:
    assert key_of(app, stored(create(admin, base_url=CURL.format(key="sk-other-000000000000")))) == KEY


def test_the_hint_names_what_was_recognised_and_shows_no_key(admin: Person, form: Callable[..., Form]) -> None:
    page = admin.post("/providers/address", form(base_url=CURL.format(key=KEY), api_key="")).text
    for words in ("…a35c", "x-api-key", "X-Team", "the Anthropic protocol", "https://api.example.com/v1/messages"):
        assert words in page
    assert KEY not in page


def test_a_pasted_key_outlives_an_error_in_the_form(
    app: Flask, admin: Person, form: Callable[..., Form], stored: Callable[[int], Provider]
) -> None:
    typed = form(base_url=CURL.format(key=KEY), api_key="", name="x" * 300)
    page = admin.post("/providers", typed, htmx=True)
    assert page.status_code == 422
    typed |= {"name": "Mended", "base_url": "https://api.example.com/v1", "kept_key": kept(page.text)}
    saved = admin.post("/providers", typed)
    assert key_of(app, stored(int(saved.headers["Location"].rpartition("/")[2]))) == KEY


def test_using_another_address_keeps_all_that_was_pasted(admin: Person, form: Callable[..., Form]) -> None:
    typed = form(base_url=CURL.format(key=KEY), api_key="", address="https://api.example.com/anthropic/v1")
    response = admin.post("/providers/drafts", typed, htmx=True)
    assert (response.headers["HX-Retarget"], response.headers["HX-Reswap"]) == ("#provider-form", "outerHTML")
    page = response.text
    assert kept(page)
    for field in ('value="https://api.example.com/anthropic/v1"', 'value="header" checked', 'value="X-Team"'):
        assert field in page


@pytest.mark.parametrize("vendor", ["github", "perplexity", "zai"])
def test_the_hint_says_where_the_list_comes_from(admin: Person, vendor: str) -> None:
    page = admin.get(f"/providers/new?vendor={vendor}").text
    words = {
        "github": "<code>https://models.github.ai/catalog/models</code>",
        "perplexity": "This provider has no list of models.",
        "zai": "<code>https://api.z.ai/api/paas/v4/models</code>",
    }
    assert words[vendor] in page


def test_a_list_of_its_own_belongs_to_the_vendors_own_address(
    app: Flask, admin: Person, create: Callable[..., int], stored: Callable[[int], Provider]
) -> None:
    github = create(admin, vendor="github", base_url=vendors()["github"].base_url)
    moved = create(admin, vendor="github", base_url="https://models.example.com/inference")
    with app.app_context():
        assert stored(github).target(db.session).list_path == "https://models.github.ai/catalog/models"
        assert stored(moved).target(db.session).list_path == "/models"


@pytest.mark.parametrize(
    ("key", "vendor", "base_url", "maker"),
    [
        ("sk-ant-x", "openai", "https://api.openai.com/v1", "Anthropic"),
        ("sk-ant-x", "anthropic", "https://api.anthropic.com/v1", None),
        ("sk-ant-x", "custom", "https://api.anthropic.com/v1", None),
        ("sk-or-v1-x", "custom", "https://api.example.com/v1", "OpenRouter"),
        ("gsk_x", "xai", "https://api.x.ai/v1", "Groq"),
        ("xai-x", "groq", "https://api.groq.com/openai/v1", "xAI"),
        ("AIzaX", "openai", "https://api.openai.com/v1", "Gemini"),
        ("fw_x", "openai", "https://api.openai.com/v1", "Fireworks"),
        ("hf_x", "openai", "https://api.openai.com/v1", "Hugging Face"),
        ("hf_x", "custom", "https://router.huggingface.co/v1", None),
        ("nvapi-x", "openai", "https://api.openai.com/v1", "NVIDIA"),
        ("sk-kimi-x", "moonshot", "https://api.moonshot.ai/v1", "Kimi Code"),
        ("sk-x", "openai", "https://api.openai.com/v1", None),
        ("sk-cp-x", "custom", "https://api.minimaxi.com/v1", None),
        ("sk-x", "custom", "", None),
    ],
)
def test_a_key_of_another_vendor_is_told_by_its_beginning(
    key: str, vendor: str, base_url: str, maker: str | None
) -> None:
    assert maker_of_key(key, vendor, base_url) == maker


def test_a_key_of_another_vendor_is_warned_about_and_saved_all_the_same(
    admin: Person, form: Callable[..., Form], create: Callable[..., int]
) -> None:
    key = "gsk_canary8f2e61d07b94a35c"
    page = admin.post("/providers/key", form(api_key=key)).text
    assert "begins like one of Groq" in page
    assert key not in page
    assert create(admin, api_key=key)


def test_a_refused_key_of_another_vendor_is_named_in_the_advice(
    admin: Person, create: Callable[..., int], finished: Callable[..., Check]
) -> None:
    with FarEnd(key="sk-right-0000000000000000") as far_end:
        provider = create(admin, base_url=far_end.base_url, allow_private="y", api_key="gsk_canary8f2e61d07b94a35c")
        admin.post(f"/providers/{provider}/checks", {"model": "ok"})
        finished(admin)
    assert "begins like one of Groq" in admin.get(f"/providers/{provider}").text


def test_localhost_is_explained_only_inside_a_container(
    make_app: Callable[[Settings], Flask], data_dir: Path, form: Callable[..., Form], finished: Callable[..., Check]
) -> None:
    for in_container in (False, True):
        app = make_app(Settings(data_dir=data_dir, threads=64, in_container=in_container))
        admin = Person(app.test_client()).sign_in("admin")
        typed = form(base_url=f"http://localhost:{free_port()}/v1", allow_private="y")
        assert ("host.docker.internal" in admin.post("/providers/address", typed).text) is in_container
        provider = admin.post("/providers", typed).headers["Location"]
        place = admin.post(f"{provider}/checks").headers["Location"]
        admin.client.get(f"{place}/events", buffered=True)
        button = f"host.docker.internal:{typed['base_url'].split(':')[2].split('/')[0]} and test there"
        assert (f"Send the key to {button}" in admin.get(provider).text) is in_container


@pytest.mark.parametrize(
    "text",
    [
        "curl 'no address' -H 'Authorization: Basic {key}'",
        "curl -u user:{key} 'no address'",
        "curl --oauth2-bearer {key} 'no address'",
        "OPENAI_API_KEY={key}",
    ],
)
def test_what_is_pasted_without_an_address_is_not_repeated_with_its_key(
    admin: Person, form: Callable[..., Form], text: str
) -> None:
    for htmx in (True, False):
        response = admin.post("/providers", form(base_url=text.format(key=KEY), api_key=""), htmx=htmx)
        assert response.status_code == 422
        assert KEY not in response.text
