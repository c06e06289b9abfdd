"""Bad input is refused beside its field, with what was typed kept, and nothing is stored."""

import html
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Person
from tests.providers.conftest import KEY, SECRET_HEADER
from webapp.core.database import db
from webapp.providers.check import Check
from webapp.providers.forms import ADDRESS_ERROR, ADDRESS_ERRORS, FORBIDDEN_HEADERS
from webapp.providers.provider import Provider

Form = dict[str, Any]
SCRIPT = "<script>alert(1)</script>"

ADDRESSES = {
    "empty": "",
    "too_long": "https://api.example.com/" + "a" * 2_100,
    "control": "https://api.example.com/\x01",
    "bad_character": "https://api.example.com/<v1>",
    "bad_scheme": "ftp://api.example.com",
    "userinfo": "https://user:pw@api.example.com/v1",
    "query": "https://api.example.com/v1?key=1",
    "fragment": "https://api.example.com/v1#top",
    "empty_host": "https:///v1",
    "non_ascii_host": "https://bücher.example/v1",
    "bad_host": "https://api..example.com/v1",
    "bad_port": "https://api.example.com:99999/v1",
}
MORE_ADDRESSES = [
    "file:///etc/passwd",
    "gopher://x",
    "http+unix://x",
    "//api.example.com",
    "http:api.example.com",
    "http://good.com\\@127.0.0.1",
    "https://api.example.com/%00",
    "https://api.example.com/\r\nHost: evil",
    "https://" + "a" * 300 + ".example.com",
    "javascript:alert(1)",
]
METADATA = ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://100.100.100.200/", "http://0.0.0.0/"]


def refused(app: Flask, person: Person, form: Form, field: str) -> str:
    """Post the form for saving and for testing; return the page that came back."""
    before = _counts(app)
    for path in ("/providers", "/providers/checks"):
        for htmx in (False, True):
            response = person.post(path, form, htmx=htmx)
            assert (path, response.status_code) == (path, 422)
            assert f'id="{field}-error"' in response.text, field
            assert ("<html" in response.text) != htmx
            if "name" in form and field != "name":
                assert f'value="{html.escape(form["name"])}"' in response.text
    assert _counts(app) == before
    return html.unescape(response.text)


def _counts(app: Flask) -> tuple[int, int]:
    with app.app_context():
        return db.session.query(Provider).count(), db.session.query(Check).count()


def test_each_fault_of_an_address_has_its_words(app: Flask, admin: Person, form: Callable[..., Form]) -> None:
    for code in ADDRESSES:
        typed = ADDRESSES[code]
        page = refused(app, admin, form(base_url=typed), "base_url")
        if code != "control":
            assert str(ADDRESS_ERRORS.get(code, ADDRESS_ERROR)) in page
            assert f'name="base_url" class="mono-in" value="{typed}"' in page


def test_what_is_no_address_is_refused(app: Flask, admin: Person, form: Callable[..., Form]) -> None:
    for typed in MORE_ADDRESSES:
        refused(app, admin, form(base_url=typed), "base_url")


def test_metadata_addresses_are_refused_even_when_confirmed(
    app: Flask, admin: Person, form: Callable[..., Form]
) -> None:
    for typed in METADATA:
        assert "never opened" in refused(app, admin, form(base_url=typed, allow_private="y"), "base_url")


def test_a_name_that_does_not_fit_is_refused(app: Flask, admin: Person, form: Callable[..., Form]) -> None:
    for name in ["x" * 300, "bell \x07", "NUL \x00"]:
        refused(app, admin, form(name=name), "name")


@pytest.mark.parametrize("name", ["", "   "])
def test_a_provider_without_a_name_is_called_by_its_host(
    admin: Person, create: Callable[..., int], stored: Callable[[int], Provider], app: Flask, name: str
) -> None:
    provider = create(admin, name=name)
    with app.app_context():
        assert stored(provider).name == stored(provider).host.partition(":")[0]


def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(
    app: Flask, admin: Person, form: Callable[..., Form]
) -> None:
    for key in ["sk-one\nsk-two", "sk-one\r\nX-Evil: 1", "sk one", "sk-\x00", "khóa", "x" * 8_001]:
        assert key not in refused(app, admin, form(api_key=key), "api_key")


@pytest.mark.parametrize("emptied", ["", "  \t"])
def test_an_emptied_key_field_keeps_the_key_and_forgetting_it_is_an_own_act(
    app: Flask, admin: Person, create: Callable[..., int], form: Callable[..., Form], emptied: str
) -> None:
    provider = create(admin)
    admin.post(f"/providers/{provider}", form(name="Renamed", api_key=emptied))
    edit = admin.get(f"/providers/{provider}/edit").text
    assert 'value="Renamed"' in edit
    assert f"Stored: …{KEY[-4:]}. Type a new key to replace it." in edit
    admin.post(f"/providers/{provider}/key/delete")
    edit = admin.get(f"/providers/{provider}/edit").text
    assert "Stored:" not in edit
    assert "Forget the stored key" not in edit


@pytest.mark.parametrize("key", [f"  {KEY}\n", f'"{KEY}"', f"'{KEY}'\t"])
def test_what_a_clipboard_adds_to_a_key_is_taken_off(
    admin: Person, create: Callable[..., int], stored: Callable[[int], Provider], app: Flask, key: str
) -> None:
    provider = stored(create(admin, api_key=key))
    with app.app_context():
        opened = provider.key()
        assert opened
        assert opened.reveal() == KEY


