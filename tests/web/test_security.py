"""What every response and request must satisfy, whatever the route."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.conftest import PASSWORD, Person
from webapp.core.config import Settings
from webapp.web.security import is_known_host

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
    "manifest-src 'self'; worker-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",
    "X-Frame-Options": "DENY",
}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def routes(app: Flask, methods: set[str]) -> Iterator[tuple[str, str, Rule]]:
    """Yield method, address with arguments that name nothing, and rule."""
    for rule in app.url_map.iter_rules():
        built = rule.build(dict.fromkeys(rule.arguments, 999999))
        assert built
        yield from ((method, built[1], rule) for method in sorted((rule.methods or set()) & methods))


def test_every_answer_to_get_has_the_headers(app: Flask, owner: Person, visitor: Person) -> None:
    addresses = [address for _, address, _ in routes(app, {"GET"})]
    assert len(addresses) > 15
    for address in [*addresses, "/nothing", "/api/nothing", "/static/js/app.js", "/static/nothing", "/logout"]:
        for person in (owner, visitor):
            for headers in ({}, {"HX-Request": "true"}):
                response = person.client.get(address, headers=headers)
                found = {name: response.headers.get(name) for name in HEADERS}
                assert found == HEADERS, address
                assert response.headers["Permissions-Policy"].startswith("camera=()")
                assert "Access-Control-Allow-Origin" not in response.headers
                assert len(response.headers["X-Request-Id"]) == 12
                response.close()


def test_nothing_that_is_made_for_somebody_is_kept_by_the_browser(app: Flask, owner: Person, visitor: Person) -> None:
    for _, address, rule in routes(app, {"GET"}):
        for person in (owner, visitor):
            response = person.client.get(address)
            if rule.endpoint != "static":
                assert response.headers["Cache-Control"] == "no-store", address
            response.close()
    assert owner.get("/nothing").headers["Cache-Control"] == "no-store"


def test_https_is_remembered_and_its_cookie_never_goes_over_http(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    client = make_app(replace(settings, proxy_hops=1)).test_client()
    plain = client.get("/login")
    assert "Strict-Transport-Security" not in plain.headers
    assert "Secure" not in plain.headers["Set-Cookie"]
    secure = client.get("/login", headers={"X-Forwarded-Proto": "https"})
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Secure" in client.get("/login", headers={"X-Forwarded-Proto": "https"}).headers.get("Set-Cookie", "Secure")


def test_without_a_proxy_its_headers_are_ignored(visitor: Person) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    response = visitor.get("/login", headers=headers)
    assert response.status_code == 200
    assert "Strict-Transport-Security" not in response.headers


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(visitor: Person) -> None:
    parts = visitor.get("/login").headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(parts)
    assert not any(part.startswith("Domain") for part in parts)


def test_every_unsafe_route_wants_the_token_of_this_session(app: Flask, owner: Person, stranger: Person) -> None:
    unsafe = list(routes(app, UNSAFE))
    assert len(unsafe) > 25
    for method, address, _ in unsafe:
        if address.startswith("/v1/"):
            continue  # programs only: a cookie is no way in, see below
        for token in ("", "nonsense", stranger.csrf):
            for more in ({"data": {"csrf_token": token}}, {"headers": {"X-CSRFToken": token}}):
                assert owner.client.open(address, method=method, **more).status_code == 400, (address, token)


def test_a_cookie_opens_nothing_for_programs(app: Flask, owner: Person) -> None:
    for method, address, _ in routes(app, UNSAFE | {"GET"}):
        if address.startswith("/v1/"):
            assert owner.client.open(address, method=method, json={}).status_code == 401, address


@pytest.mark.parametrize(
    "trick",
    [
        {"json": {"theme": "dark", "language": "en"}},
        {"data": "theme=dark&language=en", "content_type": "text/plain"},
        {"data": "theme=dark&language=en", "headers": {"X-HTTP-Method-Override": "GET"}},
        {"query_string": "_method=GET&csrf_token=x", "data": {"theme": "dark"}},
    ],
    ids=["json", "text", "override", "query"],
)
def test_another_content_type_or_method_is_no_way_around_the_token(owner: Person, trick: dict[str, object]) -> None:
    assert owner.client.post("/settings/look", **trick).status_code == 400
    assert 'data-theme="dark"' not in owner.get("/settings").text


def test_get_and_head_change_nothing_and_other_methods_are_refused(owner: Person) -> None:
    for method in ("GET", "HEAD"):
        assert owner.client.open("/logout", method=method).status_code == 405
    assert owner.client.open("/settings", method="TRACE").status_code == 405
    assert owner.get("/settings").status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_no_other_origin_is_told_that_it_may(app: Flask, owner: Person, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = owner.client.open("/settings/look", method=method, headers=headers)
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_a_write_from_another_site_is_refused_even_with_the_right_token(owner: Person) -> None:
    form = {"language": "en", "theme": "dark"}
    for site, status in (("cross-site", 403), ("same-origin", 303), ("same-site", 303), ("none", 303)):
        assert owner.post("/settings/look", form, headers={"Sec-Fetch-Site": site}).status_code == status, site


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io", "x@y"]
)
@pytest.mark.parametrize("path", ["/login", "/healthz", "/static/js/app.js", "/nothing"])
def test_an_unknown_host_name_is_refused(visitor: Person, host: str, path: str) -> None:
    response = visitor.client.get(path, headers={"Host": host})
    assert response.status_code == 400
    assert response.headers["X-Frame-Options"] == "DENY"
    response.close()


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("192.168.1.7", True),
        ("chat.example.org", True),
        ("a.lan", True),
        ("lan", False),
        ("evil-lan", False),
        ("chat.example.org.evil", False),
        ("2130706433", False),
        ("", False),
        ("[::1].evil", False),
    ],
)
def test_known_hosts_are_the_named_ones_and_bare_addresses(host: str, is_known: bool) -> None:
    assert is_known_host(host, frozenset({"localhost", "chat.example.org", ".lan"})) is is_known


def test_eight_megabytes_are_the_most(owner: Person) -> None:
    form = {"language": "en", "theme": "dark"}
    assert owner.post("/settings/look", form | {"pad": "x" * 7_900_000}).status_code == 303
    assert owner.post("/settings/look", form | {"pad": "x" * 8_000_000}).status_code == 413
    assert owner.get("/settings").status_code == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_of_thousands_of_fields_is_refused(visitor: Person, kind: str) -> None:
    visitor.get("/login")
    form = {f"field{number}": "x" for number in range(2000)}
    answer = visitor.post("/login", {"email": "owner", "password": PASSWORD, **form}, content_type=kind)
    assert answer.status_code == 413


def test_nothing_on_a_page_needs_more_than_the_policy_allows(owner: Person, visitor: Person) -> None:
    for person, address in ((owner, "/settings"), (owner, "/"), (owner, "/providers/new"), (visitor, "/login")):
        text = person.get(address).text
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), address