def test_a_header_name_that_is_not_ours_to_send_is_refused(
    app: Flask, admin: Person, form: Callable[..., Form]
) -> None:
    for name in ["X Team", "X-Team:", "X\r\nEvil", "Ünicode", *sorted(FORBIDDEN_HEADERS), "HOST"]:
        typed = form(**{"headers-0-name": name, "headers-0-value": "v"})
        refused(app, admin, typed, "headers-0-name")


def test_a_header_value_that_would_break_the_request_is_refused(
    app: Flask, admin: Person, form: Callable[..., Form]
) -> None:
    for value in ["one\r\nEvil: 1", "one\ntwo", "\r\n", "tab\there", "NUL\x00", "é", "x" * 4_001]:
        refused(app, admin, form(**{"headers-0-name": "X-Team", "headers-0-value": value}), "headers-0-value")


def test_a_header_too_many_is_refused_instead_of_dropped(app: Flask, admin: Person, form: Callable[..., Form]) -> None:
    rows = {f"headers-{number}-name": f"X-{number}" for number in range(21)}
    rows |= {f"headers-{number}-value": "v" for number in range(21)}
    page = refused(app, admin, form(**rows), "headers")
    assert 'value="X-19"' in page


def test_typed_headers_survive_a_fault_elsewhere(app: Flask, admin: Person, form: Callable[..., Form]) -> None:
    typed = form(name="x" * 300, **{"headers-0-name": "X-Team", "headers-0-value": "typed value"})
    page = refused(app, admin, typed, "name")
    assert 'value="X-Team"' in page
    assert 'value="typed value"' in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"vendor": "nobody"}, "vendor"),
        ({"vendor": SCRIPT}, "vendor"),
        ({"dialect": "grpc"}, "dialect"),
        ({"dialect": "demo"}, "dialect"),
        ({"auth_style": "magic"}, "auth_style"),
        ({"auth_style": "header"}, "auth_name"),
        ({"auth_style": "header", "auth_name": "Host"}, "auth_name"),
        ({"auth_style": "header", "auth_name": "X Key"}, "auth_name"),
        ({"auth_style": "query", "auth_name": "a&b=c"}, "auth_name"),
    ],
)
def test_choices_that_do_not_exist_are_refused(
    app: Flask, admin: Person, form: Callable[..., Form], changes: Form, field: str
) -> None:
    refused(app, admin, form(**changes), field)


def test_a_provider_named_like_a_script_is_text_everywhere(
    admin: Person, create: Callable[..., int], finished: Callable[..., Check], form: Callable[..., Form]
) -> None:
    provider = create(admin, name=SCRIPT, is_shared="y")
    copy = admin.post(f"/providers/{provider}/duplicates").headers["Location"]
    paths = ["", "?q=script", f"/{provider}", f"/{provider}/edit", f"/{provider}/card"]
    pages = [admin.get(f"/providers{path}", follow_redirects=True).text for path in paths]
    pages += [admin.get(copy).text, admin.get("/models?q=%3Cscript%3Ealert(1)").text, admin.get("/").text]
    pages += [admin.post(f"/providers/{provider}/delete").text]
    assert any("&lt;script&gt;" in page for page in pages)
    assert not any("<script>alert" in page for page in pages)


def test_the_address_hint_says_what_will_be_called(admin: Person) -> None:
    page = admin.post("/providers/address", {"base_url": "https://API.example.com/v1/chat/completions/"}).text
    assert "<code><b>https://api.example.com/v1</b></code>" in page
    assert "<code>https://api.example.com/v1/chat/completions</code>" in page
    assert "<code>https://api.example.com/v1/models</code>" in page
    assert "Will be saved as" not in admin.post("/providers/address", {"base_url": "ftp://x"}).text


@pytest.mark.parametrize("number", ["0", "7", "-1", "x", "9" * 30])
def test_another_header_row_can_always_be_had(admin: Person, number: str) -> None:
    response = admin.get(f"/providers/headers/new?number={number}")
    assert response.status_code == 200
    assert 'name="headers-' in response.text


def test_fields_that_no_form_has_are_not_bound(
    admin: Person, create: Callable[..., int], stored: Callable[[int], Provider], stranger: Person
) -> None:
    more = {"owner_id": stranger.user_id, "id": "999", "is_builtin": "y", "slug": "openai", "deleted_at": "2020-01-01"}
    provider = stored(create(admin, **more))
    assert (provider.owner_id, provider.is_builtin, provider.slug) == (admin.user_id, False, "workshop")


def test_secrets_typed_into_a_form_are_never_part_of_a_page(admin: Person, create: Callable[..., int]) -> None:
    provider = create(admin, **{"headers-0-name": "X-Team-Secret", "headers-0-value": SECRET_HEADER})
    for path in (
        "/providers",
        f"/providers/{provider}",
        f"/providers/{provider}/edit",
        f"/providers/{provider}/models",
    ):
        page = admin.get(path).text
        assert KEY not in page
        assert SECRET_HEADER not in page
    assert f"…{KEY[-4:]}" in admin.get(f"/providers/{provider}").text
